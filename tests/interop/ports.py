"""Free ports on loopback for programs that take them later, so that several test runs can share a computer.

Whoever lets the system choose a port gets one of the system's own range; these lie below it, so that no socket that is
opened meanwhile takes one away. Test runs that go on at the same time have different ones.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
FIRST, SHARE, SHARES = 10_000, 2_000, 11
"""Up to 32,000: Linux gives out ports from 32,768 on."""


def free_udp_ports(count: int = 1, address: str = LOOPBACK) -> int:
    """The first, even one of `count` consecutive ports that nobody uses right now, neither for UDP nor for TCP."""
    tried = 0
    while tried < SHARE:
        first = _ours.take(count)
        if all(_is_free(first + number, address) for number in range(count)):
            return first
        tried += count
    raise OSError(f"No {count} consecutive free ports were found.")


class _Ours:
    """The ports of this process, given out one after the other, and again from the beginning in the end."""

    def __init__(self) -> None:
        self._process = 0
        self._next = self._end = 0
        self._claim: socket.socket | None = None

    def take(self, count: int) -> int:
        if self._process != os.getpid():  # also in a fork
            self._choose()
        if self._next + count > self._end:
            self._next = self._end - SHARE
        first = self._next
        self._next += count + count % 2
        return first

    def _choose(self) -> None:
        """A share that no other process has. There is none if very many are running: then one is shared."""
        numbers = random.sample(range(SHARES), SHARES)
        number = next((number for number in numbers if self._claimed(number)), numbers[0])
        self._next = FIRST + number * SHARE
        self._end = self._next + SHARE
        self._process = os.getpid()

    def _claimed(self, number: int) -> bool:
        """By a name that only one process can have, and that is free again when it ends, however it ends."""
        if not hasattr(socket, "AF_UNIX"):
            return True
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0zrtp tests: ports, share {number}")
        except OSError:
            claim.close()
            return False
        self._claim = claim
        return True


_ours = _Ours()


def _is_free(port: int, address: str) -> bool:
    with ExitStack() as held:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            attempt = held.enter_context(socket.socket(socket.AF_INET, kind))
            try:
                attempt.bind((address, port))
            except OSError:
                return False
    return True
