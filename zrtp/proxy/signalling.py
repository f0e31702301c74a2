"""The SIP side of the proxy: the phone's outbound proxy, which stays on the way of every dialog (RFC 3261 section 16).

It changes Via, Record-Route and Route as any proxy does, the Contact of REGISTER, and session descriptions with
their length. All else passes as it came. Everything from the phone goes to the upstream server, and nothing else does.
Messages come in as objects or as datagrams; what is to be sent is returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from zrtp.proxy.bodies import change_description, has_description
from zrtp.proxy.calls import ProxiedCalls
from zrtp.proxy.description import MalformedDescription
from zrtp.proxy.dialogs import Dialog, Reason
from zrtp.proxy.news import ProxyNotice, Tell
from zrtp.proxy.policy import PolicyRefusal
from zrtp.proxy.registration import Bindings
from zrtp.proxy.routing import (
    RECORDED,
    FlowTokens,
    Hop,
    Via,
    add_via,
    note_source,
    record_route,
    runs_in_a_circle,
    take_own_routes,
    take_own_via,
)
from zrtp.proxy.sip import KEEPALIVE, OWN_TAG, PONG, MalformedSip, SipMessage, answer, parse

NOT_SIP: Final = "Something that is not SIP arrives on the SIP port from {}."


class ProxySide(Enum):
    """Of the proxy."""

    PHONE = "phone"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What is to be sent."""

    message: SipMessage | bytes
    side: ProxySide
    to: Hop | None = None
    """None: the upstream server."""


