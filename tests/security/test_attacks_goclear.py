"""GoClear under attack (RFC 6189 sections 4.7.2, 5.11): encryption ends only when both users know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, Actor, alone, only
from tests.support.cases import every
from tests.support.inside import call_of, core_of, driver_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.hashes import S256
from zrtp.errors import ApiMisuse, ErrorCode
from zrtp.protocol.clearing import clear_mac
from zrtp.protocol.config import ClearDialect, Config
from zrtp.protocol.events import (
    Assurance,
    ClearRequested,
    Failed,
    KeysReady,
    NoPeer,
    Secured,
    SecurityWarning,
    Sending,
    WarningCode,
    WentClear,
)
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State, Trigger
from zrtp.secret import Secret
from zrtp.wire.messages import CLEAR_ACK, ClearACK, Conf2ACK, Confirm1, Error, GoClear
from zrtp.wire.packet import encode_packet

ALLOWED = Config(key_agreements=(b"X255", b"Mult"), allow_clear=True)
MULT_ONLY_ON_REQUEST = replace(ALLOWED, auto_secure=False)


def secure_call(alice: Config = ALLOWED, bob: Config = ALLOWED) -> Pair:
    pair = Pair(alice, bob, alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
    assert pair.secure
    return pair


def with_actor(config: Config = MULT_ONLY_ON_REQUEST) -> tuple[Side, Actor]:
    """Bob, secure with a peer played by hand."""
    bob = alone(config, MemoryCache())
    actor = Actor(bob.stream)
    actor.discover()
    actor.initiate(allow_clear=True)
    assert bob.stream.state is State.SECURE
    return bob, actor


def goclear(actor: Actor) -> GoClear:
    assert actor.keys is not None
    return GoClear.make(clear_mac=clear_mac(S256, actor.keys.mackey(actor.role), ClearDialect.RFC))


def warnings(side: Side) -> set[WarningCode]:
    return {event.code for event in side.seen(SecurityWarning)}


def states(side: Side) -> tuple[State, Sending]:
    """Where the first stream stands."""
    return side.stream.state, side.stream.sending


def zrtpsess(side: Side) -> bytes:
    assert call_of(side.session).zrtpsess is not None
    return bytes(present(call_of(side.session).zrtpsess).octets)


@pytest.mark.attack("CLR-01")
@every("octet", range(8))
def test_goclear_with_a_wrong_mac_is_neither_answered_nor_acted_on(octet: int) -> None:
    bob, actor = with_actor()
    forged = bytearray(goclear(actor).clear_mac)
    forged[octet] ^= 1
    before = zrtpsess(bob)
    assert actor.send(GoClear.make(clear_mac=bytes(forged))) == []
    assert states(bob) == (State.SECURE, Sending.SRTP)
    assert warnings(bob) == {WarningCode.GOCLEAR_FORGED}
    assert not bob.seen(ClearRequested)
    assert zrtpsess(bob) == before
    assert bob.session.keys.export(b"label", 16) is not None


@pytest.mark.attack("CLR-02")
def test_goclear_that_our_confirm_did_not_allow_is_refused() -> None:
    bob, actor = with_actor(replace(FAST, auto_secure=False))
    answer = only(actor.send(goclear(actor)), Error)
    assert ErrorCode(answer.code).name == "GOCLEAR_NOT_ALLOWED"
    assert states(bob) == (State.SECURE, Sending.SRTP)
    assert warnings(bob) == {WarningCode.GOCLEAR_REFUSED}
    assert not bob.seen(Failed)


@pytest.mark.attack("CLR-03")
def test_our_own_goclear_comes_back_without_effect() -> None:
    """Each role has a MAC key of its own, whoever switches off first."""
    for initiator in (True, False):
        passive = replace(ALLOWED, passive=True)
        pair = secure_call(ALLOWED, passive) if initiator else secure_call(passive, ALLOWED)
        alice = pair.alice
        alice.session.go_clear(pair.network.now)
        (sent,) = alice.stream.datagrams_to_send()
        alice.stream.receive_datagram(encode_packet(1, BOB_SSRC, sent[12:-4]), pair.network.now)
        assert alice.stream.datagrams_to_send() == []
        assert alice.stream.state is State.GOCLEAR_SENT
        assert warnings(alice) == {WarningCode.GOCLEAR_FORGED}
        assert not alice.seen(ClearRequested)


@pytest.mark.attack("CLR-04")
def test_goclear_of_an_earlier_time_is_nothing_after_going_secure_again() -> None:
    pair = secure_call()
    pair.alice.session.go_clear(pair.network.now)
    pair.network.run(pair.network.now + 1.0)
    pair.bob.session.agree_to_clear()
    old = next(datagram for _, _, datagram in pair.network.log if datagram[16:24] == b"GoClear ")
    pair.alice.session.go_secure(pair.network.now)
    pair.network.run(pair.network.now + 2.0)
    assert pair.secure
    pair.bob.drain()
    pair.bob.events.clear()
    pair.bob.stream.receive_datagram(old, pair.network.now)
    assert pair.bob.stream.datagrams_to_send() == []
    assert states(pair.bob) == (State.SECURE, Sending.SRTP)
    assert warnings(pair.bob) == {WarningCode.GOCLEAR_FORGED}


@pytest.mark.attack("CLR-05")
def test_valid_goclear_ends_srtp_on_every_stream_and_waits_for_the_user() -> None:
    pair = secure_call()
    video, bobs_video = pair.add_streams(ALICE_SSRC + 1, BOB_SSRC + 1)
    pair.network.run(pair.network.now + 2.0)
    assert (video.state, bobs_video.state) == (State.SECURE, State.SECURE)
    keys = pair.bob.seen(KeysReady)
    before = zrtpsess(pair.bob)
    pair.alice.session.go_clear(pair.network.now)
    assert [stream.sending for stream in pair.alice.session.streams] == [Sending.BLOCKED] * 2
    pair.network.run(pair.network.now + 1.0)
    bob = pair.bob.session
    assert [stream.state for stream in bob.streams] == [State.CLEAR_PENDING] * 2
    assert [stream.sending for stream in bob.streams] == [Sending.BLOCKED] * 2
    assert zrtpsess(pair.bob) != before
    assert zrtpsess(pair.bob) == zrtpsess(pair.alice)
    assert len(keys) == 2
    assert [core_of(stream).exchange for stream in bob.streams] == [None, None], "the engine holds no key any more"
    assert len(pair.bob.seen(ClearRequested)) == 1
    bob.agree_to_clear()
    assert [stream.sending for stream in bob.streams] == [Sending.CLEAR] * 2
    assert len(pair.bob.seen(WentClear)) == 1


@pytest.mark.attack("CLR-06")
def test_clear_acks_that_all_get_lost_still_end_in_clear() -> None:
    pair = secure_call()
    pair.network.filter = lambda _name, datagram: None if datagram[16:24] == b"ClearACK" else datagram
    pair.alice.session.go_clear(pair.network.now)
    pair.network.run(pair.network.now + 15.0)
    pair.bob.session.agree_to_clear()
    assert [side.stream.state for side in pair.sides] == [State.CLEAR] * 2
    assert [len(side.seen(WentClear)) for side in pair.sides] == [1, 1]
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob)
    pair.network.filter = lambda _name, datagram: datagram
    pair.bob.session.go_secure(pair.network.now)
    pair.network.run(pair.network.now + 5.0)
    assert pair.secure


@pytest.mark.attack("CLR-06")
@pytest.mark.parametrize("lost", ["nothing", "alice's GoClear", "alice's ClearACK", "bob's ClearACK"])
def test_goclears_that_cross_count_once_whatever_gets_lost(lost: str) -> None:
    pair = secure_call()
    who, _, what = lost.partition("'s ")
    pair.network.filter = lambda name, datagram: (
        None if name == who and datagram[16:24].strip() == what.encode() else datagram
    )
    for side in pair.sides:
        side.session.go_clear(pair.network.now)
    pair.network.run(pair.network.now + 15.0)
    for side in pair.sides:
        if side.stream.state is State.CLEAR_PENDING:
            side.session.agree_to_clear()
        assert side.stream.state is State.CLEAR
        assert len(side.seen(WentClear)) == 1
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob)
    pair.network.filter = lambda _name, datagram: datagram
    pair.alice.session.go_secure(pair.network.now)
    pair.network.run(pair.network.now + 5.0)
    assert pair.secure


def test_goclears_that_cross_on_two_streams_count_once() -> None:
    """Alice switches off on her first stream while Bob's first is not secure: his GoClear goes over the second."""
    pair = secure_call()
    video, bobs_video = pair.add_streams(ALICE_SSRC + 1, BOB_SSRC + 1)
    pair.network.run(pair.network.now + 2.0)
    now = pair.network.now
    pair.alice.session.go_clear(now)
    first = pair.bob.session.streams[0]
    core_of(first).state = State.CLOSED  # so that Bob chooses the other stream
    pair.bob.session.go_clear(now)
    core_of(first).state = State.SECURE
    pair.network.run(now + 15.0)
    for side in pair.sides:
        if any(stream.state is State.CLEAR_PENDING for stream in side.session.streams):
            side.session.agree_to_clear()
        assert {stream.state for stream in side.session.streams} == {State.CLEAR}
    assert (video.state, bobs_video.state) == (State.CLEAR, State.CLEAR)
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob)


