"""A stage for the proxy without sockets: a clock that jumps, ports that are numbers, and every datagram on record."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.pair import seeded
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.media.addresses import Address
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.rtp import MalformedRtp, RtpPacket
from zrtp.media.sound.sources import is_test_tone
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.call import ProxiedCall
from zrtp.proxy.calls import ProxiedCalls
from zrtp.proxy.leg import Leg, Task
from zrtp.proxy.names import Names
from zrtp.proxy.news import CallChanged, ProxyNews, ProxyNotice, View
from zrtp.proxy.policy import Policy
from zrtp.proxy.routing import FlowTokens, Hop
from zrtp.proxy.signalling import OutgoingMessage, ProxySide, Signalling
from zrtp.proxy.sip import SipMessage, parse
from zrtp.proxy.surroundings import Surroundings

PHONE_SIDE = Hop("UDP", "127.0.0.1", 5070)
SERVER = Hop("UDP", "198.51.100.5", 5060)
QUICK = Config(key_agreements=(b"X255", b"Mult"))
"""X25519 only: the exchange is not what these tests are about."""


def octets(text: str) -> bytes:
    """A message written with plain line ends; the first blank line ends the headers, and need not be written."""
    text = text.lstrip("\n")
    text = text if "\n\n" in text else text.rstrip("\n") + "\n\n"
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def message(text: str) -> SipMessage:
    """The same, read."""
    return parse(octets(text))


class Handle:
    """What `call_at` gives."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Handle]] = []
        self._serial = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        handle = Handle(callback)
        heapq.heappush(self._due, (when, next(self._serial), handle))
        return handle

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            when, _, handle = heapq.heappop(self._due)
            self.now = max(self.now, when)
            if handle.callback is not None:
                handle.callback()
        self.now = end


class Datagram(NamedTuple):
    """One on the wire, as a capture shows it."""

    at: float
    source: Address
    destination: Address
    payload: bytes


