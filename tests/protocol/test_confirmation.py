"""Confirm1, Confirm2, Conf2ACK: when a stream is secure, and when media may flow (RFC 6189 4, 4.6, 5.7)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, kinds, only, snapshot
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.inside import cache_of, call_of, core_of, state_of
from tests.support.pair import Netem, Pair, Side, same_keys
from tests.support.wire import reseal
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import FOREVER
from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.events import (
    Assurance,
    EnrolmentOffered,
    Failed,
    GoingSecure,
    KeysReady,
    Mode,
    NoPeer,
    PeerDetected,
    Role,
    SasReady,
    Secured,
    SecurityWarning,
    Sending,
    SendingChanged,
    WarningCode,
)
from zrtp.protocol.exchange import present
from zrtp.protocol.key_schedule import StreamKeys
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import (
    CONF2ACK,
    Commit,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    Kind,
    Message,
    kind_of,
)

ROLES = pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)


def sending(side: Side) -> Sending:
    return side.stream.sending


def before_the_peers_confirm(role: Role, cache: MemoryCache | None = None) -> tuple[Side, Actor]:
    """A stream in that role that waits for the peer's Confirm and nothing else."""
    bob = alone(FAST if role is Role.INITIATOR else WAITING, cache)
    peer = Actor(bob.stream)
    answers = peer.discover()
    if role is Role.INITIATOR:
        commit = answers[-1]
        assert isinstance(commit, Commit)
        peer.take_dhpart2(only(peer.send(peer.dhpart1(commit)), DHPart2))
        assert bob.stream.state is State.DHPART2_SENT
    else:
        peer.take_dhpart1(only(peer.send(peer.commit()), DHPart1))
        only(peer.send(peer.dhpart2()), Confirm1)
        assert bob.stream.state is State.CONFIRM1_SENT
    return bob, peer


def finish(role: Role, bob: Side, peer: Actor, **plain: object) -> None:
    """The peer's Confirm and, if it responds, its Conf2ACK."""
    answers = peer.send(peer.confirm(**plain))
    if role is Role.INITIATOR:
        only(answers, Confirm2)
        peer.send(CONF2ACK)
    assert state_of(bob) is State.SECURE


def refused(side: Side, answers: list[Message], code: ErrorCode) -> None:
    (failed,) = side.seen(Failed)
    assert (failed.code, failed.by_peer) == (code, False)
    assert only(answers, Error).code == code
    assert core_of(side.stream).exchange is None
    assert side.stream.sending is Sending.BLOCKED
    assert not side.seen(SasReady) and not side.seen(Secured)
    assert cache_of(side.endpoint).peers() == []
    assert side.session.sas is None


def comes_to_nothing(side: Side, sent: list[Message], code: ErrorCode) -> str:
    """Anybody could have sent what was wrong: nobody is there, and the peer may still come. What the person reads."""
    (nobody,) = side.seen(NoPeer)
    assert only(sent, Error).code == code
    assert not side.seen(Failed) and not side.seen(SasReady) and not side.seen(KeysReady)
    assert side.stream.state is State.QUIET
    assert core_of(side.stream).exchange is None
    assert side.stream.sending is Sending.BLOCKED
    assert cache_of(side.endpoint).peers() == []
    return nobody.text


def refused_at_the_end(side: Side, peer: Actor, answers: list[Message], code: ErrorCode) -> str:
    """What anybody could have sent is told to its sender; if nothing better follows, the exchange ends for it."""
    assert only(answers, Error).code == code
    assert not side.seen(NoPeer) and side.stream.state is State.DHPART2_SENT
    sent = [message for _, message in peer.wait(60.0)]
    return comes_to_nothing(side, [message for message in sent if isinstance(message, Error)], code)


# Gates