def test_agreeing_to_one_goclear_does_not_cut_our_own_short() -> None:
    """Bob agrees on a stream that waits for him while his own GoClear on another one has no answer yet."""
    pair = secure_call()
    pair.add_streams(ALICE_SSRC + 1, BOB_SSRC + 1)
    pair.network.run(pair.network.now + 2.0)
    pair.alice.session.go_clear(pair.network.now)
    pair.network.run(pair.network.now + 1.0)
    driver = driver_of(pair.alice.session)
    driver.tell(driver.cores[0], Trigger.GO_SECURE, pair.network.now)
    pair.network.run(pair.network.now + 1.0)
    assert states(pair.bob) == (State.SECURE, Sending.SRTP)
    pair.bob.session.go_clear(pair.network.now)
    pair.bob.session.agree_to_clear()
    assert states(pair.bob) == (State.GOCLEAR_SENT, Sending.BLOCKED)
    pair.network.run(pair.network.now + 1.0)
    assert states(pair.bob) == (State.CLEAR, Sending.CLEAR)


@pytest.mark.attack("CLR-07")
@pytest.mark.attack("DOS-09")
def test_clear_ack_that_nobody_asked_for_clears_nothing() -> None:
    bob, actor = with_actor()
    assert actor.send(CLEAR_ACK) == []
    assert states(bob) == (State.SECURE, Sending.SRTP)
    assert bob.stream.counters["no GoClear was sent"] == 1


