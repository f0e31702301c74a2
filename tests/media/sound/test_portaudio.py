"""PortAudio and its package: how their absence is told, and how they are kept quiet."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.cases import every
from zrtp.errors import BackendUnavailable
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.loudspeaker import Loudspeaker
from zrtp.media.sound.microphone import Microphone
from zrtp.media.sound.portaudio import quiet_libraries


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


NOISE = """
import os, sys
from zrtp.media.sound.portaudio import quiet_libraries
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
