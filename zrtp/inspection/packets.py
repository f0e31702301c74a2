"""From a recorded frame to a UDP datagram or a TCP segment: link layers, VLAN, IPv4, IPv6, fragments.

This runs for every frame of a file that may have millions, so the usual case is a few slices; what is unusual or
broken is counted and left out. Checksums are not looked at: captures made on the sending computer have wrong ones.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from zrtp.inspection.defragmenter import Defragmenter
from zrtp.media.addresses import Address

DatagramReader = Callable[[float, bytes, bytes, bool], None]
"""Takes time, key of the flow, octets, and whether they are all that was sent."""

UDP: Final = 17
TCP: Final = 6

_ETHERNET, _COOKED, _COOKED2 = 1, 113, 276
_NULL, _LOOP = 0, 108
_RAW: Final = frozenset({12, 14, 101, 228, 229})
_VLAN: Final = frozenset({b"\x81\x00", b"\x88\xa8", b"\x91\x00"})
_IPV4: Final = b"\x08\x00"
_IPV6: Final = b"\x86\xdd"
_MOST_VLANS: Final = 4
_MOST_EXTENSIONS: Final = 8
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60


def ends_of(key: bytes) -> tuple[Address, Address]:
    """Source and destination of the flow that a key stands for."""
    size = (len(key) - 4) // 2
    ports = key[2 * size :]
    return (
        (str(ip_address(key[:size])), int.from_bytes(ports[:2], "big")),
        (str(ip_address(key[size : 2 * size])), int.from_bytes(ports[2:], "big")),
    )


class Packets:
    """Takes frames and hands on what is in them.

    The key of a flow is source address, destination address, source port and destination port as they stand in the
    packet: 12 octets for IPv4, 36 for IPv6.
    """

    def __init__(self, *, udp: DatagramReader, tcp: DatagramReader) -> None:
        self._udp = udp
        self._tcp = tcp
        self._fragments = Defragmenter()
        self.other = 0
        """Frames that hold neither UDP nor TCP over IP."""
        self.malformed = 0
        """Frames whose headers contradict themselves, or end before they are complete."""
        self.links: set[int] = set()
        """Link types that were met and are not understood."""

    def frame(self, time: float, link: int, frame: bytes, whole: bool) -> None:
        """Take one frame."""
        if link == _ETHERNET and frame[12:14] == _IPV4:
            self._ipv4(time, frame, 14, whole)
            return
        protocol, start = self._network(link, frame)
        if protocol == _IPV4:
            self._ipv4(time, frame, start, whole)
        elif protocol == _IPV6:
            self._ipv6(time, frame, start, whole)
        else:
            self.other += 1

    def _network(self, link: int, frame: bytes) -> tuple[bytes, int]:
        """EtherType and start of the network layer."""
        if link == _ETHERNET:
            return _behind_vlans(frame, 12)
        if link == _COOKED:
            return _behind_vlans(frame, 14)
        if link == _COOKED2:
            return frame[:2], 20
        if link in _RAW:
            return _by_version(frame, 0)
        if link in (_NULL, _LOOP):
            return _by_version(frame, 4)
        self.links.add(link)
        return b"", 0

    def _ipv4(self, time: float, frame: bytes, start: int, whole: bool) -> None:
        if len(frame) < start + 20:
            self.malformed += 1
            return
        header = (frame[start] & 0x0F) * 4
        total = frame[start + 2] << 8 | frame[start + 3] or len(frame) - start
        if frame[start] >> 4 != 4 or header < 20 or total < header:
            self.malformed += 1
            return
        protocol = frame[start + 9]
        fragment = (frame[start + 6] & 0x3F) << 8 | frame[start + 7]
        transport = start + header
        end = start + total
        if fragment:
            self._fragment(
                time,
                frame[start + 12 : start + 20],
                protocol,
                frame[start + 4 : start + 6],
                8 * (fragment & 0x1FFF),
                bool(fragment & 0x2000),
                frame[transport:end],
                whole=whole,
            )
        elif protocol == UDP and header == 20:
            self._datagram(time, frame, start + 12, transport, end, whole)
        else:
            self._transport(time, protocol, frame[start + 12 : start + 20], frame[transport:end], whole)

    def _datagram(self, time: float, frame: bytes, addresses: int, transport: int, end: int, whole: bool) -> None:
        """The usual case: addresses and ports stand side by side."""
        length = frame[transport + 4 : transport + 6]
        if len(length) < 2:
            self.malformed += 1
            return
        last = transport + (length[0] << 8 | length[1])
        if last < transport + 8 or last > end:
            self.malformed += 1
            return
        payload = frame[transport + 8 : last]
        self._udp(time, frame[addresses : transport + 4], payload, whole or len(frame) >= last)

    def _ipv6(self, time: float, frame: bytes, start: int, whole: bool) -> None:
        if len(frame) < start + 40 or frame[start] >> 4 != 6:
            self.malformed += 1
            return
        length = frame[start + 4] << 8 | frame[start + 5]
        end = start + 40 + length if length else len(frame)
        protocol, position = frame[start + 6], start + 40
        addresses = frame[start + 8 : start + 40]
        if protocol == UDP:
            self._datagram(time, frame, start + 8, position, end, whole)
            return
        for _ in range(_MOST_EXTENSIONS):
            if protocol not in (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION):
                self._transport(time, protocol, addresses, frame[position:end], whole)
                return
            extension = frame[position : position + 8]
            if len(extension) < 8:
                break
            if protocol == _FRAGMENT:
                place = extension[2] << 8 | extension[3]
                data = frame[position + 8 : end]
                identity, more = extension[4:8], bool(place & 1)
                self._fragment(time, addresses, extension[0], identity, place & 0xFFF8, more, data, whole=whole)
                return
            words = extension[1] + 2 if protocol == _AUTHENTICATION else 2 * (extension[1] + 1)
            protocol, position = extension[0], position + 4 * words
        self.malformed += 1

    def _fragment(
        self,
        time: float,
        addresses: bytes,
        protocol: int,
        identity: bytes,
        offset: int,
        more: bool,
        data: bytes,
        *,
        whole: bool,
    ) -> None:
        if not whole:
            return
        complete = self._fragments.add(time, addresses + bytes([protocol]) + identity, offset, more, data)
        if complete is not None:
            self._transport(time, protocol, addresses, complete, True)

    def _transport(self, time: float, protocol: int, addresses: bytes, octets: bytes, whole: bool) -> None:
        if protocol == UDP and len(octets) >= 8:
            length = octets[4] << 8 | octets[5]
            if length < 8:
                self.malformed += 1
                return
            self._udp(time, addresses + octets[:4], octets[8:length], whole or len(octets) >= length)
        elif protocol == TCP and len(octets) >= 20:
            self._tcp(time, addresses + octets[:4], octets, whole)
        elif protocol in (UDP, TCP):
            self.malformed += 1
        else:
            self.other += 1


def _behind_vlans(frame: bytes, position: int) -> tuple[bytes, int]:
    """EtherType and start of the network layer, from where the first EtherType stands."""
    for _ in range(_MOST_VLANS):
        protocol = frame[position : position + 2]
        if protocol not in _VLAN:
            return protocol, position + 2
        position += 4
    return b"", position


def _by_version(frame: bytes, start: int) -> tuple[bytes, int]:
    """What the first four bits of the network layer say."""
    version = frame[start] >> 4 if len(frame) > start else 0
    return {4: _IPV4, 6: _IPV6}.get(version, b""), start
