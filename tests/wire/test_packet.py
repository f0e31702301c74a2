"""zrtp.wire.packet: the frame of figure 2, and the order in which it is checked."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.vectors import Transcript, transcripts
from tests.support.wire import confirm1, hello, messages, one_of_each, reseal
from zrtp.errors import EngineDefect, MalformedPacket, ZrtpError
from zrtp.wire import messages as wire
from zrtp.wire import packet as packet_module
from zrtp.wire.crc import crc32c
from zrtp.wire.packet import (
    MAXIMUM,
    MINIMUM,
    BadChecksum,
    BadSize,
    Fragment,
    NotZrtp,
    Packet,
    check_frame,
    decode_packet,
    encode_fragment,
    encode_packet,
    is_zrtp,
)

HELLO = hello().raw
DATAGRAM = encode_packet(0x0123, 0xDEADBEEF, HELLO)

RECORDED = [transcript for transcript in transcripts() if transcript.packets]


def framed(message: bytes) -> bytes:
    """A datagram with a right CRC around octets that need not be a message."""
    return encode_packet(1, 2, message)


class TestLayout:
    @pytest.mark.rfc("R-5-01", "R-5-02", "R-5-03", "R-5-05", "R-5-06", "R-5-12")
    def test_header_message_crc(self) -> None:
        assert DATAGRAM[:2] == b"\x10\x00"
        assert DATAGRAM[2:4] == b"\x01\x23"
        assert DATAGRAM[4:8] == b"\x5a\x52\x54\x50"
        assert DATAGRAM[8:12] == b"\xde\xad\xbe\xef"
        assert DATAGRAM[12:-4] == HELLO
        assert DATAGRAM[-4:] == struct.pack("<I", crc32c(DATAGRAM[:-4]))

    @pytest.mark.rfc("R-5-02")
    @every("message", one_of_each(), ids=lambda message: message.kind.name)
    def test_sixteen_octets_more_than_the_message(self, message: wire.Message) -> None:
        assert len(framed(message.raw)) == 12 + len(message.raw) + 4

    def test_the_smallest_and_the_largest(self) -> None:
        assert len(framed(wire.HELLO_ACK.raw)) == MINIMUM == 28
        assert len(framed(confirm1(40 + 4 * 511).raw)) == MAXIMUM == 2136

    @every("transcript", RECORDED, ids=str)
    def test_recorded_packets_are_taken_apart_and_put_together(self, transcript: Transcript) -> None:
        for recorded in transcript.packets:
            packet = decode_packet(recorded.data)
            if isinstance(packet, Packet):
                again = encode_packet(packet.sequence, packet.ssrc, packet.message)
            else:
                again = encode_fragment(
                    packet.sequence,
                    packet.ssrc,
                    message_id=packet.message_id,
                    total_words=packet.total_words,
                    offset_words=packet.offset_words,
                    data=packet.data,
                )
            assert again == recorded.data

    @given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), messages)
    def test_round_trip(self, sequence: int, ssrc: int, message: wire.Message) -> None:
        packet = decode_packet(encode_packet(sequence, ssrc, message.raw))
        assert packet == Packet(sequence=sequence, ssrc=ssrc, message=message.raw)

    def test_our_own_mistakes(self) -> None:
        with pytest.raises(EngineDefect):
            encode_packet(0x10000, 0, HELLO)
        with pytest.raises(EngineDefect):
            encode_packet(0, 1 << 32, HELLO)
        with pytest.raises(EngineDefect):
            encode_fragment(0, 0, message_id=1, total_words=0x10000, offset_words=0, data=HELLO)


class TestDemultiplexing:
    @pytest.mark.attack("PAR-03")
    @pytest.mark.rfc("R-5-05", "R-5-10")
    @every(
        "datagram",
        [
            pytest.param(b"\x80\x00" + DATAGRAM[2:], id="RTP"),
            pytest.param(b"\x81\xc8" + DATAGRAM[2:], id="RTCP"),
            pytest.param(b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(20), id="STUN"),
            pytest.param(b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x01" + bytes(17), id="DTLS"),
            pytest.param(b"\x40\x00" + DATAGRAM[2:], id="TURN channel"),
            pytest.param(b"\x00\x00" + DATAGRAM[2:], id="first nibble 0"),
            pytest.param(b"\x20\x00" + DATAGRAM[2:], id="first nibble 2"),
            pytest.param(DATAGRAM[:4] + b"ZRTQ" + DATAGRAM[8:], id="cookie"),
            pytest.param(DATAGRAM[:4] + b"zrtp" + DATAGRAM[8:], id="cookie in lower case"),
        ],
    )
    def test_what_is_not_zrtp_is_handed_back(self, datagram: bytes) -> None:
        assert not is_zrtp(datagram)
        with pytest.raises(NotZrtp):
            decode_packet(reseal(datagram))

    def test_what_is(self) -> None:
        assert is_zrtp(DATAGRAM)
        assert is_zrtp(bytearray(DATAGRAM))
        assert is_zrtp(memoryview(DATAGRAM))

    @pytest.mark.attack("PAR-01")
    @every("size", range(12))
    def test_never_raises_for_short_ones(self, size: int) -> None:
        assert not is_zrtp(DATAGRAM[:size])


class TestOrderOfChecks:
    """Policy: size, nibble and cookie, CRC, preamble and length; nothing later before all of the earlier."""

    @pytest.mark.attack("PAR-01")
    @every("size", range(MINIMUM))
    def test_too_short(self, size: int) -> None:
        with pytest.raises(BadSize):
            decode_packet(DATAGRAM[:size])

    @pytest.mark.attack("PAR-02")
    @pytest.mark.rfc("R-5-01")
    @pytest.mark.parametrize("extra", [1, 2, 3])
    def test_not_a_number_of_words(self, extra: int) -> None:
        with pytest.raises(BadSize):
            decode_packet(reseal(DATAGRAM + bytes(extra)))

    @pytest.mark.attack("PAR-26")
    @pytest.mark.parametrize("size", [MAXIMUM + 4, 65532, 65536])
    def test_too_long_is_dropped_before_the_crc_is_computed(self, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        datagram = reseal(DATAGRAM[:12] + bytes(size - 12))
        monkeypatch.setattr(packet_module, "crc32c", None)
        with pytest.raises(BadSize):
            decode_packet(datagram)

    def test_nothing_is_computed_for_what_is_not_zrtp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packet_module, "crc32c", None)
        with pytest.raises(NotZrtp):
            decode_packet(b"\x80" + DATAGRAM[1:])

    def test_size_before_cookie(self) -> None:
        with pytest.raises(BadSize):
            decode_packet(b"\x80\x00\x00")

    def test_cookie_before_crc(self) -> None:
        with pytest.raises(NotZrtp):
            decode_packet(DATAGRAM[:4] + b"RTPZ" + DATAGRAM[8:])

    @pytest.mark.attack("PAR-05")
    def test_crc_before_the_message(self) -> None:
        with pytest.raises(BadChecksum):
            decode_packet(DATAGRAM[:12] + b"XX" + DATAGRAM[14:])

    def test_size_and_cookie_and_crc_are_nobodys_fault(self) -> None:
        assert not issubclass(NotZrtp, MalformedPacket)
        assert not issubclass(BadChecksum, MalformedPacket)
        assert issubclass(BadSize, NotZrtp)


class TestChecksum:
    @pytest.mark.attack("PAR-05")
    @pytest.mark.rfc("R-5-12", "R-5-13")
    def test_every_flipped_bit_behind_the_cookie(self) -> None:
        for bit in range(8 * 8, 8 * len(DATAGRAM)):
            flipped = bytearray(DATAGRAM)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(BadChecksum):
                decode_packet(bytes(flipped))

    @pytest.mark.attack("PAR-05")
    @every("first", range(64, 8 * len(DATAGRAM), 37))
    def test_two_flipped_bits(self, first: int) -> None:
        for second in range(first + 1, 8 * len(DATAGRAM), 41):
            flipped = bytearray(DATAGRAM)
            flipped[first // 8] ^= 1 << first % 8
            flipped[second // 8] ^= 1 << second % 8
            with pytest.raises(BadChecksum):
                decode_packet(bytes(flipped))

    @pytest.mark.attack("PAR-05")
    @every("size", range(MINIMUM, len(DATAGRAM), 4))
    def test_truncated(self, size: int) -> None:
        with pytest.raises(BadChecksum):
            decode_packet(DATAGRAM[:size])

    @pytest.mark.attack("PAR-05")
    def test_octets_of_the_crc_in_the_other_order(self) -> None:
        with pytest.raises(BadChecksum):
            decode_packet(DATAGRAM[:-4] + DATAGRAM[:-5:-1])

    @pytest.mark.attack("PAR-05")
    def test_the_crc_of_zip_and_ethernet_is_another_one(self) -> None:
        with pytest.raises(BadChecksum):
            decode_packet(DATAGRAM[:-4] + zlib.crc32(DATAGRAM[:-4]).to_bytes(4, "little"))


class TestUnusedBits:
    @pytest.mark.attack("PAR-04")
    @pytest.mark.rfc("R-5-04")
    @every("message", one_of_each(), ids=lambda message: message.kind.name)
    def test_are_ignored_in_the_header(self, message: wire.Message) -> None:
        datagram = framed(message.raw)
        marks = [0x1000 | 1 << bit for bit in range(12)] + [0x1FFF, 0x1101, 0x1357]
        for mark in marks:
            changed = reseal(mark.to_bytes(2, "big") + datagram[2:])
            assert decode_packet(changed) == Packet(sequence=1, ssrc=2, message=message.raw)

    @pytest.mark.attack("PAR-04")
    @pytest.mark.rfc("R-5-04")
    @given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), messages)
    def test_are_sent_as_zero(self, sequence: int, ssrc: int, message: wire.Message) -> None:
        assert encode_packet(sequence, ssrc, message.raw)[:2] == b"\x10\x00"


class TestFrameOfTheMessage:
    @pytest.mark.attack("PAR-06")
    @pytest.mark.rfc("R-5.2-01")
    @pytest.mark.parametrize("preamble", [b"\x50\x5b", b"\x5a\x50", b"\x00\x00", b"PZ"[::-1]])
    def test_wrong_preamble(self, preamble: bytes) -> None:
        with pytest.raises(MalformedPacket, match="preamble"):
            decode_packet(framed(preamble + HELLO[2:]))

    @pytest.mark.attack("PAR-07")
    @pytest.mark.rfc("R-5.2-01")
    @pytest.mark.parametrize("more", [1, 2, 100, 0xFFFF - len(HELLO) // 4])
    def test_length_beyond_the_datagram(self, more: int) -> None:
        words = len(HELLO) // 4 + more
        with pytest.raises(MalformedPacket, match="words"):
            decode_packet(framed(HELLO[:2] + words.to_bytes(2, "big") + HELLO[4:]))

    @pytest.mark.attack("PAR-08")
    @pytest.mark.parametrize("tail", [bytes(4), wire.HELLO_ACK.raw], ids=["a word", "a second message"])
    def test_octets_behind_the_message(self, tail: bytes) -> None:
        with pytest.raises(MalformedPacket, match="words"):
            decode_packet(framed(HELLO + tail))

    @pytest.mark.attack("PAR-09")
    @pytest.mark.parametrize("words", [0, 1, 2])
    def test_length_shorter_than_its_own_header(self, words: int) -> None:
        with pytest.raises(MalformedPacket):
            decode_packet(framed(b"\x50\x5a" + words.to_bytes(2, "big") + b"HelloACK"))

    @pytest.mark.attack("PAR-09")
    @every("octets", [b"", b"P", b"PZ", b"PZ\0", b"PZ\0\1", b"PZ\0\2Hell"])
    def test_a_message_without_a_type(self, octets: bytes) -> None:
        with pytest.raises(MalformedPacket):
            check_frame(octets)


class TestFragments:
    def fragment(self, **changes: int | bytes) -> bytes:
        fields: dict[str, int | bytes] = {
            "message_id": 7,
            "total_words": 20,
            "offset_words": 0,
            "data": b"0123",
        }
        return encode_fragment(3, 4, **(fields | changes))  # type: ignore[arg-type]

    def test_layout(self) -> None:
        datagram = self.fragment(offset_words=2, data=b"abcdefgh")
        assert datagram[:12] == b"\x11\x00\x00\x03ZRTP\x00\x00\x00\x04"
        assert datagram[12:20] == b"\x00\x07\x00\x14\x00\x02\x00\x02"
        assert datagram[20:-4] == b"abcdefgh"
        assert datagram == reseal(datagram)

    def test_round_trip(self) -> None:
        assert decode_packet(self.fragment()) == Fragment(
            sequence=3, ssrc=4, message_id=7, total_words=20, offset_words=0, data=b"0123"
        )

    @pytest.mark.attack("PAR-25")
    @pytest.mark.parametrize("words", [0, 2, 0xFFFF])
    def test_length_that_disagrees_with_the_datagram(self, words: int) -> None:
        datagram = self.fragment()
        with pytest.raises(MalformedPacket, match="fragment"):
            decode_packet(reseal(datagram[:18] + words.to_bytes(2, "big") + datagram[20:]))

    def test_an_id_that_looks_like_a_preamble(self) -> None:
        data = bytes(40)
        datagram = self.fragment(message_id=0x505A, total_words=12, offset_words=2, data=data)
        assert int.from_bytes(datagram[14:16], "big") * 4 == len(datagram) - 16
        packet = decode_packet(datagram)
        assert isinstance(packet, Fragment)
        assert packet.data == data


class TestHostileOctets:
    """Whatever comes in, only the declared exceptions come out."""

    @pytest.mark.attack("PAR-26")
    @given(st.binary(max_size=400))
    def test_noise(self, datagram: bytes) -> None:
        with pytest.raises((NotZrtp, BadChecksum, MalformedPacket)):
            decode_packet(datagram)

    @pytest.mark.attack("PAR-26")
    @given(st.sampled_from([0x1000, 0x1100, 0x1FFF]), st.binary(min_size=12, max_size=400))
    def test_noise_behind_a_header_and_under_a_crc(self, mark: int, body: bytes) -> None:
        body = body[: len(body) // 4 * 4]
        datagram = reseal(mark.to_bytes(2, "big") + b"\0\1ZRTP\0\0\0\1" + body + bytes(4))
        try:
            packet = decode_packet(datagram)
        except ZrtpError as error:
            assert isinstance(error, MalformedPacket)
        else:
            assert isinstance(packet, Packet | Fragment)
