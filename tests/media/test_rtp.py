"""RTP packets and their numbering."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from zrtp.errors import ApiMisuse
from zrtp.media.rtp import FRAME_SAMPLES, PCMU, MalformedRtp, Packetizer, RtpPacket

SSRC = 0x11223344


def zeros(length: int) -> bytes:
    return bytes(length)


def ones(length: int) -> bytes:
    return b"\xff" * length


def frames(count: int) -> list[bytes]:
    """Frames that can be told apart."""
    return [random.Random(index).randbytes(FRAME_SAMPLES) for index in range(count)]


def packets(count: int) -> list[RtpPacket]:
    packetizer = Packetizer(SSRC, random=zeros)
    return [packetizer.packet(frame) for frame in frames(count)]


def test_a_packet_as_octets_is_the_fixed_header_and_the_payload() -> None:
    packet = RtpPacket(payload_type=PCMU, sequence=0x0102, timestamp=0x03040506, ssrc=SSRC, payload=b"sound")

    assert packet.encode() == bytes.fromhex("80000102 03040506 11223344") + b"sound"
    assert replace(packet, marker=True).encode()[1] == 0x80


@pytest.mark.parametrize("marker", [False, True])
def test_a_packet_survives_the_wire(marker: bool) -> None:
    packet = RtpPacket(payload_type=96, sequence=65535, timestamp=2**32 - 1, ssrc=1, payload=b"x" * 160, marker=marker)

    assert RtpPacket.decode(packet.encode()) == packet


def test_nothing_of_a_packet_is_lost() -> None:
    header = bytes.fromhex("b2890001 00000002 00000003")  # padding, extension, two contributing sources, marker
    contributing, extension = bytes.fromhex("0000aaaa 0000bbbb"), bytes.fromhex("bede0001 109e0000")
    octets = header + contributing + extension + b"sound\0\0\3"
    packet = RtpPacket.decode(octets)

    assert (packet.payload, packet.padding) == (b"sound", 3)
    assert packet.csrcs == (0xAAAA, 0xBBBB)
    assert (packet.extension_profile, packet.extension) == (0xBEDE, bytes.fromhex("109e0000"))
    assert packet.encode() == octets


def test_a_packet_may_have_as_many_contributing_sources_as_its_header_can_count() -> None:
    packet = RtpPacket(payload_type=PCMU, sequence=1, timestamp=2, ssrc=SSRC, payload=b"", csrcs=tuple(range(15)))

    assert RtpPacket.decode(packet.encode()) == packet
    with pytest.raises(ApiMisuse, match="at most 15"):
        replace(packet, csrcs=tuple(range(16)))


@given(
    st.builds(
        RtpPacket,
        payload_type=st.integers(0, 63) | st.integers(96, 127),
        sequence=st.integers(0, 0xFFFF),
        timestamp=st.integers(0, 0xFFFFFFFF),
        ssrc=st.integers(0, 0xFFFFFFFF),
        payload=st.binary(max_size=40),
        marker=st.booleans(),
        csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
        extension_profile=st.integers(0, 0xFFFF),
        extension=st.integers(0, 5).map(lambda words: bytes(range(4 * words))),
        padding=st.integers(0, 255),
    )
)
def test_whatever_fits_comes_back(packet: RtpPacket) -> None:
    assert RtpPacket.decode(packet.encode()) == packet


@given(st.binary(min_size=12, max_size=80).map(lambda octets: bytes([0x80 | octets[0] & 0x1F]) + octets[1:]))
def test_octets_that_are_a_packet_come_back_as_they_were(octets: bytes) -> None:
    try:
        packet = RtpPacket.decode(octets)
    except MalformedRtp:
        return
    assert packet.encode() == octets


FIELDS: dict[str, Any] = {"payload_type": 0, "sequence": 5, "timestamp": 0, "ssrc": 1, "payload": bytes(160)}


@every(
    ("wrong", "sentence"),
    [
        pytest.param({"sequence": 65536}, "sequence is 65536; it has 16 bits", id="sequence"),
        pytest.param({"sequence": -1}, "sequence is -1", id="negative"),
        pytest.param({"timestamp": 2**32}, "timestamp is 4294967296; it has 32 bits", id="timestamp"),
        pytest.param({"ssrc": 2**32}, "ssrc is 4294967296", id="ssrc"),
        pytest.param({"payload_type": 200}, "payload_type is 200; it has 7 bits", id="payload type"),
        pytest.param({"payload_type": 72, "marker": True}, "looks like RTCP", id="payload type of RTCP"),
        pytest.param({"csrcs": (1,) * 16}, "at most 15", id="sixteen contributing sources"),
        pytest.param({"csrcs": (2**32,)}, "32 bits", id="contributing source"),
        pytest.param({"csrcs": [1]}, "32 bits", id="contributing sources in a list"),
        pytest.param({"csrcs": ("1",)}, "32 bits", id="contributing source as text"),
        pytest.param({"extension_profile": 0xBEDE, "extension": b"abc"}, "multiple of 4", id="extension"),
        pytest.param({"extension": b"abcd"}, "extension_profile", id="extension without a profile"),
        pytest.param({"extension_profile": 0x10000}, "16 bits", id="profile"),
        pytest.param({"padding": 256}, "padding is 256", id="padding"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_with_a_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ApiMisuse, match=sentence):
        RtpPacket(**{**FIELDS, **wrong})


@every(
    "octets",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes.fromhex("8000000100000000000000"), id="eleven octets"),
        pytest.param(bytes.fromhex("40000001 00000000 00000001"), id="version 1"),
        pytest.param(bytes.fromhex("80c80001 00000000 00000001"), id="RTCP"),
        pytest.param(bytes.fromhex("81000001 00000000 00000001"), id="contributing source missing"),
        pytest.param(bytes.fromhex("90000001 00000000 00000001"), id="extension missing"),
        pytest.param(bytes.fromhex("90000001 00000000 00000001 bede0001"), id="extension cut"),
        pytest.param(bytes.fromhex("a0000001 00000000 00000001 00"), id="padding of zero octets"),
        pytest.param(bytes.fromhex("a0000001 00000000 00000001 05"), id="padding into the header"),
    ],
)
def test_octets_that_are_no_packet_are_refused(octets: bytes) -> None:
    with pytest.raises(MalformedRtp):
        RtpPacket.decode(octets)


def test_timestamps_count_samples_and_sequence_numbers_count_packets() -> None:
    sent = packets(4)

    assert [packet.sequence for packet in sent] == [0, 1, 2, 3]
    assert [packet.timestamp for packet in sent] == [0, 160, 320, 480]
    assert [packet.marker for packet in sent] == [True, False, False, False]
    assert {packet.ssrc for packet in sent} == {SSRC}


def test_numbers_start_at_random_and_wrap_around() -> None:
    packetizer = Packetizer(SSRC, random=ones)
    first, second = packetizer.packet(bytes(160)), packetizer.packet(bytes(160))

    assert (first.sequence, first.timestamp) == (0x7FFF, 0xFFFFFFFF)
    assert (second.sequence, second.timestamp) == (0x8000, 159)


def test_time_without_packets_moves_only_the_timestamp() -> None:
    packetizer = Packetizer(SSRC, random=zeros)
    packetizer.packet(bytes(160))
    packetizer.skip(800)
    later = packetizer.packet(bytes(160))

    assert (later.sequence, later.timestamp) == (1, 960)
