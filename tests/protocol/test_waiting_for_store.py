"""A store that takes its time: what waits for it, for how long, and what does not (virtual time)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, only
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.inside import call_of, core_of, state_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Clock, Pair, Side, seeded
from tests.support.storekeeper import Storekeeper, run_served
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.crypto.hashes import sha256
from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.contention import Winner, resolve
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, Continuity, Failed, NoPeer, SasReady, SecurityWarning, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.protocol.store import Read
from zrtp.wire.messages import HELLO_ACK, Commit, DHPart1, DHPart2, Error

GO_ON = replace(FAST, go_on_without_store=True)


def acquainted(alice: Config = FAST, bob: Config = FAST) -> Friends:
    """Two people who have verified each other, and whose records nobody doubts."""
    friends = Friends(alice, bob)
    for _ in range(2):
        pair = friends.call()
        pair.alice.session.sas_matched("Bob")
        pair.bob.session.sas_matched("Alice")
    return friends


def sent(pair: Pair, message: str) -> int:
    return pair.transcript().count(message)


def keeping(config: Config = FAST, *, seed: int = 5) -> tuple[Side, Storekeeper]:
    """One endpoint with a deferred store and a started stream, and nobody at the other end."""
    endpoint = Endpoint(config, MemoryCache(), random=seeded(seed), wall_clock=Clock())
    side = Side("alice", endpoint, endpoint.session(store="deferred"))
    side.session.add_stream(ALICE_SSRC).start(0.0)
    return side, Storekeeper(side)


# What waits


def test_our_commit_waits_for_the_record_and_goes_out_when_it_comes() -> None:
    friends = acquainted()
    pair = friends.pair("alice", deferred={"alice"})
    keeper = Storekeeper(pair.alice)
    pair.run(1.0)
    assert state_of(pair.alice.stream) is State.DISCOVERED
    assert sent(pair, "bob HelloACK"), "the HelloACK does not wait"
    assert sent(pair, "alice Commit") == 0

    keeper.serve(pair.network.now)
    assert state_of(pair.alice.stream) is State.COMMIT_SENT
    run_served(pair, keeper)
    assert pair.secure and pair.keys_agree
    assert pair.alice.session.assurance is Assurance.VERIFIED


@pytest.mark.attack("DOS-31")
def test_a_search_that_a_stranger_began_does_not_end_while_our_commit_waits_for_the_record() -> None:
    side, keeper = keeping()
    peer, stranger = Actor(side.stream), Actor(side.stream, ssrc=1, seed=1)
    stranger.send(stranger.own_hello)
    peer.wait(14.0)
    keeper.serve(14.0)
    peer.discover()
    peer.wait(2.0)
    assert not side.seen(NoPeer)
    keeper.serve(peer.now)
    only(peer.listen(), Commit)


def test_dhpart1_waits_for_the_record_and_answers_the_commit_that_came_before() -> None:
    friends = acquainted()
    pair = friends.pair("alice", deferred={"bob"})
    keeper = Storekeeper(pair.bob)
    pair.run(1.0)
    assert state_of(pair.bob.stream) is State.DISCOVERED
    assert sent(pair, "alice Commit") >= 2, "the peer repeats itself meanwhile"
    assert sent(pair, "bob DHPart1") == 0

    keeper.serve(pair.network.now)
    assert state_of(pair.bob.stream) is State.DHPART1_SENT
    run_served(pair, keeper)
    assert pair.secure and pair.keys_agree
    assert pair.bob.session.continuity is Continuity.CONTINUED
    assert pair.bob.session.peer.name == "Alice"


def test_at_both_ends_a_slow_store_costs_its_time_and_nothing_else() -> None:
    friends = acquainted()
    pair = friends.pair("alice", deferred={"alice", "bob"})
    keepers = [Storekeeper(side) for side in pair.sides]
    pair.run(2.9)
    for keeper in keepers:
        keeper.serve(2.9)
    run_served(pair, *keepers)
    assert pair.secure
    assert [event for side in pair.sides for event in side.seen(SecurityWarning)] == []
    assert [side.session.continuity for side in pair.sides] == [Continuity.CONTINUED] * 2


def test_a_bound_hello_that_comes_again_while_our_commit_waits_is_acknowledged() -> None:
    """The Commit was to be its answer, but the peer repeats itself: something got lost, or takes its time."""
    side, keeper = keeping()
    peer = Actor(side.stream)
    peer.own_hello = peer.hello(client_id=FAST.client_id.ljust(16))
    side.stream.expect_hello(sha256(peer.own_hello.raw))
    assert HELLO_ACK not in peer.send(peer.own_hello)
    assert HELLO_ACK in peer.send(peer.own_hello)
    keeper.serve(0.1)
    only(peer.listen(), Commit)


@pytest.mark.parametrize("answer", ["the record", "no answer"])
def test_a_crossing_commit_waits_too(answer: str) -> None:
    """Our Commit went out with a record that is older by now, when the peer's own Commit crosses it and wins."""
    for seed in range(50):
        side, keeper = keeping(seed=seed)
        peer = Actor(side.stream, seed=seed)
        peer.discover()
        keeper.serve(0.0)
        ours = only(peer.listen(), Commit)
        theirs = peer.commit()
        if resolve(ours, False, theirs, False) is Winner.PEER:
            break
    peer.now = 2.5
    assert peer.send(theirs) == []
    assert state_of(side.stream) is State.COMMIT_SENT
    assert side.stream.counters["Commit waits for the store"] == 1

    if answer == "the record":
        keeper.serve(2.6)
        only(peer.listen(), DHPart1)
        assert state_of(side.stream) is State.DHPART1_SENT
        return
    keeper.fail(2.6)
    assert state_of(side.stream) is State.COMMIT_SENT, "our own Commit goes on"
    only(peer.send(peer.dhpart1(ours)), DHPart2)


