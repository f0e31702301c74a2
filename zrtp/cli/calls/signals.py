"""Ctrl-C and similar signals, turned into the call of a function, so that a call can end in order.

A signal that is ignored when the program starts stays ignored: so ask `nohup`, and the shell of a script for what runs
in its background.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[None]:
    """Within the block `interrupt` is called instead; needs a running loop.

    Where event loops take no signals, Ctrl-C goes on to cancel the main task.
    """
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}
    for number, handler in _heeded().items():
        with suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, interrupt)
            before[number] = handler
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is signal.default_int_handler:  # otherwise SIGTERM would do again what it does by default
                signal.signal(number, handler)


class Program(Protocol):
    """The part of `subprocess.Popen` that is needed."""

    def send_signal(self, sig: int) -> None: ...


class Forwarding:
    """Signals for a program that runs in place of this one. Those that come before it has started wait for it."""

    def __init__(self) -> None:
        self._program: Program | None = None
        self._early: list[int] = []

    def begin(self, program: Program) -> None:
        """It has started."""
        self._program = program
        for number in self._early:
            self._send(program, number)

    def take(self, number: int, _frame: object) -> None:
        """What a signal calls. Ctrl-C reaches the program by itself: the terminal sends it to both."""
        if number == signal.SIGINT:
            return
        if self._program is None:
            self._early.append(number)
        else:
            self._send(self._program, number)

    def _send(self, program: Program, number: int) -> None:
        with suppress(PermissionError):  # it runs as another user: its end is waited for all the same
            program.send_signal(number)


@contextmanager
def forwarded() -> Iterator[Forwarding]:
    """Within the block signals do not end this program: they are for the one that it is told of."""
    forwarding = Forwarding()
    before = _heeded()
    for number in before:
        signal.signal(number, forwarding.take)
    try:
        yield forwarding
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heeded() -> dict[int, Any]:
    """The signals that end a program, without those that are ignored, and what they do so far."""
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in known}
    return {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
