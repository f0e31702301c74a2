"""Sockets and a clock that only tests know: what `connect` and `listen` do, in virtual time and without the system.

::

    with internet() as (loop, net):
        loop.run_until_complete(test(net))

Time goes on when nothing is left to do, so that a minute of waiting takes no time at all.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from zrtp.media.addresses import Address

T = TypeVar("T")

DELAY = 0.02
"""Seconds from one host to another."""


class _Patience(selectors.DefaultSelector):
    """Lets virtual time pass in place of waiting."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits, and nothing is going to happen"
            self.passed += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._patience = _Patience()
        super().__init__(self._patience)

    def time(self) -> float:
        return self._patience.passed

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Slow work is done on the spot: virtual time cannot wait for a thread."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
        return socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)


class Internet:
    """Datagrams from address to address, each after `DELAY`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._hosts: dict[Any, asyncio.DatagramProtocol] = {}
        self._ports = itertools.count(40_000)
        self.sent: list[tuple[float, Any, Any, bytes]] = []
        """When, from where, to where, and what."""

    async def open_udp(self, protocol: asyncio.DatagramProtocol, local: Any, family: int, **_: Any) -> _Socket:
        """In place of `zrtp.media.aio.udp.open_udp`."""
        host, port = local if local is not None else ("127.0.0.1", 0)
        transport = _Socket(self, (host, port or next(self._ports)))
        self._hosts[transport.address] = protocol
        protocol.connection_made(transport)
        return transport

    def send(self, data: bytes, to: Any, source: Any) -> None:
        """A datagram of whoever says that it comes from `source`."""
        self.sent.append((self._loop.time(), source, to, data))
        self._loop.call_later(DELAY, self._deliver, data, to, source)

    def octets(self, source: Address, to: Address) -> int:
        """How many went from one address to another so far."""
        return sum(len(data) for _, sender, receiver, data in self.sent if (sender, receiver) == (source, to))

    def leave(self, address: Any) -> None:
        self._hosts.pop(address, None)

    def _deliver(self, data: bytes, to: Any, source: Any) -> None:
        if to in self._hosts:
            self._hosts[to].datagram_received(data, source)


class _Socket(asyncio.DatagramTransport):
    def __init__(self, net: Internet, address: Any) -> None:
        super().__init__({"sockname": address})
        self.address = address
        self._net = net
        self._closing = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        if not self._closing and addr is not None:
            self._net.send(bytes(data), addr, self.address)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        self._net.leave(self.address)

    def abort(self) -> None:
        self.close()


@contextmanager
def internet() -> Iterator[tuple[VirtualLoop, Internet]]:
    """A loop in virtual time, in which sockets are those of an `Internet`."""
    loop = VirtualLoop()
    net = Internet(loop)
    try:
        with patch("zrtp.media.aio.stream.open_udp", net.open_udp):
            yield loop, net
    finally:
        loop.close()