@pytest.mark.attack("MED-01")
@pytest.mark.attack("KEY-10")
@pytest.mark.interop("I-26")
@pytest.mark.rfc("R-4-07", "R-4-06", "R-4.6-06")
@pytest.mark.parametrize("end", ["Conf2ACK", "SRTP"])
def test_the_initiator_has_its_keys_before_confirm2_and_sends_after_conf2ack_or_srtp(end: str) -> None:
    bob, peer = before_the_peers_confirm(Role.INITIATOR)
    assert not bob.seen(KeysReady)
    assert kinds(peer.send(peer.confirm())) == [Kind.CONFIRM2]
    assert len(bob.seen(KeysReady)) == 1
    assert sending(bob) is Sending.BLOCKED
    assert not bob.seen(Secured) and not bob.seen(SasReady)
    if end == "Conf2ACK":
        peer.send(CONF2ACK)
    else:
        bob.stream.srtp_verified(peer.now)
    assert sending(bob) is Sending.SRTP
    assert len(bob.seen(KeysReady)) == len(bob.seen(Secured)) == len(bob.seen(SasReady)) == 1
    assert peer.wait(60.0) == []


@pytest.mark.attack("MED-02")
@pytest.mark.attack("KEY-10")
@pytest.mark.rfc("R-4-09", "R-4-08", "R-5.8-01")
def test_the_responder_gets_its_keys_and_sends_after_confirm2_only() -> None:
    bob, peer = before_the_peers_confirm(Role.RESPONDER)
    bob.stream.srtp_verified(0.0)
    assert not bob.seen(KeysReady)
    assert sending(bob) is Sending.BLOCKED
    assert kinds(peer.send(peer.confirm())) == [Kind.CONF2ACK]
    assert sending(bob) is Sending.SRTP
    assert len(bob.seen(KeysReady)) == len(bob.seen(Secured)) == 1


@pytest.mark.attack("MED-01")
@pytest.mark.attack("MED-02")
@pytest.mark.attack("MED-03")
@pytest.mark.attack("MED-06")
@pytest.mark.rfc("R-4-06", "R-4-07", "R-4-08", "R-4-09")
@every("seed", range(30))
def test_on_a_bad_network_nobody_ever_sends_in_clear_after_commit_nor_srtp_before_its_time(seed: int) -> None:
    pair = Pair(FAST, FAST, net=Netem(loss=0.3, duplicate=0.2, jitter=0.1, seed=seed), seed=seed).start()
    allowed = {
        Sending.CLEAR: {State.HELLO_SENT, State.HELLO_ACKED, State.HELLO_RECEIVED, State.DISCOVERED, State.QUIET},
        Sending.SRTP: {State.SECURE},
        Sending.BLOCKED: set(State) - {State.SECURE, State.HELLO_SENT, State.HELLO_ACKED},
    }
    while pair.network.now < 40.0:
        before = pair.network.now
        pair.network.run(60.0, stop=pair.network.moved_on())
        for side in pair.sides:
            assert side.stream.state in allowed[side.stream.sending]
        if pair.network.now == before:
            break
    for side in pair.sides:
        order = [type(event) for event in side.seen(object) if isinstance(event, GoingSecure | KeysReady | Secured)]
        assert order.count(KeysReady) <= 1
        if Secured in order:
            assert order.index(KeysReady) < order.index(Secured)


def test_the_events_of_a_call_come_in_order() -> None:
    pair = Pair(FAST, replace(FAST, passive=True)).run()
    assert [type(event) for event in pair.alice.events] == [
        PeerDetected,
        SendingChanged,
        GoingSecure,
        KeysReady,
        SendingChanged,
        SasReady,
        Secured,
    ]
    assert [type(event) for event in pair.bob.events] == [type(event) for event in pair.alice.events]


@pytest.mark.attack("KEY-03")
@pytest.mark.attack("KEY-06")
@pytest.mark.rfc("R-4.5.3-05", "R-4.5.3-02")
def test_each_direction_has_its_key_and_the_roles_decide_whose_it_is() -> None:
    pair = Pair(FAST, FAST).run()
    alice, bob = pair.alice.keys(), pair.bob.keys()
    assert same_keys(alice.send, bob.receive) and same_keys(alice.receive, bob.send)
    assert not same_keys(alice.send, alice.receive)
    for side in pair.sides:
        exchange = core_of(side.stream).exchange
        assert exchange is not None and exchange.derived is not None
        assert side.keys().send is exchange.keys.srtp(exchange.role)[0]


