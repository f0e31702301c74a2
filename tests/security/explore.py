"""Every interleaving of delivery, loss, duplication, reordering and timers of two real endpoints.

    python -m tests.security.explore                     every scenario, up to 1,000,000 states each
    python -m tests.security.explore crossing --states 20000

What was sent stays on the wire for ever: it may be delivered at any later moment, any number of times, or never. Loss,
duplication and reordering without any bound are thus one and the same thing, and a state of a call is (state of Alice,
state of Bob, what was ever sent). Clocks are local (see `tests.security.machine`). Only the number of retransmissions
is cut down, so that their ends come within reach.

What must hold in every state is listed in `_check_pair` and, for one endpoint, in `machine`. Besides, from every pair
of states a fair continuation, with no more loss, must end secure or in a stated failure; and if nothing is lost and no
timer fires while messages are under way, it must end secure (a broken rule for crossing Commits passes every safety
check, because everything merely times out).
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from tests.security.machine import WORK, Defect, Machine, Node, Output, Party, Sent
from tests.security.toy import Draws, toy_config
from tests.support.inside import cache_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Network
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.protocol import timers, transmission
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Role, Sending
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import CLEAR_ACK, CONF2ACK, HELLO_ACK, Confirm1, Confirm2, Error

VIDEO = 1
"""Added to the SSRC of a second stream."""

SCHEDULES = {"T1": 0, "T1_EXTENDED": 1, "T2": 0, "CLEAR_KEEPALIVE": 0}
"""Schedules of the engine, and how many copies more than asked for they get."""

EARLY_RESPONDER = frozenset(
    {
        State.HELLO_SENT,
        State.HELLO_ACKED,
        State.HELLO_RECEIVED,
        State.DISCOVERED,
        State.IDLE,
        State.QUIET,
        State.COMMIT_SENT,
        State.DHPART1_SENT,
        State.DHPART2_SENT,
    }
)
"""Where the responder cannot be if its initiator is secure."""

EARLY_INITIATOR = EARLY_RESPONDER | {State.CONFIRM1_SENT}
"""Where the initiator cannot be if its responder is secure."""

Future = tuple[Node, Node, float, float]
"""State of Alice, state of Bob, seconds that passed since each of them changed."""

Call = tuple[Node, Node, int]
"""State of Alice, state of Bob, set of the messages ever sent as bits."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A state of a call on a network without loss."""

    alice: Node
    bob: Node
    wire: tuple[tuple[int, Sent], ...] = ()
    """Messages under way, each to a side."""
    lags: tuple[float, float] = (0.0, 0.0)
    """Seconds that passed since the state of each side changed."""


C = TypeVar("C", Call, Prompt)


GIVEN_UP = "given up"
"""What comes of a call in which one side gave an exchange up: it could begin anew, which is not followed."""

SWITCHED = frozenset({"secure", "clear"})
"""How a call may end in which users switch encryption on and off."""


@contextmanager
def few_retransmissions(copies: int | None) -> Iterator[None]:
    """The engine's schedules with so many copies after the first, instead of 20, 62, 10 and 20 (None). What follows
    the path is repeated as T2.
    """
    before = {name: getattr(timers, name).retransmissions for name in SCHEDULES}
    with pytest.MonkeyPatch.context() as patch:
        try:
            if copies is not None:
                patch.setattr(transmission, "along_the_path", lambda round_trip, octets: timers.T2)
                for name, more in SCHEDULES.items():
                    object.__setattr__(getattr(timers, name), "retransmissions", copies + more)
            yield
        finally:
            for name, original in before.items():
                object.__setattr__(getattr(timers, name), "retransmissions", original)


@dataclass
class Scenario:
    """Two endpoints at the point where exploring begins."""

    alice: Party
    bob: Party
    forged: tuple[bytes, ...] = ()
    """Messages that an attacker delivers to either side at any moment, under the peer's SSRC."""
    reflected: bool = False
    """What a side sends may also come back to it."""
    without_loss: frozenset[str] = frozenset({"secure"})
    """How each stream of the call may end if nothing is lost."""
    switched: bool = False
    """Users switch encryption off and on."""
    sure: bool = True
    """From wherever both sides still try, they succeed as soon as nothing is lost any more."""
    hasty: bool = True
    """Users act also while messages are under way."""


