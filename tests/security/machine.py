"""One real endpoint as a finite machine: states that can be copied, compared and numbered.

The two endpoints of a call share nothing but messages. Each is therefore explored by itself: a state and an input give
a next state and messages, once and for all; `tests.security.explore` then combines the two machines by number.

A state is the whole object graph of endpoint, session and streams. Before it is compared it is brought into a normal
form, in which everything is left out that counts how often or when something happened, and does not decide what
happens next:

* the clock: every deadline is relative, and the local clock starts at zero again (a clock moves only when the next
  timer of its owner fires, so that the two clocks of a call may drift apart without bound);
* sequence numbers, counters of dropped packets, rate limits of answers and warnings: none is ever exhausted;
* the round trip, which sets the pace of retransmissions alone;
* what was said or refused without proof, which words the end of discovery alone;
* how often a repeated message was answered (32 times at most otherwise), and how old a Hello is.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, MappingProxyType, MethodType
from typing import Any

from tests.support.inside import cache_of, call_of, core_of
from zrtp.crypto.auth_tags import AuthTag
from zrtp.crypto.ciphers import CipherAlgorithm
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellman
from zrtp.crypto.registry import Algorithms
from zrtp.crypto.sas import Sas, SasType
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.core import Aside, Core
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Event, Failed, KeysReady, NoPeer, Secured, Sending, WentClear
from zrtp.protocol.exchange import present
from zrtp.protocol.negotiation import Offer
from zrtp.protocol.session import Session
from zrtp.protocol.states import IN_EXCHANGE, State, Trigger
from zrtp.protocol.stream import Stream
from zrtp.protocol.timers import Schedule
from zrtp.protocol.work import Work
from zrtp.secret import Secret
from zrtp.system import Mutex
from zrtp.wire.messages import Message
from zrtp.wire.packet import Packet, decode_packet, encode_packet

Node = int
"""The number of a state of one machine."""

IMMUTABLE = (
    *(bytes, str, int, float, bool, type(None), Enum, range, type, Message, Sas),
    *(HashAlgorithm, CipherAlgorithm, AuthTag, SasType, DiffieHellman, Algorithms, Offer, Config, Schedule),
    *(MappingProxyType, BuiltinFunctionType, logging.Logger, Mutex),
)
PLAIN = (bytes, str, int, float, bool, type(None), Enum)

WORK = "work"
"""What a thread does that a public-key operation was handed out to: bring the result back."""

DEADLINES = ("discovery_deadline", "idle_deadline", "error_grace_until", "retry_at")

REPEATING = frozenset(
    {State.HELLO_SENT, State.HELLO_RECEIVED, State.COMMIT_SENT, State.DHPART2_SENT, State.CONFIRM2_SENT}
)

UNSECURED = frozenset({State.GOCLEAR_SENT, State.CLEAR_PENDING, State.CLEAR})
"""Where alone a secure stream may go, other than to its end."""

SILENT = frozenset({State.IDLE, State.QUIET, State.SECURE, State.CLEAR, State.FAILED, State.CLOSED})
"""States in which a stream may wait for ever. CLEAR_PENDING and, on request, DISCOVERED wait for the user."""


class Defect(AssertionError):
    """The engine did something that it must never do; the text has the way there."""


@dataclass(slots=True)
class Party:
    """One end of a call, with the wishes that its user still has."""

    endpoint: Endpoint
    session: Session
    now: float
    wishes: dict[str, int]
    """How often the user will still do what: go_clear, agree, go_secure."""
    works: list[tuple[int, Work]] = field(default_factory=list)
    """Public-key operations that were handed out and not brought back, each with the number of its stream."""

    @property
    def streams(self) -> list[Stream]:
        return list(self.session.streams)


Sent = tuple[int, int, bytes]
"""Number of the stream, SSRC of the packet, message."""


@dataclass(frozen=True, slots=True)
class Output:
    """What one step brought to light."""

    sent: tuple[Sent, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What the checks of a pair of machines look at, for each stream."""

    state: State
    sending: Sending
    role: Any
    keys: tuple[bytes, bytes, bytes, bytes] | None
    """SRTP keys and salts as initiator and responder have them, while an exchange holds any."""
    commit: bytes | None
    timer: float | None
    strong: bool
    """Neither out of copies of its message, nor given up, also before it began anew, nor told by an Error to give up,
    nor not even started.
    """


