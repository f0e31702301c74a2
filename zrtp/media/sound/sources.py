"""What can be sent besides a microphone: a tone, silence, a file; each paced by the clock.

All sound here is mono at 8000 samples a second, signed 16 bits (`array` code "h"), in frames of 20 ms.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from zrtp.media.rtp import FRAME_SAMPLES, FRAME_SECONDS
from zrtp.media.sound.g711 import RATE, encode
from zrtp.media.sound.resampling import Resampled
from zrtp.media.sound.wav import WavReader

TONE_HERTZ: Final = 440
_TONE_AMPLITUDE: Final = 8000  # 12 dB below full scale: clearly heard, hurts nobody

_TOO_LATE: Final = 0.5
"""Seconds behind the schedule after which frames are skipped, for example when the computer was asleep."""


class SoundSource(Protocol):
    """Sound to send."""

    def begin(self) -> None:
        """Talking starts now, in the running event loop; sound from before is not sent."""
        ...

    async def wait(self) -> None:
        """Wait until the next frame is due. Raises AudioError if none will come any more."""
        ...

    def frame(self) -> array[int]:
        """The next 160 samples; silence when there is nothing more. Raises AudioError."""
        ...

    def close(self) -> None:
        """Let go of file or device."""
        ...


def open_source(what: str) -> SoundSource:
    """ "tone", "silence", or the path of a WAV file. Raises AudioError for a file that cannot be used."""
    if what == "tone":
        return Tone()
    if what == "silence":
        return Silence()
    return WavFile(Path(what))


class Paced:
    """A source that could deliver at any time, and is asked every 20 ms."""

    _due = 0.0

    def begin(self) -> None:
        self._due = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._due > _TOO_LATE:
            self._due = now
        delay, self._due = self._due - now, self._due + FRAME_SECONDS
        await asyncio.sleep(delay)

    def close(self) -> None:
        pass


class Silence(Paced):
    """Nothing to hear, at the usual rate of packets."""

    def frame(self) -> array[int]:
        return array("h", bytes(2 * FRAME_SAMPLES))


class Tone(Paced):
    """A sine of a whole number of hertz, without a click between frames."""

    def __init__(self, hertz: int = TONE_HERTZ) -> None:
        step = 2 * math.pi * hertz / RATE
        self._second = array("h", (round(_TONE_AMPLITUDE * math.sin(step * i)) for i in range(RATE)))
        self._at = 0

    def frame(self) -> array[int]:
        start, self._at = self._at, (self._at + FRAME_SAMPLES) % RATE
        return self._second[start : start + FRAME_SAMPLES]


def is_test_tone(payload: bytes) -> bool:
    """Whether a packet of mu-law is part of the usual tone: then nobody talks there."""
    return len(payload) >= FRAME_SAMPLES // 2 and payload in _test_tone()


@cache
def _test_tone() -> bytes:
    tone = Tone()
    return b"".join(encode(tone.frame()) for _ in range(RATE // FRAME_SAMPLES + 8))


class Ringing:
    """The tone of a telephone that rings, for the loudspeaker of whoever is called: one second of three."""

    def __init__(self) -> None:
        tone = Tone()
        second = array("h", (sample // 2 for _ in range(RATE // FRAME_SAMPLES) for sample in tone.frame()))
        self._cycle = second + array("h", bytes(4 * RATE))
        self._at = 0

    def read(self, count: int) -> array[int]:
        """The next samples."""
        start, self._at = self._at, (self._at + count) % len(self._cycle)
        return array("h", (self._cycle[at % len(self._cycle)] for at in range(start, start + count)))


class WavFile(Paced):
    """A WAV file of any rate and number of channels; then silence. It is read as it is sent.

    A file with 8000 samples a second, 16 bits and one channel is delivered sample for sample.
    """

    def __init__(self, path: Path) -> None:
        self._reader = WavReader(path)
        self._sound = self._reader if self._reader.rate == RATE else Resampled(self._reader, self._reader.rate)

    def frame(self) -> array[int]:
        frame = self._sound.read(FRAME_SAMPLES)
        frame.extend([0] * (FRAME_SAMPLES - len(frame)))
        return frame

    def close(self) -> None:
        self._reader.close()
