"""What a call remembers of how its exchanges ended, for the calls after it."""

from __future__ import annotations

import pytest

from tests.support.friends import Friends, hear_each_other
from tests.support.pair import Network, Pair
from tests.support.wire import reseal
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Continuity, Mode
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import Kind, kind_of

PRESHARED = Config(key_agreements=(b"X255", b"Mult"), preshared=True)


def friends_who_compared() -> Friends:
    """After a first call in which both found that the words match."""
    friends = Friends(PRESHARED, PRESHARED)
    compare(friends.call())
    return friends


def compare(pair: Pair) -> None:
    for side in pair.sides:
        side.session.sas_matched()
        side.session.close(pair.network.now)


def call_of(friends: Friends) -> Pair:
    """A call in which both may commit."""
    caches = friends.caches
    return Pair(PRESHARED, PRESHARED, alice_cache=caches["alice"], bob_cache=caches["bob"], clock=friends.clock)


def next_call(pair: Pair) -> Pair:
    """The same two programs call each other again."""
    for side in pair.sides:
        side.session.close(pair.network.now)
        side.session, side.events = side.endpoint.session(), []
        side.session.add_stream(0xA2 if side is pair.alice else 0xB2)
    pair.network = Network()
    pair.network.connect("alice", pair.alice.stream, "bob", pair.bob.stream)
    return pair.run()


def wrong_confirm1(_sender: str, datagram: bytes) -> bytes:
    """As a peer that computed other keys would send it."""
    if kind_of(datagram[12:]) is not Kind.CONFIRM1:
        return datagram
    return reseal(datagram[:24] + bytes([datagram[24] ^ 1]) + datagram[25:])


@pytest.mark.interop("I-48")
def test_after_an_exchange_in_preshared_mode_that_failed_it_goes_by_dh() -> None:
    pair = call_of(friends_who_compared())
    pair.network.filter = wrong_confirm1
    pair.run(60.0)
    assert [side.stream.state for side in pair.sides] == [State.QUIET] * 2  # nothing that came proves anybody

    for _ in range(2):
        next_call(pair)
        assert pair.secure and pair.keys_agree
        assert [side.stream.mode for side in pair.sides] == [Mode.DH] * 2
        assert [side.session.continuity for side in pair.sides] == [Continuity.CONTINUED] * 2


@pytest.mark.interop("I-48")
def test_with_a_peer_that_did_not_renew_its_secret_it_goes_by_dh_though_people_compare_again() -> None:
    friends = friends_who_compared()
    friends.change("bob", rs1=Secret(b"of a call before"), rs2=None)
    pair = call_of(friends).run()
    assert pair.secure
    assert [side.session.continuity for side in pair.sides] == [Continuity.MISMATCH] * 2

    for side in pair.sides:
        side.session.sas_matched()
    next_call(pair)
    assert [side.stream.mode for side in pair.sides] == [Mode.DH] * 2
    assert [side.session.continuity for side in pair.sides] == [Continuity.CONTINUED] * 2


@pytest.mark.interop("I-48")
def test_where_nothing_fails_preshared_mode_goes_on() -> None:
    pair = hear_each_other(call_of(friends_who_compared()).run())
    for _ in range(2):
        hear_each_other(next_call(pair))
        assert pair.secure
        assert [side.stream.mode for side in pair.sides] == [Mode.PRESHARED] * 2


def test_two_peers_with_one_zid_are_kept_apart_where_the_program_names_them() -> None:
    """Every FreeSWITCH has the same ZID."""
    cache = MemoryCache()
    alice = Endpoint(Config(key_agreements=(b"X255", b"Mult"), zid_per_peer=True), cache)
    memories = {label: MemoryCache() for label in ("office", "club")}
    for memory in memories.values():
        memory.own_zid(lambda: b"FreeSWITCH01")
    calls = []
    for label in ("office", "club", "office"):
        switch = Endpoint(Config(key_agreements=(b"X255", b"Mult")), memories[label])
        sessions = alice.session(peer_label=label), switch.session()
        network = Network()
        network.connect("alice", sessions[0].add_stream(1), "switch", sessions[1].add_stream(2))
        for session in sessions:
            session.streams[0].start(0.0)
        network.run(5.0)
        calls.append(sessions[0].continuity)
        for session in sessions:
            session.close(network.now)
    assert calls == [Continuity.FIRST_CALL, Continuity.FIRST_CALL, Continuity.CONTINUED]
    assert len({entry.peer_zid for entry in cache.peers()}) == 1
