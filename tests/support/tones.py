"""Sine tones as evidence: what was sent as 440 Hz is heard as 440 Hz after all codecs and ciphers between.

Samples are sequences of signed 16-bit integers, mono. The measurement is Goertzel's: one bin of a Fourier
transform, pure Python.
"""

from __future__ import annotations

import array
import math
import wave
from collections.abc import Sequence
from pathlib import Path

WAV_HEADER = 44
"""Octets before the samples."""
TELEPHONE_RATE = 8000
AMPLITUDE = 12000
LOWEST, HIGHEST = 200, 3400
"""The telephone band in Hz: no tone is looked for outside."""


def sine(hertz: float, seconds: float, rate: int = TELEPHONE_RATE) -> list[int]:
    """A pure tone."""
    step = 2 * math.pi * hertz / rate
    return [round(AMPLITUDE * math.sin(step * i)) for i in range(round(seconds * rate))]


def share(samples: Sequence[int], hertz: float, rate: int = TELEPHONE_RATE) -> float:
    """The part of the signal's energy that lies at one frequency: 1.0 for a pure tone, 0.0 for silence."""
    energy = sum(x * x for x in samples)
    if not energy:
        return 0.0
    return 2 * _power(samples, hertz, rate) / (len(samples) * energy)


def pitch(samples: Sequence[int], rate: int = TELEPHONE_RATE, *, seconds: float = 0.25) -> int | None:
    """The tone that dominates the loudest stretch of `seconds`, to about 5 Hz; None if there is none."""
    stretch = loudest(samples, round(seconds * rate))
    band = range(LOWEST, HIGHEST)
    for part in (loudest(stretch, len(stretch) // 8), stretch):  # roughly, then finely: few samples tell few apart
        resolution = max(1, rate // max(1, len(part)))
        best = _strongest(part, band[::resolution], rate)
        band = range(best - resolution, best + resolution + 1)
    best = _strongest(stretch, band, rate)
    return best if share(stretch, best, rate) > 0.5 else None


def _strongest(samples: Sequence[int], frequencies: Sequence[int], rate: int) -> int:
    return max(frequencies, key=lambda hertz: _power(samples, hertz, rate))


def _power(samples: Sequence[int], hertz: float, rate: int) -> float:
    """Goertzel's measure of one frequency."""
    coefficient = 2 * math.cos(2 * math.pi * hertz / rate)
    before = last = 0.0
    for x in samples:
        before, last = last, x + coefficient * last - before
    return before * before + last * last - coefficient * before * last


def loudest(samples: Sequence[int], length: int) -> Sequence[int]:
    """The window of `length` samples with the most energy, in steps of a quarter window."""
    if len(samples) <= length:
        return samples
    starts = range(0, len(samples) - length + 1, max(1, length // 4))
    start = max(starts, key=lambda at: sum(x * x for x in samples[at : at + length]))
    return samples[start : start + length]


def write_wav(path: Path, samples: Sequence[int], rate: int = TELEPHONE_RATE) -> Path:
    """Write a mono 16-bit WAV file."""
    octets = array.array("h", samples)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(octets.tobytes())
    return path


def read_wav(path: Path) -> tuple[list[int], int]:
    """First channel and rate of a 16-bit WAV file, even if its writer was stopped before it set the sizes.

    mediastream leaves room for the header and writes it last: without one the file is taken for a telephone's.
    """
    octets = path.read_bytes()
    if not any(octets[:WAV_HEADER]):
        channels, rate, body = 1, TELEPHONE_RATE, octets[WAV_HEADER:]
    else:
        channels, rate = int.from_bytes(octets[22:24], "little"), int.from_bytes(octets[24:28], "little")
        body = octets[octets.index(b"data") + 8 :]
    frames = array.array("h", body[: len(body) // 2 * 2])
    return list(frames[::channels]), rate


def hears(samples: Sequence[int], hertz: int | None, rate: int = TELEPHONE_RATE) -> bool:
    """Whether another program recorded this tone, or none: to within the 5 Hz that `pitch` can tell."""
    heard = pitch(samples, rate)
    return heard is None if hertz is None else heard is not None and abs(heard - hertz) <= 5