class Machine:
    """All states of one endpoint that were reached, and the steps between them."""

    def __init__(self, name: str, party: Party) -> None:
        self.name = name
        self._numbers: dict[bytes, Node] = {}
        self._parties: list[Party] = []
        self.views: list[tuple[View, ...]] = []
        self.sas: list[bytes | None] = []
        self.zrtpsess: list[bytes | None] = []
        self.rs1: list[bytes | None] = []
        """rs1 in the cache, unless a mismatch keeps this call's secret out of it."""
        self.wishes: list[tuple[str, ...]] = []
        self.began_anew: list[bool] = []
        """An exchange was given up before: what follows is another call, which is not explored."""
        self.timed: list[bool] = []
        self.due: list[float] = []
        """Seconds to the next timer."""
        self._steps: dict[tuple[Node, object], tuple[Node, Output]] = {}
        self.steps_computed = 0
        call_of(party.session).events.clear()
        for stream in party.streams:
            stream.datagrams_to_send()
        self.start = self._number(party)

    def __len__(self) -> int:
        return len(self._parties)

    # Inputs.

    def receive(self, node: Node, sent: Sent, after: float = 0.0) -> tuple[Node, Output]:
        """A message arrives at a stream, so many seconds after what happened last."""
        return self._step(node, (sent, after), lambda party: _receive(party, sent, after))

    def timer(self, node: Node) -> tuple[Node, Output]:
        """The next timer fires."""
        return self._step(node, "timer", _fire)

    def wish(self, node: Node, wish: str) -> tuple[Node, Output]:
        """The user does something."""
        return self._step(node, wish, lambda party: _fulfil(party, wish))

    def _step(self, node: Node, given: object, act: Callable[[Party], None]) -> tuple[Node, Output]:
        known = self._steps.get((node, given))
        if known is None:
            self.steps_computed += 1
            party = clone(self._parties[node])
            try:
                act(party)
            except Exception as error:
                raise Defect(f"{self.name} raised {error!r} in {self.describe(node)} on {given!r}") from error
            output = _outputs(party)
            _check_step(self.name, self.views[node], party, output, given)
            known = self._number(party), output
            self._steps[node, given] = known
        return known

    def describe(self, node: Node) -> str:
        """The states of the streams, for people."""
        return "/".join(view.state.value for view in self.views[node])

    def _number(self, party: Party) -> Node:
        _normalise(party)
        key = dump(party)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._parties)
            self._parties.append(party)
            self.views.append(tuple(_view(stream) for stream in party.streams))
            session = party.session
            self.sas.append(None if session.sas is None else session.sas.sashash)
            zrtpsess = call_of(session).zrtpsess
            self.zrtpsess.append(None if zrtpsess is None else bytes(zrtpsess.octets))
            (entry, *_) = [*cache_of(party.endpoint).peers(), None]
            rs1 = None if entry is None else entry.record.rs1
            self.rs1.append(None if call_of(session).retention.held_back or rs1 is None else bytes(rs1.octets))
            self.due.append(min((v.timer for v in self.views[-1] if v.timer is not None), default=math.inf))
            self.timed.append(self.due[-1] < math.inf)
            self.wishes.append(tuple(_wishes(party)))
            self.began_anew.append(any(core_of(stream).past.spent_commits for stream in party.streams))
            _check_waiting(self.name, party)
        return number


# Steps.


def _receive(party: Party, sent: Sent, after: float) -> None:
    number, ssrc, raw = sent
    party.now += after
    party.streams[number].receive_datagram(encode_packet(1, ssrc, raw), party.now)


def _fire(party: Party) -> None:
    """Time passes until the next timer of this party; everything that is due then fires."""
    timers = [timer for stream in party.streams if (timer := stream.next_timer()) is not None]
    party.now = max(party.now, min(timers))
    for stream in party.streams:
        timer = stream.next_timer()
        if timer is not None and timer <= party.now:
            stream.handle_timer(party.now)


