"""All calls of one proxy: which SIP message belongs to which, when they begin and when they are over.

A call is known by its Call-ID together with the phone's flow, since two phones behind one proxy may call each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from zrtp.proxy.call import ProxiedCall
from zrtp.proxy.description import MalformedDescription
from zrtp.proxy.dialogs import Dialog, Reason
from zrtp.proxy.news import CallVerdict, Phase, ProxyNotice, VerdictRefused, View
from zrtp.proxy.policy import PolicyRefusal
from zrtp.proxy.routing import Hop
from zrtp.proxy.sip import SipMessage, bare_uri
from zrtp.proxy.surroundings import Surroundings

MOST_CALLS: Final = 200
"""Calls at the same time; each takes four UDP ports for each media line."""
LONGEST_RINGING: Final = 300.0
"""Seconds after which a call that nobody took is forgotten."""
LONGEST_SILENCE: Final = 3600.0
"""Seconds without any media, of either side, after which a call is taken to be dead: its BYE got lost."""
LOOK: Final = 1.0
"""Seconds between two looks at the calls."""
ENDED_CALLS: Final = 20
"""Ended calls that are still listed."""
HUNG_UP: Final = "The call was hung up, since nothing of it may leave in clear."
GONE: Final = "The ZRTP proxy beside the phone was ended."
TRY_AGAIN: Final = (401, 407)
"""Refusals after which the same call comes again, with credentials (RFC 3261 section 22)."""


@dataclass(slots=True)
class _Entry:
    call: ProxiedCall
    dialog: Dialog = field(default_factory=Dialog)
    offers: set[tuple[int, bool]] = field(default_factory=set)
    """CSeq number of requests that brought an offer, and whether the phone sent them."""
    offered_in_answer: bool | None = None
    """A response brought the offer; whether it was the phone's."""


