"""The peer's a=zrtp-hash that comes with the answer: before, during and after the exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, only
from tests.support.inside import core_of, state_of
from tests.support.pair import Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.hashes import sha256
from zrtp.errors import ApiMisuse
from zrtp.protocol.config import Config
from zrtp.protocol.events import Assurance, Failed, NoPeer, SecurityWarning, Sending, WarningCode
from zrtp.protocol.states import State
from zrtp.wire.messages import HELLO_ACK, Commit, DHPart1, Error

PROTECTED = replace(FAST, signalling_protected=True)
LENIENT = replace(PROTECTED, require_hello_hash_match=False)
WRONG = bytes(32)

MOMENTS: dict[str, Callable[[Pair], bool]] = {
    "before start": lambda pair: True,
    "before the Hello": lambda pair: pair.alice.stream.state is State.HELLO_SENT,
    "after the Hello": lambda pair: pair.alice.stream.state is State.HELLO_RECEIVED,
    "after our Commit": lambda pair: pair.alice.stream.state is State.COMMIT_SENT,
    "after DHPart1": lambda pair: pair.alice.stream.state is State.DHPART2_SENT,
    "after Confirm1": lambda pair: pair.alice.stream.state is State.CONFIRM2_SENT,
    "when secure": lambda pair: pair.secure,
}

EVERY_MOMENT = pytest.mark.parametrize("moment", MOMENTS)


def told(moment: str, zrtp_hash: bytes | str | None, config: Config = PROTECTED) -> Pair:
    """A call in which Alice, the caller, hears of Bob's hash at that moment; None stands for the right one."""
    pair = Pair(config, replace(config, passive=True))
    pair.bob.stream.expect_hello(pair.alice.stream.hello_hash)
    if moment != "before start":
        pair.start()
        if moment == "after the Hello":
            pair.network.filter = lambda _, datagram: None if datagram[16:24] == b"HelloACK" else datagram
        pair.network.run(20.0, stop=lambda: MOMENTS[moment](pair))
        pair.network.filter = lambda _, datagram: datagram
    assert MOMENTS[moment](pair), moment
    pair.alice.stream.expect_hello(pair.bob.stream.hello_hash if zrtp_hash is None else zrtp_hash)
    return pair.run()


def warnings(side: Side) -> list[WarningCode]:
    return [event.code for event in side.seen(SecurityWarning)]


def bound(side: Side) -> bool:
    return side.session.peer.bound_to_signalling


@EVERY_MOMENT
def test_the_right_hash_binds_the_call_whenever_it_comes(moment: str) -> None:
    pair = told(moment, None)
    assert pair.secure and pair.keys_agree
    assert [bound(side) for side in pair.sides] == [True, True]
    assert pair.alice.session.assurance is Assurance.SIGNALLING
    assert warnings(pair.alice) == []


@pytest.mark.parametrize("protected", [True, False])
def test_only_protected_signalling_makes_a_lineage_that_can_be_trusted(protected: bool) -> None:
    config, cache = replace(FAST, signalling_protected=protected), MemoryCache()
    pair = Pair(config, config, alice_cache=cache, bob_cache=MemoryCache())
    for one, other in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
        one.stream.expect_hello(other.stream.hello_hash)
    pair.run()
    assert bound(pair.alice)
    record = cache.load(pair.alice.endpoint.zid, pair.bob.endpoint.zid)
    assert record is not None and record.trusted_lineage is protected


@EVERY_MOMENT
def test_with_a_wrong_hash_no_media_flows(moment: str) -> None:
    """Nor is the call ever called bound to signalling, in which somebody changed something."""
    pair = told(moment, WRONG)
    assert not pair.secure
    assert not bound(pair.alice)
    assert pair.alice.stream.sending is not Sending.SRTP
    before_commit = moment in ("before start", "before the Hello", "after the Hello")
    assert pair.alice.stream.state is (State.QUIET if before_commit else State.FAILED)
    if before_commit:  # anybody can send a Hello, so that there is no alarm before nobody else came
        assert warnings(pair.alice) == [WarningCode.HELLO_HASH_MISMATCH]
        (nobody,) = pair.alice.seen(NoPeer)
        assert "not with the Hello that signalling announced" in nobody.text
    else:
        assert warnings(pair.alice)[:1] == [WarningCode.HELLO_HASH_MISMATCH]
        (failed,) = pair.alice.seen(Failed)
        assert failed.text.startswith("The peer's Hello is not the one that its signalling announced")
        assert pair.transcript().count("alice Error") >= 1


@EVERY_MOMENT
def test_where_the_configuration_does_not_insist_a_wrong_hash_is_a_warning(moment: str) -> None:
    pair = told(moment, WRONG, LENIENT)
    assert pair.secure and pair.keys_agree
    assert warnings(pair.alice)[:1] == [WarningCode.HELLO_HASH_MISMATCH]
    assert not bound(pair.alice)
    assert pair.alice.session.assurance is Assurance.ENCRYPTED


def test_the_right_hash_after_a_wrong_one_binds_again() -> None:
    """A 183 of one phone and a 200 of another carry different hashes."""
    pair = told("after our Commit", WRONG, LENIENT)
    pair.alice.stream.expect_hello(pair.bob.stream.hello_hash)
    assert bound(pair.alice)
    assert pair.alice.session.assurance is Assurance.SIGNALLING


