"""What the network says of datagrams that did not arrive (ICMP), for sockets that are not connected.

Linux tells it to whoever asks: by an error of the next call, and by a note beside the data.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import sys
from typing import Final

_LINUX: Final = sys.platform == "linux"
_IP_RECVERR: Final = 11  # Python has no names for these
_IPV6_RECVERR: Final = 25
_REFUSALS: Final = (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH)  # RESET: Windows


def ask(sock: socket.socket) -> None:
    """Have the system tell it, where it can."""
    if _LINUX:
        with contextlib.suppress(OSError):
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def take_notes(sock: socket.socket) -> None:
    """After an error: read what lies beside the data, which wakes whoever waits until it is read. Never waits itself,
    whatever the timeout of the socket, unless two threads call it at once."""
    if _LINUX:
        notes = select.poll()
        notes.register(sock, 0)  # errors are told in any case
        with contextlib.suppress(OSError):
            while notes.poll(0):
                sock.recvmsg(512, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)


def is_refusal(error: Exception) -> bool:
    """Whether the network says that nobody listens at the peer's address."""
    return isinstance(error, OSError) and error.errno in _REFUSALS