@pytest.mark.attack("KEY-06")
@pytest.mark.rfc("R-4.5.3-15", "R-4.5.3-01")
def test_the_application_gets_srtp_keys_and_never_those_that_zrtp_itself_uses() -> None:
    pair = Pair(FAST, FAST).run()
    for side in pair.sides:
        exchange = core_of(side.stream).exchange
        assert exchange is not None and exchange.derived is not None
        own = exchange.keys
        zrtp = {bytes(key.octets) for key in (own.mackeyi, own.mackeyr, own.zrtpkeyi, own.zrtpkeyr)}
        ready = side.keys()
        assert not zrtp & {bytes(keys.key.octets) for keys in (ready.send, ready.receive)}


# Repetitions


@ROLES
@pytest.mark.attack("KEY-04")
@pytest.mark.attack("CNF-08")
@pytest.mark.attack("NET-08")
@pytest.mark.attack("NET-04")
@pytest.mark.interop("I-24")
@pytest.mark.interop("I-27")
@pytest.mark.rfc("R-5.8-01", "R-6-08")
def test_a_repeated_confirm_hands_out_no_key_twice_and_changes_nothing(role: Role) -> None:
    bob, peer = before_the_peers_confirm(role, MemoryCache())
    confirm = peer.confirm()
    first = peer.send(confirm)
    if role is Role.INITIATOR:
        peer.send(CONF2ACK)
    before, events = snapshot(bob), len(bob.seen(object))
    answers = peer.send(*[confirm] * 100)
    assert answers == (first * limits.DUPLICATE_ANSWERS if role is Role.RESPONDER else [])
    assert snapshot(bob) == before
    assert len(bob.seen(object)) == events
    assert len(bob.seen(KeysReady)) == 1


@pytest.mark.attack("CNF-04")
@pytest.mark.rfc("R-6-02", "R-5.7-10")
def test_confirms_are_repeated_octet_for_octet() -> None:
    bob, peer = before_the_peers_confirm(Role.RESPONDER)
    confirm1 = only(peer.send(peer.dhpart2()), Confirm1)
    assert confirm1 in peer.heard
    assert [message for message in peer.heard if isinstance(message, Confirm1)] == [confirm1] * 2
    assert bob.stream.state is State.CONFIRM1_SENT
    _, other = before_the_peers_confirm(Role.INITIATOR)
    confirm2 = only(other.send(other.confirm()), Confirm2)
    assert {message.raw for _, message in other.wait(9.5)} == {confirm2.raw}


@pytest.mark.interop("I-25")
@pytest.mark.rfc("R-4.6-07", "R-4.6-08", "R-5.8-02", "R-6-09", "R-6-12")
@pytest.mark.attack("NET-06")
def test_the_first_valid_srtp_packet_counts_as_conf2ack_and_a_late_conf2ack_is_harmless() -> None:
    bob, peer = before_the_peers_confirm(Role.INITIATOR)
    peer.send(peer.confirm())
    bob.stream.srtp_verified(0.1)
    assert state_of(bob) is State.SECURE
    before = snapshot(bob)
    assert peer.send(CONF2ACK, CONF2ACK) == []
    bob.stream.srtp_verified(0.2)
    assert snapshot(bob) == before
    assert len(bob.seen(Secured)) == 1