@pytest.mark.attack("CLR-08")
def test_multistream_commit_after_goclear_needs_a_new_nonce() -> None:
    bob, actor = with_actor()
    only(actor.send(goclear(actor)), ClearACK)
    bob.session.agree_to_clear()
    assert call_of(bob.session).zrtpsess is not None
    commit = actor.multistream_commit(present(call_of(bob.session).zrtpsess), nonce=b"\x07" * 16)
    only(actor.send(commit), Confirm1)
    only(actor.send(actor.confirm(allow_clear=True)), Conf2ACK)
    assert bob.stream.state is State.SECURE
    only(actor.send(goclear(actor)), ClearACK)
    bob.session.agree_to_clear()
    again = actor.multistream_commit(present(call_of(bob.session).zrtpsess), nonce=b"\x07" * 16)
    answer = only(actor.send(again), Error)
    assert ErrorCode(answer.code).name == "NONCE_REUSE"
    assert states(bob) == (State.CLEAR, Sending.CLEAR)
    fresh = actor.multistream_commit(present(call_of(bob.session).zrtpsess), nonce=b"\x08" * 16)
    only(actor.send(fresh), Confirm1)


@pytest.mark.attack("CLR-08")
def test_keys_from_the_old_zrtpsess_do_not_get_through_after_goclear() -> None:
    bob, actor = with_actor()
    assert call_of(bob.session).zrtpsess is not None
    old = present(call_of(bob.session).zrtpsess).copy()
    only(actor.send(goclear(actor)), ClearACK)
    bob.session.agree_to_clear()
    assert bytes(old.octets) != zrtpsess(bob)
    only(actor.send(actor.multistream_commit(old)), Confirm1)
    assert actor.send(actor.confirm()) == []
    assert bob.stream.state is State.CONFIRM1_SENT
    actor.wait(21.0)
    (nobody,) = bob.seen(NoPeer)
    assert "did not verify" in nobody.text
    assert bob.stream.sending is Sending.BLOCKED
    assert len(bob.seen(Secured)) == 1


@pytest.mark.attack("CHN-13")
@pytest.mark.parametrize("ssrc", [BOB_SSRC, 0xBAD], ids=["the peer's SSRC", "another SSRC"])
def test_forged_hello_and_commit_do_not_keep_a_call_from_going_secure_again(ssrc: int) -> None:
    pair = secure_call(bob=MULT_ONLY_ON_REQUEST)
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 5.0)
    pair.bob.session.agree_to_clear()
    alice, now = pair.alice.stream, pair.network.now
    pair.alice.session.go_secure(now)
    assert alice.state is State.COMMIT_SENT
    ours = present(core_of(alice).exchange)
    forger = Actor(alice, seed=9, zid=call_of(pair.bob.session).zid, ssrc=ssrc)
    for message in (forger.own_hello, forger.multistream_commit(Secret(bytes(32)), nonce=b"\xff" * 16)):
        alice.receive_datagram(encode_packet(1, ssrc, message.raw), now)
    assert ours in core_of(alice).exchanges()  # our own Commit goes on
    pair.run(now + 5.0)
    assert pair.secure and len(pair.alice.seen(KeysReady)) == 2


