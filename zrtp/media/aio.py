"""A secure voice stream over UDP for asyncio: one socket, one timer, events, nothing of the protocol.

::

    async with connect(endpoint, ("192.0.2.20", 5004)) as call:
        await call.secured()
        call.send(payload)                  # 20 ms of mu-law, encrypted
        packet = await call.receive()       # an RTP packet, decrypted
        async for event in call: ...        # what the engine has to say, until the call is closed

Everything else is done by `zrtp.media.secure`, which serves any other way of moving datagrams as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from zrtp.errors import ZrtpError
from zrtp.media import rtcp
from zrtp.media.addresses import Address, resolve
from zrtp.media.demux import Kind, classify
from zrtp.media.rtp import MalformedRtp, Packetizer, RtpPacket
from zrtp.media.secure import SecureCall
from zrtp.protocol.events import Closed, Event, Failed, NoPeer, Secured, Sending
from zrtp.system import system_random

if TYPE_CHECKING:
    from zrtp.protocol.endpoint import Endpoint
    from zrtp.protocol.work import Work

Path: TypeAlias = Callable[[Callable[[], None]], None]
"""Stands for a network: is given each delivery of a datagram, and performs it now, later, often or never."""

RECEIVE_BACKLOG = 250
"""Received packets, five seconds of sound, that wait for `SecureStream.receive`; the oldest goes first."""


class NotSecured(ZrtpError):
    """The call did not become secure: nobody answers ZRTP, or the key agreement failed."""


class Options(TypedDict, total=False):
    """What `connect` and `listen` take besides addresses."""

    ssrc: int
    """Our SSRC; random unless given."""
    aux_secret: bytes | None
    """A secret that both sides know by other means (RFC 6189 section 4.3)."""
    peer_hello_hash: bytes | None
    """The a=zrtp-hash that signalling brought, 32 octets (RFC 6189 section 8)."""
    peer_label: str
    """Chooses among several ZIDs of this installation."""
    best_effort: bool
    """Let plain RTP pass as long as no key agreement has begun."""
    path: Path
    """A worse network than there is."""
    executor: Executor | None
    """Runs public-key operations beside the event loop, where they take long; see `zrtp.protocol.work`."""


@asynccontextmanager
async def connect(
    endpoint: Endpoint, remote: Address, *, local: Address | None = None, **options: Unpack[Options]
) -> AsyncIterator[SecureStream]:
    """Call an address: opens a socket, looks for the peer there, and closes the call at the end of the block.

    Only datagrams from that address are received. Raises OSError if the name or the port cannot be used.
    """
    stream = SecureStream(endpoint, **options)
    async with aclosing(stream):
        await stream.open(local, remote)
        stream.start()
        yield stream


@asynccontextmanager
async def listen(endpoint: Endpoint, local: Address, **options: Unpack[Options]) -> AsyncIterator[SecureStream]:
    """Wait for a caller at a local address; otherwise like `connect`.

    The peer is looked for when somebody sends ZRTP or RTP. Until the stream is secure, each datagram is answered
    where it came from, and the exchange goes on with whoever moved it last; from then on only an authenticated packet
    can change the address.
    """
    stream = SecureStream(endpoint, **options)
    async with aclosing(stream):
        await stream.open(local, None)
        yield stream


class SecureStream:
    """A call with one voice stream. Everything happens in one event loop; there are no locks.

    Methods of `session` may be called at any time, for example `sas_matched`; call `settle` afterwards.
    """

    def __init__(self, endpoint: Endpoint, **options: Unpack[Options]) -> None:
        ssrc = options.get("ssrc", int.from_bytes(system_random(4), "big"))
        self._executor = options.get("executor")
        self.session = endpoint.session(
            peer_label=options.get("peer_label", ""),
            aux_secret=options.get("aux_secret"),
            offload=self._executor is not None,
        )
        self.call = SecureCall(self.session, best_effort=options.get("best_effort", False))
        self.media = self.call.add_stream(ssrc, peer_hello_hash=options.get("peer_hello_hash"))
        self.local: Address = ("", 0)
        """Where the socket is bound."""
        self.remote: Address | None = None
        """Where the peer is, as far as is known."""
        self.unreachable = False
        """The network says that nobody listens at the peer's address."""
        self._loop = asyncio.get_running_loop()
        self._path = options.get("path", _direct)
        self._packetizer = Packetizer(ssrc)
        self._transport: asyncio.DatagramTransport | None = None
        self._destination: Any = None  # None: the socket is connected, or nobody is there yet
        self._timer: asyncio.TimerHandle | None = None
        self._calling = self._started = self._ended = self._closed = self._goodbye_said = False
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._packets: asyncio.Queue[RtpPacket | None] = asyncio.Queue(RECEIVE_BACKLOG)
        self._secured: asyncio.Future[Secured] = self._loop.create_future()
        self._secured.add_done_callback(asyncio.Future.exception)  # nobody has to wait for it

    async def secured(self) -> Secured:
        """Wait until the stream is secure; raises NotSecured if it will not be."""
        return await asyncio.shield(self._secured)

    def send(self, payload: bytes) -> bool:
        """Send the next frame of sound; False if the gate for media is shut, and the frame is lost."""
        if not self.media.may_send or self._closed:
            self._packetizer.skip(len(payload))
            return False
        datagram = self.media.protect(self._packetizer.packet(payload).encode())
        if datagram is not None:
            self._send(datagram)
        return datagram is not None

    async def receive(self) -> RtpPacket | None:
        """The next packet of the peer as it arrives; None after its goodbye, and when the call is closed."""
        if self._ended and self._packets.empty():
            return None
        return await self._packets.get()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Every event, until `Closed`."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Closed):
                return

    def settle(self) -> None:
        """Send what is due, pass on events, set the timer."""
        while (event := self.call.next_event()) is not None:
            self._on_event(event)
        for datagram in self.media.datagrams_to_send():
            self._send(datagram)
        while (work := self.media.stream.work_to_do()) is not None:
            done = self._loop.run_in_executor(self._executor, work.run)
            done.add_done_callback(partial(self._on_work_done, work))
        self._set_timer()

    def _on_work_done(self, work: Work, _: asyncio.Future[None]) -> None:
        self.media.stream.work_done(work, self._loop.time())
        if not self._closed:
            self.settle()

    def say_goodbye(self) -> None:
        """Tell the peer, authenticated, that this side sends nothing more."""
        if self._goodbye_said or self._closed:
            return
        self._goodbye_said = True
        datagram = self.media.protect_rtcp(rtcp.goodbye(self.media.stream.ssrc))
        if datagram is not None:
            self._send(datagram)

    async def aclose(self) -> None:
        """Say goodbye, end the call, wipe its keys, close the socket. May be called again."""
        self.say_goodbye()
        if not self._closed:
            self.call.close(self._loop.time())
            self.settle()
            self._closed = True
            self._end()
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    async def open(self, local: Address | None, remote: Address | None) -> None:
        """Open the socket, once; with a remote address it is connected. Raises OSError."""
        family, local, self.remote = await resolve(local, remote)
        self._calling = remote is not None
        self._transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=local, remote_addr=self.remote, family=family
        )
        self.local = self._transport.get_extra_info("sockname")[:2]

    def start(self) -> None:
        """Look for the peer; a listener does so by itself when it hears something."""
        self._started = True
        self.media.start(self._loop.time())
        self.settle()

    def received(self, datagram: bytes, address: Any) -> None:
        """A datagram has come out of the network."""
        self._path(lambda: self._take(datagram, address))

    def _take(self, datagram: bytes, address: Any) -> None:
        if self._closed:
            return
        if not self._started:
            if classify(datagram) not in (Kind.ZRTP, Kind.RTP):
                return
            self._destination, self.remote = address, address[:2]
            self.start()
        stream, counters = self.media.stream, self.media.counters
        before = stream.state, counters.verified
        packets = self.media.datagram_received(datagram, self._loop.time())
        if not self._calling:
            secure = stream.sending is Sending.SRTP
            for answer in [] if secure else self.media.datagrams_to_send():
                self._send(answer, address)
            if counters.verified > before[1] or (stream.state is not before[0] and not secure):
                self._destination, self.remote = address, address[:2]
        for octets in packets:
            with suppress(MalformedRtp):  # authenticated, but its padding makes no sense
                self._deliver(RtpPacket.decode(octets))
        self.settle()
        if self.media.peer_left:
            self._end()

    def _deliver(self, packet: RtpPacket | None) -> None:
        if self._packets.full():
            self._packets.get_nowait()
        self._packets.put_nowait(packet)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._deliver(None)

    def _on_event(self, event: Event) -> None:
        self._events.put_nowait(event)
        if self._secured.done():
            return
        if isinstance(event, Secured):
            self._secured.set_result(event)
        elif isinstance(event, Failed) or (isinstance(event, NoPeer) and self._calling):
            self._secured.set_exception(NotSecured(event.text))
        elif isinstance(event, Closed):
            self._secured.set_exception(NotSecured("The call was closed before it was secure."))

    def _send(self, datagram: bytes, elsewhere: Any = None) -> None:
        transport, destination = self._transport, elsewhere or self._destination
        if transport is not None and (self._calling or destination is not None):
            self._path(lambda: None if transport.is_closing() else transport.sendto(datagram, destination))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self.call.next_timer()
        self._timer = None if due is None or self._closed else self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self.call.handle_timer(self._loop.time())
        self.settle()


class _Datagrams(asyncio.DatagramProtocol):
    """What asyncio wants to talk to."""

    def __init__(self, stream: SecureStream) -> None:
        self._stream = stream

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._stream.received(data, addr)

    def error_received(self, exc: Exception) -> None:
        self._stream.unreachable |= isinstance(exc, ConnectionRefusedError)


def _direct(deliver: Callable[[], None]) -> None:
    deliver()
