"""SIP over UDP, TCP and TLS under asyncio: sockets in, messages out.

Towards the phone there is one port for UDP and TCP, towards the upstream server one UDP socket, or one connection
that is made again when it breaks. Only the server's own addresses are heard there, and they are looked up again when
the DNS record expires, or a server fails.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from zrtp.media.addresses import Address
from zrtp.proxy.routing import Hop
from zrtp.proxy.servers import UpstreamServers
from zrtp.proxy.sip import Framer, MalformedSip, SipMessage
from zrtp.proxy.upstream import Find, Located, NoSuchServer

Receive = Callable[["SipMessage | bytes", Hop], None]
"""Is given a message of a connection, or a datagram, and where it came from."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between attempts to reach a server that does not answer; each pause is twice as long as the one before."""
ATTEMPTS: Final = 10
"""Ports of TCP that are tried until one is free for UDP too."""
LOOK_AGAIN_AFTER: Final = 5.0
"""Seconds for which nobody is asked again where the server is, however short-lived the last answer was."""
CONNECT_WITHIN: Final = 10.0
MOST_CONNECTIONS: Final = 256
"""Connections of phones at the same time."""
UNSENT: Final = 1 << 20
"""Octets that may wait for a peer that does not read; then the connection is closed."""


class PhoneSide:
    """The port that phones use as their outbound proxy."""

    def __init__(self, receive: Receive, gone: Callable[[Hop], None]) -> None:
        self._receive = receive
        self._gone = gone
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[Hop, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> Hop:
        """Open the port for UDP and TCP; 0 stands for any one that is free for both. Raises OSError."""
        for _ in range(0 if port else ATTEMPTS):
            with suppress(OSError):
                return await self._open(host, 0)
        return await self._open(host, port)

    async def _open(self, host: str, port: int) -> Hop:
        loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._on_connection, host, port)
        port = int(self._server.sockets[0].getsockname()[1])
        try:
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: Datagrams(self._receive), local_addr=(host, port)
            )
        except OSError:
            self._server.close()
            raise
        return Hop("UDP", host, port)

    def send(self, message: SipMessage | bytes, to: Hop) -> None:
        """Send to a phone; what is for a connection that is gone is lost."""
        octets = message if isinstance(message, bytes) else message.encode(stream=to.transport != "UDP")
        if to.transport == "UDP":
            if self._datagrams is not None:
                self._datagrams.sendto(octets, (to.host, to.port))
        elif (writer := self._connections.get(to)) is not None:
            write(writer, octets)

    async def close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._tasks.add(task)
        host, port = writer.get_extra_info("peername")[:2]
        hop = Hop("TCP", host, port)
        self._connections[hop] = writer
        try:
            await read(reader, hop, self._receive)
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            del self._connections[hop]
            self._tasks.discard(task)
            self._gone(hop)
            writer.close()


class NetworkSide(Protocol):
    """The way to the upstream server."""

    @property
    def hop(self) -> Hop:
        """Our own address there."""
        ...

    @property
    def ready(self) -> bool: ...

    def send(self, message: SipMessage | bytes, to: Hop | None) -> None:
        """Send to the server, or, an answer over UDP, where its request came from."""
        ...

    def note_answer(self, response: SipMessage) -> None:
        """The server's answer to a request that was sent."""
        ...

    async def close(self) -> None: ...


