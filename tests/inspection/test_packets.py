"""Frames of every link layer, down to the datagram; and headers that lie."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tests.support import frames
from tests.support.frames import ALICE, BOB, COOKED, COOKED2, ETHERNET, NULL, RAW
from zrtp.inspection.packets import Packets, ends_of

ALICE6, BOB6 = ("2001:db8::10", 40000), ("2001:db8::20", 50000)
SOUND = b"what was said"


class Received:
    """What a Packets hands on."""

    def __init__(self) -> None:
        self.udp: list[tuple[bytes, bytes, bool]] = []
        self.tcp: list[tuple[bytes, bytes]] = []
        self.packets = Packets(
            udp=lambda _, key, payload, whole: self.udp.append((key, payload, whole)),
            tcp=lambda _, key, octets, __: self.tcp.append((key, octets)),
        )

    def frame(self, frame: bytes, link: int = ETHERNET, *, at: float = 0.0, whole: bool = True) -> None:
        self.packets.frame(at, link, frame, whole)

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _ in self.udp]


@pytest.fixture
def received() -> Received:
    return Received()


@pytest.mark.parametrize("ends", [(ALICE, BOB), (ALICE6, BOB6)], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (ETHERNET, frames.ethernet),
        (ETHERNET, lambda packet: frames.ethernet(packet, 7)),
        (ETHERNET, lambda packet: frames.ethernet(packet, 7, 8)),
        (COOKED, frames.cooked),
        (COOKED2, frames.cooked2),
        (RAW, bytes),
        (12, bytes),
        (NULL, frames.loopback),
    ],
    ids=["Ethernet", "VLAN", "two VLANs", "cooked", "cooked 2", "raw", "raw 12", "loopback"],
)
def test_a_datagram_under_every_link_layer(
    received: Received, link: int, wrap: Callable[[bytes], bytes], ends: tuple[frames.Address, frames.Address]
) -> None:
    received.frame(wrap(frames.udp(*ends, SOUND)), link)

    ((key, payload, whole),) = received.udp
    assert ends_of(key) == ends
    assert (payload, whole) == (SOUND, True)


def test_the_padding_of_a_short_ethernet_frame_is_no_payload(received: Received) -> None:
    received.frame(frames.ethernet(frames.udp(ALICE, BOB, b"hi")) + bytes(16))
    assert received.payloads == [b"hi"]


def test_options_of_ipv4_are_stepped_over(received: Received) -> None:
    packet = bytearray(frames.udp(ALICE, BOB, SOUND))
    packet[0] = 0x46
    packet[2:4] = (len(packet) + 4).to_bytes(2, "big")
    received.frame(frames.ethernet(bytes(packet[:20]) + bytes(4) + bytes(packet[20:])))

    ((key, payload, _),) = received.udp
    assert (ends_of(key), payload) == ((ALICE, BOB), SOUND)


def test_extension_headers_of_ipv6_are_stepped_over(received: Received) -> None:
    inner = frames.udp(ALICE6, BOB6, SOUND)[40:]
    hop_by_hop = bytes([60, 0]) + bytes(6)
    destination = bytes([17, 1]) + bytes(14)
    received.frame(frames.ethernet(frames.ip(ALICE6[0], BOB6[0], 0, hop_by_hop + destination + inner)))
    assert received.payloads == [SOUND]


def test_fragments_of_ipv4_in_any_order(received: Received) -> None:
    whole = frames.udp(ALICE, BOB, SOUND * 10)[20:]
    parts = [(0, True, whole[:48]), (48, True, whole[48:96]), (96, False, whole[96:])]
    for offset, more, data in (parts[2], parts[0], parts[1]):
        received.frame(frames.ethernet(_fragment(offset, more, data)))
    assert received.payloads == [SOUND * 10]


def test_fragments_of_ipv6(received: Received) -> None:
    whole = frames.udp(ALICE6, BOB6, SOUND * 10)[40:]
    for offset, more, data in ((0, 1, whole[:64]), (64, 0, whole[64:])):
        header = bytes([17, 0]) + (offset | more).to_bytes(2, "big") + b"same"
        received.frame(frames.ethernet(frames.ip(ALICE6[0], BOB6[0], 44, header + data)))
    assert received.payloads == [SOUND * 10]


def test_a_segment_of_tcp_keeps_its_header(received: Received) -> None:
    received.frame(frames.ethernet(frames.tcp(ALICE, BOB, 7, b"INVITE")))
    ((key, octets),) = received.tcp
    assert ends_of(key) == (ALICE, BOB)
    assert octets[20:] == b"INVITE"


def test_a_frame_that_was_recorded_in_part_is_marked(received: Received) -> None:
    received.frame(frames.ethernet(frames.udp(ALICE, BOB, SOUND))[:-5], whole=False)
    ((_, payload, whole),) = received.udp
    assert (payload, whole) == (SOUND[:-5], False)


def test_only_padding_missing_is_no_harm(received: Received) -> None:
    received.frame(frames.ethernet(frames.udp(ALICE, BOB, SOUND)), whole=False)
    ((_, payload, whole),) = received.udp
    assert (payload, whole) == (SOUND, True)


@pytest.mark.parametrize(
    "frame",
    [
        frames.ethernet(frames.udp(ALICE, BOB, SOUND))[:20],
        frames.ethernet(frames.udp(ALICE, BOB, SOUND))[:36],
        frames.ethernet(b"\x43" + frames.udp(ALICE, BOB, SOUND)[1:]),
        frames.ethernet(frames.udp(ALICE, BOB, SOUND)[:24] + struct.pack("!H", 4) + bytes(20)),
        frames.ethernet(frames.udp(ALICE, BOB, SOUND)[:24] + struct.pack("!H", 60000) + bytes(20)),
        frames.ethernet(frames.udp(ALICE6, BOB6, SOUND))[:50],
        frames.ethernet(frames.ip(ALICE6[0], BOB6[0], 0, bytes([0, 0]) + bytes(62))),
        frames.ethernet(frames.ip(ALICE[0], BOB[0], 6, bytes(10))),
    ],
    ids=["half of IP", "half of UDP", "length of IP", "UDP too short", "UDP too long", "half of IPv6", "loop", "TCP"],
)
def test_headers_that_contradict_themselves_are_counted(received: Received, frame: bytes) -> None:
    received.frame(frame)
    assert (received.udp, received.tcp, received.packets.malformed) == ([], [], 1)


def test_what_is_no_ip_is_counted_and_a_strange_link_type_remembered(received: Received) -> None:
    received.frame(bytes(12) + b"\x08\x06" + bytes(28))
    received.frame(frames.ethernet(frames.ip(ALICE[0], BOB[0], 1, bytes(8))))
    received.frame(b"", 147)
    received.frame(b"")
    assert received.packets.other == 4
    assert received.packets.links == {147}


def _fragment(offset: int, more: bool, data: bytes) -> bytes:
    return frames.ip(ALICE[0], BOB[0], 17, data, fragment=more << 13 | offset // 8, identity=99)