def _fulfil(party: Party, wish: str) -> None:
    if wish == WORK:
        _, work = party.works.pop(0)
        work.run()
        party.session.work_done(work, party.now)
        return
    party.wishes[wish] -= 1
    if wish == "go_clear":
        party.session.go_clear(party.now)
    elif wish == "agree":
        party.session.agree_to_clear()
    elif wish == "go_secure":
        party.session.go_secure(party.now)
    elif wish == "start":
        party.streams[-1].start(party.now)


def _wishes(party: Party) -> Iterator[str]:
    """What the user may do now."""
    states = {stream.state for stream in party.streams}
    possible = {
        "go_clear": State.SECURE in states,
        "agree": State.CLEAR_PENDING in states,
        "go_secure": bool(states & {State.CLEAR, State.CLEAR_PENDING, State.DISCOVERED}),
        "start": State.IDLE in states,
    }
    yield from (wish for wish, left in party.wishes.items() if left and possible[wish])
    if party.works:
        yield WORK


def _outputs(party: Party) -> Output:
    sent = []
    for number, stream in enumerate(party.streams):
        while (work := party.session.work_to_do()) is not None:
            party.works.append((number, work))
        for datagram in stream.datagrams_to_send():
            packet = decode_packet(datagram)
            assert isinstance(packet, Packet)
            sent.append((number, packet.ssrc, packet.message))
    events = []
    while (event := party.session.next_event()) is not None:
        events.append(event)
    return Output(tuple(sent), tuple(events))


# What must hold for one endpoint.


def _check_step(name: str, before: tuple[View, ...], party: Party, output: Output, given: object) -> None:
    """A failure is stated, keys come once, and one input brings a bounded output."""

    def demand(condition: bool, what: str) -> None:
        if not condition:
            states = "/".join(view.state.value for view in before)
            now = "/".join(stream.state.value for stream in party.streams)
            raise Defect(f"{name}: {what}: {states} -> {now} on {given!r}, events {output.events}")

    limit = 2 if isinstance(given, tuple) else 2 * sum(1 + len(core_of(stream).aside) for stream in party.streams)
    demand(len(output.sent) <= limit, f"{len(output.sent)} messages for one input")
    for stream, old in zip(party.streams, before, strict=True):
        demand(stream.counters["ApiMisuse"] == stream.counters["EngineDefect"] == 0, "the engine misused itself")
        mine = [event for event in output.events if getattr(event, "ssrc", None) == stream.ssrc]
        demand(sum(isinstance(event, KeysReady) for event in mine) <= 1, "keys came twice")
        if old.state is State.SECURE and stream.state is not State.SECURE:
            demand(stream.state in UNSECURED, "a secure stream was given up")
        if stream.state is not old.state:
            stated = {State.FAILED: Failed, State.QUIET: NoPeer, State.SECURE: Secured}.get(stream.state)
            if old.state is not State.GOCLEAR_SENT or stream.state is not State.SECURE:
                demand(stated is None or any(isinstance(event, stated) for event in mine), "nobody was told")
        if stream.state is State.CLEAR and old.state in (State.GOCLEAR_SENT, State.CLEAR_PENDING):
            demand(any(isinstance(event, WentClear) for event in output.events), "nobody was told")
        if stream.state is State.SECURE:
            demand(stream.sending in (Sending.SRTP, Sending.BLOCKED), "the gate is open for clear media")
        else:
            demand(stream.sending is not Sending.SRTP, "the gate is open for SRTP without being secure")
        if stream.state in IN_EXCHANGE or stream.state in (State.FAILED, State.CLEAR_PENDING, State.GOCLEAR_SENT):
            demand(stream.sending is Sending.BLOCKED, "clear media may flow")
        if stream.state in (State.FAILED, State.CLEAR, State.CLEAR_PENDING, State.QUIET, State.DISCOVERED):
            demand(core_of(stream).exchange is None, "an exchange lives on")


def _check_waiting(name: str, party: Party) -> None:
    """No stream waits without a timer, unless it may wait for ever or its user has to decide."""
    for stream in party.streams:
        asked = stream.state is State.CLEAR_PENDING or (
            stream.state is State.DISCOVERED and not party.endpoint.config.auto_secure
        )
        if stream.next_timer() is None and stream.state not in SILENT and not asked:
            raise Defect(f"{name} is stuck: {stream.state.value} without any timer")