@pytest.mark.attack("NET-05")
@pytest.mark.parametrize("early", ["Confirm1 before DHPart1", "Confirm2 before DHPart2", "Conf2ACK", "Confirm1"])
def test_confirms_out_of_order_are_ignored_without_an_error(early: str) -> None:
    if early == "Confirm1 before DHPart1":
        bob = alone(FAST)
        peer = Actor(bob.stream)
        peer.discover()
    elif early == "Confirm2 before DHPart2":
        bob = alone(WAITING)
        peer = Actor(bob.stream)
        peer.discover()
        peer.send(peer.commit())
    else:
        bob, peer = before_the_peers_confirm(Role.INITIATOR if early == "Conf2ACK" else Role.RESPONDER)
    before = snapshot(bob)
    octets = {"confirm_mac": bytes(8), "iv": bytes(16), "ciphertext": bytes(40)}
    message: Message
    if early == "Conf2ACK":
        message = CONF2ACK
    elif early.startswith("Confirm1"):
        message = Confirm1.make(**octets)
    else:
        message = Confirm2.make(**octets)
    assert peer.send(message) == []
    bob.stream.srtp_verified(0.0)
    assert snapshot(bob) == before


# A Confirm that does not verify


@ROLES
@pytest.mark.attack("CNF-01")
@pytest.mark.rfc("R-9-07")
def test_a_confirm_with_a_wrong_mac_is_dropped_and_the_right_one_still_completes(role: Role) -> None:
    bob, peer = before_the_peers_confirm(role)
    before = snapshot(bob)
    good = peer.confirm()
    for bit in range(64):
        mac = bytearray(good.confirm_mac)
        mac[bit // 8] ^= 1 << bit % 8
        forged = type(good).make(confirm_mac=bytes(mac), iv=good.iv, ciphertext=good.ciphertext)
        assert peer.send(forged) == []
    assert snapshot(bob) == before
    assert bob.stream.counters["Confirm MAC wrong"] == 64
    finish(role, bob, peer)
    assert not bob.seen(Failed)


@ROLES
@pytest.mark.attack("CNF-01")
@pytest.mark.rfc("R-5.9-02")
def test_if_nothing_better_follows_the_exchange_fails_with_0x70_at_the_end_of_its_time(role: Role) -> None:
    bob, peer = before_the_peers_confirm(role, MemoryCache())
    good = peer.confirm()
    forged = type(good).make(confirm_mac=bytes(8), iv=good.iv, ciphertext=good.ciphertext)
    peer.send(forged)
    patience = 13.55 if role is Role.INITIATOR else 10.0
    sent = peer.wait(patience - 0.01)
    assert not [message for _, message in sent if isinstance(message, Error)]
    assert not bob.seen(Failed) and not bob.seen(NoPeer)
    ((_, error),) = peer.wait(0.02)
    if role is Role.INITIATOR:
        text = comes_to_nothing(bob, [error], ErrorCode.CONFIRM_MAC)
    else:  # the DHPart2 that opened hvi is the peer's
        refused(bob, [error], ErrorCode.CONFIRM_MAC)
        text = bob.seen(Failed)[0].text
    assert "did not verify" in text


@pytest.mark.attack("CNF-01")
def test_forged_confirms_do_not_prolong_the_responders_patience() -> None:
    bob, peer = before_the_peers_confirm(Role.RESPONDER)
    for _ in range(12):
        peer.send(Confirm2.make(confirm_mac=bytes(8), iv=bytes(16), ciphertext=bytes(40)))
        peer.wait(1.0)
    assert state_of(bob) is State.FAILED


@ROLES
@pytest.mark.attack("CNF-02")
def test_our_own_confirm_under_either_name_does_not_verify(role: Role) -> None:
    bob, peer = before_the_peers_confirm(role)
    good = peer.confirm()
    own: Confirm1 | Confirm2
    if role is Role.INITIATOR:
        own = only(peer.send(good), Confirm2)
        bob, peer = before_the_peers_confirm(role)
    else:
        own = next(message for message in peer.heard if isinstance(message, Confirm1))
    before = snapshot(bob)
    for kind in (Confirm1, Confirm2):
        copy = kind.make(confirm_mac=own.confirm_mac, iv=own.iv, ciphertext=own.ciphertext)
        assert peer.send(copy) == []
    assert snapshot(bob) == before


@ROLES
@pytest.mark.attack("CHN-03")
@pytest.mark.rfc("R-8.1.1-03", "R-9-04")
def test_a_confirm_whose_h0_does_not_complete_the_chain_never_leads_to_secure(role: Role) -> None:
    bob, peer = before_the_peers_confirm(role, MemoryCache())
    answers = peer.send(peer.confirm(h0=bytes(32)))
    if role is Role.INITIATOR:
        refused_at_the_end(bob, peer, answers, ErrorCode.SOFTWARE_ERROR)
    else:  # the DHPart2 that opened hvi is the peer's
        refused(bob, answers, ErrorCode.SOFTWARE_ERROR)


@pytest.mark.attack("CHN-03")
@pytest.mark.attack("DOS-15")
def test_after_a_confirm1_whose_h0_does_not_complete_the_chain_the_right_one_still_counts() -> None:
    bob, peer = before_the_peers_confirm(Role.INITIATOR, MemoryCache())
    before = snapshot(bob)
    assert only(peer.send(peer.confirm(h0=bytes(32))), Error).code == ErrorCode.SOFTWARE_ERROR
    assert snapshot(bob) == before
    finish(Role.INITIATOR, bob, peer)


@ROLES
@pytest.mark.attack("CHN-06")
@pytest.mark.rfc("R-5.5-03", "R-8.1.1-02", "R-8.1.1-03")
def test_h0_shows_that_dhpart_was_changed(role: Role) -> None:
    bob = alone(FAST if role is Role.INITIATOR else WAITING, MemoryCache())
    peer = Actor(bob.stream)
    answers = peer.discover()
    if role is Role.INITIATOR:
        commit = answers[-1]
        assert isinstance(commit, Commit)
        dhpart1 = peer.dhpart1(commit, mac=lambda _: bytes(8))
        peer.take_dhpart2(only(peer.send(dhpart1), DHPart2))
    else:
        bad = peer.dhpart2(mac=lambda _: bytes(8))
        peer.take_dhpart1(only(peer.send(peer.commit(dhpart2=bad)), DHPart1))
        only(peer.send(bad), Confirm1)
    answers = peer.send(peer.confirm())
    if role is Role.INITIATOR:
        text = refused_at_the_end(bob, peer, answers, ErrorCode.SOFTWARE_ERROR)
    else:
        refused(bob, answers, ErrorCode.SOFTWARE_ERROR)
        text = bob.seen(Failed)[0].text
    assert "DHPart" in text


@pytest.mark.attack("CHN-04")
@pytest.mark.rfc("R-9-09")
@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
def test_in_multistream_mode_h0_is_checked_over_the_skipped_messages(role: Role) -> None:
    bob = alone(FAST if role is Role.INITIATOR else replace(FAST, passive=True))
    peer = Actor(bob.stream)
    answers = peer.discover()
    if isinstance(answers[-1], Commit):
        peer.answer(answers[-1])
    else:
        peer.initiate()
    assert peer.secrets is not None
    zrtpsess = peer.secrets.zrtpsess
    for h0, expected in ((bytes(32), State.QUIET), (None, State.SECURE)):
        stream = bob.session.add_stream(0xB200 + (h0 is None))
        stream.start(0.0)
        video = Actor(stream, ssrc=0xAC2, seed=stream.ssrc, zid=peer.zid, suite=peer.suite)
        answers = video.discover()
        if role is Role.INITIATOR:
            commit = answers[-1]
            assert isinstance(commit, Commit)
            video.take_multistream_commit(commit, zrtpsess)
        else:
            only(video.send(video.multistream_commit(zrtpsess)), Confirm1)
        answers = video.send(video.confirm(h0=video.chain.h0 if h0 is None else h0))
        if h0 is None:
            video.send(CONF2ACK)
        else:
            assert only(answers, Error).code == ErrorCode.SOFTWARE_ERROR
            video.wait(60.0)
        assert stream.state is expected


# What a Confirm says


@ROLES
@pytest.mark.attack("CNF-06")
@pytest.mark.rfc("R-4.6-01", "R-11-03", "R-7.3.1-06")
@pytest.mark.parametrize(
    "flags", list(product((False, True), repeat=4)), ids=lambda flags: "".join("-x"[f] for f in flags)
)
def test_all_sixteen_combinations_of_the_flags(role: Role, flags: tuple[bool, ...]) -> None:
    enrolment, verified, allow_clear, disclosure = flags
    bob, peer = before_the_peers_confirm(role, MemoryCache())
    finish(role, bob, peer, enrolment=enrolment, verified=verified, allow_clear=allow_clear, disclosure=disclosure)
    (event,) = bob.seen(Secured)
    assert event.disclosure == disclosure
    assert event.allow_clear == (allow_clear and not enrolment)
    assert not event.verified
    assert not bob.seen(EnrolmentOffered)  # its Hello has no M flag
    assert bob.session.assurance is Assurance.ENCRYPTED


@ROLES
@pytest.mark.rfc("R-11-01", "R-11-02", "R-11.1-01", "R-4.6-01", "R-4.7.2-06", "R-4.9-12", "R-7.1-03")
@pytest.mark.interop("I-37")
@pytest.mark.parametrize("told", [False, True])
def test_our_confirm_sets_the_flags_that_were_configured_and_no_others(role: Role, told: bool) -> None:
    config = replace(FAST, disclosure=told, allow_clear=told, auto_secure=role is Role.INITIATOR)
    bob = alone(config, MemoryCache())
    peer = Actor(bob.stream)
    answers = peer.discover()
    if role is Role.INITIATOR:
        assert isinstance(answers[-1], Commit)
        plain = peer.answer(answers[-1])
    else:
        plain = peer.initiate()
    assert (plain.enrolment, plain.verified, plain.allow_clear, plain.disclosure) == (False, False, told, told)
    assert plain.cache_interval == FOREVER
    assert (plain.signature_type, plain.signature) == (None, b"")
    assert plain.h0 == core_of(bob.stream).chain.h0


@pytest.mark.attack("CCH-17")
@pytest.mark.interop("I-23")
@pytest.mark.rfc("R-4.9-13")
def test_further_streams_repeat_our_flags_and_ignore_the_peers() -> None:
    friends = Friends(replace(FAST, disclosure=True), FAST)
    friends.call().alice.session.sas_matched("Bob")
    pair = friends.call()
    alice, bob = pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 5.0)
    exchange = core_of(bob).exchange
    assert exchange is not None and exchange.peer_plain is not None
    plain = exchange.peer_plain
    assert (plain.verified, plain.disclosure, plain.cache_interval) == (True, True, FOREVER)
    assert core_of(alice).exchange is not None and present(core_of(alice).exchange).peer_plain is not None
    assert not present(present(core_of(alice).exchange).peer_plain).verified  # Bob has not verified
    record = friends.record("alice")
    assert record is not None and record.verified