# Deadlines


@pytest.mark.parametrize(("slow", "other"), [("alice", "bob"), ("bob", "alice")])
def test_after_three_seconds_without_an_answer_the_exchange_fails_with_a_sentence(slow: str, other: str) -> None:
    friends = acquainted()
    before = friends.record(slow), friends.record(other)
    pair = friends.pair("alice", deferred={slow}).run(2.9)
    sides = {side.name: side for side in pair.sides}
    assert sides[slow].seen(Failed) == []
    pair.run(3.2)
    (failed,) = sides[slow].seen(Failed)
    assert (failed.code, failed.by_peer) == (ErrorCode.SERVICE_UNAVAILABLE, False)
    assert failed.code == 0xA0
    assert failed.text.startswith("The store of retained secrets does not answer")
    assert sides[slow].stream.state is State.FAILED
    assert sent(pair, f"{slow} Error") >= 1
    assert (friends.record(slow), friends.record(other)) == before
    assert not pair.secure


def test_a_store_that_fails_ends_the_wait_at_once() -> None:
    pair = acquainted().pair("alice", deferred={"alice"}).run(1.0)
    keeper = Storekeeper(pair.alice)
    keeper.fail(pair.network.now)
    (failed,) = pair.alice.seen(Failed)
    assert failed.code == ErrorCode.SERVICE_UNAVAILABLE
    assert pair.network.now < 1.0


@pytest.mark.parametrize("slow", ["alice", "bob"])
def test_a_call_that_goes_on_without_the_store_shows_nothing_of_earlier_calls_and_replaces_nothing(slow: str) -> None:
    friends = acquainted(GO_ON, GO_ON)
    before = friends.record(slow)
    pair = friends.pair("alice", deferred={slow})
    sides = {side.name: side for side in pair.sides}
    pair.run(3.5)
    keeper = Storekeeper(sides[slow])
    assert len(keeper.look()) == 1, "the store still has the request, and may be slow for good"
    assert pair.secure and pair.keys_agree

    session = sides[slow].session
    assert session.continuity is Continuity.NONE
    assert (session.peer.name, session.peer.verified, session.assurance) == (None, False, Assurance.ENCRYPTED)
    assert [event.verified for event in sides[slow].seen(SasReady)] == [False]
    assert not present(call_of(session).own_plain).verified, "no V flag"
    assert [event.code for event in sides[slow].seen(SecurityWarning)] == [WarningCode.CACHE_FAILED]
    assert call_of(session).retention.held_back
    keeper.serve(pair.network.now)
    session.close(pair.network.now)
    keeper.serve(pair.network.now)
    assert friends.record(slow) == before
    assert keeper.writes == []


