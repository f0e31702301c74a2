"""How loud it is: for the small meter that shows a person that the microphone works."""

from __future__ import annotations

from array import array
from typing import Final

STEPS: Final = 8
"""The meter's steps, of 6 dB each: 0 is up to -48 dB of full scale, 8 is above -6 dB."""

_SILENT_BITS: Final = 15 - STEPS


def peak(samples: array[int]) -> int:
    """The greatest magnitude, 0 to 32768."""
    return max(map(abs, samples), default=0)


class Level:
    """The loudest sound since the last look."""

    def __init__(self) -> None:
        self._peak = 0

    def hear(self, samples: array[int]) -> None:
        """Count the samples in. May be called from another thread than `take`: a peak more or less does no harm."""
        self._peak = max(self._peak, peak(samples))

    def take(self) -> int:
        """The steps reached since the last call, 0 to 8."""
        loudest, self._peak = self._peak, 0
        return steps(loudest)


def steps(magnitude: int) -> int:
    """The steps of a meter that a magnitude of 0 to 32768 reaches."""
    return max(0, (magnitude - 1).bit_length() - _SILENT_BITS) if magnitude else 0
