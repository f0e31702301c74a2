"""Microphone and loudspeaker, with a sound system that is driven by the test."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.support.cases import every
from tests.support.sound_devices import NAMES, FakeStream, install, streams
from tests.support.tones import sine
from zrtp.errors import BackendUnavailable
from zrtp.media.rtp import Packetizer
from zrtp.media.sound import g711
from zrtp.media.sound.devices import (
    Loudspeaker,
    Microphone,
    devices,
    find_loudspeaker,
    find_microphone,
    quiet_libraries,
    silence,
)
from zrtp.media.sound.errors import AudioError


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return install(monkeypatch)


pytestmark = pytest.mark.usefixtures("sounddevice")


# Choosing


def test_the_devices_are_listed_with_what_they_are_for() -> None:
    found = devices()

    assert [device.name for device in found] == NAMES
    assert [device.microphone for device in found] == [True, True, True, False]
    assert [device.loudspeaker for device in found] == [True, True, False, True]
    assert [device.number for device in found if device.default_microphone] == [0]
    assert [device.number for device in found if device.default_loudspeaker] == [3]
    assert {device.system for device in found} == {"ALSA"}


@every(("name", "number"), [(None, 0), ("usb headset", 1), ("camera", 2), ("2", 2), ("HDA Intel: front", 0)])
def test_a_microphone_is_chosen_by_name_part_of_it_or_number(name: str | None, number: int) -> None:
    assert find_microphone(name).number == number


def test_without_a_name_the_default_loudspeaker_is_taken() -> None:
    assert find_loudspeaker().name == "HDMI"


@every(
    ("name", "sentence"),
    [
        ("HDMI", 'There is no microphone named "HDMI"; there is "HDA Intel: front", "USB Headset", "USB Camera".'),
        ("usb", 'More than one microphone is named "usb"; choose a number: 1 "USB Headset", 2 "USB Camera".'),
    ],
)
def test_a_name_that_fits_none_or_several_is_a_sentence_that_says_which_there_are(name: str, sentence: str) -> None:
    with pytest.raises(AudioError) as caught:
        find_microphone(name)

    assert str(caught.value) == sentence


def test_a_computer_without_devices_says_so(sounddevice: ModuleType) -> None:
    vars(sounddevice)["query_devices"] = lambda: []

    with pytest.raises(AudioError, match=r"^This computer has no microphone"):
        Microphone()
    with pytest.raises(AudioError, match=r"^This computer has no loudspeaker"):
        Loudspeaker()


# The microphone


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
        waiting = asyncio.ensure_future(microphone.ready())
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
        await microphone.ready()

        assert microphone.frame().tolist() == [2] * 160

    listen(course)


def test_at_most_100_milliseconds_wait_to_be_sent() -> None:
    async def course(microphone: Microphone, stream: FakeStream) -> None:
        microphone.begin()
        stream.hears(array("h", [number for number in range(30) for _ in range(80)]))

        assert microphone.frame().tolist() == [20] * 80 + [21] * 80

    listen(course)


def test_a_microphone_that_is_unplugged_is_a_sentence() -> None:
    async def course(microphone: Microphone, stream: FakeStream) -> None:
        microphone.begin()
        waiting = asyncio.ensure_future(microphone.ready())
        await asyncio.sleep(0)
        stream.finished()

        with pytest.raises(AudioError, match=r"^The microphone is gone \(HDA Intel: front\)\.$"):
            await waiting
        assert not any(microphone.frame())

    listen(course)


def test_a_microphone_that_falls_silent_without_a_word_is_gone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.media.sound.devices._FIRST_SOUND", 0.0)

    async def course(microphone: Microphone, stream: FakeStream) -> None:
        with pytest.raises(AudioError, match="The microphone is gone"):
            await microphone.ready()

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


# The loudspeaker


def test_it_pulls_what_came_and_otherwise_plays_silence() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.open()
    packetizer = Packetizer(1)
    assert not any(streams[0].plays(2))
    for _ in range(5):
        loudspeaker.put(packetizer.packet(g711.encode(sine(400, 0.02))))
    heard = streams[0].plays(12)

    assert not any(heard[:160])
    assert heard[180:960].tolist() == list(g711.decode(g711.encode(sine(400, 0.02)))) * 4 + list(heard[820:960])
    assert loudspeaker.level.take() > 6
    loudspeaker.close()


def test_it_can_be_told_to_play_something_else() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.open()
    packetizer = Packetizer(1)
    for _ in range(5):
        loudspeaker.put(packetizer.packet(g711.encode(sine(400, 0.02))))
    streams[0].plays(4)
    loudspeaker.instead = silence

    assert not any(streams[0].plays(2))
    loudspeaker.instead = None
    assert any(streams[0].plays(2))
    loudspeaker.close()


@every("how", ["finished", "silent"])
def test_a_loudspeaker_that_is_gone_is_a_sentence(how: str) -> None:
    streams.clear()
    loudspeaker = Loudspeaker()
    loudspeaker.open()
    loudspeaker.check()
    streams[0].plays(1)
    loudspeaker.check()
    if how == "finished":
        streams[0].finished()

    with pytest.raises(AudioError, match=r"^The loudspeaker is gone \(HDMI\)\.$"):
        loudspeaker.check()
    loudspeaker.close()


# What goes wrong


def test_a_device_that_does_not_open_is_named(sounddevice: ModuleType) -> None:
    class Broken(FakeStream):
        def start(self) -> None:
            raise RuntimeError("Error starting stream: Unanticipated host error [PaErrorCode -9999]: 'no\nsuch'", -9999)

    vars(sounddevice)["RawInputStream"] = Broken

    with pytest.raises(AudioError) as caught:
        Microphone().open()

    reason = "Error starting stream: Unanticipated host error"
    assert str(caught.value) == f"The microphone cannot be opened (HDA Intel: front): {reason}."


def test_a_sound_system_that_does_not_answer_is_a_sentence(sounddevice: ModuleType) -> None:
    def fail() -> None:
        raise RuntimeError("PortAudio not initialized [PaErrorCode -10000]")

    vars(sounddevice)["query_devices"] = fail

    with pytest.raises(AudioError, match=r"^The sound devices cannot be listed: PortAudio not initialized\.$"):
        devices()


def test_without_sounddevice_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    with pytest.raises(BackendUnavailable, match=r"python -m pip install sounddevice"):
        Microphone()


@every(("error", "sentence"), [(OSError("not found"), "libportaudio2"), (RuntimeError("no memory"), "does not start")])
def test_without_portaudio_the_library_is_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "sounddevice":
                raise error

    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "sounddevice", raising=False)
        patch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

        with pytest.raises((BackendUnavailable, AudioError), match=sentence):
            Loudspeaker()


# C libraries


NOISE = """
import os, sys
from zrtp.media.sound.devices import quiet_libraries
with quiet_libraries():
    os.write(2, b"Expression 'err' failed in 'pa_linux_alsa.c'\\n")
    print("the microphone is gone", file=sys.stderr)
os.write(2, b"after\\n")
print("really after", file=sys.stderr)
"""


def test_what_c_libraries_print_is_kept_from_the_screen_and_what_python_prints_is_not() -> None:
    said = subprocess.run([sys.executable, "-c", NOISE], capture_output=True, text=True, check=True).stderr  # noqa: S603

    assert said == "the microphone is gone\nafter\nreally after\n"


def test_a_replaced_standard_error_stays_what_it_is() -> None:
    before = sys.stderr
    with quiet_libraries():
        assert sys.stderr is before
        os.write(2, b"hidden")

    assert sys.stderr is before
