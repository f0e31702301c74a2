"""Exchanges that strangers began: how many there are, and which one makes room."""

from __future__ import annotations

import pytest

from tests.support.actor import SUITE, WAITING, Actor, alone
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.events import Mode, Role
from zrtp.protocol.exchange import Candidate, Exchange
from zrtp.protocol.half_open import HalfOpen
from zrtp.protocol.hash_chain import ChainComplete
from zrtp.protocol.limits import TIME_TO_ANSWER

PEER, OTHER = b"peer's ZID..", b"other peer's"
IN_TIME, TOO_LATE = TIME_TO_ANSWER - 0.01, TIME_TO_ANSWER


def begun(zid: bytes = PEER, at: float = 0.0) -> Exchange:
    """An exchange that somebody with this ZID began."""
    peer = Actor(alone(WAITING).stream, zid=zid)
    return Exchange(
        role=Role.RESPONDER,
        mode=Mode.DH,
        suite=SUITE,
        hash=DEFAULT.hashes[SUITE.hash],
        cipher=DEFAULT.ciphers[SUITE.cipher],
        peer=Candidate(peer.own_hello, peer.ssrc, at),
        commit=peer.commit(),
        begun=at,
    )


def full(*exchanges: Exchange, of_zid: int = 100) -> HalfOpen[str]:
    """No more than these may run; the streams are called "0", "1" and so on."""
    half_open: HalfOpen[str] = HalfOpen(len(exchanges), of_zid)
    for number, exchange in enumerate(exchanges):
        half_open.add(exchange, str(number))
    return half_open


def test_as_long_as_there_is_room_nobody_makes_any() -> None:
    half_open: HalfOpen[str] = HalfOpen(2, 2)
    for number in range(2):
        assert half_open.make_room(PEER, 9.0) == (True, None)
        half_open.add(begun(), str(number))
    assert half_open.make_room(PEER, 0.0) == (False, None)


@pytest.mark.attack("DOS-03")
def test_whoever_had_time_to_answer_and_did_not_goes_first_the_oldest_before_the_rest() -> None:
    first, second = begun(at=0.0), begun(at=0.1)
    half_open = full(first, second)
    assert half_open.make_room(OTHER, TOO_LATE + 0.2) == (True, "0")
    assert first.crowded_out and not second.crowded_out
    assert len(half_open) == 1
    half_open.add(begun(OTHER, at=TOO_LATE + 0.2), "2")
    assert half_open.make_room(OTHER, TOO_LATE + 0.3) == (True, "1")


@pytest.mark.attack("DOS-15")
def test_nobody_is_given_up_before_he_had_time_to_answer() -> None:
    exchange = begun()
    half_open = full(exchange)
    assert half_open.make_room(OTHER, IN_TIME) == (False, None)
    assert not exchange.crowded_out and len(half_open) == 1
    assert half_open.make_room(OTHER, TOO_LATE) == (True, "0")


@pytest.mark.attack("DOS-15")
def test_whoever_has_proved_to_be_there_stays() -> None:
    proved, unproved = begun(at=0.0), begun(at=1.0)
    proved.proved = ChainComplete(bytes(32))
    half_open = full(proved, unproved)
    assert half_open.make_room(OTHER, 9.0) == (True, "1")
    half_open.add(begun(at=9.0), "2")
    assert half_open.make_room(OTHER, 9.1) == (False, None)
    assert not proved.crowded_out


@pytest.mark.attack("DOS-03")
def test_one_zid_takes_no_more_than_its_share_and_costs_nobody_else_anything() -> None:
    """Anybody can claim the ZID of a peer; whoever does so competes with those who do the same."""
    other, one, two = begun(OTHER), begun(PEER, at=0.1), begun(PEER, at=0.2)
    half_open: HalfOpen[str] = HalfOpen(10, 2)
    for exchange, name in ((other, "other"), (one, "one"), (two, "two")):
        half_open.add(exchange, name)
    assert half_open.make_room(PEER, IN_TIME) == (False, None)
    assert half_open.make_room(OTHER, IN_TIME) == (True, None)
    assert half_open.make_room(PEER, 9.0) == (True, "one")
    assert not other.crowded_out


def test_what_is_over_makes_room_and_may_be_over_twice() -> None:
    exchange = begun()
    half_open = full(exchange)
    half_open.remove(exchange)
    half_open.remove(exchange)
    assert half_open.make_room(PEER, 0.0) == (True, None)


def test_in_a_child_nothing_runs() -> None:
    half_open = full(begun(), begun())
    half_open.clear()
    assert len(half_open) == 0
    assert half_open.make_room(PEER, 0.0) == (True, None)


@pytest.mark.attack("DOS-34")
def test_a_quarter_of_the_room_is_kept_for_who_is_known_to_hear_us() -> None:
    half_open: HalfOpen[str] = HalfOpen(4, 100)
    for number in range(3):
        assert half_open.make_room(bytes([number]) * 12, 0.0) == (True, None)
        half_open.add(begun(bytes([number]) * 12), str(number))
    assert half_open.make_room(OTHER, IN_TIME) == (False, None)
    assert half_open.make_room(OTHER, IN_TIME, heard=True) == (True, None)
    hearing = begun(OTHER)
    hearing.heard = True
    half_open.add(hearing, "3")
    assert half_open.make_room(OTHER, IN_TIME, heard=True) == (False, None)


@pytest.mark.attack("DOS-34")
def test_who_is_known_to_hear_us_makes_no_room_for_who_may_not() -> None:
    hearing, blind = begun(at=0.0), begun(at=0.1)
    hearing.heard = True
    half_open = full(hearing, blind)
    assert half_open.make_room(OTHER, 9.0) == (True, "1")
    assert half_open.make_room(OTHER, 9.0, heard=True) == (True, None)
    alone = full(hearing)
    assert alone.make_room(OTHER, 9.0) == (False, None)
    assert alone.make_room(OTHER, 9.0, heard=True) == (True, "0")
