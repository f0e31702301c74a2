"""The three standard streams: that they are there, and what to say when they cannot be used."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from zrtp.cli.errors import CommandError


def check() -> None:
    """Raises CommandError if standard input or output was closed; errors go nowhere if standard error was.

    A closed one is opened on nothing first: the next socket would get its number otherwise.
    """
    closed = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:
        mode = "r" if name == "stdin" else "w"
        setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as the process lives
    if "stdin" in closed:
        raise CommandError("standard input is closed", "</dev/null gives an empty one")
    if "stdout" in closed:
        raise CommandError("standard output is closed", ">/dev/null throws it away")


class Output:
    """A text stream that complains once, with a sentence, when it cannot be written to any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failed = False

    def write(self, text: str) -> None:
        """Write at once. Raises CommandError the first time that this fails, and nothing after that."""
        if self._failed:
            return
        try:
            self._write(text)
        except (OSError, ValueError) as error:  # ValueError: closed
            self._failed = True
            raise failure(self._stream, error) from error

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()


def failure(stream: TextIO, error: OSError | ValueError) -> CommandError:
    """What to say of it; the stream is given up, so that the interpreter does not complain at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    name = "standard error" if stream is sys.stderr else "standard output"
    if isinstance(error, BrokenPipeError):
        return CommandError(f"{name} cannot be written: whoever read it has gone")
    return CommandError(f"{name} cannot be written: {getattr(error, 'strerror', None) or error}")