@ROLES
@pytest.mark.attack("PAR-20")
def test_a_confirm_whose_signature_length_lies_is_malformed_and_the_exchange_goes_on(role: Role) -> None:
    bob, peer = before_the_peers_confirm(role)
    before = snapshot(bob)
    octets = bytearray(peer.plain().encode() + bytes(4))
    octets[34] = 5
    mac, iv, ciphertext = peer.box.seal(peer.role, bytes(octets), peer.random)
    kind = Confirm1 if role is Role.INITIATOR else Confirm2
    answers = peer.send(kind.make(confirm_mac=mac, iv=iv, ciphertext=ciphertext))
    assert only(answers, Error).code == ErrorCode.MALFORMED_PACKET
    assert snapshot(bob) == before
    finish(role, bob, peer)


@ROLES
@pytest.mark.attack("CNF-07")
@pytest.mark.attack("PAR-21")
@pytest.mark.rfc("R-5.7-05", "R-7.2-13")
@pytest.mark.parametrize("octets", [64, 2040])
def test_a_signature_that_nobody_asked_for_counts_for_nothing(role: Role, octets: int) -> None:
    bob, peer = before_the_peers_confirm(role)
    finish(role, bob, peer, signature_type=b"WHAT", signature=bytes(octets))
    assert [event.code for event in bob.seen(SecurityWarning)] == [WarningCode.SIGNATURE_IGNORED]
    assert bob.session.assurance is Assurance.ENCRYPTED
    assert not call_of(bob.session).signed


