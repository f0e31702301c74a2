"""A sound system that is driven by the test: it stands for the package sounddevice."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from zrtp.media.sound.portaudio import BLOCK

NAMES = ["HDA Intel: front", "USB Headset", "USB Camera", "HDMI"]
INPUTS, OUTPUTS = [1, 1, 1, 0], [2, 1, 0, 2]


class FakeStream:
    """A sound device."""

    def __init__(self, *, callback: Callable[..., None], finished_callback: Callable[[], None], **options: Any) -> None:
        self.callback, self.finished, self.options = callback, finished_callback, options
        self.started = self.aborted = self.closed = False
        streams.append(self)

    def start(self) -> None:
        self.started = True

    def abort(self) -> None:
        self.aborted = True
        raise ValueError("the server is gone")

    def close(self) -> None:
        self.closed = True

    def hears(self, samples: array[int]) -> None:
        for at in range(0, len(samples), BLOCK):
            self.callback(samples[at : at + BLOCK].tobytes(), BLOCK, None, None)

    def plays(self, blocks: int) -> array[int]:
        out = array("h")
        for _ in range(blocks):
            octets = bytearray(2 * BLOCK)
            self.callback(memoryview(octets), BLOCK, None, None)
            out.frombytes(octets)
        return out


class FakeMicrophone(FakeStream):
    """One that hears."""


class FakeLoudspeaker(FakeStream):
    """One that plays."""


streams: list[FakeStream] = []
"""Those that were made."""


def microphones() -> list[FakeStream]:
    """The microphones among them."""
    return [stream for stream in streams if isinstance(stream, FakeMicrophone)]


def loudspeaker() -> FakeStream:
    """The loudspeaker among them."""
    return next(stream for stream in streams if isinstance(stream, FakeLoudspeaker))


class Default:
    device = (0, 3)


def install(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put it in the place of the package."""
    streams.clear()
    module = ModuleType("sounddevice")
    listed = [
        {"name": name, "hostapi": 0, "max_input_channels": inputs, "max_output_channels": outputs}
        for name, inputs, outputs in zip(NAMES, INPUTS, OUTPUTS, strict=True)
    ]
    vars(module).update(
        RawInputStream=FakeMicrophone,
        RawOutputStream=FakeLoudspeaker,
        query_devices=lambda: listed,
        query_hostapis=lambda: [{"name": "ALSA"}],
        default=Default,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module
