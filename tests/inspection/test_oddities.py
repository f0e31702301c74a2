"""Remarks about single messages, each with its section of the RFC."""

from __future__ import annotations

import pytest

from tests.inspection.exchanges import NAMES, changed, exchange_of, messages_of, named, observe, texts
from tests.support.cases import every
from zrtp.inspection.observer import Observer
from zrtp.wire.crc import crc32c
from zrtp.wire.messages import Commit, Hello, Kind, parse
from zrtp.wire.packet import encode_packet

DH = named("linphone_default").messages
MULTISTREAM = named("linphone_video_s1").messages


def hello(**fields: object) -> bytes:
    """The Hello of alice with other fields; its MAC is wrong then, which does not matter here."""
    was = parse(DH.hello_i)
    assert isinstance(was, Hello)
    names = ("version", "client_id", "h3", "zid", "signature_capable", "mitm", "passive")
    lists = ("hashes", "ciphers", "auth_tags", "key_agreements", "sas_types")
    values = {name: getattr(was, name) for name in (*names, *lists)} | fields
    return Hello.make(**values, mac=lambda _: bytes(8)).raw


def commit(**fields: object) -> bytes:
    was = parse(DH.commit)
    assert isinstance(was, Commit)
    names = ("h2", "zid", "hash", "cipher", "auth_tag", "key_agreement", "sas", "hvi", "public_key")
    values = {name: getattr(was, name) for name in names} | fields
    return Commit.make(**values, mac=lambda _: bytes(8)).raw


