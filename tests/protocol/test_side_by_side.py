"""Room for one more exchange on a stream: how many there are, which one ends, and for whom."""

from __future__ import annotations

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, only
from tests.support.inside import core_of, state_of
from tests.support.pair import Side
from zrtp.cache.memory import MemoryCache
from zrtp.protocol import limits, side_by_side
from zrtp.protocol.events import Role
from zrtp.protocol.exchange import Exchange, present
from zrtp.protocol.states import State
from zrtp.wire.messages import CONF2ACK, Commit, Confirm1, DHPart1, Message

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


def exchange_with(side: Side, actor: Actor) -> Exchange:
    (found,) = [one for one in core_of(side.stream).exchanges() if one.peer.ssrc == actor.ssrc]
    return found


@pytest.mark.attack("DOS-03")
def test_one_source_has_two_commits_answered_side_by_side() -> None:
    """The second, because the first went to a stranger's Hello."""
    bob = alone(WAITING)
    (actor,) = strangers(bob, 1)
    commits = [actor.commit(cipher=cipher) for cipher in CIPHERS] + [actor.commit(sas=b"B256")]
    assert [len(actor.send(commit)) for commit in commits] == [1, 1, 0]
    assert len(core_of(bob.stream).exchanges()) == limits.ANSWERED_OF_SOURCE
    actor.now = 2 * limits.TIME_TO_ANSWER
    assert actor.send(commits[2]) == []


@pytest.mark.attack("DOS-03")
def test_three_commits_are_answered_so_that_one_of_ours_has_room() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 4)
    answers = [commit_at(actor, 0.01 * number) for number, actor in enumerate(actors)]
    assert [len(answer) for answer in answers] == [1, 1, 1, 0]
    assert side_by_side.room_for_commit(core_of(bob.stream), 0.05)


@pytest.mark.attack("DOS-15")
def test_who_comes_again_takes_the_place_of_the_oldest_who_had_time_to_go_on() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 4)
    for number, actor in enumerate(actors):
        commit_at(actor, 0.01 * number)
    late, first = actors[3], exchange_with(bob, actors[0])
    assert commit_at(late, limits.TIME_TO_ANSWER - 0.01, late.own_commit) == []
    only(commit_at(late, limits.TIME_TO_ANSWER, late.own_commit), DHPart1)
    assert first not in core_of(bob.stream).exchanges()
    assert len(core_of(bob.stream).exchanges()) == limits.EXCHANGES - 1


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
    for actor in actors:
        commit_at(actor, 0.0)
    only(commit_at(actors[3], limits.TIME_TO_ANSWER, actors[3].own_commit), DHPart1)
    (gone,) = {actor.ssrc for actor in actors} - {one.peer.ssrc for one in core_of(bob.stream).exchanges()}
    back = next(actor for actor in actors if actor.ssrc == gone)
    for at in (1.0, 1.1, 1.2):
        assert commit_at(back, at, back.own_commit) == []


@pytest.mark.attack("DOS-15")
def test_who_proved_to_be_there_is_not_given_up_for_anybody() -> None:
    bob = alone(WAITING, MemoryCache())
    actors = strangers(bob, 4)
    for number, actor in enumerate(actors):
        commit_at(actor, 0.01 * number)
    core = core_of(bob.stream)
    proved = exchange_with(bob, actors[0])
    proved.proved = True
    late = actors[3]
    only(commit_at(late, 2.0, late.own_commit), DHPart1)
    assert proved in core.exchanges()


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
    for actor in strangers(bob, 3):
        only(commit_at(actor, 0.0), DHPart1)
    newcomers = [Actor(bob.stream, seed=200 + number, ssrc=0x6000 + number) for number in range(2)]
    for newcomer in newcomers:
        newcomer.send(newcomer.own_hello, newcomer.own_hello)
    newcomers[0].wait(2 * limits.TIME_TO_ANSWER)
    running = core_of(bob.stream).exchanges()
    assert len(running) == limits.EXCHANGES
    to_whom = {one.peer.ssrc for one in running if one.role is Role.INITIATOR}
    assert to_whom >= {newcomer.ssrc for newcomer in newcomers}
