"""One stream as its handlers see it: its state, its exchange, its timers, and what they may do to it.

It owns no protocol decisions: those are the handlers'. Applications hold `Stream` instead, which shows none of this.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import partial
from hmac import compare_digest
from typing import Generic, Literal, TypeVar

from zrtp.crypto.hashes import sha256
from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.call import Call
from zrtp.protocol.events import (
    Event,
    Failed,
    KeysReady,
    Mode,
    SecurityWarning,
    Sending,
    SendingChanged,
    WarningCode,
)
from zrtp.protocol.exchange import Candidate, Confirmed, Exchange, Past, present
from zrtp.protocol.hash_chain import OwnChain, message_mac
from zrtp.protocol.outbox import Outbox
from zrtp.protocol.states import WITHOUT_ENCRYPTION, State, Trigger
from zrtp.protocol.timers import RESPONDER_TIMEOUT, T1, T1_EXTENDED, T2, Retransmission, Schedule, along_the_path
from zrtp.protocol.work import GoOn, Operation, Work
from zrtp.wire.fragments import Reassembler
from zrtp.wire.messages import Commit, Error, Hello, Message
from zrtp.wire.packet import CRC, HEADER

M_co = TypeVar("M_co", covariant=True)

log = logging.getLogger("zrtp")


@dataclass(frozen=True, slots=True)
class Received(Generic[M_co]):
    """An input as every handler takes it."""

    message: M_co
    """The message; None for a trigger, except REFUSED and COMPUTED, which bring a `Refusal` and a `Work`."""
    ssrc: int
    """Where it came from; our own SSRC for a trigger."""
    at: float
    """When it came, in seconds of the session's clock."""


@dataclass(slots=True, eq=False)
class Introduction:
    """Our hash chain and the Hello that belongs to it."""

    chain: OwnChain = field(repr=False)
    hello: Hello
    made: float = 0.0
    """When, in seconds of the session's clock; 0 for the first one."""
    h1_shown: bool = False
    """A DHPart of ours is out: whoever saw it could make Commits of this chain."""


@dataclass(slots=True, eq=False)
class Aside:
    """An exchange that runs beside the one that the stream works on, with all that belongs to it."""

    state: State
    exchange: Exchange
    retransmission: Retransmission | None
    beside: Retransmission | None
    deadlines: dict[Trigger, float]
    answers: dict[bytes, tuple[Message, int]]
    peer_error: int | None
    work: Work | None
    own: Introduction


@dataclass(frozen=True, slots=True)
class LateGoClear:
    """A GoClear that may still come on a stream whose keys are gone."""

    clear_mac: bytes
    counts: bool
    """The peer went clear by itself, so that this one is a second of its own; otherwise it crossed ours."""