def _view(stream: Stream) -> View:
    exchange = core_of(stream).exchange
    keys = None
    if exchange is not None and exchange.derived is not None:
        srtp = exchange.keys.srtpi, exchange.keys.srtpr
        keys = tuple(bytes(secret.octets) for one in srtp for secret in (one.key, one.salt))
    return View(
        state=stream.state,
        sending=stream.sending,
        role=stream.role,
        keys=keys,  # type: ignore[arg-type]
        commit=None if exchange is None else exchange.commit.raw,
        timer=stream.next_timer(),
        strong=stream.state not in (State.IDLE, State.QUIET, State.FAILED)
        and Trigger.ERROR_GRACE_OVER not in core_of(stream).deadlines
        and not _out_of_copies(stream)
        and not core_of(stream).past.spent_commits,
    )


def _out_of_copies(stream: Stream) -> bool:
    if stream.state in REPEATING and core_of(stream).retransmission is None:
        return True
    return core_of(stream).retransmission is not None and present(core_of(stream).retransmission).exhausted


# Normal form, comparison, copies.


def _normalise(party: Party) -> None:
    for stream in party.streams:
        core = core_of(stream)
        running: list[Core | Aside] = [core, *core.aside]
        for one in running:
            one.deadlines = {trigger: round(at - party.now, 6) for trigger, at in one.deadlines.items()}
            for repeated in (one.retransmission, one.beside):
                if repeated is not None:
                    repeated.due = round(repeated.due - party.now, 6)
                    repeated.begun = 0.0
            if one.exchange is not None:
                one.exchange.round_trip = None
                one.exchange.begun = round(max(one.exchange.begun - party.now, -limits.TIME_TO_ANSWER), 6)
        core.past.recent_commits = tuple(
            (commit, round(at - party.now, 6))
            for commit, at in core.past.recent_commits
            if party.now - at < limits.TIME_TO_ANSWER
        )
        core.past.started_at = 0.0
        if core.past.waits_since is not None:
            core.past.waits_since = round(max(core.past.waits_since - party.now, -limits.TIME_FOR_OTHER_STREAM), 6)
        core.past.refused_for_room = ()
        core.call._public_values = None
        core.hello_copies.clear()
        core.round_trips.clear()
        core.past.first_hello_ack = None
        core.past.said = core.past.said_by_nobody = core.past.refused_commit = None
        core_of(stream).candidates = {
            key: replace(known, seen=0.0, copies=1) for key, known in core_of(stream).candidates.items()
        }
        stream.counters.clear()
        core_of(stream).last_error_sent = None
        core_of(stream).warned.clear()
        core_of(stream).outbox.sequence = 1
        core_of(stream).outbox.bucket = limits.TokenBucket()
        core.outbox.answers = {request: (reply, 0) for request, (reply, _) in core.outbox.answers.items()}
    call_of(party.session).secured_at = -limits.LATE_COMMITS
    for known in call_of(party.session).retention._known.values():  # this cache never lets anybody wait
        known.hello_came = known.told_at = known.looked_at = known.wanted_since = 0.0
        if known.at_hello is not None:
            known.at_hello.deadline, known.at_hello.urgency = 0.0, 0
    party.now = 0.0


class Kind(Enum):
    """How a value is dumped and copied."""

    PLAIN = "plain"
    MESSAGE = "message"
    SHARED = "shared"
    HIDDEN = "secret octets"
    LIST = "list"
    SET = "set"
    TUPLE = "tuple"
    DICT = "dict"
    FUNCTION = "function"
    METHOD = "method"
    PARTIAL = "partial"
    CELL = "cell"
    OBJECT = "object"


_kinds: dict[type, Kind] = {}


def _kind(value: object) -> Kind:
    kind = _kinds.get(type(value))
    if kind is None:
        kind = _kinds[type(value)] = next(
            kind
            for types, kind in (
                (PLAIN, Kind.PLAIN),
                (Message, Kind.MESSAGE),
                (IMMUTABLE, Kind.SHARED),
                (Secret, Kind.HIDDEN),
                ((list, deque), Kind.LIST),
                ((set, frozenset), Kind.SET),
                (tuple, Kind.TUPLE),
                (dict, Kind.DICT),
                (FunctionType, Kind.FUNCTION),
                (MethodType, Kind.METHOD),
                (partial, Kind.PARTIAL),
                (CellType, Kind.CELL),
                (object, Kind.OBJECT),
            )
            if isinstance(value, types)
        )
    return kind


