"""Concealment of lost packets: the last pitch period goes on, fades, and makes way for the next real sound.

A lost packet leaves a hole of 20 ms. A voice hardly changes in that time, so its last period is repeated; the
longer the hole, the less likely that is what was said, and the quieter it gets. Once the sound behind the hole is
there, its first period is repeated backwards, and the one passes into the other. The idea is that of ITU-T G.711
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

_ENOUGH: Final = _COMPARED + _SHORTEST
"""Samples of what comes that tell its pitch."""

_PASSAGE: Final = 160
"""Samples at most in which what was passes into what comes."""

_BLEND: Final = 20
"""Samples in which repeated and real sound are mixed."""


class Concealment:
    """Watches the sound on its way to the loudspeaker, and makes up for what is missing."""

    def __init__(self) -> None:
        self._past = array("h", bytes(2 * _HISTORY))
        self._period = array("h")  # what is repeated; empty while real sound comes
        self._made = 0  # samples made up since the last real one
        self._coming = array("h")  # what is repeated backwards; empty until the sound behind the hole is there
        self._passage = 0  # samples in which the one passes into the other

    def pass_on(self, samples: array[int]) -> array[int]:
        """Real sound; after a hole or a cut its beginning is mixed with what would have gone on."""
        if self._period:
            if not self._coming:
                samples = _blended(self._repeat(min(_BLEND, len(samples))), samples)
            self._period, self._made, self._coming = array("h"), 0, array("h")
        self._remember(samples)
        return samples

    def make_up(self, count: int, *, left: int = 0, following: array[int] | None = None) -> array[int]:
        """Sound for a hole, or for the next part of one.

        If it is known, `following` is what comes when the `left` samples of the hole are over.
        """
        self.cut()
        if following is None:
            self._coming = array("h")
        elif len(following) >= _ENOUGH and left <= _PASSAGE and not self._coming:
            self._coming, self._passage = _last_period(_backwards(following)), left
        samples = self._repeat(count)
        if self._coming:
            samples = self._passing(samples, left)
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

    def _passing(self, samples: array[int], left: int) -> array[int]:
        """What was, passing into what comes, `left` samples before that begins."""
        whole, passing = self._passage + 1, array("h")
        for at, old in zip(range(left, 0, -1), samples, strict=False):
            new = self._coming[(at - 1) % len(self._coming)]
            share = min(at, whole)  # the hole may have become longer
            passing.append((old * share + new * (whole - share)) // whole)
        return passing + samples[len(passing) :]

    def _remember(self, samples: array[int]) -> None:
        self._past = (self._past + samples)[-_HISTORY:]


def _backwards(following: array[int]) -> array[int]:
    """The sound from its end to its beginning, as a past that is long enough."""
    return array("h", bytes(2 * max(0, _HISTORY - len(following)))) + following[::-1]


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