class UdpNetworkSide:
    """One UDP socket, for whichever of the server's addresses is good. It is looked up again when that is due."""

    def __init__(self, located: Located, find: Find, receive: Receive) -> None:
        self._located = located
        self._servers = UpstreamServers(located)
        self._find = find
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None
        self._hop = Hop("UDP", "", 0)
        self._failed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self.strangers = 0
        """Datagrams that were not heard, since they came from somewhere else than the server."""

    async def open(self, local: Address | None) -> None:
        """Open the socket, by default at the address from which the server is reached.

        Raises OSError, and NoSuchServer if the server cannot be reached from `local`.
        """
        host = local[0] if local is not None else own_address(self._located.addresses[0])
        self._servers = UpstreamServers(self._located.reachable_from(host))
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(self._take), local_addr=(host, local[1] if local is not None else 0)
        )
        name = self._transport.get_extra_info("sockname")
        self._hop = Hop("UDP", name[0], name[1])
        self._looking = asyncio.ensure_future(self._look_again())

    @property
    def hop(self) -> Hop:
        return self._hop

    @property
    def ready(self) -> bool:
        return self._transport is not None

    def send(self, message: SipMessage | bytes, to: Hop | None) -> None:
        where = (to.host, to.port) if to is not None else self._servers.address(message, self._now())
        self._look_again_if_failed()
        if self._transport is not None:
            self._transport.sendto(message if isinstance(message, bytes) else message.encode(), where)

    def note_answer(self, response: SipMessage) -> None:
        self._servers.note_answer(response, self._now())
        self._look_again_if_failed()

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    def _take(self, received: SipMessage | bytes, source: Hop) -> None:
        if self._servers.knows(source.host):
            self._servers.note_heard(source.host, self._now())
            self._receive(received, source)
        else:
            self.strangers += 1

    def _look_again_if_failed(self) -> None:
        if self._servers.failed:
            self._failed.set()

    async def _look_again(self) -> None:
        """Whenever what is known has had its time, or a server failed."""
        while True:
            holds = self._located.seconds
            due = None if math.isinf(holds) else max(holds, LOOK_AGAIN_AFTER)
            with suppress(TimeoutError):
                async with asyncio.timeout(due):
                    await self._failed.wait()
                    await asyncio.sleep(LOOK_AGAIN_AFTER)
            self._failed.clear()
            with suppress(NoSuchServer):  # what is known may still be right
                self._located = (await self._find()).reachable_from(self._hop.host)
                self._servers.take_addresses(self._located, self._now())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class StreamNetworkSide:
    """One TCP or TLS connection, made again when it breaks.

    TLS checks the server's certificate for the name that the person gave, not for the one that the domain name system
    answered (RFC 5922 section 4).
    """

    def __init__(
        self,
        located: Located,
        find: Find,
        receive: Receive,
        *,
        tls: ssl.SSLContext | None,
        name: str,
        changed: Callable[[bool], None],
    ) -> None:
        """`changed` is told when the connection is lost, and when there is one again."""
        self._changed = changed
        self._servers = located.addresses
        self._find = find
        self._receive = receive
        self._tls = tls
        self._name = name
        self._transport = "TLS" if tls is not None else "TCP"
        self._writer: asyncio.StreamWriter | None = None
        self._hop = Hop(self._transport, "", 0)
        self._task: asyncio.Task[None] | None = None

    async def open(self, local: Address | None) -> None:
        """Connect. Raises OSError, of which ssl.SSLError is one, if no server can be reached."""
        reader = await self._connect(local)
        self._task = asyncio.ensure_future(self._serve(reader, local))

    @property
    def hop(self) -> Hop:
        return self._hop

    @property
    def ready(self) -> bool:
        return self._writer is not None

    def send(self, message: SipMessage | bytes, to: Hop | None) -> None:
        if self._writer is not None:
            write(self._writer, message if isinstance(message, bytes) else message.encode(stream=True))

    def note_answer(self, response: SipMessage) -> None:
        """There is one connection, and it stands."""

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, local: Address | None) -> None:
        pause = FIRST_PAUSE
        while True:
            name = self._writer.get_extra_info("peername") if self._writer is not None else ("", 0)
            await read(reader, Hop(self._transport, name[0], name[1]), self._receive)
            if self._writer is not None:
                self._writer.close()
                self._writer = None
                self._changed(False)
            while self._writer is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                with suppress(NoSuchServer):  # what is known may still be right
                    self._servers = (await self._find()).addresses
                with suppress(OSError, asyncio.TimeoutError):
                    reader = await self._connect(local)
                    pause = FIRST_PAUSE
                    self._changed(True)

    async def _connect(self, local: Address | None) -> asyncio.StreamReader:
        problem: OSError = OSError("there is no server to connect to")
        for host, port in self._servers:
            options: dict[str, Any] = {"ssl": self._tls, "server_hostname": self._name} if self._tls else {}
            if local is not None:
                options["local_addr"] = local
            try:
                async with asyncio.timeout(CONNECT_WITHIN):
                    reader, self._writer = await asyncio.open_connection(host, port, **options)
            except TimeoutError:
                problem = OSError(f"{host}:{port} does not answer")
                continue
            except OSError as error:
                problem = error
                continue
            own = self._writer.get_extra_info("sockname")
            self._hop = Hop(self._transport, own[0], own[1])
            return reader
        raise problem


class Datagrams(asyncio.DatagramProtocol):
    """Hands datagrams on."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._receive(data, Hop("UDP", addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """SIP repeats what got lost; there is nothing to do."""


async def read(reader: asyncio.StreamReader, source: Hop, receive: Receive) -> None:
    """Hand on the messages of a connection until it ends, or until what arrives cannot be SIP."""
    framer = Framer()
    with suppress(OSError, MalformedSip):
        while octets := await reader.read(65536):
            for item in framer.feed(octets):
                receive(item, source)


def write(writer: asyncio.StreamWriter, octets: bytes) -> None:
    """Write without waiting; whoever does not read loses the connection."""
    if writer.transport.get_write_buffer_size() > UNSENT:
        writer.transport.abort()
    elif not writer.is_closing():
        writer.write(octets)


def own_address(server: Address) -> str:
    """From which of our addresses a server is reached; no packet is sent to find out. Raises OSError."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return str(probe.getsockname()[0])
