"""The microphone, with a sound system that is driven by the test."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.support.sound_devices import FakeStream, install, streams
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.microphone import Microphone


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return install(monkeypatch)


pytestmark = pytest.mark.usefixtures("sounddevice")


def listen(course: Callable[[Microphone, FakeStream], Any]) -> None:
    async def run() -> None:
        microphone = Microphone()
        microphone.open()
        await course(microphone, streams[0])
        microphone.close()
        assert streams[0].closed

    asyncio.run(run())


def test_it_is_opened_for_blocks_of_10_milliseconds_and_not_before_it_is_told_to() -> None:
    microphone = Microphone("camera")
    assert streams == []

    microphone.open()
    microphone.open()

    (stream,) = streams
    assert stream.started
    assert stream.options == {
        "device": 2,
        "samplerate": 8000,
        "channels": 1,
        "dtype": "int16",
        "blocksize": 80,
        "latency": 0.02,
    }
    microphone.close()


def test_it_paces_what_is_sent() -> None:
    async def course(microphone: Microphone, stream: FakeStream) -> None:
        microphone.begin()
        waiting = asyncio.ensure_future(microphone.wait())
        stream.hears(array("h", [7] * 80))
        await asyncio.sleep(0)
        assert not waiting.done()
        stream.hears(array("h", [8] * 80))
        await waiting

        assert microphone.frame().tolist() == [7] * 80 + [8] * 80

    listen(course)


def test_what_was_said_before_talking_began_is_not_sent() -> None:
    async def course(microphone: Microphone, stream: FakeStream) -> None:
        stream.hears(array("h", [1] * 240))
        microphone.begin()
        stream.hears(array("h", [2] * 160))
        await microphone.wait()

        assert microphone.frame().tolist() == [2] * 160

    listen(course)


def test_at_most_100_milliseconds_wait_to_be_sent() -> None:
    async def course(microphone: Microphone, stream: FakeStream) -> None:
        microphone.begin()
        stream.hears(array("h", [number for number in range(30) for _ in range(80)]))

        assert microphone.frame().tolist() == [20] * 80 + [21] * 80

    listen(course)


def test_a_microphone_that_is_unplugged_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, not when it was silent for a while."""
    monkeypatch.setattr("zrtp.media.sound.microphone._FIRST_SOUND", None)

    async def course(microphone: Microphone, stream: FakeStream) -> None:
        microphone.begin()
        waiting = asyncio.ensure_future(microphone.wait())
        await asyncio.sleep(0)
        stream.finished()

        with pytest.raises(AudioError, match=r"^The microphone HDA Intel: front is gone\.$"):
            await asyncio.wait_for(waiting, 1.0)
        assert not any(microphone.frame())

    listen(course)


def test_a_microphone_that_falls_silent_without_a_word_is_gone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.media.sound.microphone._FIRST_SOUND", 0.0)

    async def course(microphone: Microphone, stream: FakeStream) -> None:
        with pytest.raises(AudioError, match="is gone"):
            await microphone.wait()

    listen(course)


def test_a_block_after_the_end_of_the_call_does_no_harm() -> None:
    microphone = Microphone()

    async def begin() -> None:
        microphone.begin()

    asyncio.run(begin())
    streams[0].hears(array("h", [1] * 80))
    microphone.close()

    assert microphone.level.take() == 0


def test_its_level_is_measured() -> None:
    microphone = Microphone()
    microphone.open()
    streams[0].hears(array("h", [0, 16384] * 40))

    assert microphone.level.take() == 7
    microphone.close()


def test_a_device_that_does_not_open_is_named(sounddevice: ModuleType) -> None:
    class Broken(FakeStream):
        def start(self) -> None:
            raise RuntimeError("Error starting stream: Unanticipated host error [PaErrorCode -9999]: 'no\nsuch'", -9999)

    vars(sounddevice)["RawInputStream"] = Broken

    with pytest.raises(AudioError) as caught:
        Microphone().open()

    reason = "Error starting stream: Unanticipated host error"
    assert str(caught.value) == f"The microphone HDA Intel: front cannot be opened: {reason}."
