"""Concealment of lost packets: the last pitch period goes on, fades, and makes way for the next real sound.

A lost packet leaves a hole of 20 ms. A voice hardly changes in that time, so its last period is repeated; the
longer the hole, the less likely that is what was said, and the quieter it gets. The idea is that of ITU-T G.711
Appendix I, without the delay that it adds. All times are in samples at 8 kHz.
"""

from __future__ import annotations

import operator
from array import array
from typing import Final

_SHORTEST: Final = 30
_LONGEST: Final = 120
"""Pitch periods that are looked for: voices of 67 to 267 Hz; higher ones are met at a multiple."""

_COMPARED: Final = 60
"""How much of the past a pitch period is found by."""

_HISTORY: Final = _COMPARED + _LONGEST

_FULL: Final = 80
"""Samples before the fading begins."""

_FADING: Final = 640
"""Samples from full level to silence."""

_BLEND: Final = 20
"""Samples in which repeated and real sound are mixed."""


class Concealment:
    """Watches the sound on its way to the loudspeaker, and makes up for what is missing."""

    def __init__(self) -> None:
        self._past = array("h", bytes(2 * _HISTORY))
        self._period = array("h")  # what is repeated; empty while real sound comes
        self._made = 0  # samples made up since the last real one

    def pass_on(self, samples: array[int]) -> array[int]:
        """Real sound; after a hole or a cut its beginning is mixed with what would have gone on."""
        if self._period:
            samples = _blended(self._repeat(min(_BLEND, len(samples))), samples)
            self._period, self._made = array("h"), 0
        self._remember(samples)
        return samples

    def make_up(self, count: int) -> array[int]:
        """Sound for a hole, or for the next part of one."""
        self.cut()
        samples = self._repeat(count)
        self._remember(samples)
        return samples

    def cut(self) -> None:
        """The next real sound does not follow on the last."""
        if not self._period:
            self._period = _last_period(self._past)

    @property
    def pitch_period(self) -> int:
        """The pitch period of the last sound, in samples."""
        return len(self._period) or _pitch_period(self._past)

    def _repeat(self, count: int) -> array[int]:
        start, self._made = self._made, self._made + count
        if start >= _FULL + _FADING:
            return array("h", bytes(2 * count))
        period, length = self._period, len(self._period)
        return array("h", (round(period[at % length] * _gain(at)) for at in range(start, start + count)))

    def _remember(self, samples: array[int]) -> None:
        self._past = (self._past + samples)[-_HISTORY:]


def _gain(at: int) -> float:
    return max(0.0, min(1.0, 1 - (at - _FULL) / _FADING))


def _blended(fading: array[int], rising: array[int]) -> array[int]:
    """The second sound, its beginning mixed with the first, which goes."""
    length = len(fading)
    pairs = enumerate(zip(fading, rising, strict=False))
    return array("h", ((old * (length - at) + new * at) // length for at, (old, new) in pairs)) + rising[length:]


def _last_period(past: array[int]) -> array[int]:
    """The last pitch period, its end mixed with what came before its beginning: it can be repeated without a click."""
    length = _pitch_period(past)
    period = past[-length:]
    quarter = length // 4
    before = past[-length - quarter : -length]
    return period[:-quarter] + _blended(period[-quarter:], before)


def _pitch_period(past: array[int]) -> int:
    """The lag at which the end of the sound is most like itself."""
    recent = past[-_COMPARED:]
    best, period = 0.0, _LONGEST
    energy = float(sum(map(operator.mul, recent, recent)))
    if not energy:
        return period
    for lag in range(_SHORTEST, _LONGEST + 1):
        other = past[-_COMPARED - lag : -lag]
        likeness = sum(map(operator.mul, recent, other))
        if likeness > 0:
            score = likeness * likeness / (sum(map(operator.mul, other, other)) + 1)
            if score > best:
                best, period = score, lag
    return period
