"""The command takes hold of the package's logger; every test gives it back."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_room_is_listened_to(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Calls find no sound devices, neither in this process nor in others."""
    folder = tmp_path_factory.getbasetemp() / "no sound"
    if not folder.exists():
        folder.mkdir()
        (folder / "sounddevice.py").write_text("raise ImportError('tests have no sound devices')\n")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setitem(sys.modules, "sounddevice", None)


@pytest.fixture(autouse=True)
def nobody_is_waited_for_after_a_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.media.aio.stream.LEAVING", 0.02)
    monkeypatch.setattr("zrtp.cli.calls.conversation._ALONE", 0.2)


@pytest.fixture(autouse=True)
def no_defaults_of_whoever_runs_the_tests(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no configuration"))


@pytest.fixture(autouse=True)
def logger_as_before() -> Iterator[None]:
    logger = logging.getLogger("zrtp")
    before = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers[:], logger.propagate = before[0], before[1]
    logger.setLevel(before[2])
