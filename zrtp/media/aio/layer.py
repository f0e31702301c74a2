"""A layer under RTP code: plain RTP and RTCP above, SRTP and ZRTP below, as `ssl` lies under a byte stream.

::

    call = AsyncCall(endpoint)
    audio = call.add_layer()
    audio.set_remote(("192.0.2.20", 5004))
    await loop.create_datagram_endpoint(lambda: audio.wrap(MyRtpProtocol()), local_addr=("0.0.0.0", 5004))
    audio.start()
    await audio.secured()

The protocol above stays as it is: it gets a transport that takes plain packets, and its `datagram_received` is called
with plain packets. Nothing of what it sends leaves before the stream is secure. Where RTCP has a port of its own,
`wrap_rtcp` serves that.

In an offer the layer comes first, with its own `hello_hash`; the answer brings `set_remote`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from zrtp.door import need_function, need_instance, need_methods
from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media.addresses import Address, check_address, is_address, mapped, next_port, normalized, shown, unmapped
from zrtp.media.aio.allowance import Allowance
from zrtp.media.aio.busy import Refusals, says_busy
from zrtp.media.aio.transport import TransportOver
from zrtp.media.demux import DatagramKind, classify, is_keep_alive
from zrtp.media.secure import SecureMedia, as_octets, check_size
from zrtp.media.statistics import Reception, Statistics
from zrtp.media.unreachable import is_refusal
from zrtp.protocol.events import Secured, Sending
from zrtp.protocol.states import State
from zrtp.protocol.stream import core_of

if TYPE_CHECKING:
    from zrtp.media.aio.call import AsyncCall

CANDIDATES: Final = 4
"""Addresses that introduced themselves, to which our Hello goes until one of them answers."""

SOURCES: Final = 64
"""Sources of ZRTP whose addresses are remembered; of more the one that was heard last longest ago goes."""

_DISCOVERING = frozenset({State.HELLO_SENT, State.HELLO_RECEIVED, State.HELLO_ACKED, State.DISCOVERED})

_RTP, _RTCP = DatagramKind.RTP, DatagramKind.RTCP  # as plain globals: fewer look-ups for each packet

Foreign = Callable[[bytes, Any], None]
"""Takes a datagram that is neither RTP, RTCP nor ZRTP, and its address."""


class MediaLayer:
    """One media stream of a call. Made by `AsyncCall.add_layer`.

    Until the stream is secure, ZRTP is answered where it came from; then whatever verifies shows where the peer is, so
    that a new port behind a router or after a re-INVITE is followed. `set_remote` says it at once.
    """

    def __init__(self, call: AsyncCall, media: SecureMedia, clock_rate: int) -> None:
        self.call = call
        self.media = media
        self.dropped = 0
        """Packets that were not sent: the gate was shut, the transport was congested, or there was no address yet that
        the socket reaches."""
        self.unprotectable = 0
        """Packets that were not sent because they cannot be protected, for example with a number that was used."""
        self.only_remote = False
        """ZRTP is taken from the addresses of `set_remote` alone; else from anybody until the stream is secure."""
        self.starts_when_called = False
        """The peer is looked for as soon as somebody sends ZRTP or RTP. While a call is held, others hear of it."""
        self.told_busy = False
        """Somebody at the peer's address says that it is in another call: a hint that anybody could give."""
        self._refusals = Refusals(media.stream.ssrc)
        self._now = asyncio.get_running_loop().time
        self._secure = call.secure
        self._rtp: _Port | None = None
        self._rtcp: _Port | None = None
        self._remotes: list[Any] = []  # where the peer may be, the likely one first
        self._rtcp_remote: Any = None  # where RTCP goes from a port of its own
        self._signalled: tuple[Any, ...] = ()  # what `set_remote` said
        self._sources: dict[int, Any] = {}  # where those are who sent ZRTP, by SSRC
        self._allowance = Allowance()
        self._peer: Any = None  # where the last packet that verified came from
        self._newcomer: Any = None  # where the last Hello of somebody else came from
        self._reception = Reception(clock_rate)
        self._started = False

    # For the application.

    @property
    def hello_hash(self) -> str:
        """The value of our a=zrtp-hash, for the offer or the answer (RFC 6189 section 8)."""
        return self.media.stream.hello_hash

    @property
    def remote(self) -> Address | None:
        """Where the peer is, as far as is known."""
        return shown(self._remotes[0]) if self._remotes else None

    @property
    def statistics(self) -> Statistics:
        """How the packets of the source heard last arrive; what was refused, and why, is in `media.counters`."""
        return self._reception.so_far

    def expect_hello(self, zrtp_hash: object) -> None:
        """The peer's a=zrtp-hash, as soon as the answer brings it; see `Stream.expect_hello`. Raises ApiMisuse."""
        self.media.stream.expect_hello(zrtp_hash)
        self.call.settle()

    def wrap(self, above: asyncio.DatagramProtocol, *, foreign: Foreign | None = None) -> asyncio.DatagramProtocol:
        """The protocol for the socket that carries RTP, and RTCP if both share it.

        `foreign` gets STUN, DTLS and what else arrives; without it that is counted and dropped. STUN and DTLS from
        above leave for the address that they are given, and keep-alives (nothing, CRLF, zeros) for the peer.
        """
        need_above(above, foreign)
        self._rtp = _Port(self, above, foreign)
        return self._rtp

    def wrap_rtcp(self, above: asyncio.DatagramProtocol) -> asyncio.DatagramProtocol:
        """The protocol for a socket that carries RTCP alone."""
        need_above(above)
        self._rtcp = _Port(self, above, None)
        return self._rtcp

    def take_over(self, other: MediaLayer) -> None:
        """Go on at the sockets of another call's layer, for example when that call was transferred: what lies above
        them stays as it is, and the other call has no sockets any more.

        Whoever introduced himself there is answered at `start`, where he came from, unless `set_remote` says another
        place. Raises ApiMisuse if the other layer has no socket, or this one has.
        """
        need_instance("The other layer", other, MediaLayer, "a MediaLayer of another call")
        if self._rtp is not None or other._rtp is None:
            raise ApiMisuse("take_over wants a layer that has no socket yet, and another one that has.")
        self._rtp, self._rtcp = other._rtp, other._rtcp
        other._rtp = other._rtcp = None
        for port in (self._rtp, self._rtcp):
            if port is not None:
                port.layer, port.open = self, True
        hello = other.media.newcomer_hello
        if hello is not None:
            self.media.zrtp_received(hello, self._now())
            self._remotes = self._remotes or [other._newcomer]

    def set_remote(self, *addresses: Any, rtcp: Any = None) -> None:
        """Where the peer is: the address of the answer, or of a re-INVITE. Further ones are tried beside the first.

        RTCP that has a port of its own goes to `rtcp`, by default the port after that of RTP. What was said before and
        is said again changes nothing, since packets that verified may have shown another way. Raises ApiMisuse for
        what is no address in numbers, and for what a connected socket cannot reach.
        """
        if not addresses:
            raise ApiMisuse("set_remote wants at least one address.")
        for address in addresses if rtcp is None else (*addresses, rtcp):
            check_address(address)
        addresses = tuple(normalized(address) for address in addresses)
        rtcp = None if rtcp is None else normalized(rtcp)
        for port, named in ((self._rtp, addresses), (self._rtcp, () if rtcp is None else (rtcp,))):
            if port is not None:
                port.check_reach(named)
        said = (*addresses, rtcp)
        if said == self._signalled:
            return
        self._signalled = said
        self._remotes = list(addresses)
        self._sources.clear()
        self._peer = None
        self._rtcp_remote = next_port(addresses[0]) if rtcp is None else rtcp

    def send(self, packet: bytes, address: Any = None) -> bool:
        """Protect and send an RTP packet or a compound RTCP packet on the port that carries RTP; False if it was not
        sent, since the gate is shut or there is no address yet. Raises SrtpError, as `SecureMedia.protect`."""
        if self._rtp is None:
            raise ApiMisuse("The layer has no socket yet: wrap a protocol, and make its endpoint, before sending.")
        if address is not None and not isinstance(address, tuple):
            check_address(address)
        if type(packet) is not bytes:
            packet = as_octets(packet)
        check_size(packet)
        return self._send(self._rtp, packet, classify(packet), address)

    def start(self) -> None:
        """Look for the peer, or look again. Call it when datagrams can reach the other side.

        Raises ApiMisuse before `wrap`.
        """
        if self._rtp is None:
            raise ApiMisuse("The layer has no socket yet: wrap a protocol, and make its endpoint, before start().")
        self._started = True
        self.media.start(self._now())
        self.call.settle()

    async def secured(self) -> Secured:
        """Wait until this stream is secure; raises NotSecured if it is not going to be."""
        return await self.call.secured(self.media)

    def is_at(self, address: Any) -> bool:
        """Whether the peer may be at that address, or its RTCP."""
        return address in self._remotes or (self._rtcp is not None and address == self._rtcp_remote)

    # For the call.

    def flush(self) -> None:
        """Send the ZRTP datagrams that are due."""
        due = self.media.datagrams_to_send()
        if due and self._rtp is not None:
            self._follow_exchange()
            to = self._remotes[:1] if self.media.stream.state is State.SECURE else self._remotes
            for datagram in due:
                for address in to or (None,):
                    self._answer(datagram, address)

    def _answer(self, datagram: bytes, address: Any) -> None:
        """Send ZRTP; to an address that only wrote itself on what came, within bounds."""
        vouched = address is None or address == self._peer or address in self._signalled
        if self._rtp is not None and (vouched or self._allowance.spend(address, len(datagram))):
            self._rtp.send(datagram, address)

    def _follow_exchange(self) -> None:
        """The peer is where the exchange came from, which may have moved on since: the store or a thread had to be
        waited for. Until it is secure somebody else may turn out to be the peer."""
        exchange = core_of(self.media.stream).exchange
        address = None if exchange is None or self._peer is not None else self._sources.get(exchange.peer.ssrc)
        if address is not None:
            self._remotes = [address, *(other for other in self._remotes if other != address)][:CANDIDATES]

    def detach(self) -> None:
        """The call is closed: the sockets stay, for whoever made them, but nothing passes any more."""
        for port in (self._rtp, self._rtcp):
            if port is not None:
                port.open = False

    # For the ports.

    def from_network(self, port: _Port, data: bytes, address: Any) -> None:
        """A datagram has arrived. What goes up has its address as the socket gave it."""
        now = self._now()
        kind = classify(data)
        source = unmapped(address) if port.both_families else address
        if not self._started and self.starts_when_called and kind in (DatagramKind.ZRTP, DatagramKind.RTP):
            self._remotes = [source]
            self._allowance.note_heard(source, len(data))
            self.start()
        elif kind is DatagramKind.ZRTP and self.media.stream.state is not State.SECURE:
            self._allowance.note_heard(source, len(data))
        if kind is _RTP:
            plain = self.media.unprotect(data, now)
            if plain is not None:
                self._reception.packet(plain, now)
                if source != self._peer:
                    self._note_address(source, verified=plain is not data)
                port.above.datagram_received(plain, address)
        elif kind is _RTCP:
            plain = self.media.unprotect_rtcp(data, now)
            if plain is not None:
                if plain is not data and port is self._rtcp:
                    self._rtcp_remote = source
                port.above.datagram_received(plain, address)
        elif kind is DatagramKind.ZRTP:
            self._zrtp(data, source, now)
        elif port.foreign is not None:
            port.foreign(data, address)
        else:
            self.media.counters.foreign += 1
        if self._secure.has_news:
            self.call.settle()

    def to_network(self, port: _Port, data: Any, address: Any) -> None:
        """A packet of the protocol above is to be sent. What cannot be sent is counted: RTP code goes on.

        What has no sound in it needs no protection. ChannelData of TURN may have, so it is not let through.
        """
        packet = data if type(data) is bytes else as_octets(data)
        kind = classify(packet)
        try:
            if kind is _RTP and port is self._rtp:
                sealed = self.media.protect(packet)
                if sealed is None:
                    self.dropped += 1
                else:
                    port.send(sealed, self._remotes[0] if self._remotes else address)
            elif kind is DatagramKind.STUN or kind is DatagramKind.DTLS:
                port.send(packet, address)
            elif kind is DatagramKind.OTHER and is_keep_alive(packet):
                port.send(packet, self._towards_peer(port, address))
            else:
                self._send(port, packet, kind, address)
        except SrtpError:
            self.unprotectable += 1

    def _send(self, port: _Port, packet: bytes, kind: DatagramKind, address: Any) -> bool:
        media = self.media
        sealed = media.protect_rtcp(packet) if kind is _RTCP else media.protect(packet)
        if sealed is None:
            self.dropped += 1
            return False
        return port.send(sealed, self._towards_peer(port, address))

    def _towards_peer(self, port: _Port, address: Any) -> Any:
        """Where the peer is, or else what the program above says."""
        if port is self._rtcp:
            return self._rtcp_remote or address
        return self._remotes[0] if self._remotes else address

    def _note_address(self, address: Any, *, verified: bool) -> None:
        """A packet came from elsewhere than the one before: if it verified, the peer is there now."""
        if address is None:
            return
        if verified:
            self._peer = address
            self._remotes = [address]
        elif not self._remotes:
            self._remotes = [address]

    def _zrtp(self, data: bytes, address: Any, now: float) -> None:
        """Until the stream is secure, answer where it came from; whoever moves the exchange is the peer."""
        media, stream = self.media, self.media.stream
        if self.only_remote and address is not None and address not in self._remotes:
            media.counters.foreign += 1
            return
        before = stream.state
        if address is not None and stream.state is not State.SECURE:
            self._note_source(data, address)
        media.zrtp_received(data, now)
        self.told_busy |= before in _DISCOVERING and says_busy(data)
        if address is None:
            return
        if stream.sending is Sending.SRTP:
            if data is media.newcomer_hello:
                self._newcomer = address
            self._refuse_stranger(data, address, now)
            return
        if self._rtp is not None and self._started:
            for answer in media.datagrams_to_send():
                self._answer(answer, address)
        if stream.state is not before and before is not State.IDLE:
            self._remotes = [address, *(other for other in self._remotes if other != address)][:CANDIDATES]
        elif address not in self._remotes and len(self._remotes) < CANDIDATES:
            self._remotes.append(address)

    def _note_source(self, data: bytes, address: Any) -> None:
        ssrc = int.from_bytes(data[8:12], "big")
        self._sources.pop(ssrc, None)
        while len(self._sources) >= SOURCES:
            del self._sources[next(iter(self._sources))]
        self._sources[ssrc] = address

    def _refuse_stranger(self, data: bytes, address: Any, now: float) -> None:
        if not self.starts_when_called or self._rtp is None or address in self._remotes:
            return
        refusal = self._refusals.answer(data, now)
        if refusal is not None:
            self._rtp.send(refusal, address)

    def note_refusal(self, error: Exception) -> None:
        """The network could not deliver."""
        if is_refusal(error):
            self.media.refused_by_network()
            if self.call.secure.has_news:
                self.call.settle()


