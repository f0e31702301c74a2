"""Datagram paths other than a plain socket: a connection made elsewhere, and a network made worse on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from zrtp.media.aio.mailbox import Mailbox
from zrtp.media.aio.transport import TransportOver

NOWHERE: Final[Any] = None
"""The address of what came over a path that has none."""

SEND_BACKLOG: Final = 64
"""Datagrams that wait until a path takes them; of more the oldest goes."""


class DatagramPath(Protocol):
    """Sends and receives datagrams to and from one peer, as a connection of `aioice` does."""

    async def send(self, data: bytes) -> None:
        """Send one datagram; raises OSError if it cannot be sent. The next one may pass."""

    async def recv(self) -> bytes:
        """The next datagram; raises OSError when the path is closed: nothing is sent or received any more."""


class PathTransport(asyncio.DatagramTransport):
    """A path as asyncio protocols want to see it: two tasks, one for each direction. It has no addresses."""

    def __init__(self, path: DatagramPath, protocol: asyncio.DatagramProtocol) -> None:
        super().__init__({"peername": ("path", 0)})
        self._path = path
        self._protocol = protocol
        self._outgoing: Mailbox[bytes] = Mailbox(SEND_BACKLOG)
        self._failed = 0
        protocol.connection_made(self)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._send()), loop.create_task(self._receive())]

    @property
    def dropped(self) -> int:
        """Datagrams that the path did not take, or not in time."""
        return self._outgoing.dropped + self._failed

    def sendto(self, data: Any, addr: Any = None) -> None:
        self._outgoing.put(bytes(data))

    def is_closing(self) -> bool:
        return all(task.done() for task in self._tasks)

    def close(self) -> None:
        """Send what waits, receive nothing more; the path stays open."""
        self._outgoing.close()
        self._tasks[1].cancel()

    def abort(self) -> None:
        self.close()
        self._tasks[0].cancel()

    async def _send(self) -> None:
        while (data := await self._outgoing.get()) is not None:
            try:
                await self._path.send(data)
            except OSError as error:  # a network that is gone for a moment; whether for good, receiving tells
                self._failed += 1
                self._protocol.error_received(error)

    async def _receive(self) -> None:
        try:
            while True:
                self._protocol.datagram_received(await self._path.recv(), NOWHERE)
        except OSError as error:
            self._protocol.error_received(error)
            self._outgoing.close()


class Unsteady(asyncio.DatagramProtocol):
    """Between a transport and a protocol: every delivery, in both directions, goes over a given network."""

    def __init__(self, above: asyncio.DatagramProtocol, network: Callable[[Callable[[], None]], None]) -> None:
        self._above = above
        self._network = network

    def connection_made(self, transport: Any) -> None:
        self._above.connection_made(_UnsteadyTransport(transport, self._network))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._network(lambda: self._above.datagram_received(data, addr))

    def error_received(self, exc: Exception) -> None:
        self._above.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._above.connection_lost(exc)


class _UnsteadyTransport(TransportOver):
    def __init__(self, below: asyncio.DatagramTransport, network: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(below)
        self._network = network

    def sendto(self, data: Any, addr: Any = None) -> None:
        self._network(lambda: None if self._below.is_closing() else self._below.sendto(data, addr))