@every(
    ("fields", "told"),
    [
        ({"version": b"1.00"}, "ODD alice speaks version 1.00. RFC 6189 section 4.1.1"),
        ({"mitm": True}, "ODD alice says that it is a server that may stand in between"),
        ({"passive": True}, "NOTE alice never sends a Commit (P flag). RFC 6189 section 5.2"),
        ({"hashes": (b"S256", b"SKN2")}, "SKN2 is Skein-512, 256 bits. RFC 6189 section 5.1.2"),
        ({"key_agreements": (b"X255",)}, "X255 is an extension. RFC 6189 section 5.1.5"),
        ({"ciphers": (b"\x1b[2J",)}, r"\x1b[2J is unknown. RFC 6189 section 5.1.3"),
        ({"sas_types": (b"B32 ", b"B32 ")}, "ODD alice lists an algorithm twice. RFC 6189 section 5.1.6"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_hello(fields: dict[str, object], told: str) -> None:
    assert told in texts(exchange_of([(0, hello(**fields))]))


def test_an_ordinary_hello_needs_no_remark() -> None:
    assert texts(exchange_of([(0, DH.hello_i), (1, DH.hello_r)])) == ""


def test_unused_bits_of_hello_and_of_the_header() -> None:
    libzrtp = named("libzrtp_dh3k_aes1_s256").messages
    assert "Unused bits in the Hello of" in texts(exchange_of([(0, libzrtp.hello_i), (1, libzrtp.hello_r)]))

    packet = b"\x1a\xbc" + encode_packet(1, 1, DH.hello_i)[2:-4]
    observer = Observer(NAMES)
    observer.datagram(0.0, 0, packet + crc32c(packet).to_bytes(4, "little"))
    assert texts(observer.exchange) == "ODD Unused bits in the header of a packet are set. RFC 6189 section 5"


def test_two_ends_with_one_zid() -> None:
    exchange = exchange_of([(0, DH.hello_i), (1, hello(h3=bytes(32)))])
    assert "SERIOUS Both sides have the same ZID" in texts(exchange)


@every(
    ("fields", "told"),
    [
        ({"zid": bytes(12)}, "SERIOUS The ZID in the Commit of alice is not that of its Hello. RFC 6189 section 5.4"),
        ({"cipher": b"2FS3"}, "ODD The Commit of alice names 2FS3, which it did not list. RFC 6189 section 5.1.3"),
        ({"hash": b"S384"}, "names S384, which the other side did not list. RFC 6189 section 5.1.2"),
        ({"key_agreement": b"EC38"}, "ODD EC38 goes with a hash of 384 bits only. RFC 6189 section 5.1.5"),
        ({"key_agreement": b"DH2k", "cipher": b"AES3"}, "ODD DH2k should go with AES1. RFC 6189 section 5.1.5"),
        ({"key_agreement": b"K255", "public_key": bytes(32)}, "NOTE The Commit carries a public key"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_commit(fields: dict[str, object], told: str) -> None:
    assert told in texts(exchange_of([(0, DH.hello_i), (1, DH.hello_r), (0, commit(**fields))]))


def test_mandatory_algorithms_need_not_be_listed() -> None:
    lists = {"auth_tags": (b"HS32",), "hashes": (b"S384",)}
    sent = [(0, hello(**lists)), (1, hello(h3=bytes(32), zid=bytes(12), **lists)), (0, commit(auth_tag=b"HS80"))]
    assert "did not list" not in texts(exchange_of(sent))


def test_a_passive_end_that_commits() -> None:
    found = texts(exchange_of([(0, hello(passive=True)), (1, DH.hello_r), (0, DH.commit)]))
    assert "alice sent a Commit although it said that it never does" in found


def test_messages_whose_beginning_was_not_recorded() -> None:
    found = texts(exchange_of([(0, DH.commit)]))
    assert "the Hello of both sides is not recorded" in found
    assert dhpart_alone() == "NOTE DHPart1 of bob came, and no Commit is recorded. RFC 6189 section 4.4.1"


def dhpart_alone() -> str:
    assert DH.dhpart1 is not None
    return texts(exchange_of([(1, DH.dhpart1)]))


@pytest.mark.parametrize(
    ("pv", "told"),
    [
        (b"\0" * 383 + b"\1", "SERIOUS bob:"),
        (b"\xff" * 384, "SERIOUS bob:"),
        (b"\x42" * 32, "ODD bob: The public value pvr has 32 octets where 384 are needed."),
    ],
    ids=["one", "too large", "too short"],
)
def test_a_public_value_that_must_not_be(pv: bytes, told: str) -> None:
    assert DH.dhpart1 is not None
    body = DH.dhpart1[4:76] + pv + bytes(8)
    weak = b"\x50\x5a" + ((4 + len(body)) // 4).to_bytes(2, "big") + body
    assert told in texts(exchange_of(changed(DH, dhpart1=weak)))


def test_a_nonce_that_comes_again() -> None:
    at = slice(76, 92)
    other = MULTISTREAM.commit[:20] + bytes([MULTISTREAM.commit[20] ^ 1]) + MULTISTREAM.commit[21:]
    assert other[at] == MULTISTREAM.commit[at]
    sent = [*messages_of(MULTISTREAM)[:4], (0, MULTISTREAM.commit), (1, other)]
    assert "SERIOUS bob used a nonce again." in texts(exchange_of(sent))


def test_commits_in_modes_that_must_not_meet() -> None:
    sent = [(0, DH.hello_i), (1, DH.hello_r), (0, DH.commit), (1, MULTISTREAM.commit)]
    assert "ODD Both sides sent a Commit, DH and Multistream: these may not meet." in texts(exchange_of(sent))


def test_a_signature_and_a_relay_are_noticed() -> None:
    signed = named("zrtpcpp_disclosure_signature").messages
    assert "has room for a signature" in texts(exchange_of(messages_of(signed)))

    relayed = named("zrtpcpp_pbx_relay_call2")
    assert relayed.sasrelay is not None
    assert "it is in between" in texts(exchange_of([(1, relayed.sasrelay.message)]))


def test_every_finding_names_its_place_in_the_standard() -> None:
    everything = observe([*messages_of(DH), (0, hello(mitm=True, version=b"2.00")), (1, commit(zid=bytes(12)))])
    found = [finding for exchange in everything.exchanges for finding in exchange.findings]
    assert len(found) > 3
    assert [finding for finding in found if not finding.section.startswith("RFC 6189 section ")] == []
    assert Kind.HELLO in {step.kind for exchange in everything.exchanges for step in exchange.steps}
