"""Processes of the command that start in milliseconds: forked from one that has everything imported.

The nursery is a process with one thread. Each order names arguments and environment and hands over three file
descriptors and a pipe; a process in between waits for the command and writes its number and its return code there.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import NoReturn

_LONGEST_ORDER = 1 << 20


class Child:
    """A running command; the descriptors may be closed once it is made."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        environment: Mapping[str, str],
        terminal: bool = False,
    ) -> None:
        reading, writing = os.pipe()
        order = {"arguments": list(arguments), "environment": dict(environment), "terminal": terminal}
        socket.send_fds(_nursery(), [json.dumps(order).encode()], [stdin, stdout, stderr, writing])
        os.close(writing)
        self._reports = os.fdopen(reading, "r")
        self.pid = int(self._reports.readline())
        self.returncode: int | None = None

    def wait(self) -> int:
        """The exit code, or the number of the signal that ended it, negative."""
        if self.returncode is None:
            self.returncode = int(self._reports.readline())
            self._reports.close()
        return self.returncode

    def fileno(self) -> int:
        """What `select` waits for: readable when the command has ended."""
        return self._reports.fileno()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


_started: list[socket.socket] = []


def _nursery() -> socket.socket:
    """The connection to the nursery, which starts with the first order and ends with this process."""
    if not _started:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, on this module
                [sys.executable, "-W", "error", "-m", __name__, str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )

        def end() -> None:
            ours.close()
            process.wait()

        atexit.register(end)
        _started.append(ours)
    return _started[0]


def _serve(orders: socket.socket) -> None:
    """In the nursery: fork for every order until there will be no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for those in between
    while True:
        octets, descriptors, _, _ = socket.recv_fds(orders, _LONGEST_ORDER, 4)
        if not octets:
            return
        if os.fork() == 0:
            orders.close()
            _wait_between(json.loads(octets), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _wait_between(order: dict[str, object], descriptors: list[int]) -> None:
    """In the process in between, which ends here, and in the command, which comes back to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    report = descriptors[3]
    child = os.fork()
    if child:
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        os.write(report, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(report)
    _become(order, descriptors[:3])


def _become(order: dict[str, object], descriptors: list[int]) -> NoReturn:
    from zrtp.cli.__main__ import main

    arguments, environment = order["arguments"], order["environment"]
    assert isinstance(arguments, list) and isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    if order["terminal"]:
        os.login_tty(descriptors[0])
    else:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(open(number, "wb", 0, closefd=False), write_through=True)  # noqa: SIM115
        for number in (1, 2)
    )
    sys.exit(main(arguments))


def _import_everything() -> None:
    """What every call needs, so that nobody has to import it again, or ask OpenSSL what it can do."""
    import importlib

    from zrtp.cli.__main__ import VERBS
    from zrtp.protocol.config import Config

    Config()

    for verb in VERBS:
        importlib.import_module(f"zrtp.cli.verbs.{verb}")
    for module in (
        *("asyncio", "concurrent.futures.thread", "encodings.idna", "getpass", "json", "sqlite3"),
        *(f"cryptography.hazmat.primitives.asymmetric.{name}" for name in ("ec", "mlkem", "x25519", "x448")),
        "zrtp.cli.options.configuration",
    ):
        importlib.import_module(module)
    assert threading.active_count() == 1, "a process with threads must not be forked"


if __name__ == "__main__":
    _import_everything()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _serve(connection)
