"""The operating system's randomness, wall clock and calendar: the only place below `zrtp.media` that knows them.

The engine takes the first two as arguments; these are the defaults.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

RandomSource = Callable[[int], bytes]
"""Returns that many octets fit for keys; a failure raises and ends whatever needed them."""

WallClock = Callable[[], float]
"""Seconds since 1970, for the expiry of retained secrets; timers never use it."""

system_random: RandomSource = os.urandom
wall_clock: WallClock = time.time

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def date_in_words(moment: float) -> str:
    """The local date of wall clock seconds, "3 March 2026"."""
    local = time.localtime(moment)
    return f"{local.tm_mday} {_MONTHS[local.tm_mon - 1]} {local.tm_year}"


class Process:
    """How often this process was forked off another one since the program began.

    Whoever holds keys or nonces notes `generation`, and refuses in a child: what two processes both use is used twice.
    """

    __slots__ = ("generation",)

    def __init__(self) -> None:
        self.generation = 0

    def note_fork(self) -> None:
        """This is a child now."""
        self.generation += 1


process = Process()


def process_generation() -> int:
    """`Process.generation` of this process."""
    return process.generation


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=process.note_fork)