@pytest.mark.attack("SAS-04")
@pytest.mark.rfc("R-2-01", "R-4.5.2-09", "R-4.5.2-01", "R-7-02")
@ROLES
def test_the_sas_is_shown_once_both_confirms_are_verified_and_once_per_call(role: Role) -> None:
    bob, peer = before_the_peers_confirm(role)
    assert bob.session.sas is None
    peer.send(peer.confirm())
    if role is Role.INITIATOR:
        assert bob.session.sas is None and not bob.seen(SasReady)
        peer.send(CONF2ACK)
    (event,) = bob.seen(SasReady)
    assert event.sas is bob.session.sas
    assert peer.secrets is not None
    assert event.sas.sashash == peer.secrets.sashash


@pytest.mark.attack("DWN-01")
def test_a_stripped_hello_of_the_responder_never_leads_to_secure() -> None:
    """The initiator chooses from the changed Hello; hvi and total_hash are over the original one."""
    strong = replace(FAST, hashes=(b"S384", b"S256"))
    pair = Pair(strong, replace(strong, passive=True))

    def strip(sender: str, datagram: bytes) -> bytes:
        if sender == "bob" and kind_of(datagram[12:]) is Kind.HELLO:
            return reseal(datagram.replace(b"S384S256", b"S256S256"))
        return datagram

    pair.network.filter = strip
    pair.run(60.0)
    assert pair.alice.stream.state is State.QUIET  # before her DHPart2: the MAC of Bob's Hello tells
    assert "somebody changed it" in pair.alice.seen(NoPeer)[0].text
    assert "said, not proved" in pair.bob.seen(NoPeer)[0].text  # by Alice's Error
    assert not any(side.seen(KeysReady) for side in pair.sides)


