"""Whether the payload of RTP packets looks encrypted: what can be said without any key.

Encrypted octets are spread evenly over all 256 values, wherever they stand. Sound and pictures are not: G.711 has
favourite values, and what codecs compress begins with a header that hardly changes from packet to packet.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Final

FEWEST_PACKETS: Final = 12
FEWEST_OCTETS: Final = 600
"""Below these nothing is said."""

_POSITIONS: Final = 4
"""Octets at the start of the payload that are compared from packet to packet."""

_UNEVEN: Final = 400.0
"""Chi square with 255 degrees of freedom: 255 is expected, and 400 is 6 standard deviations away."""


class Appearance(Enum):
    """What the packets of one sender look like."""

    ENCRYPTED = "encrypted"
    CLEAR = "clear"
    UNKNOWN = "unknown"
    """Too few packets to tell."""


def of(packets: list[bytes]) -> Appearance:
    """The appearance of some RTP packets of one source."""
    # Captures of several interfaces have packets twice, which says nothing about them.
    payloads = [payload for packet in dict.fromkeys(packets) if (payload := _payload(packet))]
    octets = b"".join(payloads)
    if len(payloads) < FEWEST_PACKETS or len(octets) < FEWEST_OCTETS:
        return Appearance.UNKNOWN
    for position in range(_POSITIONS):
        values = [payload[position] for payload in payloads if len(payload) > position]
        if len(values) >= FEWEST_PACKETS and len(set(values)) * 2 < len(values):
            return Appearance.CLEAR
    expected = len(octets) / 256
    counts = Counter(octets)
    spread = sum((counts[value] - expected) ** 2 for value in range(256)) / expected
    return Appearance.CLEAR if spread > _UNEVEN else Appearance.ENCRYPTED


def _payload(packet: bytes) -> bytes:
    """What follows the header, its contributing sources and its extension."""
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    return packet[start:]
