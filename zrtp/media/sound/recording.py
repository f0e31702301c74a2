"""Recording what is heard: packets in their order, silence for the lost ones, into a WAV file.

A recording does not hurry: it holds packets back long enough that nearly every one finds its place, and what
arrived is kept sample for sample, while the loudspeaker's sound is stretched and made up as the moment needs.
"""

from __future__ import annotations

import os
import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from zrtp.media.rtp import RtpPacket
from zrtp.media.sound import g711
from zrtp.media.sound.errors import AudioError

_HELD_BACK: Final = 10
"""Packets that wait for earlier ones: 200 ms."""


class Sink(Protocol):
    """A place for received sound."""

    def play(self, samples: array[int]) -> None:
        """Take samples in the order in which they were said."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class InOrder:
    """Puts the packets of one sender back in order, with silence for the lost ones.

    Silence fills at most the time that has really passed, whatever the sender's timestamps say. Without loss the
    octets that come out are those that were sent.
    """

    def __init__(self, held_back: int = _HELD_BACK) -> None:
        self._held_back = held_back
        self._waiting: dict[int, RtpPacket] = {}  # by sequence number without wrap
        self._ssrc: int | None = None
        self._newest = 0
        self._played: int | None = None  # sequence number without wrap of the last one that came out
        self._clock = 0  # the timestamp after the last sample that came out
        self._begun = 0.0  # when the first packet came
        self._given = 0  # samples that came out since
        self._now = 0.0

    def put(self, packet: RtpPacket, now: float) -> bytes:
        """Take a packet at a time in seconds, return the octets that are complete now."""
        if self._ssrc is None:
            self._begun = now
        self._now = now
        out = b"" if packet.ssrc == self._ssrc else self._start_with(packet)
        sequence = self._newest + _distance(self._newest, packet.sequence)
        if sequence in self._waiting or (self._played is not None and sequence <= self._played):
            return out
        self._waiting[sequence] = packet
        self._newest = max(self._newest, sequence)
        while len(self._waiting) > self._held_back:
            out += self._next()
        return out

    def flush(self) -> bytes:
        """The octets still held back, at the end of a stream."""
        out = b""
        while self._waiting:
            out += self._next()
        return out

    def _start_with(self, packet: RtpPacket) -> bytes:
        out = self.flush()
        self._ssrc, self._newest, self._played = packet.ssrc, packet.sequence, None
        return out

    def _next(self) -> bytes:
        sequence = min(self._waiting)
        packet = self._waiting.pop(sequence)
        gap = 0 if self._played is None else packet.timestamp - self._clock & 0xFFFFFFFF
        passed = round((self._now - self._begun) * g711.RATE) - self._given
        silence = bytes([g711.SILENCE]) * (min(gap, passed) if gap < 0x80000000 else 0)
        self._played = sequence
        self._clock = packet.timestamp + len(packet.payload) & 0xFFFFFFFF
        self._given += len(silence) + len(packet.payload)
        return silence + packet.payload


class WavRecorder:
    """Writes a WAV file: 8000 samples a second, 16 bits, one channel.

    The file is made at the first sound, readable by its owner only, and never over another one.
    """

    def __init__(self, path: Path) -> None:
        """Raises AudioError if something of that name is there, or its folder is not."""
        self._path = path
        self._file: BinaryIO | None = None
        self._wav: wave.Wave_write | None = None
        if os.path.lexists(path):
            raise self._already_there()
        if not path.parent.is_dir():
            raise AudioError(f"The recording {path} cannot be written: there is no folder {path.parent}.")

    def play(self, samples: array[int]) -> None:
        """Append the samples; raises AudioError, for example when the disk is full."""
        with self._writing():
            self._open().writeframes(g711.little_endian(samples))

    def close(self) -> None:
        """Complete the file, if there is one. Raises AudioError."""
        if self._file is not None and self._wav is not None:
            with self._writing(), self._file:
                self._wav.close()

    def _open(self) -> wave.Wave_write:
        if self._wav is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(self._path, flags, 0o600), "wb")
            self._wav = wave.Wave_write(self._file)
            self._wav.setparams((1, 2, g711.RATE, 0, "NONE", ""))
        return self._wav

    def _already_there(self) -> AudioError:
        return AudioError(f"The recording {self._path} is there already and is not overwritten; choose another name.")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            raise self._already_there() from error
        except OSError as error:
            reason = error.strerror or error
            raise AudioError(f"The recording {self._path} cannot be written: {reason}.") from error


def _distance(reference: int, sequence: int) -> int:
    """How far a sequence number of 16 bits is ahead of the reference, the short way around."""
    return ((sequence - reference + 0x8000) & 0xFFFF) - 0x8000
