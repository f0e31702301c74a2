"""The log of the engine: for those who look for a mistake."""

from __future__ import annotations

import logging

import pytest

from tests.cli.stage import Stream
from zrtp.cli.screen import logs
from zrtp.cli.screen.terminal import Terminal


@pytest.mark.parametrize(("verbose", "shown"), [(True, "zrtp: HELLO_SENT -> SECURE\n"), (False, "")])
def test_transitions_are_shown_to_those_who_ask_for_them(verbose: bool, shown: str) -> None:
    screen = Stream()
    logs.to_terminal(Terminal(out=screen, err=screen), verbose=verbose)

    logging.getLogger("zrtp.protocol").debug("HELLO_SENT -> %s", "SECURE")

    assert screen.getvalue() == shown
