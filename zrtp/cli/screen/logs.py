"""The engine's log on the terminal: with -v its state transitions, otherwise nothing.

What a person must know comes as an event; the log is for those who look for a mistake.
"""

from __future__ import annotations

import logging

from zrtp.cli.screen.terminal import Terminal

LOGGER = "zrtp"


class _Lines(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.note(record.getMessage(), "dim")


def to_terminal(terminal: Terminal, *, verbose: bool) -> None:
    """Send the log there if it is wanted, and to nobody otherwise."""
    logger = logging.getLogger(LOGGER)
    logger.handlers.clear()
    logger.propagate = False
    logger.addHandler(_Lines(terminal) if verbose else logging.NullHandler())
    logger.setLevel(logging.DEBUG if verbose else logging.CRITICAL)
