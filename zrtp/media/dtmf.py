"""Keys of the telephone as RTP packets (RFC 4733): an event is a few packets with one timestamp."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Final

from zrtp.errors import ApiMisuse
from zrtp.media.rtp import Packetizer, RtpPacket

DIGITS: Final = "0123456789*#ABCD"
"""Events 0 to 15."""

END_COPIES: Final = 3
"""The last packet of an event is sent so often (RFC 4733 section 2.5.1.4)."""

_FORM = struct.Struct("!BBH")


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfEvent:
    """The payload of one packet: which key, whether it was let go, for how long it has been held."""

    digit: str
    """One of `DIGITS`."""
    duration: int
    """In ticks of the RTP clock, 16 bits."""
    end: bool = False
    volume: int = 10
    """dBm0 below zero, 0 to 63."""

    def __post_init__(self) -> None:
        if len(self.digit) != 1 or self.digit not in DIGITS:
            raise ApiMisuse(f"{self.digit!r} is no key of a telephone; those are {DIGITS}.")
        if not 0 <= self.duration <= 0xFFFF:
            raise ApiMisuse("A key is held for at most 65,535 ticks, about eight seconds at 8 kHz.")
        if not 0 <= self.volume <= 63:
            raise ApiMisuse("The volume of a key is from 0 to 63 dB below zero.")

    def encode(self) -> bytes:
        """The payload, four octets."""
        return _FORM.pack(DIGITS.index(self.digit), self.end << 7 | self.volume, self.duration)

    @classmethod
    def decode(cls, payload: bytes) -> DtmfEvent | None:
        """Read a payload; None if it is no key of a telephone."""
        if len(payload) < _FORM.size:
            return None
        event, second, duration = _FORM.unpack_from(payload)
        if event >= len(DIGITS):
            return None
        return cls(digit=DIGITS[event], duration=duration, end=bool(second & 0x80), volume=second & 0x3F)


def presses(digit: str, ticks: int, step: int) -> list[DtmfEvent]:
    """What one key says that is held for `ticks`, each `step` ticks; the last is sent `END_COPIES` times."""
    held = [DtmfEvent(digit=digit, duration=duration) for duration in range(step, ticks, step)]
    return [*held, DtmfEvent(digit=digit, duration=ticks, end=True)]


class Press:
    """A key that goes down now: its packets take the next numbers of a stream, and have the timestamp of this moment.

    `events` are those of `presses`. Meanwhile time passes by `Packetizer.skip` where other packets would be due; what
    is missing is added by `release`. Hold one key at a time.
    """

    def __init__(self, packetizer: Packetizer, events: list[DtmfEvent], step: int, payload_type: int) -> None:
        self._packetizer = packetizer
        self._payload_type = payload_type
        self._began = packetizer.timestamp
        end = events[-1]
        self._coming = [(event.duration, event) for event in events]
        self._coming += [(end.duration + copy * step, end) for copy in range(1, END_COPIES)]
        self._sent: list[DtmfEvent] = []
        self._elapsed = 0

    @property
    def due(self) -> int | None:
        """When to send the next packet, in ticks since the key went down; None after the last one."""
        return self._coming[0][0] if self._coming else None

    def packet(self) -> RtpPacket:
        """The packet that is due."""
        self._elapsed, event = self._coming.pop(0)
        return self._numbered(event)

    def release(self) -> list[RtpPacket]:
        """The key is up: the packets that are still to be sent at once, to end an event that was cut short."""
        copies = END_COPIES - sum(event.end for event in self._sent) if self._sent else 0
        packets = [self._numbered(replace(self._sent[-1], end=True)) for _ in range(copies)]
        passed = self._packetizer.timestamp - self._began & 0xFFFFFFFF
        self._packetizer.skip(max(0, self._elapsed - passed))
        return packets

    def _numbered(self, event: DtmfEvent) -> RtpPacket:
        packet = self._packetizer.packet(
            event.encode(), samples=0, payload_type=self._payload_type, marker=not self._sent
        )
        self._sent.append(event)
        return replace(packet, timestamp=self._began)
