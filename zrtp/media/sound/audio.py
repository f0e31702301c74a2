"""Where the sound of a call comes from and where it goes: files, a tone, silence, microphone and loudspeaker.

All sound here is mono at 8000 samples a second, signed 16 bits (`array` code "h"). Sources deliver frames of
20 ms for ever; sinks take what they are given. Neither knows about RTP. Microphone and loudspeaker need the
optional package sounddevice, which is imported only when one of them is asked for.
"""

from __future__ import annotations

import math
import operator
import sys
import threading
import wave
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

from zrtp.errors import BackendUnavailable, ZrtpError
from zrtp.media.rtp import FRAME_SAMPLES
from zrtp.media.sound.g711 import RATE, little_endian

TONE_HERTZ: Final = 440
_TONE_AMPLITUDE: Final = 8000  # 12 dB below full scale: clearly heard, hurts nobody
_ZERO_CROSSINGS: Final = 12  # of the resampling filter, each way: pass band to 3.4 kHz, images 50 dB down
_BACKLOG_FRAMES: Final = 25  # half a second of sound waits at most for or from a device
_FULL_SCALE: Final = 32767


class AudioError(ZrtpError):
    """A sound file or device cannot be used; the message says which and what to do."""


class Source(Protocol):
    """Sound to send."""

    def frame(self) -> array[int]:
        """The next 160 samples; silence when there is nothing more."""
        ...

    def close(self) -> None:
        """Let go of file or device."""
        ...


class Sink(Protocol):
    """A place for received sound."""

    def play(self, samples: array[int]) -> None:
        """Take samples in the order in which they are to be heard."""
        ...

    def close(self) -> None:
        """Let go of file or device."""
        ...


def open_source(what: str) -> Source:
    """ "tone", "silence", "mic", or the path of a WAV file.

    Raises AudioError for a file or device that cannot be used, BackendUnavailable without sounddevice.
    """
    if what == "tone":
        return Tone()
    if what == "silence":
        return Silence()
    if what == "mic":
        return Microphone()
    return WavFile(Path(what))


class Silence:
    """Nothing to hear, at the usual rate of packets."""

    def frame(self) -> array[int]:
        return array("h", bytes(2 * FRAME_SAMPLES))

    def close(self) -> None:
        pass


class Tone:
    """A sine of a whole number of hertz, without a click between frames."""

    def __init__(self, hertz: int = TONE_HERTZ) -> None:
        step = 2 * math.pi * hertz / RATE
        self._second = array("h", (round(_TONE_AMPLITUDE * math.sin(step * i)) for i in range(RATE)))
        self._at = 0

    def frame(self) -> array[int]:
        start, self._at = self._at, (self._at + FRAME_SAMPLES) % RATE
        return self._second[start : start + FRAME_SAMPLES]

    def close(self) -> None:
        pass


class WavFile:
    """A WAV file of any rate, 8 or 16 bits, any number of channels; then silence.

    A file with 8000 samples a second, 16 bits and one channel is delivered sample for sample.
    """

    def __init__(self, path: Path) -> None:
        samples, rate = _read_wav(path)
        self._sound = samples if rate == RATE else Resampled(samples, rate)
        self._at = 0

    def frame(self) -> array[int]:
        frame = self._sound[self._at : self._at + FRAME_SAMPLES]
        self._at += FRAME_SAMPLES
        frame.extend([0] * (FRAME_SAMPLES - len(frame)))
        return frame

    @property
    def ended(self) -> bool:
        """Whether only silence is left."""
        return self._at >= len(self._sound)

    def close(self) -> None:
        pass


