"""Ctrl-C and similar signals, turned into the call of a function, so that a call can end in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[None]:
    """Within the block `interrupt` is called instead; needs a running loop.

    Where event loops take no signals, Ctrl-C goes on to cancel the main task.
    """
    loop = asyncio.get_running_loop()
    installed = []
    for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
        with suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, interrupt)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
