"""The UDP ports of a media line under asyncio: two pairs, one towards the phone, one towards the network.

Ports are opened at once, when a session description needs their numbers, and read from the next turn of the event
loop on. Sending never waits: what the system does not take is lost, as on any network.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from zrtp.media.addresses import Address
from zrtp.media.aio import Path
from zrtp.proxy.leg import Task

ATTEMPTS: Final = 100
"""Pairs of ports that are tried before giving up."""

PacketReceiver = Callable[[bytes, Address, bool], None]
"""Is given a datagram, where it came from, and whether it came on the port for RTCP."""


class UdpLine:
    """Four ports. `from_phone` and `from_network` get what arrives."""

    def __init__(
        self,
        phone_host: str,
        network_host: str,
        *,
        from_phone: PacketReceiver,
        from_network: PacketReceiver,
        path: Path | None = None,
        phone_port: int = 0,
        network_port: int = 0,
    ) -> None:
        """Opens the ports; 0 stands for any free even one. Raises OSError."""
        self._path = path or _direct
        self._phone = _Pair(phone_host, phone_port, from_phone)
        try:
            self._network = _Pair(network_host, network_port, self._delayed(from_network))
        except OSError:
            self._phone.close()
            raise
        self.phone_port = self._phone.port
        self.network_port = self._network.port

    def to_phone(self, packet: bytes, where: Address, *, rtcp: bool) -> None:
        self._phone.send(packet, where, rtcp=rtcp)

    def to_network(self, packet: bytes, where: Address, *, rtcp: bool) -> None:
        self._path(lambda: self._network.send(packet, where, rtcp=rtcp))

    def close(self) -> None:
        self._phone.close()
        self._network.close()

    def _delayed(self, receive: PacketReceiver) -> PacketReceiver:
        return lambda packet, source, rtcp: self._path(lambda: receive(packet, source, rtcp))


class Threads:
    """Runs tasks in threads, or awaits them where that is possible, so that they do not hold up the sound."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[None]] = set()

    def __call__(self, task: Task, done: Callable[[], None]) -> None:
        if task.quick:
            task.run()
            done()
            return
        loop = asyncio.get_running_loop()
        running: asyncio.Future[None] = (
            loop.run_in_executor(None, task.run) if task.awaited is None else loop.create_task(task.awaited())
        )
        self._running.add(running)
        running.add_done_callback(lambda _: self._finish(running, done))

    async def finish(self) -> None:
        """Wait for what still runs, and for what follows from it."""
        while self._running:
            await asyncio.wait(self._running)

    def _finish(self, running: asyncio.Future[None], done: Callable[[], None]) -> None:
        self._running.discard(running)
        running.result()
        done()


class _Pair:
    """An even port for RTP and the one above it for RTCP."""

    def __init__(self, host: str, port: int, receive: PacketReceiver) -> None:
        self._sockets = _open_pair(host, port)
        self.port = int(self._sockets[0].getsockname()[1])
        self._transports: list[asyncio.DatagramTransport] = []
        self._closed = False
        self._opening = asyncio.ensure_future(self._read(receive))

    def send(self, packet: bytes, where: Address, *, rtcp: bool) -> None:
        if not self._closed:
            with suppress(OSError):
                self._sockets[rtcp].sendto(packet, where)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for transport in self._transports:
            transport.close()
        for opened in self._sockets[len(self._transports) :]:
            opened.close()
        self._opening.cancel()

    async def _read(self, receive: PacketReceiver) -> None:
        loop = asyncio.get_running_loop()
        for rtcp, opened in enumerate(self._sockets):
            transport, _ = await loop.create_datagram_endpoint(_protocol(receive, rtcp=bool(rtcp)), sock=opened)
            if self._closed:
                transport.close()
            self._transports.append(transport)


class _PairDatagrams(asyncio.DatagramProtocol):
    def __init__(self, receive: PacketReceiver, *, rtcp: bool) -> None:
        self._receive = receive
        self._rtcp = rtcp

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._receive(data, (addr[0], addr[1]), self._rtcp)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there, or not yet: on a call that is no reason to stop."""


def _protocol(receive: PacketReceiver, *, rtcp: bool) -> Callable[[], asyncio.DatagramProtocol]:
    return lambda: _PairDatagrams(receive, rtcp=rtcp)


def _open_pair(host: str, port: int) -> list[socket.socket]:
    """Two neighbouring ports, the first even unless it was asked for. Raises OSError."""
    for _ in range(1 if port else ATTEMPTS):
        first = _open(host, port)
        number = int(first.getsockname()[1])
        if port or number % 2 == 0:
            try:
                return [first, _open(host, number + 1)]
            except (OSError, OverflowError) as error:
                if port:
                    first.close()
                    raise OSError(f"port {number + 1}, which RTCP needs, cannot be used: {error}") from error
        first.close()
    raise OSError("no two neighbouring UDP ports are free")


def _open(host: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def _direct(deliver: Callable[[], None]) -> None:
    deliver()
