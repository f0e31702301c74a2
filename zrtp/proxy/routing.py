"""How SIP messages find their way there and back: Via, Record-Route, Route (RFC 3261 section 16).

The proxy is stateless in signalling: what it has to know of a request when the answer comes back stands in its own
Via, and what it has to know of a dialog in its own Record-Route. Both carry the name of a flow, that is, of the
phone's UDP address or TCP connection. Nothing else in a message is changed here.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from zrtp.proxy.sip import SipMessage, Uri, host_port

FLOW: Final = "zflow"
"""Our parameter in Via and Record-Route."""
MOST_FLOWS: Final = 1024
"""Phones that are remembered; the one that was heard least recently is forgotten first."""
MOST_OWN_VIAS: Final = 8
"""A message that came by here so often runs in a circle."""

RECORDED: Final = ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY")
"""Requests that begin, or refresh, a dialog whose further requests must come by here."""

_VIA: Final = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z]+)\s+(?P<host>\[[^\]]+\]|[^:;\s]+)(?:\s*:\s*(?P<port>[0-9]+))?(?P<rest>.*)"
)


@dataclass(frozen=True, slots=True)
class Hop:
    """An address together with how it is spoken to."""

    transport: str
    """ "UDP", "TCP" or "TLS"."""
    host: str
    port: int

    @property
    def sent_by(self) -> str:
        return host_port(self.host, self.port)

    def route(self, flow: str = "") -> str:
        """As a value of Record-Route."""
        transport = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"<sip:{self.sent_by}{transport};lr{f';{FLOW}={flow}' if flow else ''}>"

    def names(self, uri: Uri | None) -> bool:
        """Whether a URI is this address."""
        return uri is not None and (uri.host.lower(), uri.port or 5060) == (self.host.lower(), self.port)


class FlowTokens:
    """The phones by the names of their flows: a name says nothing about an address to whoever lacks our secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._hops: OrderedDict[str, Hop] = OrderedDict()

    def name(self, hop: Hop) -> str:
        """The name of a flow; the same for the same address as long as this proxy runs."""
        name = self.digest(f"{hop.transport} {hop.sent_by}")
        self._hops[name] = hop
        self._hops.move_to_end(name)
        if len(self._hops) > MOST_FLOWS:
            self._hops.popitem(last=False)
        return name

    def hop(self, name: str) -> Hop | None:
        """The address behind a name, if it is one of ours."""
        return self._hops.get(name)

    def forget(self, hop: Hop) -> None:
        """A connection is gone."""
        for name in [name for name, known in self._hops.items() if known == hop]:
            del self._hops[name]

    def digest(self, text: str) -> str:
        """A short name for a text, of letters that may stand in any header."""
        return hmac.new(self._secret, text.encode("utf-8", "surrogateescape"), sha256).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Via:
    """One value of Via."""

    transport: str
    host: str
    port: int | None
    rest: str
    """The parameters with their ";"."""

    @classmethod
    def parse(cls, value: str) -> Via | None:
        found = _VIA.fullmatch(value.strip())
        if found is None:
            return None
        port = int(found["port"]) if found["port"] else None
        return cls(found["transport"].upper(), found["host"].strip("[]"), port, found["rest"])

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, empty if it has none; None if it is not there."""
        found = re.search(rf";\s*{name}(?:\s*=\s*([^;,\s]+))?(?=\s*(?:;|$))", self.rest, re.IGNORECASE)
        return None if found is None else found[1] or ""

    def names(self, hop: Hop) -> bool:
        return (self.host.lower(), self.port or 5060) == (hop.host.lower(), hop.port)

    @property
    def answer_to(self) -> tuple[str, int]:
        """Where an answer goes over UDP: where the request came from, as far as that was noted (RFC 3581)."""
        rport = self.parameter("rport")
        port = int(rport) if rport and rport.isdecimal() else self.port or 5060
        return (self.parameter("received") or self.host).strip("[]"), port


def note_source(message: SipMessage, source: Hop) -> None:
    """Write into the topmost Via where the request really came from (RFC 3261 section 18.2.1, RFC 3581)."""
    value = message.drop_first("via")
    via = Via.parse(value)
    if via is not None:
        rport = via.parameter("rport")
        if rport == "":
            value = re.sub(r";\s*rport(?=\s*(;|$))", f";rport={source.port}", value, count=1, flags=re.IGNORECASE)
        if (rport is not None or via.host.lower() != source.host.lower()) and via.parameter("received") is None:
            value += f";received={source.host}"
    message.prepend("via", value)


def add_via(message: SipMessage, here: Hop, flow: str, flows: FlowTokens) -> None:
    """Our own Via on top, by which the answer comes back.

    Its branch is computed from the Via below, so that copies of a request, its CANCEL, and the ACK of a refusal get the
    same one (RFC 3261 section 16.11).
    """
    below = (message.values("via") or [""])[0]
    via = Via.parse(below)
    branch = via.parameter("branch") if via is not None else None
    key = f"{branch} {below.partition(';')[0]}" if branch and branch.startswith("z9hG4bK") else _old_key(message)
    name = flows.digest(f"{key} {here.sent_by}")
    message.prepend("via", f"SIP/2.0/{here.transport} {here.sent_by};branch=z9hG4bK{name};rport;{FLOW}={flow}")


def take_own_via(message: SipMessage, here: Hop) -> str | None:
    """Take our Via off an answer; returns the flow in it, None if the topmost Via is not ours."""
    top = (message.values("via") or [""])[0]
    via = Via.parse(top)
    if via is None or not via.names(here):
        return None
    flow = via.parameter(FLOW)
    if flow is None:
        return None
    message.drop_first("via")
    return flow


def runs_in_a_circle(message: SipMessage, hops: tuple[Hop, ...]) -> bool:
    """Whether a message came by here far too often, for example since our upstream is ourselves.

    Twice is in order: two phones behind one proxy call each other by way of a server.
    """
    vias = [via for value in message.values("via") if (via := Via.parse(value)) is not None]
    return sum(any(via.names(hop) for hop in hops) for via in vias) >= MOST_OWN_VIAS


def record_route(message: SipMessage, arrived_at: Hop, leaves_from: Hop, network: Hop, flow: str) -> None:
    """Two entries, so that each side sees an address that it can reach (RFC 5658)."""
    for hop in (arrived_at, leaves_from):
        message.prepend("record-route", hop.route(flow if hop == network else ""), after="via")


def take_own_routes(message: SipMessage, hops: tuple[Hop, ...]) -> str:
    """Take our entries off the top of Route; returns the flow that one of them names, or nothing."""
    flow = ""
    while routes := message.values("route"):
        uri = Uri.of(routes[0])
        if not any(hop.names(uri) for hop in hops):
            break
        flow = (uri.parameter(FLOW) or flow) if uri is not None else flow
        message.drop_first("route")
    return flow


def _old_key(message: SipMessage) -> str:
    """For phones older than RFC 3261, whose branches say nothing."""
    number, _ = message.cseq
    parts = (message.call_id, str(number), message.tag("from"), message.target, *message.values("via")[:1])
    return " ".join(parts)
