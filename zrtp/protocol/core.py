"""One stream as its handlers see it: its state, its exchange, its timers, and what they may do to it.

It owns no protocol decisions: those are the handlers'. Applications hold `Stream` instead, which shows none of this.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import partial
from hmac import compare_digest
from typing import Generic, Literal, TypeVar

from zrtp.crypto.hashes import sha256
from zrtp.protocol import limits
from zrtp.protocol.call import Call
from zrtp.protocol.events import (
    Event,
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
from zrtp.protocol.timers import RESPONDER_TIMEOUT, T1, T1_EXTENDED, Retransmission
from zrtp.protocol.work import GoOn, Operation, Work
from zrtp.wire.fragments import Reassembler
from zrtp.wire.messages import Commit, Hello, Message

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
    """Whether it replaces ZRTPSess once more: if the peer went clear by itself. Otherwise it only crossed ours."""


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
        "commit_waits_for",
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
        self.commit_waits_for: bytes | None = None
        """The ZID of whoever our own Commit is for, which waits for that one's record."""
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

    def hash_of_hello(self, version: bytes | None = None) -> str:
        """Version and SHA-256 of our Hello in hexadecimal, the value of a=zrtp-hash (RFC 6189 section 8)."""
        hello = self.hello if version is None else self.make_hello(version, self.chain)
        return f"{hello.version.decode()} {sha256(hello.raw).hex()}"

    def is_own_hello(self, raw: bytes) -> bool:
        """Whether this is what we sent ourselves."""
        return raw in [own.hello.raw for own in self.introductions]

    @property
    def h1_shown(self) -> bool:
        """No Commit can be made on our hash chain any more."""
        return self.introductions[-1].h1_shown

    def introduce_as(self, own: Introduction) -> None:
        """The next exchange, or the one that is turned to, is that of this chain and this Hello."""
        self.own, self.chain, self.hello = own, own.chain, own.hello

    # State and time.

    def enter(self, target: State, live: Container[Trigger]) -> None:
        """Change the state; deadlines that have no meaning in the new one end."""
        if target is self.state:
            return
        if self._debug:
            self._logger.debug("stream %08x: %s -> %s", self.ssrc, self.state, target)
        if target in WITHOUT_ENCRYPTION or self.state in WITHOUT_ENCRYPTION:
            self.call.note_state(self.state, target)
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

    def note_progress(self) -> None:
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

    @property
    def copies_sent(self) -> int:
        """How often the message was sent that waits for its answer."""
        return 0 if self.retransmission is None else self.retransmission.copies

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

    def log_failure(self, text: str) -> None:
        """Log how an exchange failed."""
        self._logger.info("stream %08x failed: %s", self.ssrc, text)

    def log_drop(self, error: Exception) -> None:
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

    # Exchanges, and whom they are with.

    def begin(self, exchange: Exchange, now: float) -> None:
        """The stream works on this exchange."""
        self.exchange = exchange
        exchange.begun, exchange.heard = now, exchange.peer.ssrc in self.past.hearing
        if exchange.mode is not Mode.MULTISTREAM:
            self.installation.begin_exchange(self, exchange)

    def finish(self) -> None:
        """The exchange is over, one way or the other."""
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
            self.commit_waits_for = None
            self.introduce_as(self.introductions[-1])

    def exchanges(self) -> list[Exchange]:
        """The exchange that the stream works on, and those beside it."""
        ours = [] if self.exchange is None else [self.exchange]
        return ours + [other.exchange for other in self.aside]

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
