"""zrtp.wire.messages: every message there and back, and everything that is not one refused."""

from __future__ import annotations

import hashlib
import hmac
import random
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.effort import instructions
from tests.support.vectors import Transcript, has_stale_length, primitives, transcripts
from tests.support.wire import (
    commit,
    confirm1,
    dhpart1,
    dhpart2,
    fixed_mac,
    hello,
    hellos,
    messages,
    octets_of,
    one_of_each,
    rebuild,
    sasrelay,
    words_between,
)
from zrtp.errors import EngineDefect, MalformedPacket
from zrtp.wire import messages as wire
from zrtp.wire.messages import (
    Commit,
    CommitMode,
    ConfirmPlain,
    Hello,
    Kind,
    Message,
    SASrelayPlain,
    UnknownMessage,
    kind_of,
    parse,
)
from zrtp.wire.packet import BadSize, Packet, decode_packet, encode_packet

HELLO_UNUSED_BITS = 0x8FF00000
"""The top bit and bits 27 to 20 of word 19."""

RECORDED = [
    pytest.param(octets, id=f"{transcript}-{name}")
    for transcript in transcripts()
    for name, octets in transcript.messages.present()
]

SINGLE = every("message", one_of_each(), ids=lambda message: message.kind.name)


def with_length(message: bytes) -> bytes:
    """The message with its length word made right."""
    return message[:2] + (len(message) // 4).to_bytes(2, "big") + message[4:]


def with_word(message: bytes, index: int, value: int) -> bytes:
    """The message with one word replaced."""
    return message[: 4 * index] + value.to_bytes(4, "big") + message[4 * index + 4 :]


class TestRecorded:
    """What real peers sent: read, and built again octet for octet."""

    @pytest.mark.rfc("R-5.2-02", "R-5.4-03", "R-5.4-04", "R-5.4-05", "R-5.5-02", "R-5.7-02")
    @every("message", RECORDED)
    def test_there_and_back(self, message: bytes) -> None:
        parsed = parse(message)
        assert parsed.raw == message
        expected = message
        if isinstance(parsed, Hello):
            expected = with_word(message, 19, int.from_bytes(message[76:80], "big") & ~HELLO_UNUSED_BITS)
        assert rebuild(parsed) == expected

    @every("transcript", transcripts(), ids=str)
    def test_the_fields_of_an_exchange(self, transcript: Transcript) -> None:
        recorded = transcript.messages
        for octets, party in (
            (recorded.hello_i, transcript.initiator),
            (recorded.hello_r, transcript.responder),
        ):
            greeting = parse(octets)
            assert isinstance(greeting, Hello)
            assert greeting.zid == party.zid
            assert greeting.version == b"1.10"
        chosen = parse(recorded.commit)
        assert isinstance(chosen, Commit)
        suite = transcript.suite
        assert (chosen.hash, chosen.cipher, chosen.auth_tag, chosen.key_agreement, chosen.sas) == (
            suite.hash,
            suite.cipher,
            suite.auth_tag,
            suite.key_agreement,
            suite.sas,
        )
        assert chosen.zid == transcript.initiator.zid
        assert chosen.hvi == transcript.expect.hvi
        assert chosen.key_id == (transcript.preshared.key_id if transcript.preshared else None)
        assert bool(chosen.public_key) == (transcript.mode == "kem")
        assert (chosen.nonce is not None) == (transcript.mode in ("multistream", "preshared"))

    @pytest.mark.rfc("R-5.2-12", "R-5.4-06", "R-5.5-03")
    @every("transcript", transcripts(), ids=str)
    def test_the_macs_of_the_hash_chain(self, transcript: Transcript) -> None:
        recorded = transcript.messages
        for party, greeting, commitment, part in (
            (transcript.initiator, recorded.hello_i, recorded.commit, recorded.dhpart2),
            (transcript.responder, recorded.hello_r, recorded.commit_lost, recorded.dhpart1),
        ):
            h0 = party.h0
            h1 = hashlib.sha256(h0).digest()
            h2 = hashlib.sha256(h1).digest()
            for octets, key in ((greeting, h2), (commitment, h1), (part, h0)):
                if octets is not None:
                    message = parse(octets)
                    assert isinstance(message, Hello | Commit | wire.DHPart1 | wire.DHPart2)
                    assert hmac.digest(key, message.covered, "sha256")[:8] == message.mac

    @pytest.mark.rfc("R-5.7-02", "R-5.7-05", "R-5.7-08")
    @every("transcript", transcripts(), ids=str)
    def test_the_decrypted_parts(self, transcript: Transcript) -> None:
        expect = transcript.expect
        for octets, party in (
            (expect.confirm1_plain, transcript.responder),
            (expect.confirm2_plain, transcript.initiator),
        ):
            if has_stale_length(octets):
                continue  # `zrtp.protocol.compatibility` reads these
            if octets is not None:
                plain = ConfirmPlain.decode(octets)
                assert plain.h0 == party.h0
                assert plain.encode() == octets

    def test_a_recorded_signature(self) -> None:
        signed = [transcript for transcript in transcripts() if transcript.signature]
        assert signed
        for transcript in signed:
            assert transcript.signature is not None
            name = f"{transcript.signature.message}_plain"
            plain = ConfirmPlain.decode(getattr(transcript.expect, name))
            assert plain.signature_type is not None
            assert plain.signature_type + plain.signature == transcript.signature.data
            assert len(transcript.signature.data) == 4 * transcript.signature.words

    @pytest.mark.rfc("R-5.13-06", "R-5.13-12", "R-5.13-13")
    def test_a_recorded_sasrelay(self) -> None:
        relayed = [transcript.sasrelay for transcript in transcripts() if transcript.sasrelay]
        assert relayed
        for record in relayed:
            message = parse(record.message)
            assert isinstance(message, wire.SASrelay)
            assert rebuild(message) == record.message
            assert len(message.ciphertext) == len(record.plain)
            plain = SASrelayPlain.decode(record.plain)
            assert plain.sas_type == record.sas_type
            assert plain.sashash == record.relayed_sashash
            assert plain.encode() == record.plain


class TestKinds:
    @pytest.mark.rfc("R-5.1-01", "R-5.1.1-04")
    def test_the_sixteen_type_blocks(self) -> None:
        assert [kind.value.decode("ascii") for kind in Kind] == [
            "Hello   ",
            "HelloACK",
            "Commit  ",
            "DHPart1 ",
            "DHPart2 ",
            "Confirm1",
            "Confirm2",
            "Conf2ACK",
            "Error   ",
            "ErrorACK",
            "GoClear ",
            "ClearACK",
            "SASrelay",
            "RelayACK",
            "Ping    ",
            "PingACK ",
        ]

    @pytest.mark.rfc("R-5.1.1-01", "R-5.1.1-02", "R-5.1.1-03")
    def test_every_one_is_read_and_built(self) -> None:
        assert {message.kind for message in one_of_each()} == set(Kind)
        for message in one_of_each():
            assert parse(message.raw) == message
            assert rebuild(message) == message.raw

    @SINGLE
    def test_kind_of(self, message: Message) -> None:
        assert kind_of(message.raw) is message.kind

    @pytest.mark.attack("PAR-10")
    @every(
        "block",
        [
            b"Foo     ",
            b"hello   ",
            b"HELLO   ",
            b"Hello\0\0\0",
            b"Hello  \0",
            b" Hello  ",
            b"helloACK",
            b"\xff" * 8,
            bytes(8),
            b"\x1b[31mred",
            b"Confirm3",
        ],
        ids=repr,
    )
    def test_unknown_types(self, block: bytes) -> None:
        for template in one_of_each():
            message = template.raw[:4] + block + template.raw[12:]
            assert kind_of(message) is None
            with pytest.raises(UnknownMessage) as caught:
                parse(message)
            assert str(caught.value).isprintable()

    def test_unknown_types_are_malformed_to_those_who_do_not_ask(self) -> None:
        assert issubclass(UnknownMessage, MalformedPacket)

    @every("size", range(12))
    def test_kind_of_next_to_nothing(self, size: int) -> None:
        assert kind_of(wire.HELLO_ACK.raw[:size]) is None


class TestObjects:
    @SINGLE
    def test_are_frozen(self, message: Message) -> None:
        with pytest.raises(FrozenInstanceError):
            message.raw = b""  # type: ignore[misc]

    @SINGLE
    def test_keep_their_octetsout_of_the_log(self, message: Message) -> None:
        assert "raw=" not in repr(message)

    def test_secrets_cannot_be_printed(self) -> None:
        text = repr(ConfirmPlain.decode(b"\xa5" * 32 + bytes(8)))
        assert "h0" not in text and "\\xa5" not in text
        relayed = SASrelayPlain.decode(bytes(4) + b"B32 " + b"\xa5" * 32)
        assert "sashash" not in repr(relayed) and "\\xa5" not in repr(relayed)

    @pytest.mark.parametrize(
        "make",
        [
            lambda mac: hello(mac=mac),
            lambda mac: commit(mac=mac),
            lambda mac: commit(mac=mac, key_agreement=b"Mult", nonce=bytes(16)),
            lambda mac: commit(mac=mac, key_agreement=b"Prsh", nonce=bytes(16), key_id=bytes(8)),
        ],
        ids=["Hello", "Commit DH", "Commit Multistream", "Commit Preshared"],
    )
    def test_the_mac_covers_all_that_precedes_it(self, make: Any) -> None:
        seen = []

        def mac(covered: bytes) -> bytes:
            seen.append(covered)
            return b"12345678"

        message = make(mac)
        assert seen == [message.covered] == [message.raw[:-8]]
        assert message.raw[-8:] == message.mac == b"12345678"
        assert int.from_bytes(message.covered[2:4], "big") * 4 == len(message.raw)

    def test_the_mac_of_dhpart(self) -> None:
        for message in (dhpart1(), dhpart2()):
            assert message.covered == message.raw[:-8]
            assert message.raw[-8:] == message.mac

    def test_acknowledgements_are_one_object_each(self) -> None:
        for ack in (wire.HELLO_ACK, wire.CONF2ACK, wire.ERROR_ACK, wire.CLEAR_ACK, wire.RELAY_ACK):
            assert parse(ack.raw) is ack


class TestLengths:
    @pytest.mark.rfc(
        "R-5.9-01", "R-5.11-01", "R-5.12-01", "R-5.13-12", "R-5.15-04", "R-5.16-04", "R-5.7-07", "R-5.1.5-22"
    )
    @every(
        ("message", "expected"),
        [
            pytest.param(hello(), 22 + 10, id="Hello"),
            pytest.param(commit(), 29, id="Commit DH"),
            pytest.param(commit(key_agreement=b"Mult", nonce=bytes(16)), 25, id="Commit Multistream"),
            pytest.param(commit(key_agreement=b"Prsh", nonce=bytes(16), key_id=bytes(8)), 27, id="Commit Preshared"),
            pytest.param(commit(key_agreement=b"K255", public_key=bytes(32)), 37, id="Commit K255"),
            pytest.param(commit(key_agreement=b"MLK2", public_key=bytes(1184)), 325, id="Commit MLK2"),
            pytest.param(commit(key_agreement=b"X3M3", public_key=bytes(1624)), 435, id="Commit X3M3"),
            pytest.param(dhpart1(bytes(384)), 117, id="DHPart1 DH3k"),
            pytest.param(dhpart1(bytes(256)), 85, id="DHPart1 DH2k"),
            pytest.param(dhpart1(bytes(64)), 37, id="DHPart1 EC25"),
            pytest.param(dhpart1(bytes(96)), 45, id="DHPart1 EC38"),
            pytest.param(dhpart1(bytes(132)), 54, id="DHPart1 EC52"),
            pytest.param(dhpart1(bytes(32)), 29, id="DHPart1 X255"),
            pytest.param(dhpart1(bytes(56)), 35, id="DHPart1 X448"),
            pytest.param(dhpart1(bytes(1624)), 427, id="DHPart1 X3M3"),
            pytest.param(dhpart2(bytes(16)), 25, id="DHPart2 with a KEM"),
            pytest.param(confirm1(), 19, id="Confirm1"),
            pytest.param(confirm1(40 + 4 * 511), 530, id="Confirm1 with the longest signature"),
            pytest.param(sasrelay(), 19, id="SASrelay"),
            pytest.param(wire.Error.make(code=0x10), 4, id="Error"),
            pytest.param(wire.GoClear.make(clear_mac=bytes(8)), 5, id="GoClear"),
            pytest.param(wire.Ping.make(version=b"1.10", endpoint_hash=bytes(8)), 6, id="Ping"),
            pytest.param(one_of_each()[-1], 9, id="PingACK"),
            pytest.param(wire.HELLO_ACK, 3, id="HelloACK"),
            pytest.param(wire.CONF2ACK, 3, id="Conf2ACK"),
            pytest.param(wire.ERROR_ACK, 3, id="ErrorACK"),
            pytest.param(wire.CLEAR_ACK, 3, id="ClearACK"),
            pytest.param(wire.RELAY_ACK, 3, id="RelayACK"),
        ],
    )
    def test_in_words(self, message: Message, expected: int) -> None:
        assert len(message.raw) == 4 * expected
        assert message.raw[:4] == b"\x50\x5a" + expected.to_bytes(2, "big")
        assert parse(message.raw) == message

    @SINGLE
    @pytest.mark.attack("PAR-07")
    def test_every_truncation_is_refused(self, message: Message) -> None:
        for size in range(len(message.raw)):
            with pytest.raises(MalformedPacket):
                parse(message.raw[:size])

    @SINGLE
    @pytest.mark.attack("PAR-07", "PAR-12", "PAR-18", "PAR-22", "PAR-23")
    def test_every_shorter_length_with_a_length_word_that_agrees(self, message: Message) -> None:
        shortest = {
            Kind.COMMIT: 116 if isinstance(message, Commit) and message.mode is CommitMode.DH else None,
            Kind.DHPART1: 88,
            Kind.DHPART2: 88,
        }.get(message.kind)
        for size in range(0, len(message.raw), 4):
            shorter = with_length(message.raw[:size])
            if shortest is not None and size >= shortest:
                # Fields of any length: the protocol knows what the key agreement needs.
                assert parse(shorter).raw == shorter
            else:
                with pytest.raises(MalformedPacket):
                    parse(shorter)

    @SINGLE
    @pytest.mark.attack("PAR-08", "PAR-12", "PAR-18", "PAR-22", "PAR-23")
    def test_a_longer_one(self, message: Message) -> None:
        longer = with_length(message.raw + bytes(4))
        open_ended = {Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2, Kind.SASRELAY}
        dh = isinstance(message, Commit) and message.mode is CommitMode.DH
        if message.kind in open_ended or dh:
            assert parse(longer).raw == longer
        else:
            with pytest.raises(MalformedPacket):
                parse(longer)

    @pytest.mark.attack("PAR-22")
    @every("words", [3, 4, 5, 7, 9])
    def test_ping(self, words: int) -> None:
        body = (b"Ping    1.10" + bytes(24))[: 4 * words - 4]
        with pytest.raises(MalformedPacket):
            parse(b"\x50\x5a" + words.to_bytes(2, "big") + body)

    @pytest.mark.attack("PAR-20", "PAR-21")
    @every("kind", [Kind.CONFIRM1, Kind.CONFIRM2, Kind.SASRELAY], ids=lambda kind: kind.name)
    @every("plain", [0, 4, 36, 40 + 4 * 512, 40 + 4 * 2000])
    def test_encrypted_parts_that_hold_nothing_or_too_much(self, kind: Kind, plain: int) -> None:
        message = with_length(b"\x50\x5a\0\0" + kind.value + bytes(24 + plain))
        with pytest.raises(MalformedPacket, match="encrypted"):
            parse(message)

    def test_a_dhpart_without_a_public_value(self) -> None:
        for part in (dhpart1(bytes(4)), dhpart2(bytes(4))):
            with pytest.raises(MalformedPacket, match="public value"):
                parse(with_length(part.raw[:76] + part.raw[80:]))


class TestHello:
    @pytest.mark.rfc("R-5.2-02")
    def test_layout(self) -> None:
        message = hello(signature_capable=True, passive=True).raw
        assert message[0:12] == b"\x50\x5a\x00\x20Hello   "
        assert message[12:16] == b"1.10"
        assert message[16:32] == b"test            "
        assert message[32:64] == bytes(range(32))
        assert message[64:76] == bytes(range(12))
        assert message[76:80] == b"\x50\x02\x22\x31"
        assert message[80:120] == b"S256S384AES1AES3HS32HS80X255DH3kMultB32 "
        assert message[120:] == b"hellomac"

    @pytest.mark.attack("PAR-24")
    @pytest.mark.rfc("R-5.2-03", "R-5.2-08")
    @every("item", primitives("hello_flags"), ids=lambda item: item["word"])
    def test_word_19(self, item: dict[str, Any]) -> None:
        counts = [item[name] for name in ("hc", "cc", "ac", "kc", "sc")]
        word = bytes.fromhex(item["word"])
        codes = b"".join(b"L%dN%d" % (which, at) for which, count in enumerate(counts) for at in range(count))
        message = with_length(hello().raw[:76] + word + codes + b"mac mac ")
        parsed = parse(message)
        assert isinstance(parsed, Hello)
        assert parsed.signature_capable == bool(item["S"])
        assert parsed.mitm == bool(item["M"])
        assert parsed.passive == bool(item["P"])
        lists = [parsed.hashes, parsed.ciphers, parsed.auth_tags, parsed.key_agreements, parsed.sas_types]
        assert [len(codes) for codes in lists] == counts
        for which, found in enumerate(lists):
            assert found == tuple(b"L%dN%d" % (which, at) for at in range(counts[which]))
        if not item["unused_bits_set"]:
            assert rebuild(parsed) == message

    @pytest.mark.rfc("R-5.2-03", "R-5.2-07")
    @every("flags", range(8))
    def test_all_flags(self, flags: int) -> None:
        message = hello(signature_capable=bool(flags & 4), mitm=bool(flags & 2), passive=bool(flags & 1))
        assert int.from_bytes(message.raw[76:80], "big") == flags << 28 | 0x22231
        assert parse(message.raw) == message

    @pytest.mark.attack("PAR-24")
    @pytest.mark.rfc("R-5.2-08")
    @every("bit", [31, *range(20, 28)])
    def test_unused_bits_are_ignored_but_stay_in_the_covered_octets(self, bit: int) -> None:
        plain = hello()
        changed = with_word(plain.raw, 19, int.from_bytes(plain.raw[76:80], "big") | 1 << bit)
        parsed = parse(changed)
        assert isinstance(parsed, Hello)
        assert parsed.raw == changed
        assert parsed.covered == changed[:-8]
        for field in fields(parsed):
            if field.name != "raw":
                assert getattr(parsed, field.name) == getattr(plain, field.name)

    @pytest.mark.attack("PAR-11")
    @pytest.mark.rfc("R-5.2-09")
    @every("count", range(8, 16))
    @every("shift", [16, 12, 8, 4, 0])
    def test_more_than_seven_codes_are_malformed(self, count: int, shift: int) -> None:
        """Even when the octets are there: neither masked nor clamped."""
        empty = hello(hashes=(), ciphers=(), auth_tags=(), key_agreements=(), sas_types=())
        for present in (count, count & 7, 7):
            message = with_length(with_word(empty.raw, 19, count << shift)[:80] + b"CODE" * present + empty.mac)
            with pytest.raises(MalformedPacket, match="seven"):
                parse(message)

    @pytest.mark.attack("PAR-12")
    @every("shift", [16, 12, 8, 4, 0])
    @every("difference", [-1, 1, 2])
    def test_counts_that_do_not_add_up(self, shift: int, difference: int) -> None:
        message = hello(sas_types=(b"B32 ", b"B256"))
        word = int.from_bytes(message.raw[76:80], "big") + (difference << shift)
        with pytest.raises(MalformedPacket, match="add up"):
            parse(with_word(message.raw, 19, word))

    @pytest.mark.attack("PAR-13")
    @pytest.mark.rfc("R-5.2-09")
    def test_no_codes_at_all(self) -> None:
        empty = hello(hashes=(), ciphers=(), auth_tags=(), key_agreements=(), sas_types=())
        assert len(empty.raw) == 88
        parsed = parse(empty.raw)
        assert parsed == empty

    @pytest.mark.rfc("R-5.2-09")
    def test_seven_codes_in_each_list_even_the_same(self) -> None:
        seven = (b"S256",) * 7
        full = hello(hashes=seven, ciphers=seven, auth_tags=seven, key_agreements=seven, sas_types=seven)
        assert len(full.raw) == 4 * 57
        parsed = parse(full.raw)
        assert isinstance(parsed, Hello)
        assert parsed.hashes == parsed.sas_types == seven

    @pytest.mark.attack("PAR-15", "PAR-16")
    @pytest.mark.rfc("R-5.1-02")
    @every("junk", [b"\0\0\0\0", b"s256", b"B32\0", b"\xff\xfe\xfd\xfc", b"\x1b[2J", b"\xe4\xb8\xad "])
    def test_strange_octetsare_kept_as_data(self, junk: bytes) -> None:
        message = hello(hashes=(junk, b"S256"), version=junk, client_id=junk * 4)
        parsed = parse(message.raw)
        assert isinstance(parsed, Hello)
        assert parsed.hashes == (junk, b"S256")
        assert parsed.version == junk
        assert parsed.client_id == junk * 4
        assert repr(parsed).isprintable()

    @every(
        "changes",
        [
            {"version": b"1.1"},
            {"client_id": b"short"},
            {"h3": bytes(31)},
            {"zid": bytes(16)},
            {"hashes": (b"S25",)},
            {"sas_types": (b"B32",)},
            {"key_agreements": (b"X255",) * 8},
            {"mac": fixed_mac(bytes(32))},
        ],
        ids=str,
    )
    def test_our_own_mistakes(self, changes: dict[str, Any]) -> None:
        with pytest.raises(EngineDefect):
            hello(**changes)


class TestCommit:
    @pytest.mark.rfc("R-5.4-03")
    def test_layout_dh(self) -> None:
        message = commit().raw
        assert message[0:12] == b"\x50\x5a\x00\x1dCommit  "
        assert message[12:44] == bytes(range(32))
        assert message[44:56] == bytes(range(12))
        assert message[56:76] == b"S256AES1HS80X255B32 "
        assert message[76:108] == bytes(range(100, 132))
        assert message[108:] == b"commimac"

    @pytest.mark.rfc("R-5.4-04")
    def test_layout_multistream(self) -> None:
        message = commit(key_agreement=b"Mult", nonce=b"0123456789abcdef").raw
        assert message[68:72] == b"Mult"
        assert message[76:] == b"0123456789abcdefcommimac"

    @pytest.mark.rfc("R-5.4-05")
    def test_layout_preshared(self) -> None:
        message = commit(key_agreement=b"Prsh", nonce=b"0123456789abcdef", key_id=b"key id  ").raw
        assert message[68:72] == b"Prsh"
        assert message[76:] == b"0123456789abcdefkey id  commimac"

    def test_layout_with_a_kem(self) -> None:
        key = bytes(range(32))
        message = commit(key_agreement=b"K255", public_key=key)
        assert message.raw[108:140] == key
        assert parse(message.raw) == message

    @every(
        ("code", "mode"),
        [
            (b"DH3k", CommitMode.DH),
            (b"X3M3", CommitMode.DH),
            (b"????", CommitMode.DH),
            (b"mult", CommitMode.DH),
            (b"Mult", CommitMode.MULTISTREAM),
            (b"Prsh", CommitMode.PRESHARED),
        ],
    )
    def test_mode(self, code: bytes, mode: CommitMode) -> None:
        nonce = None if mode is CommitMode.DH else bytes(16)
        key_id = bytes(8) if mode is CommitMode.PRESHARED else None
        parsed = parse(commit(key_agreement=code, nonce=nonce, key_id=key_id).raw)
        assert isinstance(parsed, Commit)
        assert parsed.mode is mode
        assert parsed.nonce == nonce
        assert parsed.key_id == key_id
        assert (parsed.hvi is not None) == (mode is CommitMode.DH)

    @pytest.mark.attack("PAR-18")
    @pytest.mark.rfc("R-5.4-04", "R-5.4-05")
    @pytest.mark.parametrize("code", [b"Mult", b"Prsh"])
    def test_the_length_of_another_mode(self, code: bytes) -> None:
        allowed = {b"Mult": 25, b"Prsh": 27}[code]
        longest = commit(key_agreement=b"X3M3", public_key=bytes(100)).raw
        for count in range(22, 50):
            message = with_length((longest[:68] + code + longest[72:])[: 4 * count])
            if count == allowed:
                assert isinstance(parse(message), Commit)
            else:
                with pytest.raises(MalformedPacket):
                    parse(message)

    @pytest.mark.attack("PAR-15")
    @every("field", ["hash", "cipher", "auth_tag", "key_agreement", "sas"])
    @every("junk", [b"\0\0\0\0", b"B32\0", b"\xff\xfe\xfd\xfc", b"\x1b[2J"])
    def test_strange_codes_are_kept_as_data(self, field: str, junk: bytes) -> None:
        parsed = parse(commit(**{field: junk}).raw)
        assert getattr(parsed, field) == junk
        assert repr(parsed).isprintable()

    @every(
        "changes",
        [
            {"h2": bytes(31)},
            {"zid": bytes(11)},
            {"hash": b"S25"},
            {"hvi": None},
            {"hvi": bytes(48)},
            {"nonce": bytes(16)},
            {"key_id": bytes(8)},
            {"public_key": bytes(33)},
            {"public_key": bytes(4 * 0xFFFF)},
            {"mac": fixed_mac(bytes(7))},
            {"key_agreement": b"Mult"},
            {"key_agreement": b"Mult", "nonce": bytes(12)},
            {"key_agreement": b"Mult", "nonce": bytes(16), "hvi": bytes(32)},
            {"key_agreement": b"Mult", "nonce": bytes(16), "public_key": bytes(32)},
            {"key_agreement": b"Prsh", "nonce": bytes(16)},
            {"key_agreement": b"Prsh", "key_id": bytes(8)},
        ],
        ids=lambda changes: "-".join(f"{name}" for name in changes),
    )
    def test_our_own_mistakes(self, changes: dict[str, Any]) -> None:
        with pytest.raises(EngineDefect):
            commit(**changes)


class TestDHPart:
    @pytest.mark.rfc("R-5.5-02")
    def test_layout(self) -> None:
        for part, block in ((dhpart1(), b"DHPart1 "), (dhpart2(), b"DHPart2 ")):
            assert part.raw[0:12] == b"\x50\x5a\x00\x1d" + block
            assert part.raw[12:44] == bytes(range(32))
            assert part.raw[44:76] == b"rs1rs1rsrs2rs2rsauxauxaupbxpbxpb"
            assert part.raw[76:108] == bytes(range(32))
            assert part.raw[108:] == b"dhparmac"

    def test_our_own_mistakes(self) -> None:
        good: dict[str, Any] = {
            "h1": bytes(32),
            "rs1_id": bytes(8),
            "rs2_id": bytes(8),
            "aux_secret_id": bytes(8),
            "pbx_secret_id": bytes(8),
            "pv": bytes(32),
            "mac": fixed_mac(bytes(8)),
        }
        wire.DHPart1.make(**good)
        for name in good:
            bad = fixed_mac(bytes(9)) if name == "mac" else bytes(9)
            with pytest.raises(EngineDefect):
                wire.DHPart1.make(**(good | {name: bad}))


class TestConfirm:
    @pytest.mark.rfc("R-5.7-02")
    def test_layout(self) -> None:
        message = confirm1().raw
        assert message[0:12] == b"\x50\x5a\x00\x13Confirm1"
        assert message[12:20] == b"confimac"
        assert message[20:36] == bytes(range(16))
        assert message[36:] == bytes(range(40))

    @pytest.mark.attack("PAR-24")
    @pytest.mark.rfc("R-5.7-04", "R-5.7-05", "R-5.7-08")
    @every("item", primitives("confirm_flags"), ids=lambda item: item["word"])
    def test_word_17(self, item: dict[str, Any]) -> None:
        signature = b"sig " * item["siglen"]
        plain = ConfirmPlain.decode(bytes(32) + bytes.fromhex(item["word"]) + b"\0\0\0\x2a" + signature)
        assert plain.enrolment == bool(item["E"])
        assert plain.verified == bool(item["V"])
        assert plain.allow_clear == bool(item["A"])
        assert plain.disclosure == bool(item["D"])
        assert plain.cache_interval == 42
        assert (plain.signature_type or b"") + plain.signature == signature
        if not item["unused_bits_set"]:
            assert plain.encode()[32:36].hex() == item["word"]

    @pytest.mark.rfc("R-5.7-03", "R-5.7-08")
    @every("flags", range(16))
    def test_all_flags(self, flags: int) -> None:
        plain = ConfirmPlain(
            h0=bytes(32),
            enrolment=bool(flags & 8),
            verified=bool(flags & 4),
            allow_clear=bool(flags & 2),
            disclosure=bool(flags & 1),
            cache_interval=0xFFFFFFFF,
        )
        assert plain.encode() == bytes(35) + bytes([flags]) + b"\xff" * 4
        assert ConfirmPlain.decode(plain.encode()) == plain

    @pytest.mark.attack("PAR-24")
    @pytest.mark.rfc("R-5.7-04", "R-5.7-08")
    def test_unused_bits_are_ignored(self) -> None:
        plain = ConfirmPlain.decode(bytes(32) + b"\xff\xfe\x00\xf4" + bytes(4))
        assert plain.verified
        assert not (plain.enrolment or plain.allow_clear or plain.disclosure)
        assert plain.signature_type is None

    @pytest.mark.attack("PAR-20")
    @pytest.mark.rfc("R-5.7-05", "R-5.7-07")
    @every("told", [0, 1, 2, 255, 256, 511])
    @every("there", [0, 1, 2, 255, 256, 511])
    def test_a_signature_length_has_to_agree(self, told: int, there: int) -> None:
        octets = bytes(32) + (told << 8).to_bytes(4, "big") + bytes(4) + b"PGP " * there
        if told == there:
            assert ConfirmPlain.decode(octets).encode() == octets
        else:
            with pytest.raises(MalformedPacket, match="signature"):
                ConfirmPlain.decode(octets)

    @pytest.mark.attack("PAR-20")
    @every("size", range(40))
    def test_truncated(self, size: int) -> None:
        with pytest.raises(MalformedPacket):
            ConfirmPlain.decode(bytes(size))

    @pytest.mark.parametrize("extra", [1, 2, 3])
    def test_octetsthat_are_no_word(self, extra: int) -> None:
        with pytest.raises(MalformedPacket):
            ConfirmPlain.decode(bytes(40 + extra))

    @pytest.mark.rfc("R-5.7-06", "R-5.1.7-01")
    @every("size", [64, 69, 70, 71, 72])
    def test_a_signature_is_padded_to_a_word(self, size: int) -> None:
        plain = self.signed(bytes(range(1, 1 + size)))
        padded = size + -size % 4
        octets = plain.encode()
        assert octets[32:36] == ((1 + padded // 4) << 8).to_bytes(4, "big")
        assert octets[40:] == b"X509" + bytes(range(1, 1 + size)) + bytes(padded - size)
        again = ConfirmPlain.decode(octets)
        assert again.signature_type == b"X509"
        assert again.encode() == octets

    @pytest.mark.attack("PAR-21")
    @pytest.mark.rfc("R-7.2.1-07", "R-7.2.2-04")
    def test_the_longest_signature(self) -> None:
        octets = self.signed(bytes(4 * 510)).encode()
        assert len(octets) == 40 + 4 * 511
        assert octets[33:35] == b"\x01\xff"
        message = wire.Confirm1.make(confirm_mac=bytes(8), iv=bytes(16), ciphertext=octets)
        assert parse(message.raw) == message
        with pytest.raises(EngineDefect, match="511"):
            self.signed(bytes(4 * 510 + 1)).encode()

    def test_our_own_mistakes(self) -> None:
        with pytest.raises(EngineDefect):
            wire.Confirm1.make(confirm_mac=bytes(7), iv=bytes(16), ciphertext=bytes(40))
        with pytest.raises(EngineDefect):
            wire.Confirm1.make(confirm_mac=bytes(8), iv=bytes(16), ciphertext=bytes(41))
        with pytest.raises(EngineDefect):
            self.signed(b"sig ", signature_type=b"PGP").encode()
        with pytest.raises(EngineDefect, match="type"):
            self.signed(b"sig ", signature_type=None).encode()

    def test_our_own_fields_of_a_wrong_size(self) -> None:
        for changes in ({"h0": bytes(31)}, {"cache_interval": 1 << 32}, {"cache_interval": -1}):
            values: dict[str, Any] = {
                "h0": bytes(32),
                "enrolment": False,
                "verified": False,
                "allow_clear": False,
                "disclosure": False,
                "cache_interval": 0,
            }
            with pytest.raises(EngineDefect):
                ConfirmPlain(**(values | changes)).encode()

    @given(octets_of(32), st.integers(0, 15), st.integers(0, 0xFFFFFFFF), octets_of(4), words_between(0, 30))
    def test_round_trip(self, h0: bytes, flags: int, interval: int, signature_type: bytes, signature: bytes) -> None:
        plain = ConfirmPlain(
            h0=h0,
            enrolment=bool(flags & 8),
            verified=bool(flags & 4),
            allow_clear=bool(flags & 2),
            disclosure=bool(flags & 1),
            cache_interval=interval,
            signature_type=signature_type,
            signature=signature,
        )
        assert ConfirmPlain.decode(plain.encode()) == plain

    def signed(self, signature: bytes, signature_type: bytes | None = b"X509") -> ConfirmPlain:
        return ConfirmPlain(
            h0=bytes(32),
            enrolment=False,
            verified=False,
            allow_clear=False,
            disclosure=False,
            cache_interval=0,
            signature_type=signature_type,
            signature=signature,
        )


class TestSASrelay:
    @pytest.mark.rfc("R-5.13-06", "R-5.13-09", "R-5.13-13")
    @every("flags", range(8))
    def test_layout(self, flags: int) -> None:
        plain = SASrelayPlain(
            verified=bool(flags & 4),
            allow_clear=bool(flags & 2),
            disclosure=bool(flags & 1),
            sas_type=b"B256",
            sashash=bytes(range(32)),
        )
        octets = plain.encode()
        assert octets == bytes([0, 0, 0, flags]) + b"B256" + bytes(range(32))
        assert SASrelayPlain.decode(octets) == plain
        message = wire.SASrelay.make(mac=b"relaymac", iv=bytes(16), ciphertext=octets).raw
        assert message[0:12] == b"\x50\x5a\x00\x13SASrelay"
        assert message[12:20] == b"relaymac"
        assert message[20:36] == bytes(16)
        assert message[36:] == octets

    @pytest.mark.attack("PAR-24")
    @pytest.mark.rfc("R-5.13-10", "R-5.13-13")
    def test_unused_bits_are_ignored_and_so_is_the_e_of_confirm(self) -> None:
        plain = SASrelayPlain.decode(b"\xff\xfe\x00\xf8B32 " + bytes(32))
        assert not (plain.verified or plain.allow_clear or plain.disclosure)
        assert plain.signature_type is None

    @pytest.mark.attack("PAR-20")
    @every(("told", "there"), [(0, 1), (1, 0), (511, 0), (2, 3), (511, 510)])
    def test_a_signature_length_has_to_agree(self, told: int, there: int) -> None:
        with pytest.raises(MalformedPacket, match="signature"):
            SASrelayPlain.decode((told << 8).to_bytes(4, "big") + b"B32 " + bytes(32) + b"PGP " * there)

    def test_a_signature(self) -> None:
        plain = SASrelayPlain(
            verified=True,
            allow_clear=False,
            disclosure=False,
            sas_type=b"B32 ",
            sashash=bytes(32),
            signature_type=b"PGP ",
            signature=b"12345678",
        )
        assert plain.encode()[:4] == b"\x00\x00\x03\x04"
        assert SASrelayPlain.decode(plain.encode()) == plain

    @every("size", range(40))
    def test_truncated(self, size: int) -> None:
        with pytest.raises(MalformedPacket):
            SASrelayPlain.decode(bytes(size))


class TestSmallMessages:
    @pytest.mark.rfc("R-5.9-01")
    @every("code", [0, 0x10, 0x57, 0x100, 0x202, 0xFFFFFFFF])
    def test_error(self, code: int) -> None:
        message = wire.Error.make(code=code)
        assert message.raw == b"\x50\x5a\x00\x04Error   " + code.to_bytes(4, "big")
        parsed = parse(message.raw)
        assert isinstance(parsed, wire.Error)
        assert parsed.code == code

    @pytest.mark.rfc("R-5.11-01")
    def test_goclear(self) -> None:
        message = wire.GoClear.make(clear_mac=b"clearmac")
        assert message.raw == b"\x50\x5a\x00\x05GoClear clearmac"
        assert parse(message.raw) == message

    @pytest.mark.rfc("R-5.15-04")
    def test_ping(self) -> None:
        message = wire.Ping.make(version=b"1.10", endpoint_hash=b"endpoint")
        assert message.raw == b"\x50\x5a\x00\x06Ping    1.10endpoint"
        assert parse(message.raw) == message

    @pytest.mark.rfc("R-5.16-04")
    @pytest.mark.parametrize("version", [b"1.10", b"0.10"])
    def test_ping_ack(self, version: bytes) -> None:
        message = wire.PingACK.make(
            version=version, sender_endpoint_hash=b"sender  ", received_endpoint_hash=b"receiver", ssrc=0x1020304
        )
        assert message.raw == b"\x50\x5a\x00\x09PingACK " + version + b"sender  receiver\x01\x02\x03\x04"
        assert parse(message.raw) == message

    def test_our_own_mistakes(self) -> None:
        with pytest.raises(EngineDefect):
            wire.Error.make(code=1 << 32)
        with pytest.raises(EngineDefect):
            wire.GoClear.make(clear_mac=bytes(32))
        with pytest.raises(EngineDefect):
            wire.Ping.make(version=b"1.1", endpoint_hash=bytes(8))
        with pytest.raises(EngineDefect):
            wire.Ping.make(version=b"1.10", endpoint_hash=bytes(12))
        ping_ack: dict[str, Any] = {
            "version": b"1.10",
            "sender_endpoint_hash": bytes(8),
            "received_endpoint_hash": bytes(8),
            "ssrc": 0,
        }
        for name, value in (("version", b""), ("sender_endpoint_hash", b"-"), ("ssrc", -1), ("ssrc", 1 << 32)):
            with pytest.raises(EngineDefect):
                wire.PingACK.make(**(ping_ack | {name: value}))


class TestAnyMessage:
    """Hypothesis: whatever is well-formed survives, whatever is not is refused with the declared exception."""

    @given(messages)
    def test_round_trip(self, message: Message) -> None:
        assert parse(message.raw) == message
        assert rebuild(message) == message.raw

    @given(hellos, st.integers(0, 0xFFFFFFFF))
    def test_unused_bits_of_hello(self, message: Hello, noise: int) -> None:
        word = int.from_bytes(message.raw[76:80], "big") | noise & HELLO_UNUSED_BITS
        assert rebuild(parse(with_word(message.raw, 19, word))) == message.raw

    @pytest.mark.attack("PAR-26")
    @given(st.binary(max_size=200))
    def test_noise(self, octets: bytes) -> None:
        with pytest.raises(MalformedPacket):
            parse(octets)

    @pytest.mark.attack("PAR-26")
    @given(st.sampled_from(list(Kind)), words_between(0, 60))
    def test_noise_behind_a_message_header(self, kind: Kind, body: bytes) -> None:
        self.only_declared(with_length(b"\x50\x5a\0\0" + kind.value + body))

    @pytest.mark.attack("PAR-26")
    @given(words_between(0, 60))
    def test_noise_where_decrypted_octetsare_expected(self, octets: bytes) -> None:
        for plain in (ConfirmPlain, SASrelayPlain):
            try:
                assert (
                    plain.decode(octets).encode()[36 if plain is ConfirmPlain else 4 :]
                    == (octets[36 if plain is ConfirmPlain else 4 :])
                )
            except MalformedPacket:
                continue

    @SINGLE
    @pytest.mark.attack("PAR-26")
    def test_mutations(self, message: Message) -> None:
        source = random.Random(message.kind.name)
        for _ in range(200):
            octets = mutated(message.raw, source)
            self.only_declared(octets)
            self.only_declared(with_length(octets))

    @pytest.mark.long
    @pytest.mark.attack("PAR-26")
    def test_ten_million_mutations_under_a_right_crc(self) -> None:
        source = random.Random(26)
        templates = [message.raw for message in one_of_each()]
        for number in range(10**7):
            octets = mutated(source.choice(templates), source)
            datagram = encode_packet(1, 2, octets if source.random() < 0.5 else with_length(octets))
            if number % 100:
                self.taken(datagram)
            else:
                assert instructions(self.taken, datagram) < 1000, datagram.hex()

    def taken(self, datagram: bytes) -> None:
        try:
            packet = decode_packet(datagram)
            assert isinstance(packet, Packet)
            parse(packet.message)
        except (BadSize, MalformedPacket):
            pass

    @pytest.mark.attack("PAR-11", "PAR-24", "PAR-26")
    @SINGLE
    def test_every_flipped_bit(self, message: Message) -> None:
        for bit in range(min(8 * len(message.raw), 1000)):
            changed = bytearray(message.raw)
            changed[bit // 8] ^= 1 << bit % 8
            self.only_declared(bytes(changed))

    def only_declared(self, octets: bytes) -> None:
        try:
            parsed = parse(octets)
        except MalformedPacket as error:
            assert str(error).isprintable()
        else:
            assert parsed.raw == octets
            assert parsed.kind is kind_of(octets)


def mutated(message: bytes, source: random.Random) -> bytes:
    """One to four octets or bits changed, words taken out or put in; still whole words."""
    changed = bytearray(message)
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(changed) + 1)
        match source.randrange(4):
            case 0 if place < len(changed):
                changed[place] = source.randrange(256)
            case 1 if place < len(changed):
                changed[place] ^= 1 << source.randrange(8)
            case 2:
                del changed[place : place + 4 * source.randint(1, 5)]
            case _:
                changed[place:place] = source.randbytes(4 * source.randint(1, 5))
    return bytes(changed[: len(changed) // 4 * 4])