def test_the_other_end_of_such_a_call_sees_a_mismatch_which_is_why_it_is_not_the_default() -> None:
    friends = acquainted(GO_ON, FAST)
    pair = friends.pair("alice", deferred={"alice"}).run(5.0)
    assert pair.bob.session.continuity is Continuity.MISMATCH
    assert not Config().go_on_without_store


def test_what_was_held_back_is_stored_beside_the_old_secret_when_people_have_compared() -> None:
    friends = acquainted(GO_ON, FAST)
    before = present(friends.record("alice"))
    pair = friends.pair("alice", deferred={"alice"}).run(5.0)
    keeper = Storekeeper(pair.alice)
    friends.clock.now += 10
    pair.alice.session.sas_matched()
    pair.bob.session.sas_matched()
    keeper.serve(pair.network.now)
    after = present(friends.record("alice"))
    assert after.rs2 == before.rs1 and after.rs1 == present(friends.record("bob")).rs1
    assert (after.verified, after.name) == (True, "Bob"), "the name of before is not lost"
    assert friends.call().alice.session.assurance is Assurance.VERIFIED


# What does not wait


def test_a_cacheless_call_asks_for_nothing() -> None:
    pair = Pair(FAST, FAST, deferred={"alice", "bob"}).run()
    keepers = [Storekeeper(side) for side in pair.sides]
    assert pair.secure
    assert [keeper.look() for keeper in keepers] == [[], []]


def test_further_streams_never_wait() -> None:
    friends = Friends()
    pair = friends.pair("alice", deferred={"alice", "bob"})
    keepers = [Storekeeper(side) for side in pair.sides]
    run_served(pair, *keepers)
    asked = [list(keeper.asked) for keeper in keepers]
    alice, bob = pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 1.0)
    assert alice.state is bob.state is State.SECURE
    assert [(keeper.look(), keeper.asked) for keeper in keepers] == [([], before) for before in asked]


def test_a_strangers_hello_with_another_zid_does_not_delay() -> None:
    """Its record is asked for, and may take for ever: the exchange with the peer needs the peer's alone."""
    side, keeper = keeping()
    stranger, peer = Actor(side.stream, ssrc=0x666, seed=1), Actor(side.stream, ssrc=BOB_SSRC, seed=2)
    stranger.send(stranger.own_hello)
    peer.send(peer.own_hello, HELLO_ACK)
    assert keeper.reads == [peer.zid, stranger.zid], "first the one that an exchange waits for"
    keeper.serve(0.1, only=peer.zid)
    commit = only(peer.listen(), Commit)
    peer.answer(commit)
    assert state_of(side.stream) is State.SECURE
    assert stranger.zid in [request.peer_zid for request in keeper.look() if isinstance(request, Read)], (
        "still without an answer"
    )


def test_a_stranger_who_commits_waits_alone() -> None:
    """Nor can a Commit of a stranger hold the one of the peer up."""
    side, keeper = keeping(WAITING)
    stranger, peer = Actor(side.stream, ssrc=0x666, seed=1), Actor(side.stream, ssrc=BOB_SSRC, seed=2)
    stranger.discover()
    peer.discover()
    stranger.send(stranger.commit())
    peer.send(peer.commit())
    keeper.serve(0.1, only=peer.zid)
    peer.take_dhpart1(only(peer.listen(), DHPart1))
    assert core_of(side.stream).exchange is not None
    peer.send(peer.dhpart2())
    peer.send(peer.confirm())
    assert state_of(side.stream) is State.SECURE
    assert side.session.peer.zid == peer.zid


