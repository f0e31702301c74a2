"""A secure stream over UDP for asyncio: one socket, one timer, events, nothing of the protocol.

::

    async with connect(endpoint, ("192.0.2.20", 5004)) as call:
        await call.secured()
        call.send(payload)                  # 20 ms of mu-law, encrypted
        packet = await call.receive()       # an RTP packet, decrypted
        async for event in call: ...        # what there is to say, until the call is closed

For other ways of moving datagrams there are `SecureStream.over` and `zrtp.media.aio.layer`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, Unpack

from zrtp.door import (
    need_flag,
    need_function,
    need_methods,
    need_octets,
    need_options,
    need_seconds,
    need_text,
    need_whole,
)
from zrtp.errors import ApiMisuse
from zrtp.media import dtmf, rtcp
from zrtp.media.addresses import (
    Address,
    check_place,
    every_address,
    local_towards,
    mapped,
    need_somebody_at,
    resolve,
    shown,
)
from zrtp.media.aio.call import AsyncCall, SessionOptions
from zrtp.media.aio.mailbox import Mailbox
from zrtp.media.aio.paths import DatagramPath, PathTransport, Unsteady
from zrtp.media.aio.store import learn_zid
from zrtp.media.aio.udp import open_udp
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import CallEvent
from zrtp.media.rtp import PCMU, MalformedRtp, Packetizer, RtpPacket
from zrtp.media.secure import as_octets
from zrtp.media.statistics import Statistics
from zrtp.media.unreachable import is_refusal
from zrtp.protocol.events import Secured

if TYPE_CHECKING:
    import socket

    from zrtp.protocol.endpoint import Endpoint

Path: TypeAlias = Callable[[Callable[[], None]], None]
"""Stands for a network: is given each delivery of a datagram, and performs it now, later, often or never."""

RECEIVE_BACKLOG: Final = 250
"""Received packets, five seconds of sound, that wait for `SecureStream.receive` unless told otherwise."""

OTHER_FAMILY_AFTER: Final = 0.25
"""Seconds after which the other address family of a name is tried too (RFC 8305 section 5)."""

LEAVING: Final = 0.5
"""Seconds after a goodbye, and after the last packet that comes later, in which the peer may go on."""


class Options(SessionOptions, total=False):
    """What `connect` and `listen` take besides addresses."""

    ssrc: int
    """Our SSRC; random unless given."""
    peer_hello_hash: bytes | None
    """The a=zrtp-hash that signalling brought, 32 octets (RFC 6189 section 8)."""
    payload_type: int
    """Of what `send` sends; G.711 mu-law unless given."""
    clock_rate: int
    """Of the RTP timestamps, in ticks a second; 8,000 unless given."""
    backlog: int
    """Received packets that wait for `receive`; the oldest goes first, and is counted."""
    path: Path
    """A worse network than there is."""


@asynccontextmanager
async def connect(
    endpoint: Endpoint, remote: Address, *, local: Address | None = None, **options: Unpack[Options]
) -> AsyncIterator[SecureStream]:
    """Call an address: opens a socket, looks for the peer there, and closes the call at the end of the block.

    A name with addresses of both families is tried in both. ZRTP is taken from the address that is called alone; once
    the stream is secure, the peer is followed wherever its packets come from. Raises OSError if the name or the port
    cannot be used, and CacheError if the store does not give the ZID for a new `peer_label`.
    """
    check_place("remote", remote)
    stream = await SecureStream.made(endpoint, **options)
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
    check_place("local", local)
    stream = await SecureStream.made(endpoint, **options)
    async with aclosing(stream):
        await stream.open(local, None)
        yield stream


class SecureStream:
    """A call with one stream. Everything happens in one event loop; there are no locks.

    Methods of `session` may be called at any time, for example `sas_matched`; call `settle` afterwards.
    """

    def __init__(self, endpoint: Endpoint, **options: Unpack[Options]) -> None:
        need_options("A call", options, Options.__annotations__ | SessionOptions.__annotations__)
        payload_type = need_whole("payload_type", options.get("payload_type", PCMU), 0, 127)
        backlog = need_whole("backlog", options.get("backlog", RECEIVE_BACKLOG), 1)
        if (path := options.get("path")) is not None:
            need_function("path", path, "a function that takes a delivery")
        settings: Any = {name: value for name, value in options.items() if name in SessionOptions.__annotations__}
        self._call = AsyncCall(endpoint, **settings)
        self._call.leave = self.aclose
        self.session = self._call.session
        self.call = self._call.secure
        self.layer = self._call.add_layer(
            options.get("ssrc"),
            peer_hello_hash=options.get("peer_hello_hash"),
            clock_rate=options.get("clock_rate", 8000),
        )
        self.media = self.layer.media
        self.packetizer = Packetizer(self.media.stream.ssrc, payload_type=payload_type)
        """Numbers what `send` and `send_dtmf` send, and packets of one's own under the same SSRC. Its `skip` lets time
        pass in which nothing is sent."""
        self.local: Address = ("", 0)
        """Where the socket is bound."""
        self.unreachable = False
        """The network says that nobody listens at the peer's address."""
        self._clock_rate = options.get("clock_rate", 8000)
        self._loop = asyncio.get_running_loop()
        self._path = path
        self._packets: Mailbox[RtpPacket] = Mailbox(backlog)
        self._transport: asyncio.DatagramTransport | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._keypad = asyncio.Lock()
        self._goodbye_said = self._closed = False

    @classmethod
    async def made(cls, endpoint: Endpoint, **options: Unpack[Options]) -> Self:
        """A stream without a socket so far, also for a new `peer_label`, whose ZID the store may have to be asked for.
        Raises CacheError if that fails."""
        await learn_zid(endpoint, options.get("peer_label", ""))
        return cls(endpoint, **options)

    @classmethod
    async def over(cls, connection: DatagramPath, endpoint: Endpoint, **options: Unpack[Options]) -> SecureStream:
        """A stream over something that sends and receives datagrams, for example a connection of `aioice` after its
        checks. It is started; the connection stays open when the stream is closed."""
        stream = await cls.made(endpoint, **options)
        stream.attach(connection)
        return stream

    @property
    def remote(self) -> Address | None:
        """Where the peer is, as far as is known."""
        return self.layer.remote

    @property
    def statistics(self) -> Statistics:
        """How the packets of the source heard last arrive; what was refused, and why, is in `media.counters`."""
        return self.layer.statistics

    @property
    def dropped(self) -> int:
        """Received packets that nobody fetched in time."""
        return self._packets.dropped

    async def secured(self) -> Secured:
        """Wait until the stream is secure; raises NotSecured if it is not going to be. It tells the present."""
        return await self.layer.secured()

    def send(
        self, payload: bytes, *, samples: int | None = None, payload_type: int | None = None, marker: bool | None = None
    ) -> bool:
        """Send the next frame, which lasts for so many ticks of the clock: as many as it has octets unless given.
        False if the gate for media is shut, and the frame is lost."""
        if type(payload) is not bytes:
            payload = need_octets("The payload", payload)
        if payload_type is not None:
            need_whole("payload_type", payload_type, 0, 127)
        if marker is not None:
            need_flag("marker", marker)
        if self._closed or self._keypad.locked() or not self.media.may_send:
            self.packetizer.skip(len(payload) if samples is None else samples)
            return False
        packet = self.packetizer.packet(payload, samples=samples, payload_type=payload_type, marker=marker)
        return self.layer.send(packet.encode())

    def send_rtp(self, packet: bytes) -> bool:
        """Send an RTP packet of one's own making, as it is; False if the gate for media is shut.

        Under this stream's SSRC its number is one of `packetizer`. Raises SrtpError if it cannot be protected, for
        example since its number was used.
        """
        if type(packet) is not bytes:
            packet = as_octets(packet)
        return not self._closed and self.layer.send(packet)

    def send_rtcp(self, compound: bytes) -> bool:
        """Send a compound RTCP packet; False if the gate for media is shut. Raises SrtpError."""
        if type(compound) is not bytes:
            compound = as_octets(compound)
        return not self._closed and self.layer.send(compound)

    async def send_dtmf(self, digit: str, *, seconds: float = 0.1, payload_type: int = 101) -> bool:
        """Press a key of the telephone (RFC 4733) and hold it; `send` says False meanwhile, as a phone mutes itself.

        A key waits until the one before is up, and goes up at once when this is cancelled. False if the gate for media
        is shut. Raises ApiMisuse for what is no key.
        """
        need_text("digit", digit)
        need_seconds("seconds", seconds)
        need_whole("payload_type", payload_type, 0, 127)
        step = max(1, self._clock_rate // 50)
        events = dtmf.presses(digit, round(seconds * self._clock_rate), step)
        async with self._keypad:
            press = dtmf.Press(self.packetizer, events, step, payload_type)
            begun, sent = self._loop.time(), True
            try:
                while (due := press.due) is not None:
                    await asyncio.sleep(begun + due / self._clock_rate - self._loop.time())
                    sent &= self.send_rtp(press.packet().encode())
            finally:
                for packet in press.release():
                    sent &= self.send_rtp(packet.encode())
        return sent

    async def receive(self) -> RtpPacket | None:
        """The next packet of the peer as it arrives; None once it has said goodbye, and when the call is closed. A peer
        that goes on later, as after hold, is heard again: `MediaRecovered` tells so."""
        return await self._packets.get()

    def take_rtcp(self) -> list[bytes]:
        """The compound RTCP packets of the peer since the last call, at most 16."""
        return self.media.take_rtcp()

    def __aiter__(self) -> AsyncIterator[CallEvent]:
        """Every event, until the call is closed."""
        return self._call.__aiter__()

    def settle(self) -> None:
        """Send what is due, pass on events, set the timer. Call it after methods of `session`."""
        self._call.settle()

    def expect_hello(self, zrtp_hash: object) -> None:
        """The peer's a=zrtp-hash, as soon as signalling brings it; see `Stream.expect_hello`. Raises ApiMisuse."""
        self.layer.expect_hello(zrtp_hash)

    def set_remote(self, remote: Any, *others: Any) -> None:
        """Where the peer is, as signalling says; see `MediaLayer.set_remote`."""
        self.layer.set_remote(remote, *others)

    def say_goodbye(self, reason: str = "") -> None:
        """Tell the peer, authenticated, that this side sends nothing more, and why."""
        need_text("reason", reason)
        if not self._goodbye_said and not self._closed and self._transport is not None:
            self._goodbye_said = True
            self.layer.send(rtcp.goodbye(self.media.stream.ssrc, reason=reason))

    async def aclose(self) -> None:
        """Say goodbye, end the call, wipe its keys, store what it leaves, close the socket. May be called again."""
        try:
            self.say_goodbye()
        finally:
            self._closed = True
            if self._leaving is not None:
                self._leaving.cancel()
            self._packets.close()
            try:
                await self._call.aclose()
            finally:
                if self._transport is not None:
                    self._transport.close()

    def attach(self, connection: DatagramPath) -> None:
        """Take something that sends and receives datagrams in place of a socket, once, and look for the peer there.

        For callers whose signalling needs the hash of this stream's Hello before there is such a connection.
        """
        need_methods(
            "A path", connection, ("send", "recv"), "something that sends and receives, as an aioice.Connection"
        )
        self._refuse_second_socket()
        port = self.layer.wrap(_Above(self))
        self._transport = PathTransport(connection, port if self._path is None else Unsteady(port, self._path))
        self.start()

    async def open(self, local: Address | None, remote: Address | None) -> None:
        """Open the socket, once. Raises OSError."""
        for what, address in (("local", local), ("remote", remote)):
            if address is not None:
                check_place(what, address)
        if local is None and remote is None:
            raise ApiMisuse("Give the address to listen at, or the one to call.")
        self._refuse_second_socket()
        family, bound, addresses = await _plan(local, remote)
        port = self.layer.wrap(_Above(self))
        if self._path is not None:
            port = Unsteady(port, self._path)
        self._transport = await open_udp(port, bound, family, dual_stack=len(addresses) > 1, listening=not addresses)
        self.local = shown(self._transport.get_extra_info("sockname"))
        if addresses:
            if bound is None:
                self.local = local_towards(addresses[0], family), self.local[1]
            self.layer.only_remote = True
            self.layer.set_remote(addresses[0])
            if len(addresses) > 1:
                self._loop.call_later(OTHER_FAMILY_AFTER, self._try_others, addresses)
        else:
            self.layer.starts_when_called = True

    def _refuse_second_socket(self) -> None:
        if self._transport is not None:
            raise ApiMisuse("This call has a socket already: make another call for another address.")

    def start(self) -> None:
        """Look for the peer, or look again; a listener does so by itself when it hears something."""
        self.layer.start()

    def _try_others(self, addresses: list[Any]) -> None:
        """Nobody answered at the first address of a name."""
        if not self._closed and not self.media.counters.zrtp_received:
            self.layer.set_remote(*addresses)

    def _take(self, packet: bytes) -> None:
        if classify(packet) is DatagramKind.RTCP:
            self.media.keep_rtcp(packet)
        else:
            with suppress(MalformedRtp):  # authenticated, but its padding makes no sense
                self._packets.put(RtpPacket.decode(packet))
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self.media.peer_left:
            self._leaving = self._loop.call_later(LEAVING, self._packets.pause)


class _Above(asyncio.DatagramProtocol):
    """What lies above the layer: plain packets."""

    def __init__(self, stream: SecureStream) -> None:
        self._stream = stream

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._stream._take(data)

    def error_received(self, exc: Exception) -> None:
        self._stream.unreachable |= is_refusal(exc)


async def _plan(local: Address | None, remote: Address | None) -> tuple[socket.AddressFamily | int, Any, list[Any]]:
    """Family and local address of the socket, and the addresses to try, in the socket's own form."""
    import socket

    if remote is None or local is not None:
        family, _, _ = await resolve(local, remote)
        bound, called = [
            None if each is None else next(address for of, address in await every_address(each) if of == family)
            for each in (local, remote)
        ]
        return family, bound, [] if called is None else [called]
    found = await every_address(remote)
    for _, address in found:
        need_somebody_at(address)
    if len(found) > 1 and socket.has_dualstack_ipv6():
        return socket.AF_INET6, None, [mapped(each) for _, each in found]
    family, address = found[0]
    return family, None, [address]