@dataclass
class Report:
    """What an exploration found."""

    name: str
    states: int = 0
    transitions: int = 0
    pairs: int = 0
    alice: int = 0
    bob: int = 0
    complete: bool = False
    """The whole state space was visited; otherwise the bound was reached."""
    deepest: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """States without any timer or message to deliver that changes something, by what they are."""
    continued: Counter[str] = field(default_factory=Counter)
    """How fair continuations from each pair of states ended."""
    prompt: int = 0
    """States of the exploration without loss."""
    seconds: float = 0.0

    def __str__(self) -> str:
        whole = "complete" if self.complete else "bound reached"
        return (
            f"{self.name}: {self.states} states ({whole}), {self.transitions} transitions, "
            f"{self.pairs} pairs of {self.alice} and {self.bob} endpoint states, depth {self.deepest}, "
            f"{self.prompt} states without loss, continued: {dict(self.continued)}, {self.seconds:.1f} s"
        )


class Explorer:
    """Combines two machines."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        self.report = Report(name)
        self.scenario = scenario
        self.machines = Machine("alice", scenario.alice), Machine("bob", scenario.bob)
        self._bits: dict[tuple[int, Sent], int] = {}
        self._messages: list[tuple[int, Sent]] = []
        self._inbox = [0, 0]
        self._checked: set[tuple[Node, Node]] = set()
        self._futures: dict[Future, str] = {}
        self._moves: tuple[dict[Node, list[tuple[int, Node, int, Any]]], ...] = ({}, {})
        self._forged: list[tuple[int, Sent]] = []
        for side, peer in ((0, scenario.bob), (1, scenario.alice)):
            for number, stream in enumerate(peer.streams):
                self._forged += [(side, (number, stream.ssrc, raw)) for raw in scenario.forged]

    # All interleavings.

    def explore(self, states: int) -> Report:
        """Visit up to so many states in the order of their depth, and check each of them."""
        started = time.perf_counter()
        report = self.report
        first: Call = (self.machines[0].start, self.machines[1].start, self._put(self._forged))
        parents: dict[Call, tuple[Call, Any] | None] = {first: None}
        frontier: deque[tuple[Call, int]] = deque([(first, 0)])
        call = first
        try:
            self._check(first)
            while frontier:
                call, depth = frontier.popleft()
                report.deepest = max(report.deepest, depth)
                quiet = True
                for following, action in self._following(call):
                    report.transitions += 1
                    quiet = False
                    if following not in parents:
                        if len(parents) >= states:
                            continue
                        parents[following] = call, action
                        self._check(following)
                        frontier.append((following, depth + 1))
                if quiet:
                    report.ends[self._describe(call)] += 1
        except Defect as defect:
            raise Defect(f"{defect}\n{self._path(parents, call)}") from defect
        report.complete = len(parents) < states
        report.prompt = self._explore_without_loss(states)
        report.states = len(parents)
        report.pairs = len(self._checked)
        report.alice, report.bob = map(len, self.machines)
        report.continued = Counter(self._futures[*pair, 0.0, 0.0] for pair in self._checked)
        report.seconds = time.perf_counter() - started
        return report

    def _following(self, call: Call) -> Iterator[tuple[Call, Any]]:
        alice, bob, sent = call
        for side in (0, 1):
            node = call[side]
            moves = self._moves_of(side, node)
            for need, target, added, action in moves:
                if need & ~sent:
                    continue
                after = sent | added
                if target != node or after != sent:
                    yield ((target, bob, after) if side == 0 else (alice, target, after)), action

    def _moves_of(self, side: int, node: Node) -> list[tuple[int, Node, int, Any]]:
        """(message needed, next state, messages sent, what it is) of every step from a state; grows with the wire."""
        moves = self._moves[side].get(node)
        if moves is None:
            moves = self._moves[side][node] = []
            self._known_inbox[side][node] = 0
            machine = self.machines[side]
            if machine.began_anew[node]:
                return moves
            if machine.timed[node]:
                self._add_move(side, node, moves, 0, machine.timer(node), "timer")
            for wish in machine.wishes[node]:
                self._add_move(side, node, moves, 0, machine.wish(node, wish), wish)
        fresh = self._inbox[side] & ~self._known_inbox[side][node]
        if fresh and not self.machines[side].began_anew[node]:
            self._known_inbox[side][node] |= fresh
            while fresh:
                bit = fresh & -fresh
                fresh ^= bit
                _, sent = self._messages[bit.bit_length() - 1]
                self._add_move(side, node, moves, bit, self.machines[side].receive(node, sent), sent)
        return moves

    def _add_move(
        self,
        side: int,
        node: Node,
        moves: list[tuple[int, Node, int, Any]],
        need: int,
        step: tuple[Node, Output],
        action: object,
    ) -> None:
        target, output = step
        added = self._put([(1 - side, sent) for sent in output.sent])
        if self.scenario.reflected:
            added |= self._put([(side, sent) for sent in output.sent])
        if target != node or added:
            moves.append((need, target, added, (self.machines[side].name, action)))

    @property
    def _known_inbox(self) -> tuple[dict[Node, int], dict[Node, int]]:
        return self.__dict__.setdefault("_inboxes", ({}, {}))  # type: ignore[no-any-return]

    def _put(self, messages: list[tuple[int, Sent]]) -> int:
        """The bits of messages to a side; what a side gets is noted."""
        bits = 0
        for message in messages:
            number = self._bits.get(message)
            if number is None:
                number = self._bits[message] = len(self._messages)
                self._messages.append(message)
                self._inbox[message[0]] |= 1 << number
            bits |= 1 << number
        return bits

    # Checks.

    def _check(self, call: Call) -> None:
        pair = call[:2]
        if pair not in self._checked:
            self._checked.add(pair)
            self._check_pair(*pair)
            self._check_future(*pair)

    def _check_pair(self, alice: Node, bob: Node) -> None:
        """What must hold for every two states that meet."""
        machines = self.machines
        zrtpsess = machines[0].zrtpsess[alice], machines[1].zrtpsess[bob]
        in_step = zrtpsess[0] == zrtpsess[1] or None in zrtpsess  # otherwise one of them went clear, unheard
        for mine, theirs in zip(machines[0].views[alice], machines[1].views[bob], strict=True):
            if in_step and mine.keys is not None and theirs.keys is not None and mine.commit == theirs.commit:
                self._demand(mine.keys == theirs.keys, "unequal keys", alice, bob)
            if mine.state is State.SECURE and theirs.state is State.SECURE:
                if mine.sending is Sending.SRTP and theirs.sending is Sending.SRTP:
                    self._demand(mine.keys == theirs.keys, "secure with unequal keys", alice, bob)
                    self._demand(mine.commit == theirs.commit, "secure from two Commits", alice, bob)
                self._demand({mine.role, theirs.role} == set(Role), "both have the same role", alice, bob)
                self._demand(machines[0].sas[alice] == machines[1].sas[bob], "two different SAS", alice, bob)
            if not self.scenario.switched:
                for one, other in ((mine, theirs), (theirs, mine)):
                    if one.state is State.SECURE:
                        early = EARLY_INITIATOR if one.role is Role.RESPONDER else EARLY_RESPONDER
                        self._demand(other.state not in early, "secure without the other one", alice, bob)
        if all(view.state is State.SECURE for side in (0, 1) for view in machines[side].views[(alice, bob)[side]]):
            retained = machines[0].rs1[alice], machines[1].rs1[bob]
            self._demand(retained[0] == retained[1] or None in retained, "two retained secrets", alice, bob)
            self._demand(in_step, "two ZRTPSess", alice, bob)

    def _demand(self, condition: bool, what: str, alice: Node, bob: Node) -> None:
        if not condition:
            raise Defect(f"{what}: alice {self.machines[0].describe(alice)}, bob {self.machines[1].describe(bob)}")

    # Liveness.

    def _check_future(self, alice: Node, bob: Node) -> None:
        """A fair continuation ends; and if both sides still have copies to send, and users want it, then secure."""
        if self.machines[0].began_anew[alice] or self.machines[1].began_anew[bob]:
            self._futures[alice, bob, 0.0, 0.0] = GIVEN_UP
            return
        future = self._continue(alice, bob)
        views = *self.machines[0].views[alice], *self.machines[1].views[bob]
        if self.scenario.sure and all(view.strong for view in views):
            self._demand(set(future.split(", ")) == {"secure"}, f"a needless end: {future}", alice, bob)

    def _continue(self, alice: Node, bob: Node) -> str:
        """From here on nothing is lost, and timers fire in their order when nothing is under way: how it ends."""
        path: list[Future] = []
        nodes, lags = [alice, bob], [0.0, 0.0]
        while True:
            future = nodes[0], nodes[1], lags[0], lags[1]
            due = [
                0.0 if WORK in machine.wishes[node] else machine.due[node] - lag
                for machine, node, lag in zip(self.machines, nodes, lags, strict=True)
            ]
            ended = self._futures.get(future)
            if any(machine.began_anew[node] for machine, node in zip(self.machines, nodes, strict=True)):
                ended = GIVEN_UP
            if ended is None and len(path) > 1000:
                raise Defect(f"a fair continuation does not end: {self._describe((nodes[0], nodes[1], 0))}")
            if ended is None and min(due) == math.inf:
                ended = self._outcome(nodes[0], nodes[1])
            if ended is not None:
                self._futures.update(dict.fromkeys([*path, future], ended))
                return ended
            path.append(future)
            passed = min(due)
            first = due.index(passed)
            lags = [round(lag + passed, 6) for lag in lags]
            machine = self.machines[first]
            working = WORK in machine.wishes[nodes[first]]
            nodes[first], output = machine.wish(nodes[first], WORK) if working else machine.timer(nodes[first])
            lags[first] = 0.0
            under_way = deque((1 - first, sent) for sent in output.sent)
            delivered = 0
            while under_way:
                side, sent = under_way.popleft()
                delivered += 1
                if delivered > 100:
                    raise Defect(f"answers to answers without end: {self._describe((nodes[0], nodes[1], 0))}")
                nodes[side], output = self.machines[side].receive(nodes[side], sent, lags[side])
                lags[side] = 0.0
                under_way.extend((1 - side, more) for more in output.sent)

    def _outcome(self, alice: Node, bob: Node) -> str:
        ends = []
        for mine, theirs in zip(self.machines[0].views[alice], self.machines[1].views[bob], strict=True):
            states = mine.state, theirs.state
            if states == (State.SECURE, State.SECURE):
                ends.append("secure")
            elif State.FAILED in states:
                ends.append("stated failure")
            elif State.QUIET in states:
                ends.append("no peer")
            elif {*states} <= {State.CLEAR, State.CLEAR_PENDING, State.SECURE}:
                ends.append("clear")
            elif {*states} <= {State.DISCOVERED, State.IDLE, State.CLOSED}:
                ends.append("waits for the user")
            else:
                raise Defect(f"nothing more happens: {self._describe((alice, bob, 0))}")
        return ", ".join(ends)

    # Without loss.

    def _explore_without_loss(self, states: int) -> int:
        """Every message arrives once and at once, in any order; timers fire in theirs, when nothing is under way."""
        first = Prompt(self.machines[0].start, self.machines[1].start)
        parents: dict[Prompt, tuple[Prompt, Any] | None] = {first: None}
        frontier = deque([first])
        while frontier and len(parents) < states:
            call = frontier.popleft()
            ended = True
            try:
                for following, action in self._following_without_loss(call):
                    ended = False
                    if following not in parents:
                        parents[following] = call, action
                        self._check((following.alice, following.bob, 0))
                        frontier.append(following)
                if ended:
                    outcome = self._outcome(call.alice, call.bob)
                    if not set(outcome.split(", ")) <= self.scenario.without_loss:
                        raise Defect(f"without any loss: {outcome}")
            except Defect as defect:
                raise Defect(f"{defect}\n{self._path(parents, call)}") from defect
        return len(parents)

    def _following_without_loss(self, call: Prompt) -> Iterator[tuple[Prompt, Any]]:
        nodes, wire = (call.alice, call.bob), call.wire
        steps: list[tuple[int, tuple[Node, Output], tuple[tuple[int, Sent], ...], object]] = []
        passed = 0.0
        for number, (side, sent) in enumerate(wire):
            if wire[number] not in wire[:number]:
                rest = wire[:number] + wire[number + 1 :]
                steps.append((side, self.machines[side].receive(nodes[side], sent), rest, sent))
        for side in (0, 1):
            machine = self.machines[side]
            for wish in machine.wishes[nodes[side]]:
                if wish == WORK or not wire or self.scenario.hasty:
                    steps.append((side, machine.wish(nodes[side], wish), wire, wish))
        if not steps:
            due = [machine.due[node] - lag for machine, node, lag in zip(self.machines, nodes, call.lags, strict=True)]
            passed = min(due)
            for side in (0, 1):
                if due[side] == passed < math.inf:
                    steps.append((side, self.machines[side].timer(nodes[side]), (), "timer"))
        for side, (node, output), rest, what in steps:
            under_way = tuple(sorted((*rest, *((1 - side, sent) for sent in output.sent))))
            lag = round(call.lags[1 - side] + passed, 6)
            own = 0.0 if node != nodes[side] or passed else call.lags[side]
            if side == 0:
                following = Prompt(node, call.bob, under_way, (own, lag))
            else:
                following = Prompt(call.alice, node, under_way, (lag, own))
            yield following, (self.machines[side].name, what)

    # For people.

    def _describe(self, call: Call | Prompt) -> str:
        alice, bob = (call.alice, call.bob) if isinstance(call, Prompt) else call[:2]
        return f"{self.machines[0].describe(alice)} | {self.machines[1].describe(bob)}"

    def _path(self, parents: Mapping[C, tuple[C, Any] | None], call: C) -> str:
        """How a state was reached."""
        lines: list[str] = []
        step = parents.get(call)
        while step is not None:
            before, (who, what) = step
            named = what[2][4:12].decode() if isinstance(what, tuple) else what
            lines.append(f"  {self._describe(before)}: {who} <- {named}")
            call, step = before, parents[before]
        return "\n".join([*reversed(lines), "  here"])


# Scenarios.


def party(name: str, ssrc: int, config: Config, *, streams: int = 1, offload: bool = False) -> Party:
    """An endpoint with streams that are not started."""
    endpoint = Endpoint(config, MemoryCache(), random=Draws(name), wall_clock=lambda: 1e6)
    session = endpoint.session(offload=offload)
    for number in range(streams):
        session.add_stream(ssrc + number)
    return Party(endpoint, session, 0.0, {})


def parties(alice: Config, bob: Config, *, streams: int = 1, offload: bool = False) -> tuple[Party, Party]:
    return (
        party("alice", ALICE_SSRC, alice, streams=streams, offload=offload),
        party("bob", BOB_SSRC, bob, streams=streams, offload=offload),
    )


def started(alice: Party, bob: Party) -> tuple[Party, Party]:
    """Nobody knows when the other one starts: starting is a step of its own."""
    for one in (alice, bob):
        one.wishes["start"] = 1
    return alice, bob


def secured(alice: Party, bob: Party) -> tuple[Party, Party]:
    """The first streams are secure."""
    network = Network()
    network.connect("alice", alice.streams[0], "bob", bob.streams[0])
    for one in (alice, bob):
        one.streams[0].start(0.0)
    network.run(5.0)
    for one in (alice, bob):
        assert one.streams[0].state is State.SECURE
        one.now = network.now
    return alice, bob


def responder() -> Scenario:
    """DH mode with one side that commits."""
    return Scenario(*started(*parties(toy_config(), toy_config(passive=True))))


def crossing() -> Scenario:
    """DH mode; both sides commit."""
    return Scenario(*started(*parties(toy_config(), toy_config())))


def offloaded() -> Scenario:
    """DH mode; both sides commit, and threads bring the results of public-key operations back at any later moment."""
    return Scenario(*started(*parties(toy_config(), toy_config(), offload=True)))


def on_request() -> Scenario:
    """DH mode; encryption begins when a user asks for it."""
    alice, bob = started(*parties(toy_config(auto_secure=False), toy_config(auto_secure=False)))
    for one in (alice, bob):
        one.wishes["go_secure"] = 1
    return Scenario(alice, bob, without_loss=SWITCHED, sure=False)


def multistream() -> Scenario:
    """A second stream of a secure call; both sides commit."""
    return Scenario(*started(*secured(*parties(toy_config(), toy_config(), streams=2))))


def two_streams() -> Scenario:
    """Two streams that start together."""
    alice, bob = parties(toy_config(), toy_config(passive=True), streams=2)
    for one in (alice, bob):
        for stream in one.streams:
            stream.start(0.0)
    return Scenario(alice, bob)


def preshared() -> Scenario:
    """Preshared mode; both sides commit."""
    config = toy_config(preshared=True)
    alice, bob = parties(config, config)
    remember(alice, bob, b"\x11" * 32)
    remember(bob, alice, b"\x11" * 32)
    return Scenario(*started(alice, bob))


def preshared_unequal() -> Scenario:
    """A Preshared Commit that matches nothing is answered by a Commit in DH mode."""
    config = toy_config(preshared=True)
    alice, bob = parties(config, config)
    remember(alice, bob, b"\x11" * 32)
    remember(bob, alice, b"\x22" * 32)
    return Scenario(*started(alice, bob))


def remember(one: Party, other: Party, rs1: bytes) -> None:
    record = PeerRecord(rs1=Secret(rs1), trusted_lineage=True, verified=True, first_seen=1.0)
    cache_of(one.endpoint).update(one.endpoint.zid, other.endpoint.zid, lambda old: record)


def goclear() -> Scenario:
    """A secure call; both users may switch encryption off, agree to it, and on again."""
    config = toy_config(allow_clear=True)
    alice, bob = secured(*parties(config, config))
    alice.wishes = {"go_clear": 1, "agree": 1, "go_secure": 1}
    bob.wishes = {"go_clear": 1, "agree": 1, "go_secure": 1}
    return Scenario(alice, bob, without_loss=SWITCHED, switched=True, sure=False, hasty=False)


def goclear_two_streams() -> Scenario:
    """A secure call with two streams, switched off and on again by one side."""
    config = toy_config(allow_clear=True)
    alice, bob = secured(*parties(config, config, streams=2))
    network = Network()
    network.now = alice.now
    network.connect("alice", alice.streams[1], "bob", bob.streams[1])
    for one in (alice, bob):
        one.streams[1].start(one.now)
    network.run(alice.now + 5.0)
    for one in (alice, bob):
        assert one.streams[1].state is State.SECURE
        one.now = network.now
    alice.wishes = {"go_clear": 1, "go_secure": 1}
    bob.wishes = {"agree": 1, "go_clear": 1}
    return Scenario(alice, bob, without_loss=SWITCHED, switched=True, sure=False, hasty=False)


def hostile() -> Scenario:
    """DH mode under forged acknowledgements, Errors and Confirms, and with every message reflected to its sender."""
    alice, bob = started(*parties(toy_config(), toy_config()))
    forged = (
        *(HELLO_ACK.raw, CONF2ACK.raw, CLEAR_ACK.raw, Error.make(code=0x20).raw),
        *(kind.make(confirm_mac=bytes(8), iv=bytes(16), ciphertext=bytes(40)).raw for kind in (Confirm1, Confirm2)),
    )
    return Scenario(alice, bob, forged=forged, reflected=True, sure=False)


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    scenario.__name__.replace("_", "-"): scenario
    for scenario in (
        *(responder, crossing, offloaded, on_request, multistream, two_streams, preshared, preshared_unequal),
        *(goclear, goclear_two_streams, hostile),
    )
}


def explore(name: str, states: int, copies: int | None = 1) -> Report:
    """Explore one scenario up to so many states, with so many retransmissions of each message."""
    with few_retransmissions(copies):
        return Explorer(name, SCENARIOS[name]()).explore(states)


def main() -> None:
    parser = argparse.ArgumentParser(description="Explore the real engine exhaustively.")
    parser.add_argument("scenario", nargs="*", default=[*SCENARIOS], help=", ".join(SCENARIOS))
    parser.add_argument("--states", type=int, default=1_000_000, help="bound for each scenario")
    parser.add_argument("--copies", type=int, help="retransmissions of each message, otherwise as in the RFC")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    total = 0
    for name in options.scenario:
        report = explore(name, options.states, options.copies)
        total += report.states
        print(report, flush=True)
    print(f"{total} states")


if __name__ == "__main__":
    main()