def test_beside_an_exchange_a_commit_is_answered_when_its_own_record_comes() -> None:
    side, keeper = keeping(WAITING)
    peer, stranger, another = (Actor(side.stream, ssrc=ssrc, seed=ssrc) for ssrc in (BOB_SSRC, 0x666, 0x777))
    peer.discover()
    keeper.serve(0.0)
    only(peer.send(peer.commit()), DHPart1)
    another.send(another.own_hello)
    stranger.send(stranger.own_hello)
    assert stranger.send(stranger.commit()) == []
    keeper.serve(0.1, only=another.zid)
    assert stranger.listen() == []
    keeper.serve(0.2)
    only(stranger.listen(), DHPart1)


def test_the_record_of_one_draws_no_commit_while_the_commit_of_another_waits() -> None:
    """Nobody asked for encryption here: a Commit of ours would be one that no user wanted."""
    side, keeper = keeping(WAITING)
    stranger, peer = Actor(side.stream, ssrc=0x666, seed=1), Actor(side.stream, ssrc=BOB_SSRC, seed=2)
    peer.discover()
    stranger.discover()
    stranger.send(stranger.commit())
    keeper.serve(0.1, only=peer.zid)
    assert peer.listen() == []
    assert state_of(side.stream) is State.DISCOVERED


def test_hellos_of_many_strangers_cannot_grow_what_a_call_remembers() -> None:
    side, keeper = keeping()
    for number in range(40):
        stranger = Actor(side.stream, ssrc=number + 1, seed=number)
        stranger.now = number * 0.1
        stranger.send(stranger.own_hello)
    assert len(keeper.look()) == limits.READS_AT_ONCE
    keeper.serve(5.0)
    assert len(keeper.reads) == limits.RECORDS
    assert state_of(side.stream) is State.HELLO_RECEIVED


