"""A program on a pseudo-terminal of its own: what a person types, and what a person sees."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.cli.nursery import Child

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIMEOUT = 10.0


class PtyProcess:
    """The command with these arguments, in a terminal of `columns` x 40."""

    def __init__(
        self, arguments: Sequence[str], *, columns: int = 100, environment: Mapping[str, str] | None = None
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.raw = ""
        clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self._process = Child(
            arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            environment={**clean, "TERM": "xterm", **(environment or {})},
            terminal=True,
        )
        self._slave = slave

    @property
    def screen(self) -> str:
        """Everything shown so far, without colours; a replaced line shows its last content."""
        text = _ESCAPES.sub("", self.raw.replace("\r\x1b[K", "\0"))
        lines = text.replace("\r\n", "\n").split("\n")
        return "\n".join(line.split("\0")[-1] for line in lines)

    def expect(self, text: str, *, times: int = 1) -> None:
        """Wait until this is on the screen, so many times."""
        deadline = time.monotonic() + _TIMEOUT
        while self.screen.count(text) < times:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} did not appear:\n{self.screen}")

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself."""
        self._process.signal(number)

    def stopped(self) -> None:
        """Wait until the program is suspended."""
        deadline = time.monotonic() + _TIMEOUT
        while Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            if time.monotonic() > deadline:
                raise AssertionError(f"it is not suspended:\n{self.screen}")
            self._read(0.01)

    def wait(self) -> int:
        """The exit code, after the rest of the output."""
        deadline = time.monotonic() + _TIMEOUT
        while True:
            readable, _, _ = select.select(
                [self.master, self._process.fileno()], [], [], max(0.0, deadline - time.monotonic())
            )
            if self.master in readable:
                self._read(0.0)
            elif readable:
                return self._process.wait()
            else:
                raise AssertionError(f"it does not end:\n{self.screen}")

    def modes(self) -> list[Any]:
        """How the terminal is set now."""
        return termios.tcgetattr(self._slave)

    def __enter__(self) -> PtyProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.signal(signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(OSError):
            os.close(self.master)
            os.close(self._slave)

    def _read(self, timeout: float) -> bool:
        readable, _, _ = select.select([self.master], [], [], max(0.0, timeout))
        if not readable:
            return False
        self.raw += os.read(self.master, 65536).decode(errors="replace")
        return True
