"""How the packets of a peer arrive: how many are lost or late, and how unevenly they come (RFC 3550 appendix A)."""

from __future__ import annotations

import struct
from dataclasses import dataclass


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


class Reception:
    """Counts the packets of one stream; another source starts anew.

    `clock_rate` is that of the RTP timestamps, in ticks a second: 8,000 for telephone sound, 48,000 for Opus, 90,000
    for video.
    """

    __slots__ = ("_arrived", "_first", "_highest", "_jitter", "_late", "_rate", "_received", "_ssrc", "_timestamp")

    def __init__(self, clock_rate: int = 8000) -> None:
        self._rate = clock_rate
        self._ssrc = b""
        self._first = self._highest = self._received = self._late = self._timestamp = 0
        self._arrived = self._jitter = 0.0

    def packet(self, octets: bytes, now: float) -> None:
        """A packet of the peer arrived and verified."""
        sequence, timestamp, ssrc = _HEADER(octets)
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._first = self._highest = sequence
            self._received = 1
            self._late = 0
            self._jitter = 0.0
        else:
            self._received += 1
            ahead = sequence - self._highest & 0xFFFF
            if ahead < 0x8000:
                self._highest += ahead
            else:
                self._late += 1
            ticks = timestamp - self._timestamp
            if not -0x80000000 <= ticks < 0x80000000:
                ticks += -0x100000000 if ticks > 0 else 0x100000000
            deviation = abs(now - self._arrived - ticks / self._rate)
            self._jitter += (deviation - self._jitter) / 16
        self._timestamp = timestamp
        self._arrived = now

    @property
    def so_far(self) -> Statistics:
        """What was counted."""
        expected = self._highest - self._first + 1 if self._received else 0
        return Statistics(
            ssrc=int.from_bytes(self._ssrc, "big"),
            received=self._received,
            lost=max(0, expected - self._received),
            late=self._late,
            jitter=self._jitter,
        )


_HEADER = struct.Struct("!2xHI4s").unpack_from
"""Sequence number, timestamp and SSRC."""