class Signalling:
    """Both directions of SIP."""

    def __init__(
        self,
        *,
        phone_side: Hop,
        network_side: Callable[[], Hop],
        calls: ProxiedCalls,
        flows: FlowTokens,
        tell: Tell,
        answered: Callable[[SipMessage, ProxySide], None],
    ) -> None:
        """`phone_side` is where the phone reaches us; `network_side` tells where the upstream does, which may change
        with each connection. `answered` is told of every answer, as it came, and of the side that it came from."""
        self._phone_side = phone_side
        self._network_side = network_side
        self._calls = calls
        self._flows = flows
        self._bindings = Bindings(flows)
        self._tell = tell
        self._answered = answered
        self._complained: set[str] = set()

    def from_phone(self, received: SipMessage | bytes, source: Hop) -> list[OutgoingMessage]:
        """A message, or a datagram, of the phone."""
        here = Hop(source.transport, self._phone_side.host, self._phone_side.port)
        message = self._read(received, ProxySide.PHONE, source)
        if isinstance(message, list):
            return message
        if message is None:  # on a connection the phone waits for an answer (RFC 5626 section 3.5.1)
            pong = [] if source.transport == "UDP" else [OutgoingMessage(PONG, ProxySide.PHONE, source)]
            return [*pong, OutgoingMessage(KEEPALIVE, ProxySide.NETWORK)]
        if not message.is_request:
            return self._answer_of_phone(message, here)
        if _acknowledges_us(message):
            return []
        flow = self._flows.name(source)
        note_source(message, source)
        if (refused := self._refuse_hopeless(message)) is not None:
            return _unless_ack(message, OutgoingMessage(refused, ProxySide.PHONE, source))
        network = self._network_side()
        take_own_routes(message, (here, network))
        if message.method == "REGISTER":
            self._bindings.outward(message, network, flow)
        if (refused := self._describe(message, flow, from_phone=True)) is not None:
            return _unless_ack(message, OutgoingMessage(refused, ProxySide.PHONE, source))
        if message.method in RECORDED:
            record_route(message, here, network, network, flow)
        add_via(message, network, flow, self._flows)
        self._observe(message, flow, from_phone=True)
        return [OutgoingMessage(message, ProxySide.NETWORK)]

    def from_network(self, received: SipMessage | bytes, source: Hop) -> list[OutgoingMessage]:
        """A message, or a datagram, of the upstream server."""
        back = source if source.transport == "UDP" else None
        message = self._read(received, ProxySide.NETWORK, source)
        if isinstance(message, list):
            return message
        if message is None:
            return []
        network = self._network_side()
        if not message.is_request:
            return self._answer_of_network(message, network)
        if _acknowledges_us(message):
            return []
        note_source(message, source)
        if (refused := self._refuse_hopeless(message)) is not None:
            return _unless_ack(message, OutgoingMessage(refused, ProxySide.NETWORK, back))
        flow = take_own_routes(message, (network, self._phone_side)) or self._calls.flow_of(message.call_id)
        binding = self._bindings.find(message.target)
        if binding is not None:
            message.target, flow = binding.uri, binding.flow
        phone = self._flows.hop(flow)
        if phone is None:
            return _unless_ack(
                message,
                OutgoingMessage(answer(message, 480, "No such phone is registered here"), ProxySide.NETWORK, back),
            )
        if (refused := self._describe(message, flow, from_phone=False)) is not None:
            return _unless_ack(message, OutgoingMessage(refused, ProxySide.NETWORK, back))
        here = Hop(phone.transport, self._phone_side.host, self._phone_side.port)
        if message.method in RECORDED:
            record_route(message, network, here, network, flow)
        add_via(message, here, flow, self._flows)
        self._observe(message, flow, from_phone=False)
        return [OutgoingMessage(message, ProxySide.PHONE, phone)]

    def hang_up(self, dialog: Dialog, call_id: str, flow: str, why: Reason) -> list[OutgoingMessage]:
        """End a call in the name of both sides."""
        phone, network = self._flows.hop(flow), self._network_side()
        sendings = []
        if phone is not None:
            here = Hop(phone.transport, self._phone_side.host, self._phone_side.port)
            bye = dialog.bye_to_phone(here, call_id, why, flow, self._flows)
            sendings += [OutgoingMessage(bye, ProxySide.PHONE, phone)] if bye is not None else []
        bye = dialog.bye_to_network(network, call_id, why, flow, self._flows)
        return sendings + ([OutgoingMessage(bye, ProxySide.NETWORK)] if bye is not None else [])

    def _answer_of_phone(self, message: SipMessage, here: Hop) -> list[OutgoingMessage]:
        self._answered(message, ProxySide.PHONE)
        flow = take_own_via(message, here)
        below = Via.parse((message.values("via") or [""])[0])
        if flow is None or below is None or self._describe(message, flow, from_phone=True) is not None:
            return []
        self._observe(message, flow, from_phone=True)
        network = self._network_side()
        back = Hop("UDP", *below.answer_to) if network.transport == "UDP" else None
        return [OutgoingMessage(message, ProxySide.NETWORK, back)]

    def _answer_of_network(self, message: SipMessage, network: Hop) -> list[OutgoingMessage]:
        self._answered(message, ProxySide.NETWORK)
        flow = take_own_via(message, network)
        if flow is None or not message.values("via"):  # the latter answers a BYE of ours
            return []
        if message.method == "REGISTER":
            self._bindings.inward(message)
        phone = self._flows.hop(flow)
        if phone is None or self._describe(message, flow, from_phone=False) is not None:
            return []
        self._observe(message, flow, from_phone=False)
        return [OutgoingMessage(message, ProxySide.PHONE, phone)]

    def _read(
        self, received: SipMessage | bytes, side: ProxySide, source: Hop
    ) -> SipMessage | list[OutgoingMessage] | None:
        """The message; None for a keepalive; a list, perhaps empty, is what to send instead of going on."""
        if isinstance(received, SipMessage):
            return received
        if not received.strip(b"\r\n\0 "):
            return None
        try:
            return parse(received)
        except MalformedSip as error:
            if error.request is None:
                self._complain(NOT_SIP.format(source.host))
                return []
            note_source(error.request, source)
            refused = answer(error.request, 400, "Bad Request", more=[_warning(self._phone_side, str(error))])
            return _unless_ack(error.request, OutgoingMessage(refused, side, source))

    def _refuse_hopeless(self, message: SipMessage) -> SipMessage | None:
        if message.first("max-forwards") == "0":
            return answer(message, 483, "Too Many Hops")
        if runs_in_a_circle(message, (self._phone_side, self._network_side())):
            return answer(message, 482, "Loop Detected")
        return None

    def _describe(self, message: SipMessage, flow: str, *, from_phone: bool) -> SipMessage | None:
        """Rewrite the session description; returns the refusal if that cannot be done."""
        if not has_description(message) or message.method == "OPTIONS":
            return None
        try:
            change_description(
                message,
                lambda text: self._calls.description(message, text, flow=flow, from_phone=from_phone),
            )
        except (PolicyRefusal, MalformedDescription) as error:
            self._tell(ProxyNotice(text=str(error), loud=True))
            status, reason = (488, "Not Acceptable Here") if isinstance(error, PolicyRefusal) else (400, "Bad Request")
            return answer(message, status, reason, more=[_warning(self._phone_side, str(error))])
        return None

    def _observe(self, message: SipMessage, flow: str, *, from_phone: bool) -> None:
        self._calls.observe(message, flow=flow, from_phone=from_phone, own=(self._phone_side, self._network_side()))

    def _complain(self, text: str) -> None:
        """Once for each text, and not without end."""
        if text not in self._complained and len(self._complained) < 100:
            self._complained.add(text)
            self._tell(ProxyNotice(text=text))


def _unless_ack(request: SipMessage, sending: OutgoingMessage) -> list[OutgoingMessage]:
    """An ACK is never answered."""
    return [] if request.method == "ACK" else [sending]


def _acknowledges_us(message: SipMessage) -> bool:
    return message.method == "ACK" and message.tag("to") == OWN_TAG


def _warning(here: Hop, text: str) -> str:
    """A header with a sentence for people (RFC 3261 section 20.43)."""
    quoted = text.replace("\\", "").replace('"', "'").replace("\r", " ").replace("\n", " ")
    return f'Warning: 399 {here.sent_by} "{quoted}"'
