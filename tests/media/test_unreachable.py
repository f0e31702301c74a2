"""What the system tells of datagrams that could not be delivered, beside the data."""

from __future__ import annotations

import errno
import select
import socket
import sys

import pytest

from zrtp.media.unreachable import ask, is_refusal, take_notes

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs what only Linux tells of datagrams")


@needs_linux
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_a_refusal_is_told_and_once_its_notes_are_read_nobody_is_woken_again(
    family: socket.AddressFamily, host: str
) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sock, socket.socket(family, socket.SOCK_DGRAM) as nobody:
        try:
            nobody.bind((host, 0))
        except OSError:
            pytest.skip("there is no such family here")
        address = nobody.getsockname()
        nobody.close()
        sock.setblocking(False)
        ask(sock)
        wakes = select.poll()
        wakes.register(sock, select.POLLIN)
        sock.sendto(b"sound", address)
        assert wakes.poll(1000) == [(sock.fileno(), select.POLLERR)]
        with pytest.raises(ConnectionRefusedError) as refused:
            sock.recv(512)
        assert is_refusal(refused.value)
        take_notes(sock)
        assert wakes.poll(0) == []


def test_only_what_the_network_says_of_the_peer_is_a_refusal() -> None:
    assert is_refusal(OSError(errno.EHOSTUNREACH, "no route"))
    assert not is_refusal(OSError(errno.EAGAIN, "nothing there"))
    assert not is_refusal(ValueError(errno.ECONNREFUSED))
