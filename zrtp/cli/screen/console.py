"""Keys of a Windows console, which has no line discipline to switch off and no descriptor to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from zrtp.cli.screen.keyboard import END_OF_INPUT

_LOOK: Final = 0.03
"""Seconds between two looks at the console."""

_SPECIAL: Final = ("\0", "\xe0")
"""Before the second half of an arrow or function key."""

_BACKSPACE: Final = "\b"
_END: Final = ("\x04", "\x1a")  # Ctrl-D, Ctrl-Z
_CONTROL_C: Final = "\x03"


class Console(Protocol):
    """The part of the module `msvcrt` that is needed."""

    def kbhit(self) -> bool: ...

    def getwch(self) -> str: ...


def system_console() -> Any:
    """The console of this process."""
    import msvcrt

    return msvcrt


class ConsoleKeys:
    """Single keys; `echo` shows what is typed while a line is."""

    single_keys = True

    def __init__(self, console: Console, echo: Callable[[str], object]) -> None:
        self._console = console
        self._echo = echo
        self._ended = False

    async def key(self) -> str:
        """One typed character, in lower case. Raises KeyboardInterrupt for Ctrl-C."""
        key = await self._next_key()
        return key.lower()

    async def line(self) -> str | None:
        """A typed line, edited with the backspace key; None at the end of input."""
        typed = ""
        while (key := await self._next_key()) not in ("\r", "\n"):
            if key == END_OF_INPUT:
                return None
            if key == _BACKSPACE:
                self._echo("\b \b" if typed else "")
                typed = typed[:-1]
            else:
                self._echo(key)
                typed += key
        self._echo("\n")
        return typed

    def forget_typed(self) -> None:
        """Drop what was typed before now: it is no answer to a question that comes later."""
        while self._console.kbhit():
            self._console.getwch()

    async def _next_key(self) -> str:
        while not self._ended:
            if not self._console.kbhit():
                await asyncio.sleep(_LOOK)
                continue
            key = self._console.getwch()
            if key in _SPECIAL:
                self._console.getwch()
            elif key == _CONTROL_C:
                raise KeyboardInterrupt
            elif key in _END:
                self._ended = True
            else:
                return key
        return END_OF_INPUT
