"""A message field by field, as an inspector shows it."""

from __future__ import annotations

from dataclasses import fields as attributes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.vectors import Transcript, has_stale_length, transcripts
from tests.support.wire import commit, dhpart1, hello, messages, one_of_each, words_between
from zrtp.errors import MalformedPacket
from zrtp.wire.fields import Field, fields_of, plain_fields_of
from zrtp.wire.messages import ConfirmPlain, Kind, Message, SASrelayPlain, UnknownMessage, parse


def names(fields: tuple[Field, ...]) -> list[str]:
    return [field.name for field in fields]


def by_name(fields: tuple[Field, ...]) -> dict[str, Any]:
    """Values of all depths by name; a list is a tuple of its entries."""
    found: dict[str, Any] = {}
    for field in fields:
        found[field.name] = field.value
        if all(name.isdigit() for name in names(field.nested)):
            if field.nested:
                found[field.name] = tuple(each.value for each in field.nested)
        else:
            found |= by_name(field.nested)
    return found


def test_a_hello_down_to_its_bits_and_codes() -> None:
    message = hello(mitm=True).raw
    fields = fields_of(message)
    assert names(fields) == [
        *("preamble", "length", "type"),
        *("version", "client_id", "h3", "zid", "flags_and_counts", "codes"),
        "mac",
    ]
    version, word, codes = fields[3], fields[7], fields[8]
    assert version == Field("version", 12, 4, b"1.10")
    assert word.value == message[76:80]
    assert word.nested[2] == Field("mitm", 76, 1, True)
    assert word.nested[4] == Field("unused", 76, 2, 0)  # four bits of each octet
    assert word.nested[5:7] == (Field("hash_count", 77, 1, 2), Field("cipher_count", 78, 1, 2))
    assert names(codes.nested) == ["hashes", "ciphers", "auth_tags", "key_agreements", "sas_types"]
    assert codes.nested[1] == Field(
        "ciphers", 88, 8, b"AES1AES3", (Field("0", 88, 4, b"AES1"), Field("1", 92, 4, b"AES3"))
    )


def test_a_hello_without_any_codes() -> None:
    lists = ("hashes", "ciphers", "auth_tags", "key_agreements", "sas_types")
    codes = fields_of(hello(**dict.fromkeys(lists, ())).raw)[8]
    assert (codes.offset, codes.length) == (80, 0)
    assert [(each.offset, each.length, each.value, each.nested) for each in codes.nested] == [(80, 0, b"", ())] * 5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["hvi", "public_key"]),
        ({"key_agreement": b"Mult", "hvi": None, "nonce": bytes(16)}, ["nonce"]),
        ({"key_agreement": b"Prsh", "hvi": None, "nonce": bytes(16), "key_id": bytes(8)}, ["nonce", "key_id"]),
    ],
    ids=["DH", "Multistream", "Preshared"],
)
def test_a_commit_has_the_fields_of_its_mode(changes: dict[str, Any], expected: list[str]) -> None:
    assert names(fields_of(commit(**changes).raw))[3:] == ["h2", "zid", "codes", *expected, "mac"]


def test_the_parts_of_a_dhpart_are_named_as_in_its_type() -> None:
    ids = fields_of(dhpart1().raw)[4]
    assert [(each.name, each.offset) for each in ids.nested] == [
        ("rs1_id", 44),
        ("rs2_id", 52),
        ("aux_secret_id", 60),
        ("pbx_secret_id", 68),
    ]


@every("message", one_of_each(), ids=lambda message: message.kind.name)
def test_the_fields_of_each_kind_follow_each_other_without_a_gap(message: Message) -> None:
    end = 0
    for field in fields_of(message.raw):
        assert field.offset == end
        end += field.length
        if isinstance(field.value, bytes):
            assert field.value == message.raw[field.offset : end]
        else:
            assert field.value == int.from_bytes(message.raw[field.offset : end], "big")
    assert end == len(message.raw)


@given(messages)
def test_what_the_engine_reads_is_what_is_shown(message: Message) -> None:
    shown = by_name(fields_of(message.raw))
    for attribute in attributes(message):
        value = getattr(message, attribute.name)
        if attribute.name in ("raw", "mode"):
            continue
        if value is None or value == () or (attribute.name == "public_key" and not value):
            assert not shown.get(attribute.name)
        else:
            assert shown[attribute.name] == value


