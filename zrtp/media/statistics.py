"""How the packets of a peer arrive: how many are lost or late, and how unevenly they come (RFC 3550 appendix A)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """One source, so far."""

    ssrc: int
    """The peer's SSRC; 0 before the first packet."""
    received: int
    """Packets that arrived, late ones included."""
    lost: int
    """Packets that were sent and did not arrive; never less than 0 (RFC 3550 appendix A.3)."""
    late: int
    """Of the received, packets that came after one with a higher number."""
    jitter: float
    """Mean deviation of the time between packets, in seconds (RFC 3550 section 6.4.1)."""


@dataclass(slots=True)
class _Source:
    ssrc: bytes
    first: int
    highest: int
    timestamp: int
    """Of the packet that came last,"""
    arrived: float
    """and when it came."""
    received: int = 0
    late: int = 0
    jitter: float = 0.0


SOURCES: Final = 64
"""Sources that are remembered, for example sound and what repeats it; of more the one heard longest ago goes."""


class Reception:
    """Counts the packets of one stream, each source by itself.

    `clock_rate` is that of the RTP timestamps, in ticks a second: 8,000 for telephone sound, 48,000 for Opus, 90,000
    for video.
    """

    __slots__ = ("_latest", "_rate", "_sources")

    def __init__(self, clock_rate: int = 8000) -> None:
        self._rate = clock_rate
        self._latest: _Source | None = None
        self._sources: dict[bytes, _Source] = {}

    def packet(self, octets: bytes, now: float) -> None:
        """A packet of the peer arrived and verified."""
        sequence, timestamp, ssrc = _HEADER(octets)
        source = self._latest
        if source is None or ssrc != source.ssrc:
            known = self._sources.pop(ssrc, None)
            source = known or _Source(ssrc, first=sequence, highest=sequence, timestamp=timestamp, arrived=now)
            self._turn_to(source)
        source.received += 1
        ahead = sequence - source.highest & 0xFFFF
        if ahead < 0x8000:
            source.highest += ahead
        else:
            source.late += 1
        ticks = timestamp - source.timestamp
        if not -0x80000000 <= ticks < 0x80000000:
            ticks += -0x100000000 if ticks > 0 else 0x100000000
        deviation = abs(now - source.arrived - ticks / self._rate)
        source.jitter += (deviation - source.jitter) / 16
        source.timestamp = timestamp
        source.arrived = now

    @property
    def so_far(self) -> Statistics:
        """What was counted of the source that was heard last."""
        source = self._latest
        if source is None:
            return Statistics(ssrc=0, received=0, lost=0, late=0, jitter=0.0)
        return Statistics(
            ssrc=int.from_bytes(source.ssrc, "big"),
            received=source.received,
            lost=max(0, source.highest - source.first + 1 - source.received),
            late=source.late,
            jitter=source.jitter,
        )

    def _turn_to(self, source: _Source) -> None:
        self._latest = self._sources[source.ssrc] = source
        if len(self._sources) > SOURCES:
            del self._sources[next(iter(self._sources))]


_HEADER = struct.Struct("!2xHI4s").unpack_from
"""Sequence number, timestamp and SSRC."""
