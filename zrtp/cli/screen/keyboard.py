"""What a person types during a call: single keys on a terminal, lines otherwise.

On a terminal the line discipline is switched off and restored on every way out: at the end of the block, at
exit, before the process is suspended. What was typed before a question was asked is no answer to it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

if sys.platform != "win32":
    import termios

END_OF_INPUT = ""
"""What `key` returns when nothing will be typed any more."""

RESUMED = "\x1a"
"""What `key` and `line` return when the process was suspended and is back: what was on the screen may be gone."""

LOOK = 0.3
"""Seconds between two looks at whether a process in the background has got the terminal back."""

_CONTROL_D = "\x04"


class Keyboard(Protocol):
    """A source of answers."""

    single_keys: bool
    """Whether a key counts without Enter."""

    async def key(self) -> str:
        """One typed character, in lower case."""
        ...

    async def line(self) -> str | None:
        """A typed line without its end, edited and shown as usual; None at the end of input."""
        ...

    def forget_typed(self) -> None:
        """Drop what was typed before now."""
        ...


@contextmanager
def keyboard(stream: TextIO) -> Iterator[Keyboard]:
    """The keys of a terminal in the foreground, otherwise the lines of any other input. Needs a running loop."""
    if not is_foreground_terminal(stream):
        yield TypedLines(stream)
    elif sys.platform == "win32":
        from zrtp.cli.screen.console import ConsoleKeys, system_console

        yield ConsoleKeys(system_console(), lambda text: print(text, end="", flush=True))
    else:
        with TerminalKeys(stream.fileno()) as keys:
            yield keys


def is_foreground_terminal(stream: TextIO) -> bool:
    """Whether somebody can type into it now; a job in the background would be stopped for trying."""
    if not stream.isatty():
        return False
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        return False


class TerminalKeys:
    """Single keys, by switching off echo and line editing; Ctrl-C and Ctrl-Z go on working."""

    single_keys = True

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[Any] | None = None
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        self._ended = False
        self._looking: asyncio.TimerHandle | None = None

    def __enter__(self) -> TerminalKeys:
        self._before = termios.tcgetattr(self._descriptor)
        atexit.register(self.restore)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._descriptor, self._read)
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        loop.add_signal_handler(signal.SIGCONT, self._resume)
        self._take_over()
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._descriptor)
        loop.remove_signal_handler(signal.SIGTSTP)
        loop.remove_signal_handler(signal.SIGCONT)
        if self._looking is not None:
            self._looking.cancel()
        self.restore()
        atexit.unregister(self.restore)

    def restore(self) -> None:
        """Leave the terminal as it was found. May be called again."""
        if self._before is not None and not self._in_background():
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    async def key(self) -> str:
        if self._ended and self._typed.empty():
            return END_OF_INPUT
        return (await self._typed.get()).lower()

    async def line(self) -> str | None:
        self.restore()
        try:
            typed = ""
            while not typed.endswith("\n"):
                character = await self._typed.get() if not (self._ended and self._typed.empty()) else END_OF_INPUT
                if character in (END_OF_INPUT, _CONTROL_D):
                    return None
                if character == RESUMED:
                    return RESUMED
                typed += character
            return typed[:-1]
        finally:
            self._take_over()

    def forget_typed(self) -> None:
        if not self._in_background():
            with contextlib.suppress(termios.error):
                termios.tcflush(self._descriptor, termios.TCIFLUSH)
        while not self._typed.empty():
            self._typed.get_nowait()

    def _take_over(self) -> None:
        """No echo, and no waiting for Enter, which still ends a line: some versions of `tty.setcbreak` change that."""
        if self._before is not None and not self._in_background():
            *flags, local, in_speed, out_speed, characters = self._before
            characters = [*characters]
            characters[termios.VMIN], characters[termios.VTIME] = 1, 0
            mode = [*flags, local & ~(termios.ECHO | termios.ICANON), in_speed, out_speed, characters]
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)

    def _read(self) -> None:
        try:
            octets = os.read(self._descriptor, 1024)
        except OSError:
            octets = b""
        if not octets:
            self._ended = True
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._typed.put_nowait(END_OF_INPUT)
        for character in octets.decode(errors="replace"):
            self._typed.put_nowait(character)

    def _suspend(self) -> None:
        self.restore()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _resume(self) -> None:
        """The process goes on: at the terminal, or in the background, until the shell gives the terminal back, which no
        signal tells."""
        loop = asyncio.get_running_loop()
        if self._looking is not None:
            self._looking.cancel()
        if self._in_background():
            loop.remove_reader(self._descriptor)
            self._looking = loop.call_later(LOOK, self._resume)
            return
        if not self._ended:
            loop.add_reader(self._descriptor, self._read)
        self._take_over()
        self._typed.put_nowait(RESUMED)

    def _in_background(self) -> bool:
        """Whether the terminal is somebody else's now: a process that reads or sets it then is stopped."""
        try:
            return os.tcgetpgrp(self._descriptor) != os.getpgrp()
        except OSError:
            return False  # a terminal without jobs


class TypedLines:
    """Answers a line at a time, read by a thread of its own since not every input can be waited for otherwise."""

    single_keys = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, name="zrtp input", daemon=True)
        self._started = self._ended = False

    async def key(self) -> str:
        line = await self.line()
        return END_OF_INPUT if line is None else (line.strip().lower()[:1] or "\n")

    async def line(self) -> str | None:
        if not self._started:
            self._started = True
            self._thread.start()
        if self._ended:
            return None
        line = await self._lines.get()
        self._ended = line is None
        return line

    def forget_typed(self) -> None:
        """Prepared answers are meant for the questions to come."""

    def _read(self) -> None:
        try:
            for line in self._stream:
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line.rstrip("\r\n"))
        except (OSError, ValueError):
            pass
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for answers any more
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