class ProxiedCalls:
    """The calls of one proxy."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._ended: deque[View] = deque(maxlen=ENDED_CALLS)
        self._numbers = 0
        self._timer: Any = None
        self.hang_up: Callable[[Dialog, str, str, Reason], None] = lambda dialog, call_id, flow, why: None
        """Is called when a call has to end: with its Call-ID, the phone's flow, and why."""

    def description(self, message: SipMessage, text: str, *, flow: str, from_phone: bool) -> str:
        """A session description for the other side. Raises PolicyRefusal and MalformedDescription."""
        entry = self._entry(message, flow, from_phone=from_phone)
        offer = self._note_offer_or_answer(entry, message, from_phone=from_phone)
        number = _serial(message, phone_asked=message.is_request == from_phone)
        change = entry.call.from_phone if from_phone else entry.call.from_network
        try:
            return change(text, tag=_far_tag(message, from_phone=from_phone), offer=offer, cseq=number)
        except (PolicyRefusal, MalformedDescription):
            if entry.call.phase is Phase.RINGING:
                self._end((message.call_id, flow))
            raise

    def observe(self, message: SipMessage, *, flow: str, from_phone: bool, own: Sequence[Hop] = ()) -> None:
        """Follow what a message that passes does to its call; `own` are our addresses in it."""
        key, method = (message.call_id, flow), message.method
        if message.is_request and method == "INVITE":  # without a description it begins a call all the same
            with suppress(PolicyRefusal):
                self._entry(message, flow, from_phone=from_phone)
        entry = self._entries.get(key)
        if entry is None:
            return
        call = entry.call
        entry.dialog.observe(message, from_phone=from_phone, own=own)
        if message.is_request:
            if method == "BYE" and call.note_left(_far_tag(message, from_phone=from_phone)):
                self._end(key)
        elif method in ("INVITE", "UPDATE") and message.status >= 200:
            number = _serial(message, phone_asked=not from_phone)
            call.settle_offer(number, accepted=message.status < 300)
            if method == "INVITE" and message.status < 300:
                call.note_answer(_far_tag(message, from_phone=from_phone))
            elif method == "INVITE" and call.phase is Phase.RINGING and message.status not in TRY_AGAIN:
                self._end(key)

    def flow_of(self, call_id: str) -> str:
        """The phone that has this call, empty if there is no such call."""
        return next((flow for known, flow in self._entries if known == call_id), "")

    def judge(self, number: int, words: str, verdict: CallVerdict, name: str | None = None) -> None:
        """A person's verdict. It names the call and the words, and is refused if either is not what it was.

        Raises VerdictRefused.
        """
        for entry in self._entries.values():
            if entry.call.number == number:
                entry.call.judge(words, verdict, name)
                return
        raise VerdictRefused("That call is over.")

    def views(self) -> list[View]:
        """The calls, those that have ended first."""
        return [*self._ended, *(entry.call.view() for entry in self._entries.values())]

    def close(self) -> None:
        """End all calls: without us the two sides would not hear each other any more."""
        for key, entry in list(self._entries.items()):
            if entry.call.phase is Phase.UP:
                self.hang_up(entry.dialog, *key, Reason(503, GONE))
            self._end(key)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _entry(self, message: SipMessage, flow: str, *, from_phone: bool) -> _Entry:
        key = message.call_id, flow
        entry = self._entries.get(key)
        if entry is not None:
            return entry
        if not message.is_request or message.method != "INVITE":
            raise PolicyRefusal("The session description belongs to no call that is known here.")
        if len(self._entries) >= MOST_CALLS:
            raise PolicyRefusal(f"There are {MOST_CALLS} calls already.")
        self._numbers += 1
        peer = _address_of(message.first("to" if from_phone else "from"))
        call = ProxiedCall(self._numbers, outgoing=from_phone, peer=peer, around=self._around)
        entry = self._entries[key] = _Entry(call)
        call.reports_end = lambda why: self._hang_up(key, entry, why)
        if self._timer is None:
            self._timer = self._around.clock.call_at(self._around.clock.time() + LOOK, self._look)
        return self._entries[key]

    @staticmethod
    def _note_offer_or_answer(entry: _Entry, message: SipMessage, *, from_phone: bool) -> bool:
        """Whether it is an offer, by the order of messages (RFC 3261 section 13.2.1, RFC 3262 section 5)."""
        number, method = message.cseq
        if message.is_request:
            answers = method == "ACK" or (method == "PRACK" and entry.offered_in_answer is (not from_phone))
            if answers:
                entry.offered_in_answer = None
            else:
                entry.offers.add((number, from_phone))
            return not answers
        offer = (number, not from_phone) not in entry.offers
        if offer:
            entry.offered_in_answer = from_phone
        return offer

    def _hang_up(self, key: tuple[str, str], entry: _Entry, why: str) -> None:
        if self._entries.get(key) is entry:
            self._around.tell(ProxyNotice(text=HUNG_UP, call=entry.call.number, loud=True))
            self.hang_up(entry.dialog, *key, Reason(488, why))
            self._end(key)

    def _look(self) -> None:
        now = self._around.clock.time()
        for key, entry in list(self._entries.items()):
            call = entry.call
            ringing_too_long = call.phase is Phase.RINGING and now - call.began > LONGEST_RINGING
            if ringing_too_long or now - call.heard > LONGEST_SILENCE:
                self._end(key)
            else:
                call.look()
        again = bool(self._entries)
        self._timer = self._around.clock.call_at(now + LOOK, self._look) if again else None

    def _end(self, key: tuple[str, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            entry.call.end()
            self._ended.append(entry.call.view())


def _far_tag(message: SipMessage, *, from_phone: bool) -> str:
    """The far end's tag: whoever asks stands in From, whoever answers in To."""
    return message.tag("to" if message.is_request == from_phone else "from")


def _serial(message: SipMessage, *, phone_asked: bool) -> int:
    """One number for each request of either side."""
    return 2 * message.cseq[0] + phone_asked


def _address_of(value: str) -> str:
    """ "sip:bob@example.org" of a From or To; parameters are left out."""
    return bare_uri(value).partition(";")[0].partition("?")[0]
