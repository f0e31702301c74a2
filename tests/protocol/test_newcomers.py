"""Somebody else speaks ZRTP on a stream that has its peer: the application hears of it, and nothing else follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, only, snapshot
from tests.support.cases import every
from tests.support.inside import core_of, state_of
from tests.support.pair import Pair, Side
from zrtp.protocol import limits
from zrtp.protocol.events import AnotherPeer, KeysReady
from zrtp.protocol.states import State
from zrtp.wire.messages import CONF2ACK, Commit, Confirm1, Confirm2, DHPart2, Message

NEWCOMER = 0x6000

CLEARABLE = replace(FAST, allow_clear=True)

STATES = ["confirm2 sent", "secure", "clear requested", "clear"]


def with_peer(state: str = "secure") -> tuple[Side, Actor]:
    """A stream whose peer is known, in that state."""
    if state in ("clear requested", "clear"):
        pair = Pair(CLEARABLE, CLEARABLE).run()
        pair.alice.session.go_clear(pair.network.now)
        pair.run(pair.network.now + 1.0)
        if state == "clear":
            pair.bob.session.agree_to_clear()
        pair.bob.stream.datagrams_to_send()
        actor = Actor(pair.bob.stream)
        actor.now = pair.network.now
        return pair.bob, actor
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.take_dhpart2(only(peer.send(peer.dhpart1(commit)), DHPart2))
    only(peer.send(peer.confirm()), Confirm2)
    if state == "secure":
        peer.send(CONF2ACK)
    return bob, peer


def newcomer(side: Side, now: float = 10.0, *, number: int = 0, zid: bytes | None = None) -> Actor:
    actor = Actor(side.stream, seed=200 + number, ssrc=NEWCOMER + number, zid=zid)
    actor.now = now
    return actor


def going_on(actor: Actor) -> dict[str, Message]:
    """What an actor can say of an exchange."""
    box = {"confirm_mac": bytes(8), "iv": bytes(16), "ciphertext": bytes(40)}
    return {
        "Commit": actor.commit(),
        "DHPart2": actor.dhpart2(),
        "DHPart1": actor.dhpart1(actor.commit()),
        "Confirm1": Confirm1.make(**box),
        "Confirm2": Confirm2.make(**box),
    }


def told(side: Side) -> list[bytes]:
    return [event.zid for event in side.seen(AnotherPeer)]


# Who is told


@pytest.mark.attack("DOS-33")
@every("state", STATES)
def test_whoever_says_hello_when_the_peer_is_known_is_told_and_neither_answered_nor_believed(state: str) -> None:
    bob, peer = with_peer(state)
    assert bob.stream.state.value == state
    before = snapshot(bob)
    carol = newcomer(bob, peer.now)
    assert carol.send(carol.own_hello) == []
    assert told(bob) == [carol.zid]
    assert snapshot(bob) == before


@pytest.mark.attack("DOS-33")
def test_the_peers_own_program_that_was_started_anew_is_told_under_its_zid() -> None:
    bob, peer = with_peer()
    again = Actor(bob.stream, seed=5, ssrc=peer.ssrc, zid=peer.zid)
    again.now = 10.0
    assert again.send(again.own_hello) == []
    assert told(bob) == [peer.zid]
    assert len(bob.seen(KeysReady)) == 1


@pytest.mark.attack("DOS-33")
@every("kind", ["Commit", "DHPart1", "DHPart2", "Confirm1", "Confirm2"])
def test_whoever_introduced_himself_before_and_goes_on_with_an_exchange_is_told_too(kind: str) -> None:
    """Of a call that forked: it got our Hello or our Commit, and another one was secured before it."""
    bob = alone(WAITING)
    peer, carol = Actor(bob.stream), newcomer(bob, 0.0)
    carol.send(carol.own_hello)
    peer.discover()
    peer.initiate()
    assert state_of(bob.stream) is State.SECURE
    assert told(bob) == [carol.zid], "his Hello alone"
    carol.now = 1.1
    assert carol.send(going_on(carol)[kind]) == []
    assert told(bob) == [carol.zid] * 2


@pytest.mark.attack("DOS-33")
def test_a_commit_is_told_though_its_hello_was_lost() -> None:
    bob, _ = with_peer()
    carol = newcomer(bob)
    assert carol.send(carol.commit()) == []
    assert told(bob) == [carol.zid]


# Who is not


@pytest.mark.attack("DOS-33")
@every("kind", ["DHPart1", "DHPart2", "Confirm1", "Confirm2"])
def test_without_a_hello_before_the_rest_introduces_nobody(kind: str) -> None:
    bob, _ = with_peer()
    carol = newcomer(bob)
    carol.send(going_on(carol)[kind])
    assert told(bob) == []


@pytest.mark.attack("DOS-33")
@every("kind", ["DHPart1", "DHPart2"])
def test_a_dhpart_that_does_not_continue_the_senders_own_hello_introduces_nobody(kind: str) -> None:
    bob = alone(WAITING)
    peer, carol, other = Actor(bob.stream), newcomer(bob, 0.0), newcomer(bob, number=1)
    carol.send(carol.own_hello)
    peer.discover()
    peer.initiate()
    before = told(bob)
    other.send(going_on(other)[kind], ssrc=carol.ssrc)
    assert told(bob) == before


@pytest.mark.attack("DOS-33")
@pytest.mark.parametrize("own", ["the peer's", "ours", "our ZID"])
def test_what_the_peer_or_we_ourselves_said_introduces_nobody(own: str) -> None:
    bob, peer = with_peer()
    core, elsewhere = core_of(bob.stream), newcomer(bob)
    peer.now = 10.0
    match own:
        case "the peer's":
            peer.send(peer.own_hello)
            peer.send(peer.own_hello, peer.commit(), ssrc=elsewhere.ssrc)
        case "ours":
            elsewhere.send(core.hello)
        case "our ZID":
            elsewhere.send(elsewhere.hello(zid=core.call.zid), elsewhere.commit(zid=core.call.zid))
    assert told(bob) == []


@pytest.mark.attack("DOS-33")
def test_another_hash_chain_that_the_peer_made_in_this_call_introduces_nobody() -> None:
    """A stranger used up the first one."""
    bob = alone(WAITING)
    peer, first = Actor(bob.stream), Actor(bob.stream, seed=5)
    first.zid, first.own_hello = peer.zid, first.hello(zid=peer.zid)
    first.send(first.own_hello)
    peer.discover()
    peer.initiate()
    first.now = 1.0
    first.send(first.own_hello)
    assert told(bob) == []


@pytest.mark.attack("DOS-33")
def test_a_hello_of_long_before_is_not_told() -> None:
    bob = alone(WAITING)
    peer, carol = Actor(bob.stream), newcomer(bob, 0.0)
    carol.send(carol.own_hello)
    peer.discover()
    peer.now = limits.NEWCOMER_LIFETIME + 0.1  # until the user of one end asks for encryption
    peer.initiate()
    assert told(bob) == []


@pytest.mark.attack("DOS-33")
def test_before_the_peer_is_known_nobody_is_told() -> None:
    bob = alone(WAITING)
    for number in range(3):
        carol = newcomer(bob, 0.1, number=number)
        carol.send(carol.own_hello, carol.commit())
    assert told(bob) == []


# How often


@pytest.mark.attack("DOS-33")
@pytest.mark.attack("DOS-16")
@every("kind", ["Hello", "Commit"])
def test_one_is_told_each_second_however_many_there_are(kind: str) -> None:
    bob, _ = with_peer()
    for number in range(100):
        carol = newcomer(bob, 10.0 + number * 0.025, number=number)
        carol.send(carol.own_hello if kind == "Hello" else carol.commit())
    assert len(told(bob)) == 3


@pytest.mark.attack("DOS-33")
def test_each_stream_tells_of_its_own() -> None:
    pair = Pair(FAST, FAST).run()
    streams = [pair.alice.stream, pair.add_streams(0xA1, 0xB1)[0]]
    pair.run(pair.network.now + 5.0)
    for stream in streams:
        carol = Actor(stream, seed=9, ssrc=NEWCOMER)
        carol.now = pair.network.now
        carol.send(carol.own_hello)
    assert [event.ssrc for event in pair.alice.seen(AnotherPeer)] == [stream.ssrc for stream in streams]
