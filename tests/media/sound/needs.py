"""What the tests of real sound need, and what happens without it."""

from __future__ import annotations

import os
import shutil
import subprocess
from array import array
from pathlib import Path
from typing import NoReturn

import pytest

from zrtp.media.sound import g711
from zrtp.media.sound.resampling import Resampled
from zrtp.media.sound.wav import WavReader

TEXT = (
    "The quick brown fox jumps over the lazy dog. Please read the two words aloud, and compare them with what you see "
    "on your own screen. If they are not the same, somebody is listening in between."
)


def missing(what: str, how: str) -> NoReturn:
    """A failure where the project is checked, a skip elsewhere."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is missing: {how}")


def program(name: str, package: str) -> str:
    """Where a program of Debian is."""
    found = shutil.which(name)
    if found is None:
        missing(name, f"apt-get install {package}")
    return found


def spoken(path: Path, *voice: str) -> array[int]:
    """A few sentences, at 8000 samples a second; `path` is scratch."""
    command = [program("espeak-ng", "espeak-ng"), *voice, "-w", str(path), TEXT]
    subprocess.run(command, check=True)  # noqa: S603
    reader = WavReader(path)
    samples = Resampled(reader, reader.rate).read(60 * g711.RATE)
    reader.close()
    return samples