@every("transcript", transcripts(), ids=str)
def test_recorded_messages_are_shown_whole(transcript: Transcript) -> None:
    for _, octets in transcript.messages.present():
        assert sum(field.length for field in fields_of(octets)) == len(octets)
    for kind, plain in (
        (Kind.CONFIRM1, transcript.expect.confirm1_plain),
        (Kind.CONFIRM2, transcript.expect.confirm2_plain),
    ):
        if plain is not None and not has_stale_length(plain):
            shown, read = by_name(plain_fields_of(kind, plain)), ConfirmPlain.decode(plain)
            assert (shown["h0"], shown["verified"], shown["cache_interval"]) == (
                read.h0,
                read.verified,
                read.cache_interval,
            )
            assert shown.get("signature_type") == read.signature_type
            assert shown.get("signature_block", b"") == read.signature


def test_the_decrypted_part_of_a_sasrelay() -> None:
    relayed = SASrelayPlain(
        verified=True,
        allow_clear=False,
        disclosure=True,
        sas_type=b"B256",
        sashash=bytes(range(32)),
        signature_type=b"PGP ",
        signature=b"signature   ",
    )
    fields = plain_fields_of(Kind.SASRELAY, relayed.encode())
    assert names(fields) == ["length_and_flags", "sas_type", "sashash", "signature"]
    shown = by_name(fields)
    assert shown["signature_words"] == 4
    assert (shown["verified"], shown["allow_clear"], shown["disclosure"]) == (True, False, True)
    assert fields[3].nested == (
        Field("signature_type", 40, 4, b"PGP "),
        Field("signature_block", 44, 12, b"signature   "),
    )


def test_the_decrypted_part_of_a_confirm_with_a_signature() -> None:
    confirmed = ConfirmPlain(
        h0=bytes(range(32)),
        enrolment=False,
        verified=True,
        allow_clear=False,
        disclosure=False,
        cache_interval=86400,
        signature_type=b"PGP ",
        signature=b"signature   ",
    )
    h0, flags, cache_interval, signature = plain_fields_of(Kind.CONFIRM1, confirmed.encode())
    assert h0 == Field("h0", 0, 32, bytes(range(32)))
    assert (flags.name, flags.offset, flags.length) == ("length_and_flags", 32, 4)
    assert cache_interval == Field("cache_interval", 36, 4, 86400)
    assert signature.nested == (
        Field("signature_type", 40, 4, b"PGP "),
        Field("signature_block", 44, 12, b"signature   "),
    )


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.CONF2ACK])
def test_other_kinds_have_no_encrypted_part(kind: Kind) -> None:
    with pytest.raises(KeyError):
        plain_fields_of(kind, bytes(40))


class TestRefused:
    """What does not fit is refused as the engine refuses it; values are not judged."""

    def test_a_frame_that_disagrees_with_its_length(self) -> None:
        with pytest.raises(MalformedPacket, match="words"):
            fields_of(hello().raw + bytes(4))

    def test_an_unknown_type(self) -> None:
        with pytest.raises(UnknownMessage, match="Hullo"):
            fields_of(b"\x50\x5a\0\x03Hullo   ")

    def test_lists_that_do_not_add_up(self) -> None:
        message = bytearray(hello().raw)
        message[77] += 1
        with pytest.raises(MalformedPacket, match="fields of Hello do not fit"):
            fields_of(bytes(message))

    def test_a_signature_of_another_length_than_told(self) -> None:
        with pytest.raises(MalformedPacket, match="fields of Confirm1 do not fit"):
            plain_fields_of(Kind.CONFIRM1, bytes(32) + b"\0\0\2\0" + bytes(4) + b"PGP ")

    def test_more_than_seven_codes_are_shown_although_the_engine_refuses_them(self) -> None:
        message = bytearray(hello(hashes=(b"S256",) * 7).raw)
        message[77] = 8
        message[3] += 1
        message[80:80] = b"S384"
        with pytest.raises(MalformedPacket):
            parse(bytes(message))
        assert by_name(fields_of(bytes(message)))["hashes"] == (b"S384", *(b"S256",) * 7)

    @given(st.sampled_from(list(Kind)), words_between(0, 60))
    def test_nothing_that_the_engine_takes(self, kind: Kind, body: bytes) -> None:
        message = b"\x50\x5a" + (3 + len(body) // 4).to_bytes(2, "big") + kind.type_block + body
        try:
            fields_of(message)
        except MalformedPacket:
            with pytest.raises(MalformedPacket):
                parse(message)
