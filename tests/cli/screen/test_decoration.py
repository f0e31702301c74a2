"""Terminals of every system, as they say what they can."""

from __future__ import annotations

from tests.cli.stage import Stream
from tests.support.cases import every
from zrtp.cli.screen.decoration import understands_escapes


@every(
    ("terminal", "platform", "environment", "decorated"),
    [
        (True, "linux", {"TERM": "xterm"}, True),
        (True, "linux", {"TERM": "dumb"}, False),
        (True, "linux", {}, False),
        (False, "linux", {"TERM": "xterm"}, False),
        (True, "darwin", {"TERM": "xterm-256color"}, True),
        (True, "win32", {}, True),
        (True, "win32", {"TERM": "cygwin"}, True),
        (True, "win32", {"TERM": "dumb"}, False),
        (False, "win32", {}, False),
    ],
)
def test_who_understands_control_sequences(
    terminal: bool, platform: str, environment: dict[str, str], decorated: bool
) -> None:
    assert understands_escapes(Stream(terminal=terminal), platform, environment, lambda: True) is decorated


def test_an_old_console_of_windows_does_not() -> None:
    assert not understands_escapes(Stream(terminal=True), "win32", {}, lambda: False)
