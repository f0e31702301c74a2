"""The operating system's randomness, wall clock, calendar and locks: the only place below `zrtp.media` that knows them.

The engine takes the first two as arguments; these are the defaults. It has no locks.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final
from weakref import WeakSet

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


class Mutex:
    """Lets in one thread at a time, as a context manager; whoever is in may enter again.

    In a forked child it is free: the thread that was in stayed behind, and would never come out.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _mutexes.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """This is a child now."""
        self._lock = threading.RLock()


_mutexes: WeakSet[Mutex] = WeakSet()


def _free_mutexes() -> None:
    for mutex in _mutexes:
        mutex.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=process.note_fork)
    os.register_at_fork(after_in_child=_free_mutexes)