def need_above(above: object, foreign: object = None) -> None:
    """What lies above a layer has to be that. Raises ApiMisuse."""
    need_methods("What lies above", above, ("datagram_received",), "an asyncio.DatagramProtocol")
    if foreign is not None:
        need_function("foreign", foreign, "a function that takes a datagram and its address")


class _Port(asyncio.DatagramProtocol):
    """Between a socket and the protocol above it."""

    def __init__(self, layer: MediaLayer, above: asyncio.DatagramProtocol, foreign: Foreign | None) -> None:
        self.above = above
        self.foreign = foreign
        self.open = True
        self.layer = layer
        self.both_families = False
        """Whether the socket may give addresses of IPv4 as ones of IPv6, and takes no others."""
        self._below: Any = None
        self._connected = self._ipv4 = False
        self._congested = False

    def send(self, data: bytes, address: Any) -> bool:
        """Send a datagram that needs no more protection; False if it could not leave."""
        below = self._below
        if below is None or below.is_closing():
            return False
        if self._connected:
            to = None  # there is one way to go, and its address may be spelled otherwise
        elif self.both_families and address is not None:
            to = mapped(address)
        else:
            to = address
        if self._congested or (to is None and not self._connected) or (self._ipv4 and to and ":" in to[0]):
            self.layer.dropped += 1
            return False
        below.sendto(data, to)
        return True

    def check_reach(self, addresses: tuple[Any, ...]) -> None:
        """Raises ApiMisuse if the socket is connected elsewhere. What a path leads to has no address."""
        peer = self._below.get_extra_info("peername") if self._connected else None
        if is_address(peer) and any(address != normalized(peer) for address in addresses):
            raise ApiMisuse(
                f"The socket is connected to {shown(peer)} and sends nowhere else: "
                "make its endpoint without remote_addr, or a new one."
            )

    # As the transport below sees it.

    def connection_made(self, transport: Any) -> None:
        self._below = transport
        self._connected = transport.get_extra_info("peername") is not None
        items = len(transport.get_extra_info("sockname") or ())
        self._ipv4, self.both_families = items == 2, items > 2
        self.above.connection_made(_PlainTransport(self, transport))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.open:
            self.layer.from_network(self, data, addr)

    def error_received(self, exc: Exception) -> None:
        self.layer.note_refusal(exc)
        self.above.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.above.connection_lost(exc)

    def pause_writing(self) -> None:
        self._congested = True
        self.above.pause_writing()

    def resume_writing(self) -> None:
        self._congested = False
        self.above.resume_writing()


class _PlainTransport(TransportOver):
    """What the protocol above sends through."""

    def __init__(self, port: _Port, below: asyncio.DatagramTransport) -> None:
        super().__init__(below)
        self._port = port

    def sendto(self, data: Any, addr: Any = None) -> None:
        port = self._port
        if port.open:
            port.layer.to_network(port, data, addr)
