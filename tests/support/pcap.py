"""UDP datagrams out of a pcap file, as tcpdump writes it on an Ethernet interface (little-endian, IPv4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CAPTURES = Path(__file__).parents[2] / "vectors" / "captures"


class UdpDatagram(NamedTuple):
    """What one UDP datagram carried, and its ports."""

    source: int
    destination: int
    payload: bytes


def udp_datagrams(path: Path) -> Iterator[UdpDatagram]:
    """The UDP datagrams of a capture, in order."""
    octets = path.read_bytes()
    position = 24
    while position < len(octets):
        (captured,) = struct.unpack_from("<8xI", octets, position)
        packet = octets[position + 16 + 14 : position + 16 + captured]
        position += 16 + captured
        if packet[9] != 17:
            continue
        udp = packet[4 * (packet[0] & 15) :]
        source, destination, length = struct.unpack_from("!HHH", udp)
        yield UdpDatagram(source, destination, udp[8:length])
