"""What all calls of one installation share: the bound of half-open exchanges, inputs from call to call, names."""

from __future__ import annotations

import pytest

from tests.support.actor import SUITE, WAITING, Actor, alone
from tests.support.inside import core_of
from tests.support.pair import Clock, seeded
from zrtp.crypto.hashes import sha256
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.config import Config
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Mode, Role
from zrtp.protocol.exchange import Candidate, Exchange
from zrtp.protocol.installation import Installation, endpoint_hash
from zrtp.protocol.states import Trigger

PEER, OTHER = b"peer's ZID..", b"other peer's"


def installation(half_open_limit: int = 2) -> Installation:
    config = Config(key_agreements=(b"X255",), half_open_limit=half_open_limit)
    return Installation(config, cacheless=True, random=seeded(1), wall_clock=Clock())


def streams(count: int) -> list[Core]:
    session = Endpoint(Config(key_agreements=(b"X255",))).session()
    return [core_of(session.add_stream(number)) for number in range(count)]


def begun(role: Role, zid: bytes = PEER, now: float = 0.0) -> Exchange:
    """An exchange with somebody of this ZID, who has not answered yet."""
    peer = Actor(alone(WAITING).stream, zid=zid)
    return Exchange(
        role=role,
        mode=Mode.DH,
        suite=SUITE,
        hash=DEFAULT.hashes[SUITE.hash],
        cipher=DEFAULT.ciphers[SUITE.cipher],
        peer=Candidate(peer.own_hello, peer.ssrc, now),
        commit=peer.commit(),
        begun=now,
    )


# Exchanges that strangers begin


@pytest.mark.attack("DOS-03")
def test_too_many_that_answer_strangers_push_the_oldest_out_and_never_our_own() -> None:
    ours, (own, *strangers) = installation(), streams(4)
    ours.begin_exchange(own, begun(Role.INITIATOR))
    for number, stranger in enumerate(strangers):
        zid, now = bytes([number]) * 12, float(number)
        assert ours.make_room(zid, now)
        ours.begin_exchange(stranger, begun(Role.RESPONDER, zid, now))
    assert list(ours.inputs) == [(strangers[0], Trigger.CROWDED_OUT)]


@pytest.mark.attack("DOS-15")
def test_of_too_many_at_once_the_last_one_has_to_come_again() -> None:
    ours, strangers = installation(), streams(2)
    for number, stranger in enumerate(strangers):
        ours.begin_exchange(stranger, begun(Role.RESPONDER, bytes([number]) * 12))
    assert not ours.make_room(OTHER, 0.1)
    assert not ours.inputs
    assert ours.make_room(OTHER, 1.0)


@pytest.mark.attack("DOS-03")
def test_four_run_with_the_same_claimed_zid_of_which_one_is_kept_for_who_hears_us() -> None:
    ours, strangers = installation(half_open_limit=64), streams(3)
    for stranger in strangers:
        assert ours.make_room(PEER, 0.0)
        ours.begin_exchange(stranger, begun(Role.RESPONDER, PEER))
    assert not ours.make_room(PEER, 0.1)
    assert ours.make_room(PEER, 0.1, heard=True)
    hearing = begun(Role.RESPONDER, PEER)
    hearing.heard = True
    ours.begin_exchange(streams(1)[0], hearing)
    assert not ours.make_room(PEER, 0.1, heard=True)
    assert ours.make_room(OTHER, 0.1)


def test_whoever_has_finished_makes_room() -> None:
    ours, strangers = installation(), streams(5)
    for number, stranger in enumerate(strangers):
        exchange = begun(Role.RESPONDER, bytes([number]) * 12)
        assert ours.make_room(exchange.peer.hello.zid, 0.0)
        ours.begin_exchange(stranger, exchange)
        ours.finish_exchange(exchange)
        ours.finish_exchange(exchange)
    assert not ours.inputs


# Inputs from stream to stream


def test_inputs_for_other_streams_are_taken_in_order() -> None:
    ours, (one, two) = installation(), streams(2)
    ours.tell(one, Trigger.OUTRUN)
    ours.tell(two, Trigger.CLEARED_BY_US)
    assert list(ours.inputs) == [(one, Trigger.OUTRUN), (two, Trigger.CLEARED_BY_US)]


# Names


def test_an_endpoint_hash_is_the_zid_or_hides_what_is_behind_it() -> None:
    zid = bytes(range(12))
    assert endpoint_hash(zid, "") == zid[:8]
    assert endpoint_hash(zid, "sip:bob@pbx.example") == sha256(zid + b"sip:bob@pbx.example")[:8]
    assert endpoint_hash(zid, "", lambda: b"random octet") == sha256(b"random octet" + zid)[:8]
    behind = {endpoint_hash(zid, name, lambda: b"random octet") for name in ("", "one", "two")}
    assert len(behind) == 3
    assert all(len(name) == 8 for name in behind)
