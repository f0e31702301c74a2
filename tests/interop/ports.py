"""Free UDP ports on loopback, so that several test runs can share a machine."""

from __future__ import annotations

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
ATTEMPTS = 100


def free_udp_ports(count: int = 1) -> int:
    """The first, even one of `count` consecutive UDP ports that nobody uses right now."""
    for _ in range(ATTEMPTS):
        with ExitStack() as held:
            first = _bound(held, 0)
            if first % 2 == 0 and all(_bound(held, first + i) for i in range(1, count)):
                return first
    raise OSError(f"No {count} consecutive free UDP ports were found.")


def _bound(held: ExitStack, port: int) -> int:
    """Bind a port while `held` is open; 0 if it is taken."""
    attempt = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    try:
        attempt.bind((LOOPBACK, port))
    except (OSError, OverflowError):
        return 0
    return int(attempt.getsockname()[1])
