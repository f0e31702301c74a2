"""Random sessions: whatever users, network and attacker do, in whatever order, the invariants of `World` hold.

Hypothesis chooses the rules and shrinks what breaks; `fuzz_engine` runs the same world from octets.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.security.toy import toy_config
from tests.security.world import World, two_parties
from tests.support import wire
from tests.support.inside import call_of, core_of
from zrtp.protocol.states import State

SIDES = st.sampled_from((0, 1))
PLACES = st.integers(0, 7)
VERDICTS = st.sampled_from(("matched", "mismatched", "forget", "rename", "export"))
FORGERIES = st.sampled_from([message.raw for message in wire.one_of_each()])


class Sessions(RuleBasedStateMachine):
    """One call, from its start to its end."""

    @initialize(
        preshared=st.booleans(),
        passive=st.sampled_from((None, 0, 1)),
        clear=st.booleans(),
        trusted=st.booleans(),
        offload=st.booleans(),
    )
    def begin(self, preshared: bool, passive: int | None, clear: bool, trusted: bool, offload: bool) -> None:
        configs = [toy_config(preshared=preshared, allow_clear=clear, passive=side == passive) for side in (0, 1)]
        self.world: World = two_parties(configs[0], configs[1], trusted=trusted, offload=offload)

    @rule(side=SIDES)
    def start(self, side: int) -> None:
        for stream in self.world.parties[side].streams:
            stream.start(self.world.now)
        self.world._collect()

    @rule(place=PLACES)
    def deliver(self, place: int) -> None:
        self.world.deliver(place)

    @rule()
    def deliver_all(self) -> None:
        for _ in range(20):
            self.world.deliver()
            self.world.work(0)
            self.world.work(1)

    @rule(place=PLACES)
    def duplicate(self, place: int) -> None:
        self.world.deliver(place, keep=True)

    @rule(place=PLACES)
    def drop(self, place: int) -> None:
        self.world.drop(place)

    @rule(place=PLACES, position=st.integers(0, 600), mask=st.integers(1, 255), repair=st.booleans())
    def tamper(self, place: int, position: int, mask: int, repair: bool) -> None:
        self.world.tamper(place, position, mask, repair=repair)

    @rule(place=PLACES, words=st.integers(-4, 6).filter(bool))
    def cut(self, place: int, words: int) -> None:
        self.world.cut(place, words)

    @rule(place=st.integers(0, 200), reflect=st.booleans())
    def replay(self, place: int, reflect: bool) -> None:
        self.world.replay(place, reflect=reflect)

    @rule(side=SIDES, message=FORGERIES, stranger=st.booleans())
    def forge(self, side: int, message: bytes, stranger: bool) -> None:
        self.world.forge(side, 0, message, ssrc=0x5EED if stranger else None)

    @rule(side=SIDES)
    def timer(self, side: int) -> None:
        self.world.timer(side)

    @rule(side=SIDES)
    def work(self, side: int) -> None:
        self.world.work(side)

    @rule(seconds=st.sampled_from((0.01, 0.3, 2.0, 11.0, 3600.0)))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(side=SIDES, verdict=VERDICTS)
    def verdict(self, side: int, verdict: str) -> None:
        self.world.act(side, verdict)

    @rule(side=SIDES)
    def go_clear(self, side: int) -> None:
        self.world.act(side, "go_clear")

    @rule(side=SIDES)
    def agree_to_clear(self, side: int) -> None:
        self.world.act(side, "agree_to_clear")

    @rule(side=SIDES)
    def go_secure(self, side: int) -> None:
        self.world.act(side, "go_secure")

    @rule(side=SIDES)
    def srtp(self, side: int) -> None:
        self.world.act(side, "srtp")

    @rule()
    def add_streams(self) -> None:
        for side in (0, 1):
            self.world.act(side, "add_stream")

    @rule(side=SIDES)
    def close(self, side: int) -> None:
        self.world.act(side, "close")

    @invariant()
    def everything_holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        """However it went, it comes to an end, and closing leaves no timer and no keys."""
        if not hasattr(self, "world"):
            return
        self.world.settle(120.0)
        for side, party in enumerate(self.world.parties):
            self.world.act(side, "close")
            assert call_of(party.session).zrtpsess is None
            for stream in party.streams:
                assert stream.state is State.CLOSED
                assert stream.next_timer() is None
                assert core_of(stream).exchange is None


FEW = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.usefixtures("quiet_log")
class TestSessions(Sessions.TestCase):  # type: ignore[misc, valid-type]
    settings = FEW


@pytest.mark.long
@pytest.mark.usefixtures("quiet_log")
class TestManySessions(Sessions.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(FEW, max_examples=3_000, stateful_step_count=60)
