"""Sound of another rate at 8000 samples a second, computed as it is read."""

from __future__ import annotations

import math
import operator
from array import array
from functools import lru_cache
from typing import Final, Protocol

from zrtp.media.sound.g711 import RATE

_ZERO_CROSSINGS: Final = 12  # of the filter, each way: pass band to 3.4 kHz, images 50 dB down
_FULL_SCALE: Final = 32767


class Readable(Protocol):
    """Samples in their order."""

    def read(self, count: int) -> array[int]:
        """The next samples; fewer at the end."""
        ...


class Resampled:
    """A windowed sinc of 12 zero crossings each way, cut off at half of the lower rate.

    There is one set of coefficients for each position between two input samples.
    """

    def __init__(self, sound: Readable, rate: int) -> None:
        self._sound = sound
        self._rate = rate
        self._scale = max(1.0, rate / RATE)
        self._half = math.ceil(_ZERO_CROSSINGS * self._scale)
        self._window = array("h", bytes(2 * (self._half - 1)))  # input samples; those before the first are silence
        self._phase = 0  # of the next output sample after the middle of the window, in 1/8000 of an input sample
        self._rest = self._half  # silent samples that may follow the last one

    def read(self, count: int) -> array[int]:
        """The next samples at 8000 a second; fewer at the end."""
        self._fetch(count * self._rate // RATE + 2 * self._half + 1 - len(self._window))
        out = array("h")
        at = 0
        while len(out) < count and at + 2 * self._half <= len(self._window):
            taps = _coefficients(self._phase / RATE, self._half, self._scale)
            total: float = sum(map(operator.mul, taps, self._window[at : at + 2 * self._half]))
            out.append(max(-_FULL_SCALE - 1, min(_FULL_SCALE, round(total))))
            steps, self._phase = divmod(self._phase + self._rate, RATE)
            at += steps
        del self._window[:at]
        return out

    def _fetch(self, count: int) -> None:
        samples = self._sound.read(count)
        self._window += samples
        silence = min(self._rest, count - len(samples))
        self._window.extend([0] * silence)
        self._rest -= silence


@lru_cache(maxsize=1024)
def _coefficients(fraction: float, half: int, scale: float) -> array[float]:
    """The filter around a point that lies `fraction` after an input sample; their sum is 1."""
    taps = []
    for offset in range(1 - half, half + 1):
        distance = (offset - fraction) / scale
        window = 0.5 + 0.5 * math.cos(math.pi * max(-1.0, min(1.0, distance / _ZERO_CROSSINGS)))
        angle = math.pi * distance
        taps.append(window * (math.sin(angle) / angle if angle else 1.0))
    total = sum(taps)
    return array("d", (tap / total for tap in taps))
