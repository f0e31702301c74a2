"""Keys of the telephone as RTP packets (RFC 4733): an event is a few packets with one timestamp."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from zrtp.errors import ApiMisuse

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
    """The packets of one key held for `ticks`, one each `step` ticks; send the last one `END_COPIES` times."""
    held = [DtmfEvent(digit=digit, duration=duration) for duration in range(step, ticks, step)]
    return [*held, DtmfEvent(digit=digit, duration=ticks, end=True)]