@pytest.mark.parametrize("number", ["183 then 200", "200 then 183"])
def test_of_two_phones_that_ring_the_announced_one_is_called(number: str) -> None:
    side = alone(PROTECTED)
    first, second = Actor(side.stream, ssrc=1, seed=1), Actor(side.stream, ssrc=2, seed=2)
    first.send(first.own_hello)
    second.send(second.own_hello)
    chosen = second if number == "183 then 200" else first
    side.stream.expect_hello(sha256(chosen.own_hello.raw))
    assert [known.ssrc for known in core_of(side.stream).candidates.values()] == [chosen.ssrc]
    commit = only(chosen.send(HELLO_ACK), Commit)
    chosen.answer(commit)
    assert state_of(side.stream) is State.SECURE and bound(side)


def test_our_commit_to_somebody_else_is_taken_back_for_the_announced_one() -> None:
    side = alone(PROTECTED)
    stranger, peer = Actor(side.stream, ssrc=1, seed=1), Actor(side.stream, ssrc=2, seed=2)
    peer.send(peer.own_hello)
    to_stranger = only([m for m in stranger.discover() if isinstance(m, Commit)], Commit)
    side.stream.expect_hello(sha256(peer.own_hello.raw))
    assert state_of(side.stream) is State.COMMIT_SENT
    to_peer = only(peer.listen(), Commit)
    assert to_peer.raw != to_stranger.raw
    peer.answer(to_peer)
    assert state_of(side.stream) is State.SECURE and bound(side)
    assert side.seen(Failed) == []


def test_a_stranger_with_a_commit_under_way_does_not_outlive_the_announcement() -> None:
    """As responder: whose Commit we answered is not the one who was announced."""
    side = alone(replace(WAITING, signalling_protected=True))
    stranger = Actor(side.stream, seed=1)
    stranger.discover()
    only(stranger.send(stranger.commit()), DHPart1)
    side.stream.expect_hello(WRONG)
    assert state_of(side.stream) is State.FAILED
    only(stranger.listen(), Error)


@pytest.mark.parametrize("first", ["stranger", "peer"])
def test_of_two_exchanges_side_by_side_the_one_with_the_stranger_ends_with_the_announcement(first: str) -> None:
    side = alone(replace(WAITING, signalling_protected=True), MemoryCache())
    stranger, peer = Actor(side.stream, ssrc=1, seed=1), Actor(side.stream, ssrc=2, seed=2)
    for actor in (stranger, peer):
        actor.discover()
    for actor in (stranger, peer) if first == "stranger" else (peer, stranger):
        dhpart1 = only(actor.send(actor.commit()), DHPart1)
        actor.take_dhpart1(dhpart1)
    side.stream.expect_hello(sha256(peer.own_hello.raw))
    assert [one.peer.ssrc for one in core_of(side.stream).exchanges()] == [peer.ssrc]
    assert warnings(side) == []
    peer.send(peer.dhpart2())
    peer.send(peer.confirm())
    assert state_of(side.stream) is State.SECURE and bound(side)


def test_a_commit_that_went_to_the_announced_one_is_not_followed_by_another() -> None:
    """A stranger answered it, and got a Commit too."""
    side = alone(PROTECTED)
    stranger, peer = Actor(side.stream, ssrc=1, seed=1), Actor(side.stream, ssrc=2, seed=2)
    to_peer = only(peer.discover()[-1:], Commit)
    stranger.send(stranger.own_hello)
    only(stranger.send(stranger.dhpart1(to_peer)), Commit)
    side.stream.expect_hello(sha256(peer.own_hello.raw))
    assert peer.listen() == []
    peer.answer(to_peer)
    assert state_of(side.stream) is State.SECURE and bound(side)


def test_a_hash_that_is_none_changes_nothing() -> None:
    pair = told("before the Hello", None)
    for value in (b"short", "1.10 12", f"2.00 {'0' * 64}"):
        with pytest.raises(ApiMisuse):
            pair.alice.stream.expect_hello(value)
    assert bound(pair.alice)
    assert state_of(pair.alice.stream) is State.SECURE


def test_before_and_after_a_call_it_is_taken_without_a_word() -> None:
    pair = told("when secure", None)
    pair.alice.session.close(9.0)
    pair.alice.stream.expect_hello(WRONG)
    assert state_of(pair.alice.stream) is State.CLOSED
    assert pair.alice.stream.datagrams_to_send() == []


def test_when_nobody_answered_the_hash_waits_for_a_late_hello() -> None:
    side = alone(PROTECTED)
    peer = Actor(side.stream, ssrc=2, seed=3)
    peer.wait(6.0)
    assert state_of(side.stream) is State.QUIET
    side.stream.expect_hello(sha256(peer.own_hello.raw))
    stranger = Actor(side.stream, ssrc=1, seed=1)
    stranger.now = 6.1
    stranger.discover()
    assert state_of(side.stream) is not State.COMMIT_SENT
    peer.now = 6.2
    commits = [message for message in peer.discover() if isinstance(message, Commit)]
    peer.answer(only([*commits], Commit))
    assert state_of(side.stream) is State.SECURE and bound(side)


def test_where_the_configuration_does_not_insist_whoever_introduced_itself_stays() -> None:
    for config, left in ((PROTECTED, 0), (LENIENT, 1)):
        side = alone(config)
        peer = Actor(side.stream)
        peer.send(peer.own_hello)
        side.stream.expect_hello(WRONG)
        assert len(core_of(side.stream).candidates) == left
