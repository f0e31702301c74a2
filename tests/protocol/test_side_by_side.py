"""Room for one more exchange on a stream: how many there are, which one ends, and for whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, kinds, only
from tests.support.inside import core_of, state_of
from tests.support.pair import Side
from zrtp.cache.memory import MemoryCache
from zrtp.protocol import aside, limits, side_by_side
from zrtp.protocol.events import Role
from zrtp.protocol.exchange import Candidate, Exchange, present
from zrtp.protocol.hash_chain import ChainComplete
from zrtp.protocol.states import State
from zrtp.wire.messages import CONF2ACK, Commit, Confirm1, DHPart1, Kind, Message, Ping

CIPHERS = (b"AES1", b"AES3")


def strangers(side: Side, count: int) -> list[Actor]:
    """Each from a source of its own, and introduced."""
    actors = [Actor(side.stream, seed=100 + number, ssrc=0x5000 + number) for number in range(count)]
    for actor in actors:
        actor.send(actor.own_hello)
    return actors


def commit_at(actor: Actor, at: float, commit: Commit | None = None) -> list[Message]:
    actor.now = at
    return actor.send(actor.commit() if commit is None else commit)


def candidate_of(side: Side, actor: Actor) -> Candidate:
    return core_of(side.stream).candidates[actor.ssrc, actor.own_hello.raw]


def exchange_with(side: Side, actor: Actor) -> Exchange:
    (found,) = [one for one in core_of(side.stream).exchanges() if one.peer.ssrc == actor.ssrc]
    return found


@pytest.mark.attack("DOS-03")
def test_one_source_has_two_commits_answered_side_by_side() -> None:
    """The second, because the first went to a stranger's Hello."""
    bob = alone(WAITING)
    (actor,) = strangers(bob, 1)
    commits = [actor.commit(cipher=cipher) for cipher in CIPHERS] + [actor.commit(sas=b"B256")]
    assert [kinds(actor.send(commit)) for commit in commits] == [[Kind.DHPART1], [Kind.DHPART1], [Kind.PING]]
    assert len(core_of(bob.stream).exchanges()) == limits.ANSWERED_OF_SOURCE
    actor.now = 2 * limits.TIME_TO_ANSWER
    assert kinds(actor.send(commits[2])) == [Kind.PING]
    core, once_more = core_of(bob.stream), candidate_of(bob, actor)
    assert not side_by_side.make_room_for_answer(core, once_more, commits[2], 3 * limits.TIME_TO_ANSWER)


@pytest.mark.attack("DOS-03")
def test_a_source_that_hears_us_has_one_more_answered() -> None:
    bob = alone(WAITING)
    (actor,) = strangers(bob, 1)
    for cipher in CIPHERS:
        only(actor.send(actor.commit(cipher=cipher)), DHPart1)
    only(actor.send(actor.commit(sas=b"B256")), Ping)
    only(actor.hear()[1:], DHPart1)
    assert actor.send(actor.commit(hash=b"S384")) == []
    assert len(core_of(bob.stream).exchanges()) == limits.EXCHANGES - 1


@pytest.mark.attack("DOS-03")
def test_two_commits_are_answered_and_one_of_who_hears_us_so_that_one_of_ours_has_room() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 4)
    answers = [commit_at(actor, 0.01 * number) for number, actor in enumerate(actors)]
    assert [kinds(answer) for answer in answers] == [[Kind.DHPART1, Kind.PING], [Kind.DHPART1], [], []]
    *_, peer, late = actors
    only(peer.hear()[1:], DHPart1)
    assert late.hear()[1:] == []
    core = core_of(bob.stream)
    assert side_by_side.make_room_for_commit(core, candidate_of(bob, late), 0.05)


@pytest.mark.attack("DOS-15")
def test_the_last_place_is_kept_for_who_hears_us() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 4)
    for actor in actors[:2]:
        only(commit_at(actor, 0.0), DHPart1)
    core, (*_, one, other) = core_of(bob.stream), actors
    assert commit_at(one, 0.01) == []
    assert side_by_side.make_room_for_commit(core, candidate_of(bob, other), 0.02)
    aside.set_aside(core)
    core.begin(replace(exchange_with(bob, actors[0]), role=Role.INITIATOR, peer=candidate_of(bob, other)), 0.02)
    assert not side_by_side.make_room_for_commit(core, candidate_of(bob, one), 0.03)
    one.hear()
    assert side_by_side.make_room_for_commit(core, candidate_of(bob, one), 0.03)


@pytest.mark.attack("DOS-15")
def test_no_commit_takes_the_place_of_the_exchange_that_it_goes_out_beside() -> None:
    """Before our DHPart2 goes out everybody else gets a Commit, and what it belongs to goes on."""
    bob = alone(WAITING)
    (first, *more) = strangers(bob, 4)
    only(commit_at(first, 0.0), DHPart1)
    core, running = core_of(bob.stream), exchange_with(bob, first)
    for other in more[:2]:
        aside.set_aside(core)
        core.begin(replace(running, role=Role.INITIATOR, peer=candidate_of(bob, other)), 0.0)
    late = 2 * limits.TIME_TO_ANSWER
    assert side_by_side.make_room_for_commit(core, candidate_of(bob, more[2]), late, keep=running)
    assert running in core.exchanges()