@pytest.mark.attack("CLR-09")
@pytest.mark.attack("SAR-05")
def test_goclear_during_an_enrolment_is_refused() -> None:
    """E makes A meaningless, whoever set it."""
    bob = alone(replace(MULT_ONLY_ON_REQUEST, trusted_mitm=True), MemoryCache())
    call_of(bob.session).enrol = True
    actor = Actor(bob.stream)
    actor.discover()
    plain = actor.initiate(allow_clear=True)
    assert (plain.enrolment, plain.allow_clear) == (True, False)
    assert only(actor.send(goclear(actor)), Error).code == 0x100
    assert bob.stream.state is State.SECURE


@pytest.mark.attack("CLR-09")
@pytest.mark.attack("SAR-05")
def test_goclear_of_a_server_that_enrols_is_refused() -> None:
    bob = alone(MULT_ONLY_ON_REQUEST, MemoryCache())
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(mitm=True)
    actor.discover()
    actor.initiate(enrolment=True, allow_clear=True)
    assert only(actor.send(goclear(actor)), Error).code == 0x100
    assert states(bob) == (State.SECURE, Sending.SRTP)
    with pytest.raises(ApiMisuse):
        bob.session.go_clear(actor.now)


@pytest.mark.attack("SID-06")
@pytest.mark.attack("CLR-05")
def test_nothing_of_the_key_agreement_can_be_exported_after_goclear() -> None:
    pair = cleared_call()
    for side in pair.sides:
        assert side.stream.state is State.CLEAR
        with pytest.raises(ApiMisuse):
            side.session.keys.export(b"label", 16)


@pytest.mark.attack("SID-06")
@pytest.mark.attack("DWN-17")
def test_call_in_clear_is_not_called_verified() -> None:
    pair = cleared_call()
    assert [side.session.assurance for side in pair.sides] == [Assurance.INSECURE] * 2
    pair.alice.session.go_secure(pair.network.now)
    pair.network.run(pair.network.now + 5.0)
    assert pair.secure
    assert [side.session.assurance for side in pair.sides] == [Assurance.VERIFIED] * 2


def cleared_call() -> Pair:
    pair = secure_call()
    for side in pair.sides:
        side.session.sas_matched("the other one")
    pair.alice.session.go_clear(pair.network.now)
    pair.network.run(pair.network.now + 1.0)
    pair.bob.session.agree_to_clear()
    return pair


@pytest.mark.attack("CLR-06")
def test_goclear_that_crossed_and_comes_late_is_acknowledged_and_does_not_count() -> None:
    """Alice hears Bob's first and withdraws her own, which is still under way when Bob has her ClearACK."""
    pair = secure_call()
    now = pair.network.now
    for side in pair.sides:
        side.session.go_clear(now)
    (hers,), (his,) = pair.alice.stream.datagrams_to_send(), pair.bob.stream.datagrams_to_send()
    pair.alice.stream.receive_datagram(his, now)
    (clear_ack,) = pair.alice.stream.datagrams_to_send()
    pair.bob.stream.receive_datagram(clear_ack, now)
    assert states(pair.bob) == (State.CLEAR, Sending.CLEAR)
    pair.bob.stream.receive_datagram(hers, now)
    (answer,) = pair.bob.stream.datagrams_to_send()
    assert answer[16:24] == b"ClearACK"
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob)


@pytest.mark.attack("CLR-01")
def test_second_goclear_on_another_stream_is_checked_although_its_keys_are_gone() -> None:
    pair = secure_call()
    _, bobs_video = pair.add_streams(ALICE_SSRC + 1, BOB_SSRC + 1)
    pair.network.run(pair.network.now + 2.0)
    exchange = core_of(pair.alice.session.streams[1]).exchange
    assert exchange is not None and exchange.derived is not None
    valid = clear_mac(S256, exchange.keys.mackey(exchange.role), ClearDialect.RFC)
    pair.alice.session.go_clear(pair.network.now)
    pair.network.run(pair.network.now + 1.0)
    before = zrtpsess(pair.bob)
    for mac in (bytes(8), valid[:7] + bytes([valid[7] ^ 1])):
        bobs_video.receive_datagram(encode_packet(1, ALICE_SSRC + 1, GoClear.make(clear_mac=mac).raw), 9.0)
        assert bobs_video.datagrams_to_send() == []
    assert zrtpsess(pair.bob) == before
    assert WarningCode.GOCLEAR_FORGED in warnings(pair.bob)
    bobs_video.receive_datagram(encode_packet(1, ALICE_SSRC + 1, GoClear.make(clear_mac=valid).raw), 9.0)
    (answer,) = bobs_video.datagrams_to_send()
    assert answer[16:24] == b"ClearACK"
    assert zrtpsess(pair.bob) != before
