"""A foreign program behind two pipes: enter lines, wait for what it prints, end it whatever happens."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class Process:
    """A running program; standard error is part of the output."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        program = shutil.which(command[0]) or command[0]
        self._running = subprocess.Popen(  # noqa: S603
            [program, *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "dumb", **environment},
            cwd=folder,
            bufsize=0,
        )
        self._output = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        with self._news:
            return self._output

    def enter(self, line: str) -> None:
        """Send one line to its standard input."""
        assert self._running.stdin is not None
        self._running.stdin.write(line.encode() + b"\n")

    def wait_for(self, pattern: str, timeout: float, start: int = 0) -> re.Match[str] | None:
        """Wait until the output, from offset `start` on, matches; None if it never does."""
        expression = re.compile(pattern)
        with self._news:
            self._news.wait_for(lambda: expression.search(self._output, start) or not self._reader.is_alive(), timeout)
            return expression.search(self._output, start)

    def interrupt(self) -> None:
        """Ask it to end, as Ctrl-C does."""
        self._running.send_signal(signal.SIGINT)

    def end(self, patience: float = 5.0) -> None:
        """Wait until it has ended by itself; kill it if it does not."""
        try:
            self._running.wait(patience)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._reader.join(1)
        for pipe in (self._running.stdin, self._running.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._running.stdout is not None
        while chunk := self._running.stdout.read(65536):
            with self._news:
                self._output += chunk.decode("utf8", "replace")
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.interrupt()
        self.end()
