"""A call that forks: one offer, one port, and several phones that answer, each with early media of its own.

Each phone that answers (each To-tag of SIP) is another peer, with another Hello, another key agreement and another SAS,
so each gets a session of its own. They share the port of the offer.

::

    fork = ForkedCall(endpoint)
    await loop.create_datagram_endpoint(lambda: fork.wrap(MyRtpProtocol()), local_addr=("0.0.0.0", 5004))
    ... 183 with To-tag "a1": fork.branch("a1", ("192.0.2.20", 5004), peer_hello_hash=...)
    ... 183 with To-tag "b2": fork.branch("b2", ("192.0.2.30", 5004), peer_hello_hash=...)
    ... 200 with To-tag "b2": layer = fork.choose("b2")

A branch is told by the Hello that its answer announced, and by the SSRC under which that came, and otherwise by its
address: a relay in between may let all of them come from the port of one. What is sent goes where the answer said.

Until one is chosen, what the program sends goes to every branch that is secure, and it hears all of them, each under
its own address. A phone that announced no hash and comes from elsewhere than its answer said, as behind a router, waits
until it is chosen: before, it could be another one. The chosen one gets whatever arrives, and is followed as
`MediaLayer` says. The a=zrtp-hash of an offer can be that of one Hello only: announce `hello_hash`, that of the branch
which answers first.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, Unpack

from zrtp.door import need_octets, need_text
from zrtp.errors import ApiMisuse
from zrtp.media.addresses import check_address, next_port, normalized, unmapped
from zrtp.media.aio.call import AsyncCall, SessionOptions
from zrtp.media.aio.layer import Foreign, MediaLayer, need_above
from zrtp.media.aio.transport import TransportOver
from zrtp.media.demux import DatagramKind, classify, is_keep_alive
from zrtp.media.secure import as_octets
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State

EARLY: Final = 16
"""Datagrams of phones whose answer has not come yet that are kept; of more the oldest goes."""

SOURCES: Final = 16
"""SSRCs that are known to belong to a branch; of more the oldest goes."""


class ForkedCall:
    """The branches of one call, by name. `options` are those of each `AsyncCall`."""

    def __init__(self, endpoint: Endpoint, *, ssrc: int | None = None, **options: Unpack[SessionOptions]) -> None:
        if not isinstance(endpoint, Endpoint):
            raise ApiMisuse(f"A call is made of an Endpoint, not of {type(endpoint).__name__}.")
        self.branches: dict[str, MediaLayer] = {}
        """Those that have answered, by To-tag."""
        self._endpoint = endpoint
        self._options = options
        self._rtp: _Shared | None = None
        self._rtcp: _Shared | None = None
        self._chosen: str | None = None
        self._announced: dict[str, bytes] = {}  # hash of the Hello that a branch announced
        self._sources: dict[bytes, str] = {}  # SSRC under which that Hello came
        self._early: list[tuple[bytes, Any]] = []
        self._over: list[AsyncCall] = []  # which may still have something to store
        self._next = self._make(ssrc)

    @property
    def hello_hash(self) -> str:
        """For the offer: the a=zrtp-hash of the Hello that the next branch will send."""
        return self._next.hello_hash

    def wrap(self, above: asyncio.DatagramProtocol, *, foreign: Foreign | None = None) -> asyncio.DatagramProtocol:
        """The protocol for the socket of the offer; `foreign` as with `MediaLayer.wrap`. Raises ApiMisuse after the
        first `branch`."""
        need_above(above, foreign)
        self._refuse_second_sockets()
        self._rtp = _Shared(self, above, foreign)
        return self._rtp

    def wrap_rtcp(self, above: asyncio.DatagramProtocol) -> asyncio.DatagramProtocol:
        """The protocol for a socket that carries RTCP alone. Raises ApiMisuse after the first `branch`."""
        need_above(above)
        self._refuse_second_sockets()
        self._rtcp = _Shared(self, above, None)
        return self._rtcp

    def branch(self, name: str, *addresses: Any, rtcp: Any = None, peer_hello_hash: bytes | None = None) -> MediaLayer:
        """Another phone has answered, at that address: look for it. `peer_hello_hash` is the a=zrtp-hash of its answer;
        `rtcp` as with `MediaLayer.set_remote`.

        Raises ApiMisuse if the name is taken, or there is no socket yet.
        """
        need_text("name", name)
        if not addresses:
            raise ApiMisuse("branch wants the address of the phone that answered.")
        for address in addresses if rtcp is None else (*addresses, rtcp):
            check_address(address)
        if peer_hello_hash is not None:
            peer_hello_hash = need_octets("peer_hello_hash", peer_hello_hash, length=32)
        if name in self.branches:
            raise ApiMisuse(f"There is a branch {name!r} already; a new address is said with its set_remote().")
        if self._rtp is None or any(each is not None and each.transport is None for each in (self._rtp, self._rtcp)):
            raise ApiMisuse("The call has no socket yet: wrap a protocol, and make its endpoint, before branch().")
        layer, self._next = self._next, self._make(None)
        if peer_hello_hash is not None:
            layer.expect_hello(peer_hello_hash)
            self._announced[name] = peer_hello_hash
        layer.set_remote(*addresses, rtcp=rtcp)
        self.branches[name], self._chosen = layer, None
        said = normalized(addresses[0])
        self._rtp.join(name, layer.wrap(_Branch(self._rtp.above)), said)
        if self._rtcp is not None:
            said = next_port(said) if rtcp is None else normalized(rtcp)
            self._rtcp.join(name, layer.wrap_rtcp(_Branch(self._rtcp.above)), said)
        layer.start()
        self._take_early()
        return layer

    def choose(self, name: str) -> MediaLayer:
        """This one is it: all others are closed, and it gets what arrives. Raises ApiMisuse without such a branch."""
        if need_text("name", name) not in self.branches:
            raise ApiMisuse(f"There is no branch {name!r}.")
        for other in [each for each in self.branches if each != name]:
            self.drop(other)
        self._chosen, layer = name, self.branches[name]
        if layer.media.stream.state is State.SECURE:
            self._early.clear()  # that was another phone
        self._take_early()
        return layer

    def drop(self, name: str) -> None:
        """This phone does not ring any more."""
        layer = self.branches.pop(need_text("name", name), None)
        if layer is not None:
            layer.call.close()
            self._over.append(layer.call)
            self._announced.pop(name, None)
            for shared in (self._rtp, self._rtcp):
                if shared is not None:
                    shared.leave(name)

    def close(self) -> None:
        """End all of them."""
        for name in list(self.branches):
            self.drop(name)
        self._next.call.close()

    async def aclose(self) -> None:
        """As `close`, and wait until what every branch leaves behind is stored. Use it where the program ends."""
        self.close()
        for call in self._over:
            await call.aclose()

    # For the sockets.

    def take(self, shared: _Shared, data: bytes, address: Any) -> None:
        """A datagram goes to the branch that it belongs to; what belongs to none yet is kept, if it is ZRTP."""
        kind = classify(data)
        if shared.foreign is not None and kind not in _WITH_SOURCE:
            shared.foreign(data, address)
            return
        source = unmapped(address)
        name = self._owner(data, kind, source)
        if name is not None:
            hidden = self._hidden(name, shared, source)
            shared.ports[name].datagram_received(data, shared.said[name] if hidden else address)
        elif kind is DatagramKind.ZRTP:
            self._early = [*self._early[-EARLY + 1 :], (data, address)]

    def send(self, shared: _Shared, data: Any, address: Any) -> None:
        """A packet of the program, to every branch whose gate is open; STUN and DTLS to their address, whatever the
        gates, and keep-alives to every branch."""
        packet = data if type(data) is bytes else as_octets(data)
        if classify(packet) in (DatagramKind.STUN, DatagramKind.DTLS):
            shared.transport.sendto(packet, address)
            return
        keep_alive = is_keep_alive(packet)
        for name, layer in self.branches.items():
            if layer.media.may_send or keep_alive:
                layer.to_network(shared.ports[name], packet, None)

    def _take_early(self) -> None:
        early, self._early = self._early, []
        for data, address in early:
            if self._rtp is not None:
                self.take(self._rtp, data, address)

    def _owner(self, data: bytes, kind: DatagramKind, address: Any) -> str | None:
        """By the Hello that its answer announced, the source of that, or its address. The chosen one has the rest."""
        source = data[4:8] if kind is DatagramKind.RTCP else data[8:12]
        if kind is DatagramKind.ZRTP and data[16:24] == b"Hello   ":
            digest = sha256(data[12:-4]).digest()
            for name, announced in self._announced.items():
                if compare_digest(announced, digest):
                    while len(self._sources) >= SOURCES:
                        del self._sources[next(iter(self._sources))]
                    self._sources[source] = name
        known = self._sources.get(source) if kind in _WITH_SOURCE else None
        if known in self.branches:
            return known
        if self._chosen in self.branches:
            return self._chosen if known is None else None
        return next((name for name, layer in self.branches.items() if layer.is_at(address)), None)

    def _hidden(self, name: str, shared: _Shared, address: Any) -> bool:
        """Whether that address tells nothing of where a branch is, since the answer of another one said it."""
        taken = any(address == said for other, said in shared.said.items() if other != name)
        return taken and not self.branches[name].is_at(address)

    def _refuse_second_sockets(self) -> None:
        if self.branches:
            raise ApiMisuse("A phone has answered already: wrap the sockets of the offer before the first branch().")

    def _make(self, ssrc: int | None) -> MediaLayer:
        return AsyncCall(self._endpoint, **self._options).add_layer(ssrc)


_WITH_SOURCE = frozenset({DatagramKind.RTP, DatagramKind.RTCP, DatagramKind.ZRTP})


class _Branch(asyncio.DatagramProtocol):
    """What comes out of one branch, for the program."""

    def __init__(self, above: asyncio.DatagramProtocol) -> None:
        self._above = above

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._above.datagram_received(data, addr)


class _Shared(asyncio.DatagramProtocol):
    """Between a socket and the branches."""

    def __init__(self, fork: ForkedCall, above: asyncio.DatagramProtocol, foreign: Foreign | None) -> None:
        self.above = above
        self.foreign = foreign
        self.transport: Any = None
        self.ports: dict[str, Any] = {}
        """Those of the branches' layers."""
        self.said: dict[str, Any] = {}
        """Addresses that the answers said. Those of branches that are gone stay: another one may come from there."""
        self._fork = fork

    def join(self, name: str, port: Any, said: Any) -> None:
        """Another branch, whose answer said that address."""
        self.ports[name], self.said[name] = port, said
        port.connection_made(self.transport)

    def leave(self, name: str) -> None:
        """A branch is gone."""
        self.ports.pop(name, None)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.above.connection_made(_ToAll(self, self._fork, transport))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._fork.take(self, data, addr)

    def error_received(self, exc: Exception) -> None:
        """Which branch it was about cannot be told."""


class _ToAll(TransportOver):
    """What the program sends through."""

    def __init__(self, shared: _Shared, fork: ForkedCall, below: asyncio.DatagramTransport) -> None:
        super().__init__(below)
        self._shared = shared
        self._fork = fork

    def sendto(self, data: Any, addr: Any = None) -> None:
        self._fork.send(self._shared, data, addr)
