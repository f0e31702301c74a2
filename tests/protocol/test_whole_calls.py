"""Whole calls over a bad network: each mode in both roles, and all of them after each other in the life of two phones.

One datagram in five is lost in each direction, one in ten comes twice, and they overtake each other. What is under way
when a step ends arrives in the middle of the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from tests.support.cases import every
from tests.support.friends import hear_each_other
from tests.support.inside import call_of
from tests.support.pair import Clock, Netem, Pair, Side, same_keys
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.events import (
    Assurance,
    ClearRequested,
    Continuity,
    Failed,
    KeysReady,
    Mode,
    NoPeer,
    Role,
    SasReady,
    Secured,
    SecurityWarning,
    Sending,
    WentClear,
)
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream

E = TypeVar("E", KeysReady, Secured)

LIMIT = 60.0
"""Seconds of virtual time for one step; the schedules of RFC 6189 are over long before."""

CONFIG = Config(
    key_agreements=(b"X255", b"Mult", b"Prsh"), auto_secure=False, allow_clear=True, preshared=True, preshared_limit=2
)

WHO = {"alice": ("alice",), "bob": ("bob",), "both": ("alice", "bob")}
"""Whose user presses a button; if it is both, their messages cross."""


class Phones:
    """Two phones, what they remember of each other, and the call that they are in."""

    pair: Pair

    def __init__(self, config: Config = CONFIG, *, seed: int = 0) -> None:
        self.config = config
        self.clock = Clock()
        self.caches = MemoryCache(), MemoryCache()
        self.keys_seen: set[bytes] = set()
        """Every SRTP key that any stream had so far, both directions."""
        self._seed = 100 * seed

    def dial(self, *, passive: str = "") -> Phones:
        """A new call: both phones look for each other. The passive one never begins a key agreement."""
        self._seed += 1
        self.clock.now += 3600.0
        alice, bob = (replace(self.config, passive=name == passive) for name in ("alice", "bob"))
        self.pair = Pair(
            alice,
            bob,
            net=Netem(loss=0.2, duplicate=0.1, delay=0.03, jitter=0.06, seed=self._seed),
            seed=self._seed,
            alice_cache=self.caches[0],
            bob_cache=self.caches[1],
            clock=self.clock,
        ).start()
        return self

    def side(self, name: str) -> Side:
        return self.pair.alice if name == "alice" else self.pair.bob

    @property
    def streams(self) -> list[Stream]:
        return [stream for side in self.pair.sides for stream in side.session.streams]

    def until(self, reached: Callable[[], bool]) -> None:
        """Let time pass until something is the case."""
        network = self.pair.network
        network.run(network.now + LIMIT, stop=reached)
        assert reached(), [(stream, stream.counters) for stream in self.streams]

    def until_all_are(self, *states: State) -> None:
        self.until(lambda: all(stream.state in states for stream in self.streams))

    def go_secure(self, who: str) -> None:
        """Somebody presses the button as soon as there is a peer, and every stream of the call becomes secure."""
        ready = (State.DISCOVERED, State.CLEAR)
        for name in WHO[who]:
            self.until(lambda name=name: all(s.state in ready for s in self.side(name).session.streams))  # type: ignore[misc]
        for name in WHO[who]:
            self.side(name).session.go_secure(self.pair.network.now)
        self.until_all_are(State.SECURE)

    def add_streams(self, count: int = 1) -> None:
        """Further streams, all at once; they need no button."""
        for number in range(len(self.pair.alice.session.streams), len(self.pair.alice.session.streams) + count):
            self.pair.add_streams(0xA11CE000 + number, 0xB0B00000 + number)
        self.until_all_are(State.SECURE)

    def go_clear(self, who: str) -> None:
        """Somebody switches encryption off for the whole call, and whoever did not ask for it takes note."""
        before = self.zrtpsess
        for name in WHO[who]:
            self.side(name).session.go_clear(self.pair.network.now)
            assert all(stream.sending is Sending.BLOCKED for stream in self.side(name).session.streams)
        self.until_all_are(State.CLEAR, State.CLEAR_PENDING)
        for side in self.pair.sides:
            pending = [stream for stream in side.session.streams if stream.state is State.CLEAR_PENDING]
            assert all(stream.sending is Sending.BLOCKED for stream in pending)
            if pending:
                side.session.agree_to_clear()
            assert all(stream.state is State.CLEAR for stream in side.session.streams)
            assert all(stream.sending is Sending.CLEAR for stream in side.session.streams)
            assert side.session.assurance is Assurance.INSECURE
        assert self.zrtpsess != before

    def hang_up(self) -> None:
        hear_each_other(self.pair)
        for side in self.pair.sides:
            side.drain()
            side.session.close(self.pair.network.now)
            assert call_of(side.session).zrtpsess is None

    @property
    def zrtpsess(self) -> bytes:
        """The same at both ends."""
        alice, bob = (call_of(side.session).zrtpsess for side in self.pair.sides)
        assert alice is not None and alice == bob
        return bytes(alice.octets)

    def initiator(self, stream: int = 0) -> str:
        """Who began the last exchange of a stream; the other end agrees."""
        alice, bob = (side.session.streams[stream].role for side in self.pair.sides)
        assert {alice, bob} == {Role.INITIATOR, Role.RESPONDER}
        return "alice" if alice is Role.INITIATOR else "bob"

    def check(self, *modes: Mode) -> None:
        """The streams became secure in these modes: both ends hold the same keys, which no stream had before, and one
        SAS for all of them, and nobody was alarmed.
        """
        alice, bob = self.pair.sides
        for ours, theirs, mode in zip(alice.session.streams, bob.session.streams, modes, strict=True):
            assert ours.sending is theirs.sending is Sending.SRTP
            one, other = newest(alice, ours, KeysReady), newest(bob, theirs, KeysReady)
            assert same_keys(one.send, other.receive) and same_keys(one.receive, other.send)
            keys = {bytes(one.send.key.octets), bytes(one.receive.key.octets)}
            assert len(keys) == 2 and all(map(any, keys))
            assert not keys & self.keys_seen
            self.keys_seen |= keys
            ends = newest(alice, ours, Secured), newest(bob, theirs, Secured)
            assert [end.mode for end in ends] == [mode, mode]
            assert ends[0].suite == ends[1].suite
            assert {ends[0].role, ends[1].role} == {Role.INITIATOR, Role.RESPONDER}
        assert alice.session.sas is not None and bob.session.sas is not None
        assert alice.session.sas.sashash == bob.session.sas.sashash
        assert self.zrtpsess
        for side in self.pair.sides:
            assert len(side.seen(SasReady)) == 1
            assert not side.seen(Failed) and not side.seen(NoPeer) and not side.seen(SecurityWarning)

    def check_memory(self) -> None:
        """Both phones keep the same secret."""
        alice, bob = (cache.peers()[0].record for cache in self.caches)
        assert alice.rs1 is not None and alice.rs1 == bob.rs1


def newest(side: Side, stream: Stream, kind: type[E]) -> E:
    """The last event of that type about one stream."""
    return [event for event in side.seen(kind) if event.ssrc == stream.ssrc][-1]


def other(who: str) -> str:
    """Whoever did not press the button; nobody, if both did."""
    return {"alice": "bob", "bob": "alice", "both": ""}[who]


# Each mode, in both roles


@every("who", WHO)
@every(
    ("agreement", "mode"),
    [(b"X255", Mode.DH), (b"EC25", Mode.DH), (b"DH3k", Mode.DH), (b"X1M2", Mode.KEM), (b"X3M3", Mode.KEM)],
)
def test_a_first_call_by_public_keys(agreement: bytes, mode: Mode, who: str) -> None:
    """The messages of X3M3 go in fragments, each of which may get lost."""
    phones = Phones(replace(CONFIG, key_agreements=(agreement, b"Mult", b"Prsh"), mtu=1200)).dial()
    phones.go_secure(who)
    phones.check(mode)
    phones.check_memory()
    assert phones.initiator() in WHO[who]
    assert {side.session.continuity for side in phones.pair.sides} == {Continuity.FIRST_CALL}


@pytest.mark.rfc("R-3.1.3-02", "R-4.4.1-03", "R-2-01")
@every("who", WHO)
@every("further", [1, 4])
def test_further_streams_by_multistream_all_at_once(further: int, who: str) -> None:
    phones = Phones(seed=further).dial(passive=other(who))
    phones.go_secure(who)
    phones.add_streams(further)
    phones.check(Mode.DH, *[Mode.MULTISTREAM] * further)
    assert all(phones.initiator(number) in WHO[who] for number in range(further + 1))


@pytest.mark.rfc("R-3.1.2-01", "R-4.4.2-04", "R-4.4.2-05")
@pytest.mark.parametrize("who", WHO)
def test_later_calls_by_preshared_until_dh_comes_again(who: str) -> None:
    phones = Phones(seed=5)
    for mode in (Mode.DH, Mode.PRESHARED, Mode.PRESHARED, Mode.DH, Mode.PRESHARED):
        phones.dial()
        phones.go_secure(who)
        phones.check(mode)
        phones.check_memory()
        assert phones.initiator() in WHO[who]
        for side in phones.pair.sides:
            if mode is Mode.DH:
                side.session.sas_matched(other(side.name))
            assert side.session.assurance is Assurance.VERIFIED
        phones.hang_up()


@pytest.mark.rfc("R-4.4.3-03", "R-4.7.2-17", "R-4.7.2-18", "R-4.7.2.1-07")
@every("secured_by", WHO)
@every("cleared_by", WHO)
def test_clear_and_secure_again_as_often_as_people_like(cleared_by: str, secured_by: str) -> None:
    phones = Phones(seed=9).dial()
    phones.go_secure("both")
    phones.check(Mode.DH)
    for _ in range(3):
        phones.go_clear(cleared_by)
        phones.go_secure(secured_by)
        phones.check(Mode.MULTISTREAM)
        assert phones.initiator() in WHO[secured_by]
    for side in phones.pair.sides:
        if cleared_by == other(side.name):
            assert len(side.seen(ClearRequested)) == 3
        assert len(side.seen(WentClear)) == 3


@pytest.mark.parametrize(
    "wait", [0.1, 0.2, *(pytest.param(wait, marks=pytest.mark.long) for wait in (0.02, 0.15, 0.25, 0.3, 0.5))]
)
@every("secured_by", WHO)
@every("cleared_by", WHO)
def test_clear_while_video_is_being_added(cleared_by: str, secured_by: str, wait: float) -> None:
    """Messages about video are on their way, before and after those that switch encryption off."""
    phones = Phones(seed=1 + round(100 * wait)).dial()
    phones.go_secure("both")
    phones.pair.add_streams(0xA11CE001, 0xB0B00001)
    phones.pair.network.run(phones.pair.network.now + wait)
    for name in WHO[cleared_by]:
        if phones.side(name).stream.state is State.SECURE:  # the other GoClear may have come before
            phones.side(name).session.go_clear(phones.pair.network.now)
    phones.until(
        lambda: all(
            call_of(side.session).switched_off and not call_of(side.session).going_clear for side in phones.pair.sides
        )
    )
    for side in phones.pair.sides:
        if any(stream.state is State.CLEAR_PENDING for stream in side.session.streams):
            side.session.agree_to_clear()
    phones.pair.network.run(phones.pair.network.now + 2.0)
    assert all(stream.state is not State.SECURE for stream in phones.streams)
    phones.go_secure(secured_by)
    phones.check(Mode.MULTISTREAM, Mode.MULTISTREAM)


# All of them, mixed

STORIES = [
    ("alice", "alice", "alice", "alice"),
    ("alice", "bob", "bob", "bob"),
    ("bob", "alice", "bob", "alice"),
    ("bob", "bob", "alice", "both"),
    ("both", "alice", "both", "bob"),
    ("both", "both", "both", "both"),
]
"""Who begins the first call, who switches encryption off, and on again, and who begins the second call."""


@pytest.mark.rfc("R-3.1.3-03", "R-4.4.2-01", "R-4.4.2-02", "R-4.7.2.1-03")
@every("seed", range(4))
@every(("begins", "clears", "secures", "calls_again"), STORIES)
def test_audio_video_clear_secure_again_and_a_second_call(
    begins: str, clears: str, secures: str, calls_again: str, seed: int
) -> None:
    phones = Phones(seed=20 + seed).dial()
    phones.go_secure(begins)
    phones.check(Mode.DH)
    for side in phones.pair.sides:
        side.session.sas_matched(other(side.name))
    phones.add_streams()
    assert phones.initiator() in WHO[begins]
    video = phones.initiator(1)
    assert video in WHO["both"]
    phones.go_clear(clears)
    phones.go_secure(secures)
    phones.check(Mode.MULTISTREAM, Mode.MULTISTREAM)
    assert {phones.initiator(0), phones.initiator(1)} <= set(WHO[secures])
    phones.check_memory()
    phones.hang_up()

    phones.dial()
    phones.go_secure(calls_again)
    phones.check(Mode.PRESHARED)
    assert phones.initiator() in WHO[calls_again]
    phones.add_streams()
    phones.go_clear(clears)
    phones.go_secure(other(secures) or secures)
    phones.check(Mode.MULTISTREAM, Mode.MULTISTREAM)
    phones.check_memory()
    for side in phones.pair.sides:
        assert side.session.assurance is Assurance.VERIFIED
        assert side.session.peer.name == other(side.name)
    phones.hang_up()
