"""A loudspeaker: its callback pulls from the playout buffer."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from zrtp.media.rtp import RtpPacket
from zrtp.media.sound.devices import find_loudspeaker
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.playout import PlayoutBuffer
from zrtp.media.sound.portaudio import close_stream, open_stream

_LATENCY: Final = 0.04
"""Seconds of sound that the system keeps: with less it runs dry on a busy computer."""

_PACKETS: Final = 100
"""Received packets that wait for the loudspeaker's next block; the oldest goes first."""


class Loudspeaker:
    """An output device that plays the packets of one sender."""

    def __init__(self, name: str | None = None) -> None:
        """Raises AudioError if there is no such device, BackendUnavailable without sounddevice."""
        self._device = find_loudspeaker(name)
        self._packets: deque[RtpPacket] = deque(maxlen=_PACKETS)
        self._buffer = PlayoutBuffer()
        self._stream: Any = None
        self._blocks = self._seen = 0
        self._over = False
        self.instead: Callable[[int], array[int]] | None = None
        """Makes so many samples to be played instead of what comes; `silence` and a ringing tone are two."""

    def open(self) -> None:
        """Let it sound. Takes a moment, and may be called from any thread. Raises AudioError."""
        if self._stream is None:
            self._stream = open_stream(
                "RawOutputStream",
                number=self._device.number,
                what=f"loudspeaker {self._device.name}",
                latency=_LATENCY,
                callback=self._fill,
                finished=self._on_finished,
            )

    def put(self, packet: RtpPacket) -> None:
        """Take a packet of mu-law."""
        self._packets.append(packet)

    def check(self) -> None:
        """To be called about once a second. Raises AudioError if nothing was played since the last call."""
        blocks, self._seen = self._blocks - self._seen, self._blocks
        if self._over or (self._seen and not blocks):
            raise AudioError(f"The loudspeaker {self._device.name} is gone.")

    def close(self) -> None:
        """Let go of the device."""
        close_stream(self._stream)
        self._stream = None

    def _fill(self, octets: Any, frames: int, time: Any, status: Any) -> None:
        with suppress(IndexError):  # none is left
            while True:
                self._buffer.put(self._packets.popleft())
        samples, instead = self._buffer.pull(frames), self.instead
        if instead is not None:
            samples = instead(frames)
        self._blocks += 1
        octets[:] = samples.tobytes()

    def _on_finished(self) -> None:
        self._over = True


def silence(count: int) -> array[int]:
    """Samples of nothing to hear."""
    return array("h", bytes(2 * count))