@pytest.mark.attack("DOS-15")
def test_who_comes_again_takes_the_place_of_the_oldest_who_had_time_to_go_on() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 4)
    for number, actor in enumerate(actors):
        commit_at(actor, 0.01 * number)
    only(actors[2].hear()[1:], DHPart1)
    late, first = actors[3], exchange_with(bob, actors[0])
    assert late.hear()[1:] == []
    assert commit_at(late, limits.TIME_TO_ANSWER - 0.01, late.own_commit) == []
    only(commit_at(late, limits.TIME_TO_ANSWER, late.own_commit), DHPart1)
    assert first not in core_of(bob.stream).exchanges()
    assert len(core_of(bob.stream).exchanges()) == limits.EXCHANGES - 1


@pytest.mark.attack("DOS-15")
def test_who_hears_us_does_not_make_room_for_who_may_not() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 4)
    for actor in actors:
        commit_at(actor, 0.0)
    peer, late = actors[0], actors[3]
    for actor in actors[:3]:
        actor.hear()
    core, newcomer, commit = core_of(bob.stream), candidate_of(bob, late), present(late.own_commit)
    assert not side_by_side.make_room_for_answer(core, newcomer, commit, 2 * limits.TIME_TO_ANSWER)
    assert exchange_with(bob, peer).heard
    late.hear()
    assert side_by_side.make_room_for_answer(core, newcomer, commit, 2 * limits.TIME_TO_ANSWER)


@pytest.mark.attack("DOS-03")
def test_a_single_packet_takes_nobodys_place() -> None:
    """A flood of Hellos and Commits, each from another source, does not move those who are there."""
    bob = alone(WAITING)
    actors = strangers(bob, 3)
    for actor in actors:
        commit_at(actor, 0.0)
    before = core_of(bob.stream).exchanges()
    for number in range(50):
        newcomer = Actor(bob.stream, seed=200 + number, ssrc=0x6000 + number)
        newcomer.now = 2 * limits.TIME_TO_ANSWER
        assert DHPart1 not in map(type, newcomer.send(newcomer.own_hello, newcomer.commit()))
    assert core_of(bob.stream).exchanges() == before


@pytest.mark.attack("DOS-15")
def test_who_had_his_time_does_not_take_it_from_others_again() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 4)
    for number, actor in enumerate(actors):
        commit_at(actor, 0.01 * number)
    back, late = actors[0], actors[3]
    only(late.hear()[1:], DHPart1)
    core, next_one = core_of(bob.stream), candidate_of(bob, actors[2])
    assert side_by_side.make_room_for_answer(core, next_one, present(actors[2].own_commit), 0.6)
    assert back.ssrc not in {one.peer.ssrc for one in core.exchanges()}
    aside.set_aside(core)
    core.begin(replace(exchange_with(bob, actors[1]), peer=next_one), 0.6)
    for at in (1.2, 1.3, 1.4):
        assert not side_by_side.make_room_for_answer(core, candidate_of(bob, back), present(back.own_commit), at)


@pytest.mark.attack("DOS-15")
def test_who_proved_to_be_there_is_not_given_up_for_anybody() -> None:
    bob = alone(WAITING, MemoryCache())
    actors = strangers(bob, 4)
    for number, actor in enumerate(actors):
        commit_at(actor, 0.01 * number)
    only(actors[2].hear()[1:], DHPart1)
    core = core_of(bob.stream)
    proved, unproved = (exchange_with(bob, actor) for actor in actors[:2])
    proved.proved = ChainComplete(bytes(32))
    late = actors[3]
    only(late.hear(2.0)[1:], DHPart1)
    assert proved in core.exchanges() and unproved not in core.exchanges()


@pytest.mark.attack("DOS-15")
def test_a_dhpart2_that_opens_hvi_ends_those_who_proved_nothing() -> None:
    bob = alone(WAITING, MemoryCache())
    actors = strangers(bob, 3)
    peer = actors[1]
    for actor in actors:
        answer = commit_at(actor, 0.0)
        if actor is peer:
            peer.take_dhpart1(only(answer, DHPart1))
    only(peer.send(present(peer.own_dhpart2)), Confirm1)
    assert [one.peer.ssrc for one in core_of(bob.stream).exchanges()] == [peer.ssrc]
    only(peer.send(peer.confirm()), type(CONF2ACK))
    assert state_of(bob.stream) is State.SECURE
    assert core_of(bob.stream).aside == []


@pytest.mark.attack("DOS-15")
def test_our_own_commits_end_answers_rather_than_each_other() -> None:
    """Three strangers hold answers of ours, and several who may be the peer introduce themselves."""
    bob = alone(FAST)
    *blind, hearing = strangers(bob, 3)
    for actor in blind:
        only(commit_at(actor, 0.0), DHPart1)
    commit_at(hearing, 0.0)
    only(hearing.hear()[1:], DHPart1)
    newcomers = [Actor(bob.stream, seed=200 + number, ssrc=0x6000 + number) for number in range(2)]
    for newcomer in newcomers:
        newcomer.send(newcomer.own_hello, newcomer.own_hello)
        newcomer.hear()
    newcomers[0].wait(2 * limits.TIME_TO_ANSWER)
    running = core_of(bob.stream).exchanges()
    assert len(running) == limits.EXCHANGES
    to_whom = {one.peer.ssrc for one in running if one.role is Role.INITIATOR}
    assert to_whom >= {newcomer.ssrc for newcomer in newcomers}
