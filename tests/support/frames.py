"""Frames and capture files of every kind that an inspection reads, built octet by octet."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

ALICE = ("192.0.2.10", 40000)
BOB = ("192.0.2.20", 50000)

ETHERNET, COOKED, COOKED2, RAW, NULL = 1, 113, 276, 101, 0

Address = tuple[str, int]


def udp(source: Address, destination: Address, payload: bytes) -> bytes:
    """An IP packet with one datagram."""
    header = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
    return ip(source[0], destination[0], 17, header + payload)


def tcp(source: Address, destination: Address, sequence: int, data: bytes, flags: int = 0x18) -> bytes:
    """An IP packet with one segment."""
    header = struct.pack("!HHIIBBHHH", source[1], destination[1], sequence, 0, 0x50, flags, 65535, 0, 0)
    return ip(source[0], destination[0], 6, header + data)


def ip(source: str, destination: str, protocol: int, octets: bytes, *, fragment: int = 0, identity: int = 0) -> bytes:
    """An IPv4 or IPv6 packet; `fragment` is the word of flags and offset, of IPv4 only."""
    one, other = ip_address(source), ip_address(destination)
    if one.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(octets), protocol, 64) + one.packed + other.packed + octets
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(octets), identity, fragment, 64, protocol, 0)
    return header + one.packed + other.packed + octets


def ethernet(packet: bytes, *vlans: int) -> bytes:
    """An Ethernet frame, with a tag of four octets for each VLAN."""
    tags = b"".join(struct.pack("!HH", 0x8100, vlan) for vlan in vlans)
    return bytes(12) + tags + _ether_type(packet) + packet


def cooked(packet: bytes) -> bytes:
    """A frame of Linux's any interface, version 1."""
    return struct.pack("!HHH8s", 0, 1, 6, bytes(8)) + _ether_type(packet) + packet


def cooked2(packet: bytes) -> bytes:
    """The same, version 2."""
    return _ether_type(packet) + struct.pack("!HIHBB8s", 0, 1, 1, 0, 6, bytes(8)) + packet


def loopback(packet: bytes) -> bytes:
    """A frame of BSD's loopback interface."""
    return struct.pack("<I", 2 if packet[0] >> 4 == 4 else 30) + packet


def pcap(
    frames: Iterable[tuple[float, bytes]], link: int = ETHERNET, order: str = "<", magic: int = 0xA1B2C3D4
) -> bytes:
    """A pcap file."""
    units = 1e9 if magic == 0xA1B23C4D else 1e6
    out = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)]
    for at, frame in frames:
        fraction = round(at % 1 * units)
        out.append(struct.pack(f"{order}IIII", int(at), fraction, len(frame), len(frame)) + frame)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = ETHERNET, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + options, order)


def enhanced(frame: bytes, stamp: int, number: int = 0, order: str = "<") -> bytes:
    """A packet block; `stamp` in units of the interface."""
    head = struct.pack(f"{order}IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame, order)


def rtp(sequence: int, payload: bytes, ssrc: int = 1, payload_type: int = 0) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, 160 * sequence & 0xFFFFFFFF, ssrc) + payload


def sip_request(method: str, sdp: str = "", *, call_id: str = "call-1", extra: Sequence[str] = ()) -> bytes:
    """A request of alice's to bob."""
    return _sip(f"{method} sip:bob@example.org SIP/2.0", method, sdp, call_id, "", extra)


def sip_response(status: str, sdp: str = "", *, call_id: str = "call-1", extra: Sequence[str] = ()) -> bytes:
    """Bob's answer to an INVITE."""
    return _sip(f"SIP/2.0 {status}", "INVITE", sdp, call_id, ";tag=of-bob", extra)


def sdp(address: Address, *attributes: str, protocol: str = "RTP/AVP", kind: str = "audio") -> str:
    """A session description with one media section."""
    family = "IP6" if ":" in address[0] else "IP4"
    lines = ["v=0", f"o=- 1 1 IN {family} {address[0]}", "s=-", f"c=IN {family} {address[0]}", "t=0 0"]
    lines += [f"m={kind} {address[1]} {protocol} 0", *(f"a={each}" for each in attributes)]
    return "\r\n".join(lines) + "\r\n"


def _sip(first: str, method: str, body: str, call_id: str, to_tag: str, extra: Sequence[str]) -> bytes:
    lines = [
        first,
        "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1",
        "From: <sip:alice@example.org>;tag=of-alice",
        f"To: <sip:bob@example.org>{to_tag}",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        *extra,
    ]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _ether_type(packet: bytes) -> bytes:
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
