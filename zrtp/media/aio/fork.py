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
its own address. The a=zrtp-hash of an offer can be that of one Hello only: announce `hello_hash`, that of the branch
which answers first.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, Unpack

from zrtp.door import need_methods, need_octets, need_text
from zrtp.errors import ApiMisuse
from zrtp.media.addresses import check_address, normalized, unmapped
from zrtp.media.aio.call import AsyncCall, SessionOptions
from zrtp.media.aio.layer import MediaLayer
from zrtp.media.aio.transport import TransportOver
from zrtp.media.demux import DatagramKind, classify
from zrtp.protocol.endpoint import Endpoint

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
        self._above: asyncio.DatagramProtocol | None = None
        self._transport: Any = None
        self._ports: dict[str, asyncio.DatagramProtocol] = {}
        self._announced: dict[str, bytes] = {}  # hash of the Hello that a branch announced
        self._sources: dict[bytes, str] = {}  # SSRC under which that Hello came
        self._said: dict[str, Any] = {}  # address that its answer said
        self._early: list[tuple[bytes, Any]] = []
        self._over: list[AsyncCall] = []  # which may still have something to store
        self._next = self._make(ssrc)

    @property
    def hello_hash(self) -> str:
        """For the offer: the a=zrtp-hash of the Hello that the next branch will send."""
        return self._next.hello_hash

    def wrap(self, above: asyncio.DatagramProtocol) -> asyncio.DatagramProtocol:
        """The protocol for the socket of the offer."""
        need_methods("What lies above", above, ("datagram_received",), "an asyncio.DatagramProtocol")
        self._above = above
        return _Shared(self)

    def branch(self, name: str, *addresses: Any, peer_hello_hash: bytes | None = None) -> MediaLayer:
        """Another phone has answered, at that address: look for it. `peer_hello_hash` is the a=zrtp-hash of its answer.

        Raises ApiMisuse if the name is taken, or there is no socket yet.
        """
        need_text("name", name)
        if not addresses:
            raise ApiMisuse("branch wants the address of the phone that answered.")
        for address in addresses:
            check_address(address)
        if peer_hello_hash is not None:
            peer_hello_hash = need_octets("peer_hello_hash", peer_hello_hash, length=32)
        if name in self.branches:
            raise ApiMisuse(f"There is a branch {name!r} already; a new address is said with its set_remote().")
        if self._above is None or self._transport is None:
            raise ApiMisuse("The call has no socket yet: wrap a protocol, and make its endpoint, before branch().")
        layer, self._next = self._next, self._make(None)
        if peer_hello_hash is not None:
            layer.expect_hello(peer_hello_hash)
            self._announced[name] = peer_hello_hash
        layer.set_remote(*addresses)
        self._said[name] = normalized(addresses[0])
        self.branches[name] = layer
        port = self._ports[name] = layer.wrap(_Branch(self._above))
        port.connection_made(self._transport)
        layer.start()
        early, self._early = self._early, []
        for data, address in early:
            self.take(data, address)
        return layer

    def choose(self, name: str) -> MediaLayer:
        """This one is it: all others are closed. Raises ApiMisuse for a name without a branch."""
        if need_text("name", name) not in self.branches:
            raise ApiMisuse(f"There is no branch {name!r}.")
        for other in [each for each in self.branches if each != name]:
            self.drop(other)
        self._early.clear()
        return self.branches[name]

    def drop(self, name: str) -> None:
        """This phone does not ring any more."""
        layer = self.branches.pop(need_text("name", name), None)
        if layer is not None:
            layer.call.close()
            self._over.append(layer.call)
            del self._ports[name]
            self._announced.pop(name, None)  # not `_said`: what comes from there may still be another branch's

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

    # For the socket.

    def attach(self, transport: Any) -> None:
        """The socket is there."""
        self._transport = transport
        if self._above is not None:
            self._above.connection_made(_ToAll(self, transport))

    def take(self, data: bytes, address: Any) -> None:
        """A datagram goes to the branch that it belongs to; what belongs to none yet is kept, if it is ZRTP."""
        source = unmapped(address)
        name = self._owner(data, source)
        if name is not None:
            elsewhere = self._hidden(name, source)
            self._ports[name].datagram_received(data, self._said[name] if elsewhere else address)
        elif classify(data) is DatagramKind.ZRTP:
            self._early = [*self._early[-EARLY + 1 :], (data, address)]

    def send(self, data: Any) -> None:
        """A packet of the program, to every branch whose gate is open."""
        for layer in self.branches.values():
            if layer.media.may_send:
                layer.pass_down(data)

    def _owner(self, data: bytes, address: Any) -> str | None:
        """By the Hello that its answer announced, the source of that, or its address."""
        kind = classify(data)
        source = data[4:8] if kind is DatagramKind.RTCP else data[8:12]
        if kind is DatagramKind.ZRTP and data[16:24] == b"Hello   ":
            digest = sha256(data[12:-4]).digest()
            for name, announced in self._announced.items():
                if compare_digest(announced, digest):
                    while len(self._sources) >= SOURCES:
                        del self._sources[next(iter(self._sources))]
                    self._sources[source] = name
        if kind in _WITH_SOURCE and self._sources.get(source) in self.branches:
            return self._sources[source]
        return next((name for name, layer in self.branches.items() if layer.is_at(address)), None)

    def _hidden(self, name: str, address: Any) -> bool:
        """Whether that address tells nothing of where a branch is, since the answer of another one said it."""
        taken = any(address == said for other, said in self._said.items() if other != name)
        return taken and not self.branches[name].is_at(address)

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
    """Between the socket and the branches."""

    def __init__(self, fork: ForkedCall) -> None:
        self._fork = fork

    def connection_made(self, transport: Any) -> None:
        self._fork.attach(transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._fork.take(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Which branch it was about cannot be told."""


class _ToAll(TransportOver):
    """What the program sends through."""

    def __init__(self, fork: ForkedCall, below: asyncio.DatagramTransport) -> None:
        super().__init__(below)
        self._fork = fork

    def sendto(self, data: Any, addr: Any = None) -> None:
        self._fork.send(data)