class Core:
    """One media stream, named by its SSRC."""

    __slots__ = (
        "_debug",
        "_logger",
        "acknowledged_by",
        "aside",
        "beside",
        "call",
        "candidates",
        "chain",
        "commit_waits",
        "commits_count_from",
        "counters",
        "deadlines",
        "discovery_ends",
        "doubted",
        "early",
        "emit",
        "exchange",
        "hello",
        "hello_acknowledged",
        "hello_copies",
        "installation",
        "introductions",
        "last_error_sent",
        "late_goclear",
        "outbox",
        "own",
        "past",
        "peer_error",
        "peer_hello_hash",
        "pings",
        "reassembler",
        "retransmission",
        "round_trips",
        "sending",
        "ssrc",
        "state",
        "waiting_commits",
        "warned",
        "work",
    )

    def __init__(self, call: Call, ssrc: int, peer_hello_hash: bytes | None) -> None:
        installation = call.installation
        self.call = call
        self.installation = installation
        self.ssrc = ssrc
        self.emit: Callable[[Event], None] = call.emit
        """Queue an event."""
        self.state = State.IDLE
        self.sending = Sending.CLEAR
        self.chain = OwnChain.make(installation.random)
        self.hello = self.make_hello(installation.config.versions[0], self.chain)
        self.own = Introduction(self.chain, self.hello)
        """What the exchange in hand began with."""
        self.introductions = [self.own]
        """Those of this stream; more than one only if a stranger's Commit used up the first."""
        self.outbox = Outbox(ssrc, installation.config.mtu, installation.random)
        self.peer_hello_hash = peer_hello_hash
        self.pings = 0
        """Pings of ours that are not answered yet."""
        self.hello_copies: deque[float] = deque(maxlen=16)
        """When the last copies of our Hello were sent."""
        self.round_trips: dict[int, float] = {}
        """By source, in seconds: how long it took to acknowledge our Hello, or longer."""
        self.early: dict[int, bytes] = {}
        """By source: Hellos that came before `start`."""
        self.hello_acknowledged = False
        self.acknowledged_by: int | None = None
        """SSRC of whoever sent the HelloACK."""
        self.candidates: dict[tuple[int, bytes], Candidate] = {}
        self.doubted: set[tuple[int, bytes]] = set()
        """Keys of candidates whose Commit was refused."""
        self.waiting_commits: dict[int, Received[Commit]] = {}
        """By source: Commits that wait for the record of their sender."""
        self.commit_waits = False
        """Our own Commit waits for the record of the peer."""
        self.exchange: Exchange | None = None
        self.aside: list[Aside] = []
        """Exchanges beside it: until one proves itself, each could be the one with the peer."""
        self.past = Past()
        self.retransmission: Retransmission | None = None
        self.beside: Retransmission | None = None
        """Our Hello, while an early Commit is repeated too."""
        self.deadlines: dict[Trigger, float] = {}
        """When the trigger is due, unless the state is left in which it means something."""
        self.discovery_ends: float | None = None
        """When this search for a peer ends at the latest, once a sign of one has extended it."""
        self.commits_count_from: float | None = None
        """Commits that come earlier may belong to a ZRTPSess that a GoClear has replaced."""
        self.peer_error: int | None = None
        self.last_error_sent: float | None = None
        self.counters: Counter[str] = Counter()
        self.late_goclear: LateGoClear | None = None
        self.reassembler: Reassembler | None = None
        self.work: Work | None = None
        self.warned: dict[WarningCode, float] = {}
        self._debug = log.isEnabledFor(logging.DEBUG)
        self._logger = log.getChild(f"{call.number}.{ssrc:08x}") if self._debug else log

    # Our Hello.

    def make_hello(self, version: bytes, chain: OwnChain) -> Hello:
        """Our Hello in that version."""
        config, offer = self.installation.config, self.installation.offer
        return Hello.make(
            version=version,
            client_id=config.client_id.ljust(16),
            h3=chain.h3,
            zid=self.call.zid,
            signature_capable=bool(self.installation.verifiers),
            mitm=config.trusted_mitm,
            passive=config.passive,
            hashes=offer.hashes,
            ciphers=offer.ciphers,
            auth_tags=offer.auth_tags,
            key_agreements=offer.key_agreements,
            sas_types=offer.sas_types,
            mac=partial(message_mac, chain.h2),
        )

    def change_version(self, version: bytes, now: float) -> None:
        """Come down to a version that the peer supports: a new Hello, to be acknowledged (section 4.1.1)."""
        self.own.hello = self.hello = self.make_hello(version, self.chain)
        self.hello_acknowledged = False
        self.send_repeatedly(self.hello, T1_EXTENDED, now)

    def hash_of_hello(self, version: bytes | None = None) -> str:
        """Version and SHA-256 of our Hello in hexadecimal, the value of a=zrtp-hash (RFC 6189 section 8)."""
        hello = self.hello if version is None else self.make_hello(version, self.chain)
        return f"{hello.version.decode()} {sha256(hello.raw).hex()}"

    # State and time.

    def enter(self, target: State, live: Container[Trigger]) -> None:
        """Change the state; deadlines that have no meaning in the new one end."""
        if target is self.state:
            return
        if self._debug:
            self._logger.debug("stream %08x: %s -> %s", self.ssrc, self.state, target)
        if target in WITHOUT_ENCRYPTION or self.state in WITHOUT_ENCRYPTION:
            self.call.cleared(self.state, target)
        self.state = target
        if target is not State.COMMIT_SENT:
            self.beside = None
        for trigger in tuple(self.deadlines):
            if trigger not in live:
                del self.deadlines[trigger]
        if Trigger.EXHAUSTED not in live:
            self.retransmission = None

    def later(self, now: float, seconds: float) -> float:
        """So many seconds from now, stretched as the configuration says."""
        return now + seconds * self.installation.config.timer_scale

    def next_timer(self) -> float | None:
        """When something is due; None while nothing is pending."""
        earliest = _earliest(self)
        for other in self.aside:
            due = _earliest(other)
            if due is not None and (earliest is None or due < earliest):
                earliest = due
        return earliest

    def progressed(self) -> None:
        """A valid next message of the peer overrides an Error that anybody could have sent."""
        self.peer_error = None
        self.deadlines.pop(Trigger.ERROR_GRACE_OVER, None)

    def extend_discovery(self, now: float) -> None:
        """There is a sign of a ZRTP peer: look longer (RFC 6189 section 6). Anybody can give one, so only the first of
        a search does so.
        """
        if self.discovery_ends is None or Trigger.DISCOVERY_DEADLINE not in self.deadlines:
            self.discovery_ends = self.later(now, self.installation.config.discovery_deadline_extended)
        self.deadlines[Trigger.DISCOVERY_DEADLINE] = self.discovery_ends
        if self.retransmission is not None and self.retransmission.schedule is T1:
            self.retransmission.extend(T1_EXTENDED)

    def expect_initiator(self, now: float, seconds: float = RESPONDER_TIMEOUT) -> None:
        """As responder: from now on, wait for the initiator's next message, and no longer than that."""
        self.deadlines[Trigger.IDLE_TIMEOUT] = self.later(now, seconds)

    # Sending.

    def send_hello(self, now: float) -> None:
        """One copy of our Hello."""
        self.outbox.transmit(self.hello)
        self.hello_copies.append(now)

    def is_own_hello(self, raw: bytes) -> bool:
        """Whether this is what we sent ourselves."""
        return raw in [own.hello.raw for own in self.introductions]

    def send_hello_limited(self, now: float) -> None:
        """One copy of our Hello as an answer to whoever introduces himself, within the rate limit, unless one goes out
        now anyway.
        """
        if not (self.hello_copies and self.hello_copies[-1] >= now) and self.answer_limited(
            self.introductions[-1].hello, now
        ):
            self.hello_copies.append(now)

    def repeat_hello_beside(self, now: float) -> None:
        """Our Hello, which is not acknowledged yet, goes on although something else is repeated now."""
        self.beside = Retransmission(self.hello, T1_EXTENDED, now, self.installation.config.timer_scale)

    def repeat_beside(self, now: float) -> None:
        """Send our Hello once more, if it is due."""
        beside = self.beside
        if beside is None or now < beside.due:
            return
        if beside.exhausted:
            self.beside = None
        else:
            self.outbox.transmit(beside.message)
            self.hello_copies.append(now)
            beside.next_copy(now)

    def note_round_trip(self, ssrc: int, now: float, copies: Sequence[float]) -> None:
        """Somebody acknowledged our Hello, or another message, which was sent at these times. The acknowledgement may
        belong to any recent copy: the oldest counts.
        """
        recent = [sent for sent in copies if now - sent <= limits.HELLO_COPIES]
        sent = recent[0] if recent else copies[-1] if copies else None
        if sent is not None and now - sent <= limits.LONGEST_ROUND_TRIP and len(self.round_trips) < limits.CANDIDATES:
            self.round_trips.setdefault(ssrc, now - sent)

    def resume_hello(self, now: float) -> None:
        """Nobody who counts has acknowledged our Hello: it goes on, the next copy when it would be due."""
        if self.retransmission is None or self.retransmission.message is not self.hello:
            self.retransmission = Retransmission(self.hello, T1_EXTENDED, now, self.installation.config.timer_scale)
        self.extend_discovery(now)

    def send_in_exchange(self, message: Message, exchange: Exchange, now: float) -> None:
        """Send now, and again at the pace of the path to the peer."""
        round_trip, shown = self.round_trips.get(exchange.peer.ssrc), exchange.round_trip
        if round_trip is None or (shown is not None and shown < round_trip):
            round_trip = shown
        self.send_repeatedly(message, along_the_path(round_trip, len(message.raw) + HEADER + CRC), now)

    def note_answer(self, exchange: Exchange, at: float) -> None:
        """The peer has answered what is repeated, be it the first copy or a later one: the shortest wait counts."""
        if self.retransmission is not None:
            took = at - self.retransmission.begun
            if exchange.round_trip is None or took < exchange.round_trip:
                exchange.round_trip = took

    def note_crossing_commit(self, now: float) -> None:
        """The peer, which has a HelloACK of ours, did not get our Commit yet: this one waits no longer than the way
        there and back.
        """
        repeated = self.retransmission
        if self.past.first_hello_ack is not None and repeated is not None:
            repeated.hasten(along_the_path(now - self.past.first_hello_ack, len(repeated.message.raw) + HEADER + CRC))

    def send_repeatedly(self, message: Message, schedule: Schedule, now: float) -> None:
        """Send now, and again on the schedule until `stop_repeating` or exhaustion."""
        if message is self.hello:
            self.send_hello(now)
        else:
            self.outbox.transmit(message)
        self.retransmission = Retransmission(message, schedule, now, self.installation.config.timer_scale)

    @property
    def copies_sent(self) -> int:
        """How often the message was sent that waits for its answer."""
        return 0 if self.retransmission is None else self.retransmission.copies

    def stop_repeating(self) -> None:
        """What was sent repeatedly has its answer."""
        self.retransmission = None

    def repeat(self, now: float) -> bool:
        """Send what is due once more; False if all copies are out."""
        retransmission = present(self.retransmission)
        if retransmission.exhausted:
            self.retransmission = None
            return False
        if retransmission.preceded_by is not None:
            self.outbox.transmit(retransmission.preceded_by)
            retransmission.preceded_by = None
        if retransmission.message is self.hello:
            self.send_hello(now)
        else:
            self.outbox.transmit(retransmission.message)
        retransmission.next_copy(now)
        return True

    def answer_again(self, raw: bytes, now: float) -> None:
        """A message came before and has its answer. A DHPart2 shows that the initiator is still there; a Commit, which
        anybody can send, wins no time.
        """
        if self.outbox.answer_again(raw) and self.state is State.CONFIRM1_SENT:
            self.expect_initiator(now)
        self.counters["repeated message"] += 1

    def answer_limited(self, message: Message, now: float, kept: float = limits.KEPT_FOR_HELLO_ACK) -> bool:
        """Answer something unauthenticated, within the rate limit, with so many `kept` for what matters more."""
        if self.outbox.answer_limited(message, now, kept):
            return True
        self.counters["answer rate exceeded"] += 1
        return False

    def complain(self, code: ErrorCode, now: float) -> None:
        """An Error about something that anybody could have sent: at most once a second, with no other effect."""
        if self.last_error_sent is None or now - self.last_error_sent >= limits.ERROR_INTERVAL:
            self.last_error_sent = now
            self.answer_limited(Error.make(code=code), now)

    def complain_to_candidate(self, code: ErrorCode, now: float) -> None:
        """An Error to whoever sent what cannot be the peer's, unless somebody else is there, who would hear it too and
        take it for the end of his own exchange.
        """
        if len(self.candidates) < 2:
            self.complain(code, now)

    def compute(self, operation: Operation, go_on: GoOn, now: float) -> State:
        """Perform a public-key operation and go on with its result: at once, or when somebody else has done it."""
        if not self.call.offload:
            return go_on(operation(), now)
        self.work = Work(operation, go_on)
        self.call.works.append((self, self.work))
        return self.state

    # Telling the application.

    def warn(self, code: WarningCode, text: str, now: float) -> None:
        """A warning of each kind at most once a second."""
        last = self.warned.get(code)
        if last is not None and now - last < limits.WARNING_INTERVAL:
            self.counters["warnings suppressed"] += 1
            return
        self.warned[code] = now
        self._logger.warning("stream %08x: %s", self.ssrc, text)
        self.emit(SecurityWarning(ssrc=self.ssrc, code=code, text=text))

    def with_what_was_said(self, text: str) -> str:
        """A sentence, and what the other side said before, if it is the other side."""
        return text if self.past.said is None else f"{text} The other side said, not proved: {self.past.said}."

    def dropped(self, error: Exception) -> None:
        """Log why a datagram was dropped."""
        self._logger.debug("stream %08x: dropped: %s", self.ssrc, error)

    def set_sending(self, sending: Literal[Sending.CLEAR, Sending.BLOCKED]) -> None:
        """Move the gate for outgoing media."""
        if sending is not self.sending:
            self.sending = sending
            self.emit(SendingChanged(ssrc=self.ssrc, sending=sending))

    def open_gate(self, confirmed: Confirmed) -> None:
        """Media may be sent as SRTP: the peer holds the same keys."""
        if self.sending is not Sending.SRTP:
            self.sending = Sending.SRTP
            self.emit(SendingChanged(ssrc=self.ssrc, sending=Sending.SRTP))

    def hand_over_keys(self, exchange: Exchange, confirmed: Confirmed) -> None:
        """The one `KeysReady` of this epoch, once the peer's Confirm has passed. Its keys belong to the application."""
        keys = present(exchange.derived).box.keys
        send, receive = keys.srtp(exchange.role)
        self.emit(KeysReady(ssrc=self.ssrc, send=send, receive=receive))
        keys.srtp_handed_over = True

    # Ends.

    def fail(self, code: int, text: str, now: float, *, tell_peer: bool, by_peer: bool = False) -> State:
        """End the exchange without keys: event, secrets wiped, clear media stays blocked, the cache untouched.

        If others run beside it, only this one ends, and nobody hears of it.
        """
        if self.aside:
            return self.leave(State.FAILED)
        if self.exchange is not None:
            self.past.open_to_others = not self.exchange.proved
        name = ErrorCode(code).name if code in ErrorCode._value2member_map_ else "OTHER"
        self._logger.info("stream %08x failed: %s", self.ssrc, text)
        if self.exchange is not None:
            self.call.exchange_failed(self.exchange)
        self.release()
        self.progressed()
        self.stop_repeating()
        self.set_sending(Sending.BLOCKED)
        if tell_peer:
            self.send_repeatedly(Error.make(code=code), T2, now)
        self.emit(Failed(ssrc=self.ssrc, code=code, name=name, by_peer=by_peer, text=text))
        return State.FAILED

    def begin(self, exchange: Exchange, now: float) -> None:
        """The stream works on this exchange; unless it is a further stream, no other stream of the call has one."""
        self.exchange = exchange
        exchange.begun, exchange.heard = now, exchange.peer.ssrc in self.past.hearing
        if exchange.mode is not Mode.MULTISTREAM:
            self.call.exchanging = self
            self.installation.begin_exchange(self, exchange)

    def finish(self) -> None:
        """The exchange is over, one way or the other: another stream of the call may have one."""
        if self.call.exchanging is self and not self.aside:
            self.call.exchanging = None
        if self.exchange is not None:
            self.installation.finish_exchange(self.exchange)

    def release(self) -> None:
        """Give up the exchange: its secrets, its answers, its place among the installation's exchanges."""
        self.finish()
        if self.exchange is not None:
            self.exchange.wipe()
            self.exchange = None
        self.work = self.beside = None
        self.outbox.forget_answers()
        if not self.aside:
            self.waiting_commits.clear()
            self.commit_waits = False
            self.introduce_as(self.introductions[-1])

    # Exchanges side by side. The stream works on one of them at a time.

    def set_aside(self) -> None:
        """Turn to another exchange, which is about to begin; this one goes on beside it."""
        of_stream = self._deadlines_of_stream()
        self.aside.append(self._as_aside())
        self.state, self.exchange = State.DISCOVERED, None
        self.retransmission = self.beside = self.peer_error = self.work = None
        self.deadlines, self.outbox.answers = of_stream, {}
        self.introduce_as(self.introductions[-1])

    def introduce_anew(self, now: float) -> None:
        """A new hash chain and a new Hello, for exchanges that begin from now on."""
        chain = OwnChain.make(self.installation.random)
        anew = Introduction(chain, self.make_hello(self.hello.version, chain), now)
        self.introductions = [*self.introductions[1 - limits.EXCHANGES :], anew]
        self.hello_acknowledged = False
        if self.exchange is None:
            self.introduce_as(self.introductions[-1])
        self.outbox.transmit(self.introductions[-1].hello)
        self.hello_copies.append(now)
        self.beside = Retransmission(self.introductions[-1].hello, T1, now, self.installation.config.timer_scale)

    @property
    def h1_shown(self) -> bool:
        """No Commit can be made on our hash chain any more."""
        return self.introductions[-1].h1_shown

    def introduce_as(self, own: Introduction) -> None:
        """The next exchange, or the one that is turned to, is that of this chain and this Hello."""
        self.own, self.chain, self.hello = own, own.chain, own.hello

    def turn_to(self, other: Aside) -> None:
        """Work on that exchange now; the one so far takes its place beside it."""
        self.aside[self.aside.index(other)] = self._as_aside()
        self._load(other)

    def leave(self, otherwise: State) -> State:
        """This exchange is over: go on with one that runs beside it. Without any, the state is another one."""
        if self.exchange is not None:
            self.past.spent_commits |= {self.exchange.commit.raw}
        self.release()
        if not self.aside:
            return otherwise
        self._load(self.aside.pop())
        return self.state

    def give_up_others(self, *, proved: bool = True) -> None:
        """Give up what runs beside this exchange; unless `proved`, only those that have not proved themselves."""
        for other in tuple(self.aside):
            if proved or not other.exchange.proved:
                self.give_up(other.exchange)
        if proved:
            self.past.spent_commits = frozenset()

    def bring_forward(self, exchange: Exchange) -> None:
        """Work on this exchange, wherever it is."""
        for other in self.aside:
            if other.exchange is exchange:
                if self.exchange is None:
                    self.aside.remove(other)
                    self._load(other)
                else:
                    self.turn_to(other)
                return

    def exchanges(self) -> list[Exchange]:
        """The exchange that the stream works on, and those beside it."""
        ours = [] if self.exchange is None else [self.exchange]
        return ours + [other.exchange for other in self.aside]

    def give_up(self, exchange: Exchange) -> None:
        """End one of several exchanges; the stream goes on with another one if it worked on this."""
        self.bring_forward(exchange)
        self.leave(self.state)

    def _as_aside(self) -> Aside:
        return Aside(
            self.state,
            present(self.exchange),
            self.retransmission,
            self.beside,
            self.deadlines,
            self.outbox.answers,
            self.peer_error,
            self.work,
            self.own,
        )

    def _deadlines_of_stream(self) -> dict[Trigger, float]:
        """Those that are a matter of the stream, whichever exchange it works on; no exchange keeps them."""
        new_chain = self.deadlines.pop(Trigger.NEW_CHAIN, None)
        return {} if new_chain is None else {Trigger.NEW_CHAIN: new_chain}

    def _load(self, other: Aside) -> None:
        other.deadlines.update(self._deadlines_of_stream())
        self.state, self.exchange = other.state, other.exchange
        self.retransmission, self.beside, self.deadlines = other.retransmission, other.beside, other.deadlines
        self.outbox.answers, self.peer_error, self.work = other.answers, other.peer_error, other.work
        self.introduce_as(other.own)
        if other.exchange.mode is not Mode.MULTISTREAM:
            self.call.retention.turn_to(other.exchange.peer.hello.zid)

    def expects(self, hello: Hello) -> bool:
        """Whether a Hello is the one that signalling announced; every one, if it announced none."""
        expected = self.peer_hello_hash
        return expected is None or compare_digest(sha256(hello.raw), expected)

    def forget_candidates_except(self, peer: Candidate) -> None:
        """The peer is known: only its Hello counts from now on."""
        self.past.others += tuple(
            one for one in self.candidates.values() if not compare_digest(one.hello.h3, peer.hello.h3)
        )
        self.candidates = {(peer.ssrc, peer.hello.raw): peer}
        self.past.hearing &= {peer.ssrc}

    @property
    def decided(self) -> bool:
        """The peer is known: a Confirm has verified, or the stream is secure."""
        return self.exchange is not None and self.exchange.confirmed is not None

    def knows(self, ssrc: int) -> bool:
        """Whether a source is the peer's; before a peer is decided on, whether it sent an acceptable Hello."""
        if self.exchange is not None and ssrc == self.exchange.peer.ssrc:
            return True
        return not self.decided and any(ssrc == known.ssrc for known in self.candidates.values())


def _earliest(one: Core | Aside) -> float | None:
    """When something of an exchange, or of discovery, is due."""
    earliest = None if one.retransmission is None else one.retransmission.due
    if one.beside is not None and (earliest is None or one.beside.due < earliest):
        earliest = one.beside.due
    for at in one.deadlines.values():
        if earliest is None or at < earliest:
            earliest = at
    return earliest