def dump(root: object) -> bytes:
    """Everything that an object graph holds, in octets: equal octets, equal behaviour."""
    parts: list[bytes] = []
    seen: dict[int, int] = {}

    def visit(value: Any) -> None:
        kind = _kind(value)
        if kind is Kind.PLAIN:
            parts.append(repr(value).encode())
        elif kind is Kind.MESSAGE:
            parts.append(value.raw)
        elif kind is Kind.SHARED:
            parts.append(getattr(value, "__qualname__", type(value).__name__).encode())
        elif id(value) in seen:
            parts.append(b"^%d" % seen[id(value)])
        else:
            seen[id(value)] = len(seen)
            parts.append(type(value).__name__.encode())
            if kind is Kind.HIDDEN:
                parts.append(b"wiped" if value.wiped else bytes(value.octets))
            elif kind is Kind.DICT:
                items = sorted(value.items(), key=repr) if isinstance(value, Counter) else value.items()
                for key, item in items:
                    visit(key)
                    visit(item)
            elif kind in (Kind.LIST, Kind.TUPLE):
                for item in value:
                    visit(item)
            elif kind is Kind.SET:
                for item in sorted(value, key=repr):
                    visit(item)
            elif kind is Kind.FUNCTION:
                parts.append(value.__qualname__.encode())
                visit(value.__closure__ or ())
            elif kind is Kind.METHOD:
                parts.append(value.__name__.encode())
                visit(value.__self__)
            elif kind is Kind.PARTIAL:
                visit((value.func, value.args, value.keywords))
            elif kind is Kind.CELL:
                visit(value.cell_contents)
            else:
                for name in _names(value):
                    parts.append(name.encode())
                    visit(getattr(value, name))
            parts.append(b")")

    visit(root)
    return hashlib.sha256(b"\0".join(parts)).digest()


def clone(party: Party) -> Party:
    """A copy of the whole object graph that shares nothing that can change."""
    copies: dict[int, Any] = {}

    def copy(value: Any) -> Any:
        kind = _kind(value)
        if kind in (Kind.PLAIN, Kind.MESSAGE, Kind.SHARED):
            return value
        known = copies.get(id(value))
        if known is not None:
            return known
        made: Any
        if kind is Kind.HIDDEN:
            made = copies[id(value)] = Secret(bytes(len(value))) if value.wiped else value.copy()
            if value.wiped:
                made.wipe()
        elif kind is Kind.LIST:
            made = copies[id(value)] = type(value)()
            made.extend(map(copy, value))
        elif kind in (Kind.SET, Kind.TUPLE):
            made = copies[id(value)] = type(value)(map(copy, value))
        elif kind is Kind.DICT:
            made = copies[id(value)] = type(value)()
            for key, item in value.items():
                made[copy(key)] = copy(item)
        elif kind is Kind.FUNCTION:
            cells = copy(value.__closure__) if value.__closure__ else None
            made = FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, cells)
            made.__kwdefaults__, made.__qualname__ = value.__kwdefaults__, value.__qualname__
            made = copies[id(value)] = value if cells is None else made
        elif kind is Kind.METHOD:
            made = copies[id(value)] = MethodType(value.__func__, copy(value.__self__))
        elif kind is Kind.PARTIAL:
            made = copies[id(value)] = partial(copy(value.func), *copy(value.args), **copy(value.keywords))
        elif kind is Kind.CELL:
            made = copies[id(value)] = CellType()
            made.cell_contents = copy(value.cell_contents)
        else:
            made = copies[id(value)] = object.__new__(type(value))
            for name in _names(value):
                object.__setattr__(made, name, copy(getattr(value, name)))
        return made

    result: Party = copy(party)
    return result


_slots: dict[type, list[str]] = {}


def _names(value: object) -> list[str]:
    """The attributes that an object has, in slots or in its dictionary."""
    kind = type(value)
    names = _slots.get(kind)
    if names is None:
        declared = [name for base in reversed(kind.__mro__) for name in _slots_of(base)]
        names = _slots[kind] = list(dict.fromkeys(declared))
    present = [name for name in names if hasattr(value, name)]
    return present + [name for name in getattr(value, "__dict__", {}) if name not in present]


def _slots_of(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
