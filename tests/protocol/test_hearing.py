"""Who hears us: the Ping that nobody can answer blindly, and what is kept for whoever answers it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, kinds, only
from tests.support.inside import core_of, state_of
from tests.support.pair import Side
from zrtp.cache.memory import MemoryCache
from zrtp.protocol import hearing, limits, transmission
from zrtp.protocol.events import PongReceived
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.wire.messages import HELLO_ACK, Commit, DHPart1, Kind, Ping, PingACK

ELSEWHERE = 0x5000


def strangers(side: Side, count: int) -> list[Actor]:
    """Each from a source of its own, and introduced."""
    actors = [Actor(side.stream, seed=100 + number, ssrc=ELSEWHERE + number) for number in range(count)]
    for actor in actors:
        actor.send(actor.own_hello)
    return actors


def asked(side: Side, now: float = 0.0) -> bytes:
    """The EndpointHash of the Ping that goes out."""
    hearing.ask(core_of(side.stream))
    hearing.send_ping(core_of(side.stream), now)
    return present(core_of(side.stream).past.challenge)


def answer(actor: Actor, repeated: bytes) -> None:
    ack = PingACK.make(
        version=b"1.10", sender_endpoint_hash=actor.zid[:8], received_endpoint_hash=repeated, ssrc=actor.stream.ssrc
    )
    actor.send(ack)


# Asking


@pytest.mark.rfc("R-5.15-01")
def test_a_ping_asks_with_eight_octets_that_nobody_can_guess() -> None:
    first, second = alone(WAITING), alone(WAITING)
    challenges = {asked(side) for side in (first, second)}
    assert {len(challenge) for challenge in challenges} == {8}
    assert not challenges & {side.endpoint.zid[:8] for side in (first, second)}
    ping = only(Actor(first.stream).listen()[-1:], Ping)
    assert ping.endpoint_hash in challenges


def test_without_randomness_nobody_is_asked_and_what_a_peer_sends_does_not_raise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bob = alone(WAITING)

    def failing(_: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(core_of(bob.stream).installation, "random", failing)
    hearing.ask(core_of(bob.stream))
    Actor(bob.stream).send(HELLO_ACK)
    assert core_of(bob.stream).counters["OSError"] == 1
    assert core_of(bob.stream).past.challenge is None


@pytest.mark.attack("DOS-26")
def test_it_asks_ten_times_a_second_at_most() -> None:
    bob = alone(WAITING)
    before = core_of(bob.stream).outbox.sequence
    for number in range(100):
        asked(bob, number / 100)
        bob.stream.datagrams_to_send()
    assert core_of(bob.stream).outbox.sequence - before == 10


def test_with_one_or_two_sources_nobody_is_asked() -> None:
    bob = alone(WAITING)
    for actor in strangers(bob, 2):
        assert Kind.PING not in kinds(actor.send(actor.own_hello, actor.own_hello))


@pytest.mark.attack("DOS-34")
def test_of_three_that_repeat_their_hellos_whoever_hears_us_is_asked() -> None:
    bob = alone(WAITING)
    actors = strangers(bob, 3)
    assert Kind.PING in kinds(actors[0].send(actors[0].own_hello))


def test_it_asks_later_if_two_datagrams_are_due() -> None:
    bob = alone(WAITING)
    core = core_of(bob.stream)
    bob.stream.datagrams_to_send()
    for _ in range(2):
        transmission.send_hello(core, 0.0)
    hearing.ask(core)
    hearing.send_ping(core, 0.0)
    assert core.past.asking and len(bob.stream.datagrams_to_send()) == 2
    bob.stream.handle_timer(0.0)
    assert [one[16:20] for one in bob.stream.datagrams_to_send()] == [b"Ping"]


# Answering


@pytest.mark.attack("DOS-34")
@pytest.mark.parametrize("guess", [bytes(8), b"guessed!"])
def test_who_does_not_repeat_the_octets_is_not_known_to_hear_us(guess: bytes) -> None:
    bob = alone(WAITING)
    (blind,) = strangers(bob, 1)
    answer(blind, guess)  # nobody was asked
    asked(bob)
    answer(blind, guess)
    answer(blind, bob.endpoint.zid[:8])
    assert not core_of(bob.stream).past.hearing


@pytest.mark.attack("DOS-34")
def test_nor_is_he_while_an_exchange_runs() -> None:
    bob = alone(WAITING)
    other, blind = strangers(bob, 2)
    only(other.send(other.commit()), DHPart1)
    asked(bob)
    answer(blind, b"guessed!")
    assert not core_of(bob.stream).past.hearing


@pytest.mark.attack("DOS-34")
def test_once_the_peer_is_known_nobody_else_counts_as_hearing_us() -> None:
    bob = alone(WAITING)
    peer, other = strangers(bob, 2)
    challenge = asked(bob)
    for actor in (peer, other):
        answer(actor, challenge)
    assert core_of(bob.stream).past.hearing == {peer.ssrc, other.ssrc}
    peer.initiate()
    assert core_of(bob.stream).past.hearing == {peer.ssrc}


def test_who_repeats_them_is_and_no_application_hears_of_it() -> None:
    bob = alone(WAITING)
    (peer,) = strangers(bob, 1)
    challenge = asked(bob)
    answer(peer, challenge)
    answer(peer, challenge)
    assert core_of(bob.stream).past.hearing == {peer.ssrc}
    assert not bob.seen(PongReceived)


@pytest.mark.attack("DOS-34")
def test_his_hello_may_come_later_and_only_so_many_are_remembered() -> None:
    bob = alone(WAITING)
    challenge = asked(bob)
    for number in range(2 * limits.CANDIDATES):
        answer(Actor(bob.stream, seed=number, ssrc=ELSEWHERE + number), challenge)
    assert core_of(bob.stream).past.hearing == {ELSEWHERE + number for number in range(limits.CANDIDATES)}


def test_the_answer_tells_the_round_trip_by_the_oldest_ping_that_it_may_belong_to() -> None:
    bob = alone(WAITING)
    (peer,) = strangers(bob, 1)
    challenge = asked(bob, 1.0)
    asked(bob, 1.1)
    peer.now = 1.2
    answer(peer, challenge)
    assert core_of(bob.stream).round_trips[peer.ssrc] == pytest.approx(0.2)


# What is kept for those who hear us


@pytest.mark.attack("DOS-34")
def test_in_a_crowd_a_dhpart1_is_answered_when_its_sender_hears_us_or_nobody_said_so_in_time() -> None:
    bob = alone(FAST)
    crowd = strangers(bob, 3)
    first = crowd[0]
    commit = only(first.send(HELLO_ACK), Commit)
    assert kinds(first.send(first.dhpart1(commit))) == [Kind.PING]
    assert state_of(bob.stream) is State.COMMIT_SENT
    first.now = limits.TIME_TO_ANSWER
    assert Kind.DHPART2 in kinds(first.send(first.dhpart1(commit)))


@pytest.mark.attack("DOS-34")
def test_who_hears_us_gets_a_commit_and_those_to_blind_senders_end() -> None:
    bob = alone(FAST)
    first, _, peer = strangers(bob, 3)
    commit = only(first.send(HELLO_ACK), Commit)
    first.send(first.dhpart1(commit))
    to_peer = only([one for one in peer.hear() if isinstance(one, Commit)], Commit)
    assert [one.peer.ssrc for one in core_of(bob.stream).exchanges()] == [peer.ssrc]
    assert first.send(first.dhpart1(commit)) == []
    assert bob.stream.counters["an exchange runs with somebody who hears us"] == 1
    peer.answer(to_peer)
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("DOS-34")
def test_a_commit_for_which_there_was_no_room_is_answered_as_soon_as_its_sender_hears_us() -> None:
    bob = alone(WAITING, MemoryCache())
    *blind, peer = strangers(bob, 3)
    for actor in blind:
        only(actor.send(actor.commit()), DHPart1)
    assert DHPart1 not in map(type, peer.send(peer.commit()))
    peer.take_dhpart1(only(peer.hear()[1:], DHPart1))
    peer.send(peer.dhpart2(), peer.confirm())
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("DOS-34")
def test_a_commit_that_found_room_when_it_came_again_is_not_answered_once_more_when_its_sender_hears_us() -> None:
    """A second public value would be one that he does not know, and one more guess at the SAS."""
    bob = alone(replace(WAITING, half_open_limit=4))
    calls = [bob.endpoint.session().add_stream(0xB000 + number) for number in range(3)]
    for number, call in enumerate(calls):
        call.start(0.0)
        other = Actor(call, seed=100 + number)
        other.discover()
        only(other.send(other.commit()), DHPart1)
    peer = Actor(bob.stream)
    peer.discover()
    commit = peer.commit()
    assert DHPart1 not in map(type, peer.send(commit))
    calls[0].close(0.0)
    peer.take_dhpart1(only(peer.send(commit), DHPart1))
    assert DHPart1 not in map(type, peer.hear())
    peer.send(peer.dhpart2(), peer.confirm())
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("DOS-34")
def test_who_gets_no_public_value_is_asked_whether_he_hears_us() -> None:
    bob = alone(WAITING)
    (stranger,) = strangers(bob, 1)
    core = core_of(bob.stream)
    assert hearing.admit_to_public_value(core, stranger.ssrc, 0.0)
    for _ in range(int(limits.PUBLIC_VALUES - limits.PUBLIC_VALUES_KEPT)):
        core.call.count_public_value(0.0)
    assert not hearing.admit_to_public_value(core, stranger.ssrc, 0.0)
    assert core.past.asking
    assert bob.stream.counters["too many exchanges"] == 1
    answer(stranger, asked(bob))
    assert hearing.admit_to_public_value(core, stranger.ssrc, 0.0)


@pytest.mark.attack("DOS-34")
def test_hellos_of_ever_new_strangers_do_not_push_out_who_hears_us() -> None:
    bob = alone(WAITING)
    (peer,) = strangers(bob, 1)
    answer(peer, asked(bob))
    for number in range(3 * limits.CANDIDATES):
        stranger = Actor(bob.stream, seed=200 + number, ssrc=0x6000 + number)
        stranger.send(stranger.own_hello, stranger.own_hello)
    assert (peer.ssrc, peer.own_hello.raw) in core_of(bob.stream).candidates


@pytest.mark.attack("DOS-34")
def test_two_of_four_public_values_are_kept_for_who_is_known_to_hear_us() -> None:
    shared = core_of(alone(WAITING).stream).call
    for _ in range(2):
        assert shared.may_send_public_value(0.0, heard=False)
        shared.count_public_value(0.0)
    assert not shared.may_send_public_value(0.0, heard=False)
    for _ in range(2):
        assert shared.may_send_public_value(0.0, heard=True)
        shared.count_public_value(0.0)
    assert not shared.may_send_public_value(0.0, heard=True)
    assert shared.may_send_public_value(10.0, heard=True) and not shared.may_send_public_value(10.0, heard=False)