class Wire:
    """Delivers media at once, in order, and remembers everything."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.capture: list[Datagram] = []
        self.ports: dict[Address, Callable[[bytes, Address], None]] = {}
        self.next_port = itertools.count(20000, 2)
        self._queue: list[Datagram] = []
        self._delivering = False
        self.cut = False
        """Nothing passes between the hosts of the network any more."""

    def send(self, payload: bytes, source: Address, destination: Address) -> None:
        self._queue.append(Datagram(self.clock.now, source, destination, payload))
        if self._delivering:
            return
        self._delivering = True
        while self._queue:
            datagram = self._queue.pop(0)
            self.capture.append(datagram)
            receive = self.ports.get(datagram.destination)
            if receive is not None and not (self.cut and datagram.source[0].startswith("192.0.2.")):
                receive(datagram.payload, datagram.source)
        self._delivering = False

    def between(self, one: str, other: str) -> list[Datagram]:
        """What went between two hosts."""
        return [d for d in self.capture if {d.source[0], d.destination[0]} == {one, other}]


class WiredLine:
    """Four ports of a proxy on the wire."""

    def __init__(self, wire: Wire, call: ProxiedCall, index: int, phone_host: str, network_host: str) -> None:
        self._wire = wire
        self._hosts = phone_host, network_host
        self.phone_port, self.network_port = next(wire.next_port), next(wire.next_port)
        self.closed = False
        for rtcp in (False, True):
            wire.ports[phone_host, self.phone_port + rtcp] = lambda data, source: call.take_from_phone(
                index, data, source
            )
            wire.ports[network_host, self.network_port + rtcp] = self._from_network(call, index, rtcp)

    def to_phone(self, packet: bytes, where: Address, *, rtcp: bool) -> None:
        self._wire.send(packet, (self._hosts[0], self.phone_port + rtcp), where)

    def to_network(self, packet: bytes, where: Address, *, rtcp: bool) -> None:
        self._wire.send(packet, (self._hosts[1], self.network_port + rtcp), where)

    def close(self) -> None:
        self.closed = True
        for rtcp in (False, True):
            del self._wire.ports[self._hosts[0], self.phone_port + rtcp]
            del self._wire.ports[self._hosts[1], self.network_port + rtcp]

    @staticmethod
    def _from_network(call: ProxiedCall, index: int, rtcp: bool) -> Callable[[bytes, Address], None]:
        return lambda data, source: call.take_from_network(index, data, source, rtcp=rtcp)


def at_once(task: Task, done: Callable[[], None]) -> None:
    """There are no threads on this stage."""
    task.run()
    done()


@dataclass
class ProxyOnStage:
    """One proxy beside one phone: what it says, and what it sends."""

    wire: Wire
    host: str
    """Its address towards the network; towards the phone it is 127.0.0.1 on a port of its own."""
    policy: Policy = Policy.REQUIRE
    config: Config = QUICK
    cache: SecretCache | None = field(default_factory=MemoryCache)
    seed: int = 1
    phone_side: Hop = PHONE_SIDE
    network_transport: str = "UDP"
    news: list[ProxyNews] = field(default_factory=list)
    lines: list[WiredLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        random = seeded(self.seed)
        endpoint = Endpoint(self.config, self.cache, random=random)
        best_effort, names = self.policy is Policy.BEST_EFFORT, Names.of(self.cache)
        self.around = Surroundings(
            policy=self.policy,
            phone_host=self.phone_side.host,
            network_host=self.host,
            make_leg=lambda peer: Leg(endpoint, peer, best_effort=best_effort, names=names, random=random),
            open_line=self._open_line,
            clock=self.wire.clock,
            tell=self.news.append,
            run=at_once,
        )
        self.flows = FlowTokens(random(32))
        self.calls = ProxiedCalls(self.around)
        self.network_side = Hop(self.network_transport, self.host, 5080)
        self.hung_up: list[OutgoingMessage] = []
        self.answers: list[tuple[SipMessage, ProxySide]] = []
        self.signalling = Signalling(
            phone_side=self.phone_side,
            network_side=lambda: self.network_side,
            calls=self.calls,
            flows=self.flows,
            tell=self.news.append,
            answered=lambda answer, side: self.answers.append((parse(answer.encode()), side)),
        )
        self.calls.hang_up = lambda *call: self.hung_up.extend(self.signalling.hang_up(*call))

    def from_phone(self, text: str | bytes | SipMessage, source: Hop) -> list[OutgoingMessage]:
        return self.signalling.from_phone(octets(text) if isinstance(text, str) else text, source)

    def from_network(self, text: str | bytes | SipMessage, source: Hop = SERVER) -> list[OutgoingMessage]:
        return self.signalling.from_network(octets(text) if isinstance(text, str) else text, source)

    def passed(self, sendings: list[OutgoingMessage], side: ProxySide) -> SipMessage:
        """The one message that went to that side."""
        (sending,) = sendings
        assert sending.side is side
        assert isinstance(sending.message, SipMessage)
        return parse(sending.message.encode())

    def out(self, text: str | bytes | SipMessage, source: Hop) -> SipMessage:
        """What the server gets for what the phone sends."""
        return self.passed(self.from_phone(text, source), ProxySide.NETWORK)

    def into(self, text: str | bytes | SipMessage, source: Hop = SERVER) -> SipMessage:
        """What the phone gets for what the server sends."""
        return self.passed(self.from_network(text, source), ProxySide.PHONE)

    @property
    def view(self) -> View:
        """The newest call."""
        return self.calls.views()[-1]

    def notices(self) -> list[str]:
        return [news.text for news in self.news if isinstance(news, ProxyNotice)]

    def changes(self) -> list[View]:
        return [news.view for news in self.news if isinstance(news, CallChanged)]

    def _open_line(self, call: ProxiedCall, index: int) -> WiredLine:
        line = WiredLine(self.wire, call, index, self.phone_side.host, self.host)
        self.lines.append(line)
        return line


class Phone:
    """A phone's media: where it listens, and what it heard."""

    def __init__(self, wire: Wire, port: int, host: str = "127.0.0.1") -> None:
        self._wire = wire
        self.address = host, port
        self.heard: list[RtpPacket] = []
        self.reports: list[bytes] = []
        self._sequence = itertools.count(100)
        wire.ports[self.address] = lambda data, source: self._hear(data)
        wire.ports[host, port + 1] = lambda data, source: self.reports.append(data)

    def _hear(self, data: bytes) -> None:
        if classify(data) is DatagramKind.RTP:  # a phone knows nothing else
            with suppress(MalformedRtp):
                self.heard.append(RtpPacket.decode(data))

    @property
    def words(self) -> list[RtpPacket]:
        """What it heard of another phone."""
        return [packet for packet in self.heard if packet.payload.startswith(b"words")]

    @property
    def tones(self) -> list[RtpPacket]:
        """What it heard of the proxy itself."""
        return [packet for packet in self.heard if is_test_tone(packet.payload)]

    def speak(
        self, where: Address, payload: bytes = b"words in clear, never on the network" * 4, count: int = 1
    ) -> None:
        for _ in range(count):
            number = next(self._sequence)
            packet = RtpPacket(
                payload_type=0, sequence=number, timestamp=160 * number, ssrc=0x5EED + self.address[1], payload=payload
            )
            self._wire.send(packet.encode(), self.address, where)


def sdp(host: str, port: int, *more: str, kind: str = "audio", version: int = 1) -> str:
    """A description with one audio line, as baresip writes it, and `more` lines."""
    lines = ["v=0", f"o=- 1234 {version} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    lines += [f"m={kind} {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", *more]
    return "\r\n".join(lines) + "\r\n"


def with_body(head: str, body: str, kind: str = "application/sdp") -> bytes:
    """A message with a body and its length."""
    content = body.encode()
    return octets(f"{head.strip()}\nContent-Type: {kind}\nContent-Length: {len(content)}\n\n") + content
