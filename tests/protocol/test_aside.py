"""Exchanges of one stream that wait for their turn."""

from __future__ import annotations

from tests.support.actor import WAITING, Actor, alone, sent, started
from tests.support.inside import core_of
from zrtp.protocol import aside, transmission
from zrtp.protocol.core import Core
from zrtp.protocol.exchange import Exchange
from zrtp.protocol.hash_chain import ChainComplete
from zrtp.protocol.states import State


def test_the_hello_of_a_new_chain_is_not_sent_twice_in_one_moment() -> None:
    side, core = started()
    aside.introduce_anew(core, 1.0)
    transmission.send_hello_limited(core, 1.0)
    assert sent(side) == [core.hello.raw]


def two_exchanges() -> tuple[Core, Exchange, Exchange]:
    """Two callers have committed, and both have their answer; the second exchange is in hand."""
    bob = alone(WAITING)
    for number in range(2):
        caller = Actor(bob.stream, seed=number, ssrc=0x5000 + number)
        caller.send(caller.own_hello, caller.commit())
    core = core_of(bob.stream)
    second, first = core.exchanges()
    return core, first, second


def test_what_is_brought_forward_has_its_own_answers_and_deadlines() -> None:
    core, first, second = two_exchanges()
    answers, deadlines = core.outbox.answers, core.deadlines
    aside.bring_forward(core, first)
    assert core.exchange is first and core.state is State.DHPART1_SENT
    assert core.outbox.answers != answers
    aside.bring_forward(core, second)
    assert (core.exchange, core.outbox.answers, core.deadlines) == (second, answers, deadlines)


def test_the_stream_goes_on_with_another_one_when_the_one_in_hand_is_given_up() -> None:
    core, first, second = two_exchanges()
    aside.give_up(core, second)
    assert core.exchanges() == [first] and core.state is State.DHPART1_SENT
    assert aside.leave(core, State.QUIET) is State.QUIET
    assert core.exchanges() == []


def test_the_one_in_hand_stays_when_another_one_is_given_up() -> None:
    core, first, second = two_exchanges()
    aside.give_up(core, first)
    assert core.exchange is second and core.exchanges() == [second]


def test_whoever_has_proved_himself_ends_the_others_and_until_then_only_those_that_have_not() -> None:
    core, first, second = two_exchanges()
    first.proved = ChainComplete(bytes(32))
    aside.give_up_others(core, proved=False)
    assert core.exchanges() == [second, first]
    aside.give_up_others(core)
    assert core.exchanges() == [second]
