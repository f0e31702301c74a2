"""WAV files, read piece by piece: a file of half an hour starts at once.

Understood are samples of 8, 16, 24 and 32 bits, floating point of 32 and 64 bits, and mu-law, each also as
WAVE_FORMAT_EXTENSIBLE, with any number of channels, which are mixed to one. (The module `wave` of Python 3.11
knows neither the extensible header nor floating point.)
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zrtp.media.sound import g711
from zrtp.media.sound.errors import AudioError

_INTEGER, _FLOAT, _MU_LAW, _EXTENSIBLE = 1, 3, 7, 0xFFFE

_FASTEST: Final = 768_000
"""Samples a second; faster ones are no sound."""
_MOST_CHANNELS: Final = 64
_LONGEST_FORMAT: Final = 64
"""Octets of the format chunk that are looked at; it has 40 at most."""

_UNKNOWN_SIZES: Final = (0, 0xFFFFFFFF)
"""What a writer says that could not go back and fill in the size: everything up to the end of the file."""

_FORMAT = struct.Struct("<HHIIHH")  # tag, channels, rate, octets a second, octets a frame, bits
_CHUNK = struct.Struct("<4sI")


class WavReader:
    """An open file. Sound ends where the file does, whatever its header says."""

    def __init__(self, path: Path) -> None:
        """Raises AudioError if the file cannot be read, is of another kind, or holds no sound."""
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise _unreadable(path, error) from error
        try:
            self._format = self._find_format()
            self._left = self._find_sound()
            self._ahead = self._octets(self._format.frame)
            if len(self._ahead) < self._format.frame:
                raise AudioError(f"The sound file {path} holds no sound.")
        except AudioError:
            self._file.close()
            raise

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self._format.rate

    def read(self, count: int) -> array[int]:
        """The next samples, signed 16 bits; fewer at the end. Raises AudioError."""
        frame = self._format.frame
        octets = self._ahead + self._octets(min(count * frame - len(self._ahead), self._left))
        self._ahead = b""
        self._left -= len(octets)
        return _mono(self._format.samples(octets[: len(octets) // frame * frame]), self._format.channels)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find_format(self) -> _Format:
        head = self._octets(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise _not_plain(self._path)
        size = self._find(b"fmt ")
        format_ = _format(self._octets(min(size, _LONGEST_FORMAT)))
        self._skip(size + size % 2 - min(size, _LONGEST_FORMAT))
        if format_ is None:
            raise _not_plain(self._path)
        return format_

    def _find_sound(self) -> int:
        size = self._find(b"data")
        return sys.maxsize if size in _UNKNOWN_SIZES else size

    def _find(self, wanted: bytes) -> int:
        """Go to the content of the next chunk of that kind; its size."""
        while len(head := self._octets(_CHUNK.size)) == _CHUNK.size:
            kind, size = _CHUNK.unpack(head)
            if kind == wanted:
                return int(size)
            self._skip(size + size % 2)
        raise _not_plain(self._path)

    def _skip(self, count: int) -> None:
        while count > 0 and (octets := self._octets(min(count, 65536))):
            count -= len(octets)

    def _octets(self, count: int) -> bytes:
        try:
            return self._file.read(max(0, count))
        except OSError as error:
            raise _unreadable(self._path, error) from error


@dataclass(frozen=True, slots=True)
class _Format:
    """How the samples of a file are stored."""

    channels: int
    rate: int
    frame: int
    """Octets of one sample of every channel."""
    samples: Callable[[bytes], array[int]]
    """Turns octets into signed samples of 16 bits."""


def _format(chunk: bytes) -> _Format | None:
    """What a format chunk says, if it is understood here."""
    if len(chunk) < _FORMAT.size:
        return None
    tag, channels, rate, _, _, bits = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")  # the first octets of the sub-format's identifier
    convert = _CONVERTERS.get((tag, bits))
    if convert is None or not 0 < rate <= _FASTEST or not 0 < channels <= _MOST_CHANNELS:
        return None
    return _Format(channels, rate, channels * bits // 8, convert)


def _from_8(octets: bytes) -> array[int]:
    return array("h", ((octet - 128) << 8 for octet in octets))


def _from_16(octets: bytes) -> array[int]:
    samples = array("h", octets)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _upper_16(width: int) -> Callable[[bytes], array[int]]:
    """The two most significant octets of each sample."""

    def convert(octets: bytes) -> array[int]:
        upper = bytearray(len(octets) // width * 2)
        upper[0::2], upper[1::2] = octets[width - 2 :: width], octets[width - 1 :: width]
        return _from_16(bytes(upper))

    return convert


def _floating(code: str) -> Callable[[bytes], array[int]]:
    """Full scale is 1.0; what is louder is clipped, and what is no number is silence."""

    def convert(octets: bytes) -> array[int]:
        values = array(code, octets)
        if sys.byteorder == "big":
            values.byteswap()
        return array("h", (round(max(-1.0, min(1.0, value)) * 32767) if value == value else 0 for value in values))

    return convert


_CONVERTERS: Final = {
    (_INTEGER, 8): _from_8,
    (_INTEGER, 16): _from_16,
    (_INTEGER, 24): _upper_16(3),
    (_INTEGER, 32): _upper_16(4),
    (_FLOAT, 32): _floating("f"),
    (_FLOAT, 64): _floating("d"),
    (_MU_LAW, 8): g711.decode,
}


def _mono(samples: array[int], channels: int) -> array[int]:
    if channels == 1:
        return samples
    each = [samples[channel::channels] for channel in range(channels)]
    return array("h", (sum(frame) // channels for frame in zip(*each, strict=True)))


def _unreadable(path: Path, error: OSError) -> AudioError:
    return AudioError(f"The sound file {path} cannot be read: {error.strerror or error}.")


def _not_plain(path: Path) -> AudioError:
    return AudioError(
        f"The sound file {path} is not a WAV file with plain samples; convert it, for "
        f"example with: ffmpeg -i {path} -ac 1 -ar {g711.RATE} -c:a pcm_s16le speech.wav"
    )
