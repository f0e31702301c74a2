"""What all calls of one installation share: running exchanges, their bound, inputs from call to call, names."""

from __future__ import annotations

import pytest

from tests.support.inside import core_of
from tests.support.pair import Clock, seeded
from zrtp.crypto.hashes import sha256
from zrtp.protocol.config import Config
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Role
from zrtp.protocol.installation import Installation, endpoint_hash
from zrtp.protocol.states import Trigger

OWN, ANOTHER = b"own ZID here", b"another own."
PEER, OTHER = b"peer's ZID..", b"other peer's"


def installation() -> Installation:
    config = Config(key_agreements=(b"X255",), half_open_limit=2)
    return Installation(config, cacheless=True, random=seeded(1), wall_clock=Clock())


def streams(count: int) -> list[Core]:
    session = Endpoint(Config(key_agreements=(b"X255",))).session()
    return [core_of(session.add_stream(number)) for number in range(count)]


# Running exchanges


def test_one_exchange_runs_between_two_zids_and_others_beside_it() -> None:
    ours, (one, two, three) = installation(), streams(3)
    assert ours.running_exchange(OWN, PEER) is None
    ours.begin_exchange(one, Role.INITIATOR, OWN, PEER)
    ours.begin_exchange(two, Role.INITIATOR, OWN, OTHER)
    ours.begin_exchange(three, Role.INITIATOR, ANOTHER, PEER)
    assert ours.running_exchange(OWN, PEER) is one
    assert ours.running_exchange(OWN, OTHER) is two
    assert ours.running_exchange(ANOTHER, PEER) is three


def test_a_finished_exchange_is_forgotten_and_finishing_again_is_harmless() -> None:
    ours, (one, two) = installation(), streams(2)
    ours.begin_exchange(one, Role.INITIATOR, OWN, PEER)
    ours.finish_exchange(one)
    ours.finish_exchange(one)
    ours.finish_exchange(two)
    assert ours.running_exchange(OWN, PEER) is None


def test_the_end_of_one_that_was_replaced_does_not_end_its_successor() -> None:
    """Commits that cross on two streams: the winner takes the place of the loser, which ends afterwards."""
    ours, (loser, winner) = installation(), streams(2)
    ours.begin_exchange(loser, Role.INITIATOR, OWN, PEER)
    ours.begin_exchange(winner, Role.RESPONDER, OWN, PEER)
    ours.finish_exchange(loser)
    assert ours.running_exchange(OWN, PEER) is winner


@pytest.mark.attack("DOS-03")
def test_too_many_that_answer_strangers_push_the_oldest_out_and_never_our_own() -> None:
    ours, (own, *strangers) = installation(), streams(4)
    ours.begin_exchange(own, Role.INITIATOR, OWN, PEER)
    for number, stranger in enumerate(strangers):
        ours.begin_exchange(stranger, Role.RESPONDER, OWN, bytes([number]) * 12)
    assert list(ours.inputs) == [(strangers[0], Trigger.CROWDED_OUT)]


def test_whoever_has_finished_makes_room() -> None:
    ours, strangers = installation(), streams(5)
    for number, stranger in enumerate(strangers):
        ours.begin_exchange(stranger, Role.RESPONDER, OWN, bytes([number]) * 12)
        ours.finish_exchange(stranger)
    assert not ours.inputs


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
