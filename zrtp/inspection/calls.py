"""Calls as the signalling shows them: who with whom, which media where, and through whose hands keys went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zrtp.crypto.hashes import sha256
from zrtp.inspection import sessions, sip
from zrtp.inspection.budget import Budget
from zrtp.inspection.sessions import MediaSection
from zrtp.inspection.sip import RecordedSipMessage
from zrtp.media.addresses import Address
from zrtp.media.sdp import CryptoAttribute

MOST_CALLS: Final = 1000
MOST_MESSAGES: Final = 200
"""Messages of one call that are listed."""

MOST_ANNOUNCEMENTS: Final = 400
"""Media sections of one call that are kept; equal ones of repeated messages count once."""

UNREADABLE: Final = frozenset({"TLS", "WSS"})
"""Transports that nobody on the way between two hops can read."""


@dataclass(frozen=True, slots=True)
class MessageHop:
    """One step that a message made, in this capture."""

    sender: Address
    receiver: Address
    transport: str
    """UDP or TCP: what is under TLS cannot be read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMessage:
    """One line of a call's signalling."""

    time: float
    hop: MessageHop
    title: str
    carries: tuple[str, ...]
    """What its session description holds: "SDP", "keys", "fingerprint", "zrtp-hash"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A media section in one message."""

    time: float
    hop: MessageHop
    author: str
    """The tag of the side that wrote it."""
    index: int
    """Which m= line, from 0."""
    section: MediaSection
    vias: tuple[tuple[str, str], ...]
    """Of a request: transport and host of the elements that it says it came through, the newest first."""


@dataclass(slots=True, kw_only=True)
class RecordedCall:
    """Everything with one Call-ID."""

    call_id: str
    caller: str
    callee: str
    started: float
    messages: list[CallMessage] = field(default_factory=list)
    unlisted: int = 0
    announcements: list[Announcement] = field(default_factory=list)


def identity_of(crypto: CryptoAttribute) -> bytes:
    """Tells keys apart without showing them."""
    return sha256(bytes(crypto.key.octets) + bytes(crypto.salt.octets))


class RecordedCalls:
    """The calls of a capture, by Call-ID, and where they announced media."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._calls: dict[str, RecordedCall] = {}
        self.places: dict[Address, list[tuple[RecordedCall, Announcement]]] = {}
        """Where RTP is to be received, by whom."""
        self.malformed = 0
        """Messages that start like SIP and are not."""
        self.cut = 0
        """Messages whose body is shorter than they say."""

    @property
    def all(self) -> list[RecordedCall]:
        """The calls in the order of their first message."""
        return list(self._calls.values())

    def add(self, time: float, sender: Address, receiver: Address, transport: str, octets: bytes) -> None:
        """Take what looks like a SIP message."""
        try:
            message = sip.parse(octets)
        except sip.NotSip:
            self.malformed += 1
            return
        self.cut += message.cut
        call = self._call_of(time, message)
        if call is None:
            return
        hop = MessageHop(sender, receiver, transport)
        found = sessions.parse(message.sdp) if message.sdp else []
        if len(call.messages) < MOST_MESSAGES:
            entry = CallMessage(time=time, hop=hop, title=message.title[:60], carries=_carries(found))
            call.messages.append(entry)
        else:
            call.unlisted += 1
        for index, section in enumerate(found):
            self._announce(
                call,
                Announcement(
                    time=time,
                    hop=hop,
                    author=message.author,
                    index=index,
                    section=section,
                    vias=() if message.is_response else tuple(message.vias()),
                ),
            )

    def _call_of(self, time: float, message: RecordedSipMessage) -> RecordedCall | None:
        call_id = message.call_id
        call = self._calls.get(call_id)
        if call is not None or not call_id:
            return call
        dialog = message.header("cseq").upper().endswith(("INVITE", "BYE", "UPDATE", "PRACK", "ACK"))
        if not dialog or len(self._calls) >= MOST_CALLS or not self._budget.take(1000):
            return None
        call = RecordedCall(call_id=call_id, caller=message.user("from"), callee=message.user("to"), started=time)
        self._calls[call_id] = call
        return call

    def _announce(self, call: RecordedCall, announcement: Announcement) -> None:
        known = any(_same(announcement, old) for old in call.announcements)
        if known or len(call.announcements) >= MOST_ANNOUNCEMENTS or not self._budget.take(2000):
            return
        call.announcements.append(announcement)
        for place in announcement.section.addresses:
            here = self.places.setdefault(place, [])
            if len(here) < MOST_ANNOUNCEMENTS:
                here.append((call, announcement))


def _same(one: Announcement, other: Announcement) -> bool:
    """Whether a message said what another one had said before: a repetition, mostly."""
    return (one.hop, one.author, one.index, one.section) == (other.hop, other.author, other.index, other.section)


def _carries(found: list[MediaSection]) -> tuple[str, ...]:
    if not found:
        return ()
    marks = {
        "SDP": True,
        "keys": any(section.has_keys for section in found),
        "fingerprint": any(section.fingerprints for section in found),
        "zrtp-hash": any(section.zrtp_hashes for section in found),
    }
    return tuple(mark for mark, there in marks.items() if there)
