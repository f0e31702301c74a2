"""Datagrams as a pcap file (Ethernet, IPv4, UDP), for decoders that are not ours."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
ETHERNET = bytes(12) + b"\x08\x00"


class Datagram(NamedTuple):
    """One UDP datagram on its way; `at` in seconds."""

    at: float
    source: tuple[str, int]
    destination: tuple[str, int]
    payload: bytes


def write_pcap(path: Path, datagrams: Iterable[Datagram]) -> Path:
    """Write the datagrams in the given order."""
    with path.open("wb") as out:
        out.write(PCAP_HEADER)
        for datagram in datagrams:
            frame = ETHERNET + _packet(datagram)
            seconds, fraction = divmod(datagram.at, 1)
            out.write(struct.pack("<IIII", int(seconds), int(fraction * 1e6), len(frame), len(frame)) + frame)
    return path


def _packet(datagram: Datagram) -> bytes:
    """IPv4 with its header checksum, UDP without one (allowed by RFC 768)."""
    length = len(datagram.payload) + 8
    udp = struct.pack("!HHHH", datagram.source[1], datagram.destination[1], length, 0) + datagram.payload
    addresses = IPv4Address(datagram.source[0]).packed + IPv4Address(datagram.destination[0]).packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, length + 20, 0, 0, 64, 17, 0) + addresses
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:] + udp
