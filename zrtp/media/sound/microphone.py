"""A microphone as a source of sound: its callback paces what is sent."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from contextlib import suppress
from typing import Any, Final

from zrtp.media.rtp import FRAME_SAMPLES
from zrtp.media.sound.devices import find_microphone
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.level import Level
from zrtp.media.sound.portaudio import BLOCK, close_stream, open_stream

_LATENCY: Final = 0.02
"""Seconds of sound that the system keeps."""

_HEARD_BLOCKS: Final = 10
"""Blocks of the microphone that wait to be sent, at most 100 ms; the oldest goes first."""

_FIRST_SOUND: Final = 5.0
"""Seconds that a device may take to begin."""

_NO_SOUND: Final = 1.0
"""Seconds without a block after which a device is taken to be gone."""


class Microphone:
    """An input device as a source of sound. It hears nothing before it is opened."""

    def __init__(self, name: str | None = None) -> None:
        """Raises AudioError if there is no such device, BackendUnavailable without sounddevice."""
        self._device = find_microphone(name)
        self._blocks: deque[bytes] = deque(maxlen=_HEARD_BLOCKS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._stream: Any = None
        self._patience = _FIRST_SOUND
        self._over = False
        self.level = Level()

    def open(self) -> None:
        """Let it hear. Takes a moment, and may be called from any thread. Raises AudioError."""
        if self._stream is None:
            self._stream = open_stream(
                "RawInputStream",
                number=self._device.number,
                what=f"microphone {self._device.name}",
                latency=_LATENCY,
                callback=self._on_block,
                finished=self._on_finished,
            )

    def begin(self) -> None:
        """Forget what was heard before."""
        self.open()
        self._loop = asyncio.get_running_loop()
        self._blocks.clear()

    async def wait(self) -> None:
        """Wait for 20 ms of sound. Raises AudioError if the device is gone."""
        try:
            async with asyncio.timeout(self._patience):
                while len(self._blocks) * BLOCK < FRAME_SAMPLES and not self._over:
                    await self._arrived.wait()
                    self._arrived.clear()
        except TimeoutError:
            self._over = True
        if self._over:
            raise AudioError(f"The microphone {self._device.name} is gone.")
        self._patience = _NO_SOUND

    def frame(self) -> array[int]:
        """The oldest 20 ms; silence for what is missing."""
        octets = b"".join(self._blocks.popleft() for _ in range(min(len(self._blocks), FRAME_SAMPLES // BLOCK)))
        return array("h", octets.ljust(2 * FRAME_SAMPLES, b"\0"))

    def close(self) -> None:
        """Let go of the device."""
        close_stream(self._stream)
        self._stream = None

    def _on_block(self, octets: Any, frames: int, time: Any, status: Any) -> None:
        block = bytes(octets)
        self._blocks.append(block)
        self.level.hear(array("h", block))
        self._wake()

    def _on_finished(self) -> None:
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the call is over
                self._loop.call_soon_threadsafe(self._arrived.set)