def _read_wav(path: Path) -> tuple[array[int], int]:
    """The samples of a file, its channels mixed to one, and their rate."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            octets = file.readframes(file.getnframes())
    except OSError as error:
        raise AudioError(f"The sound file {path} cannot be read: {error.strerror or error}.") from error
    except (wave.Error, EOFError) as error:
        raise AudioError(_not_plain(path)) from error
    if width not in (1, 2) or not rate:
        raise AudioError(_not_plain(path))
    samples = _from_octets(octets[: len(octets) // width * width], width)
    if not samples:
        raise AudioError(f"The sound file {path} holds no sound.")
    return _mono(samples, channels), rate


def _not_plain(path: Path) -> str:
    return (
        f"The sound file {path} is not a WAV file with plain samples of 8 or 16 bits; convert it, for "
        f"example with: ffmpeg -i {path} -ac 1 -ar {RATE} -c:a pcm_s16le speech.wav"
    )


def _from_octets(octets: bytes, width: int) -> array[int]:
    if width == 1:
        return array("h", ((octet - 128) << 8 for octet in octets))
    samples = array("h", octets)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _mono(samples: array[int], channels: int) -> array[int]:
    if channels == 1:
        return samples
    each = [samples[channel::channels] for channel in range(channels)]
    return array("h", (sum(frame) // channels for frame in zip(*each, strict=False)))


class Resampled:
    """Sound of another rate at 8000 samples a second, computed as it is sliced: long files start at once.

    A windowed sinc of 12 zero crossings each way, cut off at half of the lower rate; one set of
    coefficients for each position between two input samples.
    """

    def __init__(self, samples: array[int], rate: int) -> None:
        self._rate = rate
        self._scale = max(1.0, rate / RATE)
        self._half = math.ceil(_ZERO_CROSSINGS * self._scale)
        self._length = len(samples) * RATE // rate
        margin = array("h", bytes(2 * self._half + 2))
        self._samples = margin + samples + margin
        self._coefficients: dict[int, list[float]] = {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, span: slice) -> array[int]:
        return array("h", map(self._sample, range(*span.indices(self._length))))

    def _sample(self, index: int) -> int:
        position, phase = divmod(index * self._rate, RATE)
        if phase not in self._coefficients:
            self._coefficients[phase] = _coefficients(phase / RATE, self._half, self._scale)
        window = self._samples[position + 2 : position + 2 + 2 * self._half]
        total: float = sum(map(operator.mul, self._coefficients[phase], window))
        return max(-_FULL_SCALE - 1, min(_FULL_SCALE, round(total)))


def _coefficients(fraction: float, half: int, scale: float) -> list[float]:
    """The filter around a point that lies `fraction` after an input sample; their sum is 1."""
    taps = []
    for offset in range(1 - half, half + 1):
        distance = (offset - fraction) / scale
        window = 0.5 + 0.5 * math.cos(math.pi * max(-1.0, min(1.0, distance / _ZERO_CROSSINGS)))
        angle = math.pi * distance
        taps.append(window * (math.sin(angle) / angle if angle else 1.0))
    total = sum(taps)
    return [tap / total for tap in taps]


class WavRecorder:
    """Writes what is heard to a WAV file: 8000 samples a second, 16 bits, one channel."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._writing():
            self._file = path.open("wb")
        self._wav = wave.Wave_write(self._file)
        self._wav.setparams((1, 2, RATE, 0, "NONE", ""))

    def play(self, samples: array[int]) -> None:
        """Append the samples; raises AudioError, for example when the disk is full."""
        with self._writing():
            self._wav.writeframes(little_endian(samples))

    def close(self) -> None:
        with self._writing(), self._file:
            self._wav.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise AudioError(f"The recording {self._path} cannot be written: {reason}.") from error


class Microphone:
    """The default input device. Frames wait at most half a second; the oldest is dropped first."""

    def __init__(self) -> None:
        self._frames: deque[array[int]] = deque(maxlen=_BACKLOG_FRAMES)
        self._stream = _open_device("RawInputStream", self._heard)

    def _heard(self, octets: Any, frames: int, time: Any, status: Any) -> None:
        self._frames.append(array("h", bytes(octets)))

    def frame(self) -> array[int]:
        try:
            return self._frames.popleft()
        except IndexError:
            return Silence().frame()

    def close(self) -> None:
        self._stream.close()


class Loudspeaker:
    """The default output device. At most half a second waits to be played; the oldest is dropped first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._stream = _open_device("RawOutputStream", self._fill)

    def play(self, samples: array[int]) -> None:
        with self._lock:
            self._waiting += samples.tobytes()
            del self._waiting[: -2 * _BACKLOG_FRAMES * FRAME_SAMPLES]

    def _fill(self, octets: Any, frames: int, time: Any, status: Any) -> None:
        with self._lock:
            sound = bytes(self._waiting[: len(octets)])
            del self._waiting[: len(octets)]
        octets[:] = sound.ljust(len(octets), b"\0")

    def close(self) -> None:
        self._stream.close()


def _open_device(kind: str, callback: Any) -> Any:
    sounddevice = _sounddevice()
    try:
        stream = getattr(sounddevice, kind)(
            samplerate=RATE, channels=1, dtype="int16", blocksize=FRAME_SAMPLES, callback=callback
        )
        stream.start()
    except Exception as error:
        # sounddevice passes on whatever the sound system says, in exceptions of its own and ValueError.
        device = "microphone" if kind == "RawInputStream" else "loudspeaker"
        raise AudioError(f"The {device} cannot be opened: {error}.") from error
    return stream


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ImportError as error:
        raise BackendUnavailable(
            "Microphone and loudspeaker need the package sounddevice; install it with: "
            "python -m pip install 'zrtp[audio]'"
        ) from error
    except OSError as error:
        raise BackendUnavailable(
            "The package sounddevice is there, but not the PortAudio library that it needs; install it, for "
            "example with: sudo apt install libportaudio2"
        ) from error
    module: ModuleType = sounddevice
    return module
