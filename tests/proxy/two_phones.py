"""Two phones without ZRTP, a proxy beside each, and a server in between that is no friend: it sees everything."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from tests.proxy.stage import SERVER, Clock, Datagram, Phone, ProxyOnStage, Wire, octets, sdp
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.media.demux import DatagramKind, classify
from zrtp.proxy.policy import Policy
from zrtp.proxy.routing import Hop
from zrtp.proxy.sip import Header, SipMessage, bare_uri, parse

SETTLED = 0.3
"""Seconds after which a key agreement over this wire is through."""


@dataclass
class Side:
    """One phone and its proxy."""

    name: str
    proxy: ProxyOnStage
    media: Phone
    hop: Hop
    """The phone's SIP address."""
    tag: str
    contact: str = ""
    """Under which the server knows the phone."""
    routes: list[str] = field(default_factory=list)
    cseq: int = 0

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@example.org"

    @property
    def sdp(self) -> str:
        return sdp(*self.media.address)

    def spoke_to(self, message: SipMessage) -> tuple[str, int]:
        """Where a description that reached the phone tells it to send."""
        text = message.body.decode()
        port = int(text.split("m=audio ")[1].split()[0])
        return self.proxy.phone_side.host, port


class TwoPhones:
    """Alice calls Bob unless told otherwise. What the phones get is returned."""

    def __init__(
        self,
        *,
        alice: Policy = Policy.REQUIRE,
        bob: Policy = Policy.REQUIRE,
        caches: tuple[SecretCache, SecretCache] | None = None,
        seed: int = 0,
    ) -> None:
        """`caches` are those of an earlier stage; with another `seed` nothing is by chance as it was there."""
        self._seed = seed
        alices, bobs = caches or (MemoryCache(), MemoryCache())
        self.clock = Clock()
        self.wire = Wire(self.clock)
        self.alice = self._side("alice", 1, alice, alices)
        self.bob = self._side("bob", 2, bob, bobs)
        self.call_id = "call-1@stage"
        self._branch = itertools.count(1)
        self.requests: list[bytes] = []
        """What the server saw of requests and answers."""
        self._pending: dict[str, SipMessage] = {}
        for side in (self.alice, self.bob):
            self.register(side)

    def _side(self, name: str, number: int, policy: Policy, cache: SecretCache) -> Side:
        proxy = ProxyOnStage(
            self.wire,
            f"192.0.2.{number}",
            policy=policy,
            cache=cache,
            seed=self._seed + number,
            phone_side=Hop("UDP", f"10.{number}.0.1", 5070),
        )
        return Side(
            name=name,
            proxy=proxy,
            media=Phone(self.wire, 7000, f"10.{number}.0.2"),
            hop=Hop("UDP", f"10.{number}.0.2", 5161),
            tag=f"{name}-tag",
        )

    def second_bob(self) -> Side:
        """Another phone of Bob's, with a proxy of its own, registered too."""
        side = self._side("bob", 3, Policy.REQUIRE, MemoryCache())
        side.tag = "bob-tag-3"
        self.register(side)
        return side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.alice, self.bob

    def other(self, side: Side) -> Side:
        return self.bob if side is self.alice else self.alice

    # What phones do.

    def register(self, side: Side) -> SipMessage:
        """Returns the answer as the phone sees it."""
        request = octets(f"""\
REGISTER sip:example.org SIP/2.0
Via: SIP/2.0/UDP {side.hop.sent_by};branch=z9hG4bKr{next(self._branch)};rport
From: <{side.uri}>;tag=r
To: <{side.uri}>
Call-ID: r-{side.name}
CSeq: 1 REGISTER
Contact: <sip:{side.name}@{side.hop.sent_by}>;expires=600

""")
        seen = side.proxy.out(request, side.hop)
        side.contact = bare_uri(seen.first("contact"))
        headers = [
            header for header in seen.headers if header.name in ("via", "from", "to", "call-id", "cseq", "contact")
        ]
        return side.proxy.into(SipMessage("SIP/2.0 200 OK", headers))

    def request(
        self, side: Side, method: str, body: str = "", *, to_tag: bool = True, branch: str = "", cseq: int | None = None
    ) -> SipMessage:
        """A request of the phone; returns what the other phone gets."""
        seen = self.ask(side, method, body, to_tag=to_tag, branch=branch, cseq=cseq)
        return self.deliver(side, seen)

    def ask(
        self, side: Side, method: str, body: str = "", *, to_tag: bool = True, branch: str = "", cseq: int | None = None
    ) -> SipMessage:
        """The same, as far as the server."""
        other = self.other(side)
        if cseq is None:
            side.cseq += method not in ("ACK", "CANCEL")
            cseq = side.cseq
        target = f"sip:{other.name}@{other.hop.sent_by}" if to_tag else other.uri
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {side.hop.sent_by};branch=z9hG4bK{branch or next(self._branch)};rport",
            *(f"Route: {route}" for route in side.routes if to_tag),
            "Max-Forwards: 70",
            f"From: <{side.uri}>;tag={side.tag}",
            f"To: <{other.uri}>{f';tag={other.tag}' if to_tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{side.name}@{side.hop.sent_by}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        sent = octets("\n".join(lines) + "\n\n") + body.encode()
        seen = side.proxy.out(sent, side.hop)
        self.requests.append(seen.encode())
        return seen

    def deliver(self, side: Side, seen: SipMessage) -> SipMessage:
        """What the server does with a request: to the other phone, by its Contact or along the Route."""
        other = self.other(side)
        forwarded = parse(seen.encode())
        if not forwarded.tag("to"):
            forwarded.target = other.contact
        elif "198.51.100.5" in (forwarded.values("route") or [""])[0]:
            forwarded.drop_first("route")
        forwarded.prepend("via", f"SIP/2.0/UDP {SERVER.sent_by};branch=z9hG4bKs{next(self._branch)}")
        if forwarded.method == "INVITE":
            forwarded.prepend("record-route", f"<sip:{SERVER.sent_by};lr>", after="via")
        received = other.proxy.into(forwarded)
        if not forwarded.tag("to"):
            other.routes = received.values("record-route")
        self._pending[f"{other.hop.host} {received.method}"] = received
        return received

    def answer(self, side: Side, status: str, body: str = "", *, to: str = "INVITE", tag: str = "") -> SipMessage:
        """The phone answers; returns what the other phone gets."""
        seen = self.say(side, status, body, to=to, tag=tag)
        other = self.other(side)
        received = other.proxy.into(seen)
        if received.method == "INVITE" and received.status > 100:
            other.routes = received.values("record-route")[::-1]
        return received

    def say(self, side: Side, status: str, body: str = "", *, to: str = "INVITE", tag: str = "") -> SipMessage:
        """The same, as far as the server."""
        asked = self._pending[f"{side.hop.host} {to}"]
        kept = ("via", "record-route", "from", "to", "call-id", "cseq")
        headers = [header for header in asked.headers if header.name in kept]
        tagged = tag or side.tag
        headers = [
            Header("to", f"{h.raw};tag={tagged}") if h.name == "to" and not asked.tag("to") else h for h in headers
        ]
        headers.append(Header.of(f"Contact: <sip:{side.name}@{side.hop.sent_by}>"))
        if body:
            headers.append(Header.of("Content-Type: application/sdp"))
        headers.append(Header.of(f"Content-Length: {len(body)}"))
        seen = side.proxy.out(SipMessage(f"SIP/2.0 {status}", headers, body.encode()).encode(), side.hop)
        self.requests.append(seen.encode())
        assert seen.drop_first("via").startswith(f"SIP/2.0/UDP {SERVER.sent_by}")
        return parse(seen.encode())

    # Whole calls.

    def call(self) -> tuple[SipMessage, SipMessage]:
        """Alice calls, Bob answers; what each phone was told."""
        offered = self.request(self.alice, "INVITE", self.alice.sdp, to_tag=False)
        answered = self.answer(self.bob, "200 OK", self.bob.sdp)
        self.request(self.alice, "ACK")
        self.clock.run(SETTLED)
        return offered, answered

    def talk(self, offered: SipMessage, answered: SipMessage, *, seconds: float = SETTLED, packets: int = 5) -> None:
        """Both phones speak, after some time."""
        self.clock.run(seconds)
        self.alice.media.speak(self.alice.spoke_to(answered), count=packets)
        self.bob.media.speak(self.bob.spoke_to(offered), count=packets)

    @property
    def network(self) -> list[Datagram]:
        """The media that the server's side of the world can record."""
        return self.wire.between("192.0.2.1", "192.0.2.2")

    @property
    def in_clear(self) -> list[Datagram]:
        """Of these, what can be understood without keys; phones say the same words all the time."""
        return [d for d in self.wire.capture if _outside(d) and b"words in clear" in d.payload]

    def kinds(self) -> list[DatagramKind]:
        return [classify(datagram.payload) for datagram in self.network]


def _outside(datagram: Datagram) -> bool:
    """On a way that is not between a phone and its own proxy."""
    return {datagram.source[0].rpartition(".")[0], datagram.destination[0].rpartition(".")[0]} not in (
        {"10.1.0"},
        {"10.2.0"},
        {"10.3.0"},
    )
