"""What it takes to end a call in the name of both sides (RFC 3261 sections 12 and 15): a BYE to each.

The proxy is no party to the call. But where nothing may leave in clear and the far end has no ZRTP, the phone would
stay in silence; so the call is hung up, and a Reason says why (RFC 3326).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zrtp.proxy.routing import FlowTokens, Hop, add_via
from zrtp.proxy.sip import Header, SipMessage, Uri, bare_uri


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call is hung up (RFC 3326)."""

    cause: int
    """A status of SIP."""
    text: str

    def __str__(self) -> str:
        quoted = self.text.replace("\\", "").replace('"', "'")
        return f'SIP;cause={self.cause};text="{quoted}"'


@dataclass(slots=True)
class Party:
    """One side of a call, as the messages show it."""

    address: str = ""
    """Its From or To, with its tag once it has one."""
    contact: str = ""
    """Where requests to it go."""
    cseq: int = 0
    """Of its last request."""


@dataclass(slots=True)
class Dialog:
    """A call between the phone and a far end."""

    phone: Party = field(default_factory=Party)
    far: Party = field(default_factory=Party)
    routes: list[str] = field(default_factory=list)
    """The proxies between us and the far end, nearest first."""

    def observe(self, message: SipMessage, *, from_phone: bool, own: Sequence[Hop]) -> None:
        """Learn from a message of the call that passes; `own` are our addresses."""
        asked_by_phone = message.is_request == from_phone
        asking, asked = (self.phone, self.far) if asked_by_phone else (self.far, self.phone)
        asking.address, asked.address = message.first("from"), message.first("to")
        if message.is_request:
            asking.cseq = max(asking.cseq, message.cseq[0])
        contact = bare_uri(message.first("contact"))
        if contact and message.method == "INVITE" and message.status < 300:
            (self.phone if from_phone else self.far).contact = contact
        recorded = [value for value in message.values("record-route") if not _is(value, own)]
        if message.method == "INVITE" and not from_phone and (recorded or not self.routes):
            self.routes = recorded if message.is_request else recorded[::-1]

    def bye_to_phone(self, here: Hop, call_id: str, reason: Reason, flow: str, flows: FlowTokens) -> SipMessage | None:
        """As the far end would send it; None before the call is far enough for one."""
        return self._bye(self.far, self.phone, [], here, call_id, reason, flow, flows)

    def bye_to_network(
        self, here: Hop, call_id: str, reason: Reason, flow: str, flows: FlowTokens
    ) -> SipMessage | None:
        """As the phone would send it; None before the call is far enough for one."""
        return self._bye(self.phone, self.far, self.routes, here, call_id, reason, flow, flows)

    @staticmethod
    def _bye(
        sender: Party,
        receiver: Party,
        routes: list[str],
        here: Hop,
        call_id: str,
        reason: Reason,
        flow: str,
        flows: FlowTokens,
    ) -> SipMessage | None:
        if not (receiver.contact and sender.address and receiver.address):
            return None
        lines = [
            *(f"Route: {route}" for route in routes),
            "Max-Forwards: 70",
            f"From: {sender.address}",
            f"To: {receiver.address}",
            f"Call-ID: {call_id}",
            f"CSeq: {sender.cseq + 1} BYE",
            f"Reason: {reason}",
            "Content-Length: 0",
        ]
        message = SipMessage(f"BYE {receiver.contact} SIP/2.0", [Header.of(line) for line in lines])
        add_via(message, here, flow, flows)
        return message


def _is(value: str, own: Sequence[Hop]) -> bool:
    uri = Uri.of(value)
    return any(hop.names(uri) for hop in own)
