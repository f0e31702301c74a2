"""The devices of a computer, with a sound system that is driven by the test."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.support.cases import every
from tests.support.sound_devices import NAMES, install
from zrtp.media.sound.devices import devices, find_loudspeaker, find_microphone
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.loudspeaker import Loudspeaker
from zrtp.media.sound.microphone import Microphone


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return install(monkeypatch)


pytestmark = pytest.mark.usefixtures("sounddevice")


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


def test_a_sound_system_that_does_not_answer_is_a_sentence(sounddevice: ModuleType) -> None:
    def fail() -> None:
        raise RuntimeError("PortAudio not initialized [PaErrorCode -10000]")

    vars(sounddevice)["query_devices"] = fail

    with pytest.raises(AudioError, match=r"^The sound devices cannot be listed: PortAudio not initialized\.$"):
        devices()