@pytest.mark.attack("NET-03")
def test_a_whole_old_transcript_replayed_comes_to_nothing_without_a_trace_in_the_cache() -> None:
    friends = Friends()
    pair = friends.call("alice")
    replayed = [datagram for _, name, datagram in pair.network.log if name == "alice"]
    before = friends.record("bob")
    side = friends.pair("alice").bob
    side.stream.start(0.0)
    for datagram in replayed:
        side.stream.receive_datagram(datagram, 0.0)
    assert side.stream.state is not State.SECURE
    while (timer := side.stream.next_timer()) is not None:
        side.stream.handle_timer(timer)
    (nobody,) = side.seen(NoPeer)
    assert "DHPart2 is not the one it committed to" in nobody.text
    assert side.stream.state is State.QUIET and not side.seen(KeysReady)
    assert friends.record("bob") == before


@pytest.mark.attack("SID-04")
@pytest.mark.rfc("R-4.6.1-09", "R-4.6.1.1-05")
def test_s0_is_wiped_once_every_key_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the cache update waits: the new rs1 is derived before."""
    seen: list[Secret] = []
    derive = StreamKeys.derive

    def watch(hash_: object, s0: Secret, *rest: object) -> StreamKeys:
        seen.append(s0)
        return derive(hash_, s0, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(StreamKeys, "derive", watch)
    pair = Pair(FAST, FAST).run()
    assert pair.secure and len(seen) == 2
    assert all(s0.wiped for s0 in seen)


def test_a_secured_event_tells_the_mode_the_role_and_the_suite() -> None:
    pair = Pair(FAST, FAST).run()
    for side in pair.sides:
        (event,) = side.seen(Secured)
        assert (event.mode, event.role, event.suite) == (Mode.DH, side.stream.role, side.stream.suite)
        assert (event.peer_name, event.verified_at) == (None, None)
