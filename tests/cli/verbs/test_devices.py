"""`zrtp devices`: what can be named after --input and --output."""

from __future__ import annotations

import json

import pytest

from zrtp.cli.__main__ import main
from zrtp.cli.verbs import devices as verb
from zrtp.errors import BackendUnavailable
from zrtp.media.sound.devices import Device
from zrtp.media.sound.errors import AudioError


def device(number: int, name: str, *, microphone: bool, loudspeaker: bool, default: bool = False) -> Device:
    return Device(
        number=number,
        name=name,
        system="ALSA",
        microphone=microphone,
        loudspeaker=loudspeaker,
        default_microphone=default and microphone,
        default_loudspeaker=default and loudspeaker,
    )


FOUND = [
    device(0, "Headset", microphone=True, loudspeaker=True, default=True),
    device(1, "HDMI 0", microphone=False, loudspeaker=True),
]


@pytest.fixture
def two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "devices", lambda: FOUND)


@pytest.mark.usefixtures("two_devices")
def test_a_wide_terminal_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0

    assert capsys.readouterr().out == (
        "0  Headset (ALSA)  * microphone  * loudspeaker\n1  HDMI 0 (ALSA)   loudspeaker\n"
    )


@pytest.mark.usefixtures("two_devices")
def test_a_narrow_one_has_two(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[:2] == ["0  Headset (ALSA)", "   * microphone  * loudspeaker"]
    assert max(map(len, lines)) <= 40


@pytest.mark.usefixtures("two_devices")
def test_machines_get_a_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())

    assert first == {
        "number": 0,
        "name": "Headset",
        "system": "ALSA",
        "microphone": True,
        "loudspeaker": True,
        "default_microphone": True,
        "default_loudspeaker": True,
    }
    assert not second["microphone"]


def test_a_computer_without_any_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(verb, "devices", lambda: [])

    assert main(["devices"]) == 0
    assert "no microphone and no loudspeaker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line", "hint"),
    [
        (AudioError("The sound system does not start: no reply."), "the sound system does not start: no reply", ""),
        (BackendUnavailable("It needs a package; install it."), "it needs a package", "hint: install it"),
    ],
)
def test_a_sound_system_that_fails_is_exit_6(
    error: Exception, line: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> list[Device]:
        raise error

    monkeypatch.setattr(verb, "devices", fail)

    assert main(["devices"]) == 6
    shown = capsys.readouterr().err
    assert f"zrtp: error: {line}" in shown
    assert hint in shown