@pytest.mark.attack("DOS-35")
@every("place", ["waiting", "handed out"])
@every("strangers", [8, 9, 40])
def test_hellos_of_strangers_stop_no_call_while_the_record_of_the_peer_is_read(strangers: int, place: str) -> None:
    """However many there are: what the exchange waits for is neither given up for them nor read behind them."""
    side, keeper = keeping()
    peer = Actor(side.stream, ssrc=BOB_SSRC, seed=2)
    crowd = [Actor(side.stream, ssrc=0x6660 + number, seed=100 + number) for number in range(strangers)]
    for each in crowd[: strangers // 2]:
        each.send(each.own_hello)
    peer.discover()
    if place == "handed out":
        assert keeper.look()
    for each in crowd[strangers // 2 :]:
        each.send(each.own_hello)
    keeper.serve(0.5, only=peer.zid)
    assert only(peer.listen(), Commit)
    assert not side.seen(Failed)


@pytest.mark.attack("DOS-35")
@every("committing", [False, True], ids=["it says Hello", "it commits"])
@every("what", ["fails", "takes too long"])
def test_a_store_that_does_not_tell_about_a_stranger_costs_the_peer_nothing(what: str, committing: bool) -> None:
    """For example because of a damaged row: whoever claims its ZID must not be able to end a call with that."""
    side, keeper = keeping()
    stranger, peer = Actor(side.stream, ssrc=0x666, seed=1), Actor(side.stream, ssrc=BOB_SSRC, seed=2)
    stranger.discover()
    if committing:
        stranger.send(stranger.commit())
    assert keeper.look()
    peer.wait(0.5)
    peer.send(peer.own_hello, HELLO_ACK)
    if what == "fails":
        keeper.fail(0.6, only=stranger.zid)
    else:
        peer.wait(3.0)
    keeper.serve(peer.now + 0.1, only=peer.zid)
    peer.answer(only(peer.listen(), Commit))
    assert state_of(side.stream) is State.SECURE
    assert not side.seen(Failed)


@pytest.mark.attack("DOS-35")
def test_the_time_of_a_record_is_counted_from_when_it_is_waited_for() -> None:
    """Not from when a stranger began to wait for his."""
    side, keeper = keeping(WAITING)
    stranger, peer = Actor(side.stream, ssrc=0x666, seed=1), Actor(side.stream, ssrc=BOB_SSRC, seed=2)
    stranger.discover()
    stranger.send(stranger.commit())
    peer.wait(2.9)
    peer.discover()
    peer.send(peer.commit())
    peer.wait(2.9)
    assert not side.seen(Failed)
    keeper.serve(peer.now, only=peer.zid)
    only(peer.listen(), DHPart1)


def test_a_commit_that_waited_is_not_answered_again_when_its_copy_was() -> None:
    """Answered twice, with two key pairs, the two ends would hold different keys."""
    side, keeper = keeping(WAITING)
    peer = Actor(side.stream, ssrc=BOB_SSRC)
    peer.discover()
    commit = peer.commit()
    peer.send(commit)
    core = core_of(side.stream)
    waiting = core.waiting_commits.pop(peer.ssrc)
    keeper.serve(0.1)
    core.waiting_commits[peer.ssrc] = waiting  # as if the answer about somebody else had come first
    only(peer.send(commit), DHPart1)
    assert core.waiting_commits == {}


def test_whoever_hears_us_is_read_before_those_who_are_not_known_to() -> None:
    side, keeper = keeping(WAITING)
    crowd = [Actor(side.stream, ssrc=0x6660 + number, seed=100 + number) for number in range(limits.RECORDS)]
    for each in crowd:
        each.discover()
        each.send(each.commit())
    peer = Actor(side.stream, ssrc=BOB_SSRC, seed=2)
    peer.discover()
    core_of(side.stream).past.hearing.add(BOB_SSRC)
    peer.send(peer.commit())
    assert peer.zid in keeper.reads


# How often


class Counting(MemoryCache):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        self.calls["load"] += 1
        return super().load(own_zid, peer_zid)

    def update(self, own_zid: bytes, peer_zid: bytes, change: object) -> PeerRecord | None:
        self.calls["update"] += 1
        return super().update(own_zid, peer_zid, change)  # type: ignore[arg-type]


def counting(friends: Friends, name: str) -> Counting:
    """What one of them remembers, where it is counted from now on."""
    cache = Counting()
    friends.move(name, cache)
    cache.calls.clear()
    return cache


@pytest.mark.parametrize("preshared", [False, True], ids=["DH", "Preshared"])
@pytest.mark.parametrize("initiator", ["alice", "bob"])
def test_a_record_is_read_once_a_handshake_and_written_once(initiator: str, preshared: bool) -> None:
    config = replace(FAST, preshared=preshared)
    friends = acquainted(config, config)
    copies = {name: counting(friends, name) for name in ("alice", "bob")}
    pair = friends.pair(initiator).run()
    assert [side.session.continuity for side in pair.sides] == [Continuity.CONTINUED] * 2
    for name, copy in copies.items():
        assert copy.calls == Counter(load=1, update=1), name


def test_a_record_that_has_waited_too_long_is_read_again() -> None:
    """Another call with the same peer may have replaced it: minutes pass until the user asks for encryption."""
    side, keeper = keeping(WAITING)
    peer = Actor(side.stream)
    peer.discover()
    keeper.serve(0.0)
    side.session.go_secure(60.0)
    assert state_of(side.stream) is State.DISCOVERED
    assert keeper.reads == [peer.zid] * 2
    keeper.serve(60.1)
    only(peer.listen(), Commit)


def test_an_answer_after_the_end_changes_nothing() -> None:
    side, keeper = keeping()
    peer = Actor(side.stream)
    peer.discover()
    peer.now = 0.1
    keeper.look()
    sent_later = [message for _, message in peer.wait(4.0)]
    assert any(isinstance(message, Error) for message in sent_later)
    assert state_of(side.stream) is State.FAILED
    keeper.serve(4.5)
    assert state_of(side.stream) is State.FAILED
    assert not any(isinstance(message, Commit) for message in peer.listen())
