"""Discovery: who speaks first, what is acknowledged, and when it ends (RFC 6189 section 4.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, among, kinds, only, snapshot
from tests.support.cases import every
from tests.support.inside import call_of, core_of, state_of
from tests.support.pair import BOB_SSRC, Netem, Pair, Side, seeded
from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Failed,
    NoPeer,
    PeerDetected,
    PongReceived,
    Secured,
    SecurityWarning,
    Sending,
    WarningCode,
)
from zrtp.protocol.exchange import present
from zrtp.protocol.hash_chain import message_mac
from zrtp.protocol.states import State
from zrtp.wire.messages import HELLO_ACK, Commit, DHPart1, Error, Hello, HelloACK, Kind, Message, Ping, PingACK, parse

PASSIVE = replace(FAST, passive=True)

HUNDREDTH = 0.005
T1_MOMENTS = [0.0, 0.05, 0.15, *(0.35 + 0.2 * number for number in range(18))]


def moments(sent: Iterable[tuple[float, Message]], kind: Kind) -> list[float]:
    return [moment for moment, message in sent if message.kind is kind]


def warnings(side: Side) -> list[WarningCode]:
    return [event.code for event in side.seen(SecurityWarning)]


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


# Either side first


@pytest.mark.rfc("R-4.1-01", "R-4.1-04", "R-4.1-05", "R-6-07", "R-6-12", "R-5.3-02")
def test_both_start_at_once_and_each_hello_is_acknowledged() -> None:
    pair = Pair(FAST, FAST).run()
    assert pair.transcript()[:6] == [
        *("alice Hello", "bob Hello", "bob Hello"),
        *("bob HelloACK", "alice Hello", "alice HelloACK"),
    ]
    assert pair.transcript().count("alice Hello") == pair.transcript().count("bob Hello") == 2
    assert pair.secure and pair.keys_agree


@pytest.mark.rfc("R-3.1.1-02", "R-4.1-04")
@pytest.mark.interop("I-29")
@every("first", ["alice", "bob"])
@every("delay", [0.01, 0.3, 2.0, 3.74, 3.9, 4.0, 4.5, 4.99, 5.1, 9.0, 30.0, 3600.0])
def test_either_side_may_come_first_and_the_other_as_late_as_it_likes(first: str, delay: float) -> None:
    """Our own schedule of Hello may be over by then, the deadline not yet, or long ago."""
    pair = Pair(FAST, FAST)
    early, late = (pair.alice, pair.bob) if first == "alice" else (pair.bob, pair.alice)
    early.stream.start(0.0)
    pair.network.run(delay)
    pair.network.now = delay
    late.stream.start(delay)
    pair.run(delay + 5.0)
    assert pair.secure and pair.keys_agree
    assert pair.network.now < delay + 1.0


@pytest.mark.interop("I-11")
@pytest.mark.parametrize("late", [0.1, 4.5, 7.0])
def test_our_own_hello_goes_out_before_the_hello_ack_when_both_are_due(late: float) -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.wait(late)
    assert kinds(peer.send(peer.own_hello))[-2:] == [Kind.HELLO, Kind.HELLO_ACK]


@pytest.mark.interop("I-12")
@pytest.mark.interop("I-09")
@pytest.mark.rfc("R-4.2-01", "R-5.4-01", "R-6-13")
@pytest.mark.parametrize("order", ["hello first", "ack first"])
def test_commit_follows_once_both_hellos_are_through_in_either_order(order: str) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    bob.stream.datagrams_to_send()
    steps: list[tuple[Message, list[Kind]]] = [(peer.own_hello, [Kind.HELLO_ACK]), (HELLO_ACK, [])]
    if order == "ack first":
        steps.reverse()
    first, second = (peer.send(message) for message, _ in steps)
    assert kinds(first) == steps[0][1]
    assert kinds(second) == [*steps[1][1], Kind.COMMIT]
    assert state_of(bob) is State.COMMIT_SENT


@pytest.mark.attack("CON-10")
@pytest.mark.interop("I-10")
@pytest.mark.rfc("R-5.3-03", "R-6-07", "R-4.1-05")
def test_a_commit_acknowledges_our_hello() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    assert kinds(peer.send(peer.own_hello)) == [Kind.HELLO, Kind.HELLO_ACK]
    assert kinds(peer.send(peer.commit())) == [Kind.DHPART1]
    assert moments(peer.wait(5.0), Kind.HELLO) == []


def test_a_commit_without_any_hello_before_it_is_dropped() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.listen()
    before = snapshot(bob)
    assert peer.send(peer.commit()) == []
    assert snapshot(bob) == before
    assert bob.stream.counters["no Hello came before this Commit"] == 1


@pytest.mark.rfc("R-5.3-01")
@pytest.mark.attack("PAR-17")
@pytest.mark.interop("I-09")
@every("state", ["hello sent", "committed", "secure"])
@every("version", [b"1.10", b"1.20", b"9.00", b"1.00", b"abcd", bytes(4)])
def test_every_hello_is_acknowledged_in_every_state_whatever_its_version(state: str, version: bytes) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.listen()
    if state != "hello sent":
        (*_, commit) = peer.discover()
        assert isinstance(commit, Commit)
        if state == "secure":
            peer.answer(commit)
            assert state_of(bob) is State.SECURE
    answers = peer.send(peer.hello(version=version, hashes=(b"????",), ciphers=()))
    assert Kind.HELLO_ACK in kinds(answers)


@pytest.mark.rfc("R-5.4-01")
def test_a_passive_endpoint_never_commits_but_responds() -> None:
    bob = alone(replace(FAST, passive=True))
    peer = Actor(bob.stream)
    assert kinds(peer.discover()) == [Kind.HELLO, Kind.HELLO_ACK]
    assert core_of(bob.stream).hello.passive
    peer.initiate()
    assert state_of(bob) is State.SECURE


@pytest.mark.attack("CON-11")
@pytest.mark.interop("I-39")
@pytest.mark.rfc("R-5.2-06")
def test_two_passive_endpoints_end_in_no_initiator_without_any_error() -> None:
    passive = replace(FAST, passive=True)
    pair = Pair(passive, passive).run(60.0)
    for side in pair.sides:
        assert state_of(side) is State.QUIET
        (event,) = side.seen(NoPeer)
        assert "no initiator" in event.text
        assert not side.seen(Failed)
    assert set(pair.transcript()) == {"alice Hello", "alice HelloACK", "bob Hello", "bob HelloACK"}
    assert 15.0 <= pair.network.now <= 15.1


@pytest.mark.interop("I-39")
def test_a_passive_peer_gets_our_commit() -> None:
    pair = Pair(FAST, replace(FAST, passive=True)).run()
    assert pair.secure
    assert "bob Commit" not in pair.transcript()


@pytest.mark.rfc("R-3.1-01")
def test_with_auto_secure_off_the_commit_waits_for_the_user() -> None:
    pair = Pair(WAITING, WAITING).run(100.0)
    for side in pair.sides:
        assert state_of(side) is State.DISCOVERED
        assert side.stream.sending is Sending.CLEAR
        assert not side.seen(NoPeer)
    pair.alice.session.go_secure(100.0)
    pair.run(110.0)
    assert pair.secure and pair.keys_agree
    (event,) = pair.alice.seen(Secured)
    assert event.role is not None


@pytest.mark.parametrize("heard", [None, HELLO_ACK], ids=["nobody", "HelloACK alone"])
def test_the_user_cannot_make_a_peer_appear_after_the_deadline(heard: HelloACK | None) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    if heard is not None:
        peer.send(heard)
    peer.wait(60.0)
    before = snapshot(bob)
    bob.session.go_secure(60.0)
    assert peer.listen() == []
    assert snapshot(bob) == before
    assert warnings(bob) == []


@pytest.mark.rfc("R-5.2-06")
@pytest.mark.attack("CON-11")
@pytest.mark.parametrize("after", [0.0, 60.0])
def test_a_passive_endpoint_does_not_commit_even_if_its_user_asks(after: float) -> None:
    """Its P flag has said so."""
    bob = alone(replace(FAST, passive=True))
    peer = Actor(bob.stream)
    peer.discover()
    peer.wait(after)
    bob.session.go_secure(after)
    assert peer.listen() == []
    peer.initiate()
    assert state_of(bob) is State.SECURE


# Hello's schedule and the deadline


@pytest.mark.rfc("R-6-01", "R-6-05", "R-6-06", "R-3-02", "R-8-01", "R-4.1.1-07")
@pytest.mark.attack("DWN-16")
def test_nobody_answers_21_hellos_in_3_75_s_then_silence_then_no_peer_after_5_s() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    sent = peer.wait(60.0)
    assert {message.kind for _, message in sent} == {Kind.HELLO}
    assert moments(sent, Kind.HELLO) == pytest.approx(T1_MOMENTS, abs=HUNDREDTH)
    (event,) = bob.seen(NoPeer)
    assert event.text == "The other side does not answer ZRTP; this call is not encrypted."
    assert state_of(bob) is State.QUIET
    assert bob.stream.sending is Sending.CLEAR
    assert bob.stream.next_timer() is None


def test_the_deadline_without_any_sign_is_five_seconds() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.wait(4.99)
    assert state_of(bob) is State.HELLO_SENT and not bob.seen(NoPeer)
    peer.wait(0.02)
    assert state_of(bob) is State.QUIET


@pytest.mark.attack("NET-19")
@pytest.mark.rfc("R-6-14")
@pytest.mark.parametrize("evidence", ["Hello", "Ping", "zrtp-hash"])
def test_any_sign_of_a_peer_extends_the_schedule_of_hello_to_12_s(evidence: str) -> None:
    bob = alone(FAST, peer_hello_hash=bytes(32) if evidence == "zrtp-hash" else None)
    peer = Actor(bob.stream)
    if evidence == "Hello":
        peer.send(peer.own_hello)
    elif evidence == "Ping":
        peer.send(Ping.make(version=b"1.10", endpoint_hash=bytes(8)))
    peer.heard.clear()
    last = [0.0, *moments(peer.wait(60.0), Kind.HELLO)][-1]
    assert 12.0 <= last <= 12.5
    assert state_of(bob) is State.QUIET


@pytest.mark.parametrize("sign", ["Hello", "HelloACK", "Ping"])
def test_the_deadline_is_15_s_from_the_first_sign_of_a_peer(sign: str) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.wait(3.0)
    ping = Ping.make(version=b"1.10", endpoint_hash=bytes(8))
    peer.send({"Hello": peer.own_hello.raw, "HelloACK": HELLO_ACK.raw, "Ping": ping.raw}[sign])
    peer.wait(14.99)
    assert not bob.seen(NoPeer)
    peer.wait(0.02)
    assert len(bob.seen(NoPeer)) == 1
    assert state_of(bob) is State.QUIET


SIGNS = ["Ping", "HelloACK", "Hello", "Hello of ever new ones", "refused Commit"]


def say_often(bob: Side, sign: str, seconds: float) -> list[float]:
    """Strangers give this sign five times a second; the moments at which the application heard that nobody is there."""
    peer, told = Actor(bob.stream), list[float]()
    for number in range(round(5 * seconds)):
        peer.now = number / 5
        bob.stream.handle_timer(peer.now)
        told += [peer.now] * (len(bob.seen(NoPeer)) + len(bob.seen(Failed)) - len(told))
        newcomer = Actor(bob.stream, seed=number, ssrc=0x6000 + number)
        newcomer.now = peer.now
        match sign:
            case "Ping":
                peer.send(Ping.make(version=b"1.10", endpoint_hash=bytes(8)))
            case "HelloACK":
                peer.send(HELLO_ACK)
            case "Hello":
                peer.send(peer.own_hello)
            case "Hello of ever new ones":
                newcomer.send(newcomer.own_hello)
            case "refused Commit":
                peer.send(peer.own_hello, HELLO_ACK, peer.commit(sas=b"B10D"))
    return told


@pytest.mark.attack("DOS-31")
@every("sign", SIGNS)
def test_however_often_strangers_give_a_sign_the_search_ends_15_s_after_the_first(sign: str) -> None:
    """Only the first sign moves the deadline, since anybody can give one. Those after the end begin a new search."""
    bob = alone(PASSIVE)
    (first, *later) = say_often(bob, sign, 70.0)
    assert first == 15.0
    assert [round(after - before, 1) for before, after in pairwise([first, *later])] == (
        [] if sign == "Ping" else [15.0] * 3
    )


@pytest.mark.attack("DOS-31")
def test_whoever_has_nothing_in_common_does_not_hold_the_search_up_by_saying_so_again() -> None:
    bob = alone(replace(FAST, mandatory_always=False))
    peer = Actor(bob.stream)
    hello = peer.hello(key_agreements=(b"XXXX",))
    while not bob.seen(Failed) and peer.now < 60.0:
        peer.send(hello, HELLO_ACK)
        peer.wait(0.2)
    assert 15.0 < peer.now < 15.3


@pytest.mark.attack("DOS-31")
@pytest.mark.parametrize("version", [b"1.00", b"2.00"])
def test_a_hello_that_cannot_be_the_peers_moves_no_deadline(version: bytes) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.send(peer.hello(version=version))
    peer.wait(5.1)
    assert state_of(bob) is State.QUIET


@pytest.mark.attack("DOS-31")
@every("moment", [-0.35, -0.15, -0.11, -0.05, -0.021, 0.0, 0.05])
@every("sign", ["Ping", "HelloACK", "Hello"])
@every("lost", [0, 1, 3])
def test_a_peer_that_comes_when_a_strangers_search_ends_is_found(moment: float, sign: str, lost: int) -> None:
    """Bob rings when a stranger gives a sign. Alice comes about when the search ends, and the first copies of his Hello
    are lost: she has been acknowledged, and waits for it in silence.
    """
    pair = Pair(FAST, FAST)
    alice, bob = pair.alice.stream, pair.bob.stream
    bob.start(0.0)
    stranger = Actor(bob, ssrc=0x6000)
    ping = Ping.make(version=b"1.10", endpoint_hash=bytes(8))
    stranger.send({"Ping": ping.raw, "HelloACK": HELLO_ACK.raw, "Hello": stranger.own_hello.raw}[sign])
    comes = 15.0 + moment
    pair.network.run(comes)
    pair.network.now = comes
    to_lose = [lost]

    def lose(sender: str, datagram: bytes) -> bytes | None:
        if sender == "bob" and datagram[16:24] == b"Hello   " and to_lose[0]:
            to_lose[0] -= 1
            return None
        return datagram

    pair.network.filter = lose
    alice.start(comes)
    pair.run(comes + 5.0)
    assert pair.secure and pair.keys_agree
    assert pair.network.now < comes + 1.5


@pytest.mark.attack("NET-17")
def test_hello_ack_without_hello_ends_at_the_deadline() -> None:
    """The RFC has no timer for this state."""
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.send(HELLO_ACK)
    assert state_of(bob) is State.HELLO_ACKED
    assert peer.wait(60.0) == []
    (event,) = bob.seen(NoPeer)
    assert "never introduced itself" in event.text
    assert state_of(bob) is State.QUIET


@pytest.mark.attack("NET-17")
def test_hello_without_hello_ack_ends_at_the_deadline() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.send(peer.own_hello)
    peer.wait(60.0)
    (event,) = bob.seen(NoPeer)
    assert "does not hear us" in event.text


@pytest.mark.attack("NET-18")
@pytest.mark.rfc("R-6-15", "R-3-02")
@pytest.mark.interop("I-29")
def test_a_late_commit_is_still_accepted() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.send(peer.own_hello)
    peer.wait(60.0)
    assert state_of(bob) is State.QUIET
    assert kinds(peer.send(peer.commit())) == [Kind.DHPART1]
    assert state_of(bob) is State.DHPART1_SENT


@pytest.mark.rfc("R-6-16")
@pytest.mark.attack("NET-13")
@pytest.mark.parametrize("delay", [0.3, 1.0])
def test_long_round_trips_complete_with_stretched_timers(delay: float) -> None:
    slow = replace(FAST, timer_scale=16.0)
    pair = Pair(slow, slow, net=Netem(delay=delay)).run(120.0)
    assert pair.secure and pair.keys_agree


@pytest.mark.attack("NET-13")
@pytest.mark.parametrize("delay", [0.3, 0.6, 1.0])
def test_long_round_trips_complete_with_the_timers_of_the_rfc_too(delay: float) -> None:
    pair = Pair(FAST, FAST, net=Netem(delay=delay)).run(120.0)
    assert pair.secure and pair.keys_agree


def test_the_scale_stretches_the_deadline() -> None:
    bob = alone(replace(FAST, timer_scale=3.0))
    peer = Actor(bob.stream)
    sent = peer.wait(14.9)
    assert moments(sent, Kind.HELLO) == pytest.approx([3 * moment for moment in T1_MOMENTS], abs=3 * HUNDREDTH)
    assert not bob.seen(NoPeer)
    peer.wait(0.2)
    assert bob.seen(NoPeer)


@pytest.mark.attack("NET-20")
@pytest.mark.parametrize("jump", [3600.0, 86400.0])
def test_a_jump_of_hours_fires_each_late_timer_once(jump: float) -> None:
    bob = alone(FAST)
    bob.stream.datagrams_to_send()
    bob.stream.handle_timer(jump)
    assert bob.stream.datagrams_to_send() == []
    assert len(bob.seen(NoPeer)) == 1
    bob.stream.handle_timer(jump)
    assert len(bob.seen(NoPeer)) == 1
    peer = Actor(bob.stream)
    peer.now = jump
    peer.discover()
    assert state_of(bob) is State.COMMIT_SENT


@pytest.mark.rfc("R-6-02")
@pytest.mark.interop("I-02")
def test_hello_is_repeated_octet_for_octet_in_packets_with_rising_numbers() -> None:
    bob = alone(FAST)
    datagrams = bob.stream.datagrams_to_send()
    while state_of(bob) is State.HELLO_SENT:
        timer = bob.stream.next_timer()
        assert timer is not None
        bob.stream.handle_timer(timer)
        datagrams += bob.stream.datagrams_to_send()
    assert len({datagram[12:-4] for datagram in datagrams}) == 1
    numbers = [int.from_bytes(datagram[2:4], "big") for datagram in datagrams]
    assert numbers == list(range(numbers[0], numbers[0] + 21))
    assert {datagram[:2] for datagram in datagrams} == {b"\x10\x00"}


def test_a_user_who_asks_when_nobody_ever_heard_us_starts_nothing() -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.send(peer.own_hello)
    peer.wait(20.0)
    assert state_of(bob) is State.QUIET
    bob.session.go_secure(peer.now)
    assert peer.listen() == []
    assert state_of(bob) is State.QUIET


# Whom we hear


@pytest.mark.rfc("R-4.1.1-01", "R-5.2-02", "R-5.2-03", "R-5.2-04", "R-5.2-05")
@pytest.mark.interop("I-05")
@pytest.mark.interop("I-07")
def test_our_hello_says_1_10_and_sets_no_flag_that_was_not_asked_for() -> None:
    hello = core_of(alone(FAST).stream).hello
    assert hello.version == b"1.10"
    assert (hello.signature_capable, hello.mitm, hello.passive) == (False, False, False)
    assert hello.raw[76:78] == b"\x00\x01" or hello.raw[76] & 0xF0 == 0
    assert parse(hello.raw) == hello
    assert core_of(alone(replace(FAST, trusted_mitm=True)).stream).hello.mitm


@pytest.mark.attack("PAR-16")
@pytest.mark.interop("I-44")
def test_the_application_learns_once_whom_the_stream_hears_in_raw_octets() -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    hello = peer.hello(client_id=b"\x1b[2J\xff\0\0\0evil\n\r\t\0")
    for _ in range(5):
        peer.send(hello)
    (event,) = bob.seen(PeerDetected)
    assert event.client_id == hello.client_id
    assert (event.zid, event.ssrc, event.version) == (peer.zid, BOB_SSRC, "1.10")
    assert event.key_agreements == hello.key_agreements


@pytest.mark.interop("I-08")
@pytest.mark.attack("PAR-24")
@pytest.mark.rfc("R-5.2-08")
def test_reserved_bits_of_a_hello_are_ignored_and_hashed() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    raw = bytearray(peer.own_hello.raw)
    raw[76] |= 0x80
    raw[77] |= 0xF0
    raw[-8:] = message_mac(peer.chain.h2, bytes(raw[:-8]))
    hello = parse(bytes(raw))
    assert isinstance(hello, Hello)
    peer.own_hello = hello
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    assert state_of(bob) is State.SECURE


# Versions


@pytest.mark.rfc("R-4.1.1-08", "R-4.1.1-09", "R-4.1.1-06")
def test_a_hello_of_a_higher_version_is_acknowledged_and_otherwise_ignored() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.listen()
    before = snapshot(bob)
    assert kinds(peer.send(peer.hello(version=b"2.00"))) == [Kind.HELLO_ACK]
    assert snapshot(bob) == before
    assert len(moments(peer.wait(4.0), Kind.HELLO)) == 20
    assert not bob.seen(PeerDetected)


@pytest.mark.attack("DWN-11")
@pytest.mark.rfc("R-4.1.1-12")
def test_a_hello_of_a_lower_version_gets_error_0x30_at_most_once_a_second() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.listen()
    lower = peer.hello(version=b"1.00")
    answers = peer.send(lower)
    assert kinds(answers) == [Kind.HELLO_ACK, Kind.ERROR]
    assert isinstance(answers[1], Error) and answers[1].code == ErrorCode.UNSUPPORTED_VERSION
    assert kinds(peer.send(lower, lower, lower)) == [Kind.HELLO_ACK] * 3
    peer.now = 1.01
    assert kinds(peer.send(lower)) == [Kind.HELLO_ACK, Kind.ERROR]
    assert state_of(bob) is State.HELLO_SENT


# Equal ZID and SSRC


@pytest.mark.attack("ZID-01")
@pytest.mark.rfc("R-5.9-04")
def test_our_own_zid_is_answered_by_0x90_and_a_later_hello_still_counts() -> None:
    """Nothing is agreed on with whoever claims our ZID; as with the SSRC, a forged packet must not end a call."""
    bob = alone(FAST)
    spoofer, peer = Actor(bob.stream, zid=call_of(bob.session).zid, ssrc=0xBAD), Actor(bob.stream, seed=3)
    peer.listen()
    answers = spoofer.send(spoofer.own_hello)
    assert kinds(answers) == [Kind.ERROR]
    assert isinstance(answers[0], Error) and answers[0].code == ErrorCode.EQUAL_ZIDS
    assert warnings(bob) == [WarningCode.EQUAL_ZIDS]
    assert spoofer.send(spoofer.own_hello) == []
    assert state_of(bob) is State.HELLO_SENT
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    assert state_of(bob) is State.SECURE
    assert not bob.seen(Failed)


@pytest.mark.attack("DOS-12")
@pytest.mark.rfc("R-4.1-06", "R-4.1-07")
def test_our_own_ssrc_is_answered_by_0x91_and_a_later_hello_still_counts() -> None:
    """The negotiation with whoever uses our SSRC ends before it begins, and no key comes of it. The stream goes on to
    wait for another Hello: one forged packet must not end a call.
    """
    bob = alone(FAST)
    spoofer, peer = Actor(bob.stream, ssrc=BOB_SSRC), Actor(bob.stream, seed=3)
    peer.listen()
    answers = spoofer.send(spoofer.own_hello)
    assert kinds(answers) == [Kind.ERROR]
    assert isinstance(answers[0], Error) and answers[0].code == ErrorCode.SSRC_COLLISION
    assert warnings(bob) == [WarningCode.SSRC_COLLISION]
    assert spoofer.send(spoofer.own_hello, HELLO_ACK, spoofer.commit()) == []
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    assert state_of(bob) is State.SECURE


@pytest.mark.attack("DOS-12")
@pytest.mark.attack("DOS-13")
@pytest.mark.attack("NET-21")
@every("state", ["committed", "secure"])
@every("odd", ["own ZID", "own SSRC", "other ZID", "other SSRC"])
def test_once_a_peer_is_pinned_odd_zids_and_ssrcs_change_nothing(state: str, odd: str) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    if state == "secure":
        peer.answer(commit)
    before = snapshot(bob)
    spoofer = Actor(
        bob.stream,
        seed=9,
        zid=call_of(bob.session).zid if odd == "own ZID" else None,
        ssrc={"own SSRC": BOB_SSRC, "other SSRC": 0xBAD}.get(odd, peer.ssrc),
    )
    answers = spoofer.send(spoofer.own_hello)
    if core_of(bob.stream).retransmission is not None:
        present(core_of(bob.stream).retransmission).preceded_by = None  # our Hello once more, with the next Commit
    after = snapshot(bob)
    assert not any(isinstance(message, Error) for message in answers)
    assert warnings(bob) == []
    if state == "committed" and odd.startswith("other"):  # nobody is the peer yet: this one may be
        added = spoofer.ssrc, spoofer.own_hello.raw
        assert after["candidates"] == core_of(bob.stream).candidates
        after["candidates"] = {key: known for key, known in core_of(bob.stream).candidates.items() if key != added}
        assert after["candidates"] != core_of(bob.stream).candidates
    assert after == before
    if state == "committed":
        peer.answer(commit)
    assert state_of(bob) is State.SECURE
    assert bob.session.peer.zid == peer.zid


def test_who_repeats_its_hello_after_our_commit_gets_ours_again_before_the_next_copy() -> None:
    """A HelloACK for a stranger's Hello must not keep ours from the peer; one datagram answers each Hello."""
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    assert [kinds(peer.send(peer.own_hello)) for _ in range(3)] == [[Kind.HELLO_ACK]] * 3
    assert [message.kind for _, message in peer.wait(0.1)] == [Kind.HELLO, Kind.COMMIT]
    assert [message.kind for _, message in peer.wait(0.1)] == [Kind.COMMIT]


@pytest.mark.attack("NET-01")
def test_our_own_packets_reflected_start_nothing_and_get_no_answer() -> None:
    bob = alone(FAST)
    for _ in range(3):
        for datagram in bob.stream.datagrams_to_send():
            bob.stream.receive_datagram(datagram, 0.0)
    assert bob.stream.datagrams_to_send() == []
    assert state_of(bob) is State.HELLO_SENT
    reflector = Actor(bob.stream, ssrc=0xBAD)
    assert reflector.send(core_of(bob.stream).hello) == []  # under another SSRC
    assert bob.stream.counters["own Hello reflected"] == 1
    assert warnings(bob) == []


@pytest.mark.attack("NET-01")
def test_what_is_no_hello_under_our_own_ssrc_gets_no_answer() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.listen()
    assert peer.send(HELLO_ACK, ssrc=BOB_SSRC) == []
    assert bob.stream.counters["own SSRC"] == 1
    assert warnings(bob) == []


@pytest.mark.attack("NET-01")
@pytest.mark.attack("CON-03")
def test_everything_echoed_never_completes_and_answers_stay_bounded() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.discover()
    sent = 0
    echo = bob.stream.datagrams_to_send()
    while (timer := bob.stream.next_timer()) is not None:
        for datagram in echo:
            for ssrc in (BOB_SSRC, peer.ssrc):
                peer.now = max(peer.now, timer)
                peer.sequence += 1
                bob.stream.receive_datagram(peer.packet(datagram[12:-4], ssrc), timer)
        bob.stream.handle_timer(timer)
        echo = bob.stream.datagrams_to_send()
        sent += len(echo)
        assert len(echo) <= 2
    assert state_of(bob) is State.QUIET
    assert sent < 60


# Several Hellos


@pytest.mark.attack("CHN-13")
@pytest.mark.attack("DOS-15")
@every("forgeries", [1, 2, 3])
@every("same_ssrc", [False, True])
def test_the_hash_chain_of_the_commit_picks_the_real_hello_among_forged_ones(forgeries: int, same_ssrc: bool) -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    for number in range(forgeries):
        forger = Actor(bob.stream, seed=100 + number, ssrc=peer.ssrc if same_ssrc else 0xBAD00 + number)
        assert Kind.HELLO_ACK in kinds(forger.send(forger.own_hello))
    peer.discover()
    assert len(core_of(bob.stream).candidates) == forgeries + 1
    peer.initiate()
    assert state_of(bob) is State.SECURE
    assert bob.session.peer.zid == peer.zid


@pytest.mark.attack("CHN-13")
def test_a_forged_hello_with_the_peers_h3_does_not_stand_in_the_way_of_the_real_one() -> None:
    """H3 is public; without H2 nobody can make a MAC that fits."""
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    forged = peer.hello(key_agreements=(b"DH2k",), mac=lambda _: b"forged!!")
    peer.send(forged)
    peer.discover()
    peer.initiate()
    assert state_of(bob) is State.SECURE


@pytest.mark.attack("DOS-01")
def test_a_flood_of_hellos_keeps_16_candidates_answers_30_and_makes_no_key_pair() -> None:
    """Five answers more are kept for whoever says Hello again, as a peer does and a single packet does not, and five
    for whoever hears us.
    """
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.send(peer.own_hello)
    bob.stream.datagrams_to_send()
    answers = 1
    for number in range(500):
        forger = Actor(bob.stream, seed=number, ssrc=number + 1)
        answers += len(forger.send(forger.own_hello))
        assert len(core_of(bob.stream).candidates) <= limits.CANDIDATES
    assert answers == limits.ANSWER_BURST - limits.KEPT_FOR_KNOWN
    again = [kinds(peer.send(peer.own_hello)) for _ in range(7)]  # known once more from the first of these on
    assert again == [[], [Kind.HELLO_ACK, Kind.PING], *[[Kind.HELLO_ACK]] * 4, []]
    peer.hear()
    assert [kinds(peer.send(peer.own_hello)) for _ in range(6)] == [*[[Kind.HELLO_ACK]] * 5, []]
    assert len(bob.seen(PeerDetected)) == 1
    assert core_of(bob.stream).exchange is None


def test_a_peer_whose_round_trip_found_no_place_gets_our_commit_at_once() -> None:
    bob = alone(FAST)
    core_of(bob.stream).round_trips = dict.fromkeys(range(limits.CANDIDATES), 0.1)
    (*_, commit) = Actor(bob.stream).discover()
    assert isinstance(commit, Commit)


@pytest.mark.attack("CHN-13")
@pytest.mark.parametrize("asks", ["our user", "the peer's"])
def test_time_alone_forgets_nobody_who_introduced_himself(asks: str) -> None:
    """The peer has our HelloACK, and says no more until a user wants encryption; strangers said Hello before and since,
    and one of them acknowledged ours.
    """
    bob = alone(WAITING)
    first, peer, last = (Actor(bob.stream, seed=seed, ssrc=seed) for seed in (1, 2, 3))
    first.discover()
    peer.send(peer.own_hello, HELLO_ACK)
    last.now = peer.now = 60.0
    last.send(last.own_hello)
    if asks == "our user":
        bob.session.go_secure(60.0)
        commit = only(peer.listen(), Commit)
        ping = only(peer.send(peer.dhpart1(commit)), Ping)
        ack = PingACK.make(
            version=b"1.10",
            sender_endpoint_hash=peer.zid[:8],
            received_endpoint_hash=ping.endpoint_hash,
            ssrc=bob.stream.ssrc,
        )
        among(peer.send(ack), Commit)
        assert peer.ssrc in [exchange.peer.ssrc for exchange in core_of(bob.stream).exchanges()], "it gets a Commit too"
    else:
        only(peer.send(peer.commit()), DHPart1)


@pytest.mark.attack("CHN-13")
@pytest.mark.attack("DOS-01")
@pytest.mark.parametrize("forgeries", [1, 4, 50])
def test_forged_hellos_do_not_push_the_peer_out_while_the_user_takes_time(forgeries: int) -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.discover()
    for number in range(forgeries):
        forger = Actor(bob.stream, seed=100 + number, ssrc=0xBAD00 + number)
        forger.now = 20.0 + number
        forger.send(forger.own_hello, HELLO_ACK)
        assert len(core_of(bob.stream).candidates) <= limits.CANDIDATES
    bob.stream.datagrams_to_send()
    peer.now = 100.0
    bob.session.go_secure(peer.now)
    commit = among(peer.listen(), Commit)
    if forgeries >= limits.CROWD - 1:
        only(peer.send(peer.dhpart1(commit)), Ping)  # who of them hears us?
        peer.hear()
    peer.answer(commit)
    assert state_of(bob) is State.SECURE


@pytest.mark.attack("CHN-13")
def test_hellos_under_the_ssrc_of_a_forged_hello_ack_do_not_shut_the_peer_out() -> None:
    bob = alone(WAITING)
    forgers = [Actor(bob.stream, seed=100 + number, ssrc=0xBAD) for number in range(6)]
    for forger in forgers:
        forger.send(forger.own_hello, HELLO_ACK)
    peer = Actor(bob.stream)
    peer.discover()
    peer.initiate()
    assert state_of(bob) is State.SECURE


def test_a_repeated_hello_stays_young() -> None:
    bob = alone(WAITING)
    old, new = Actor(bob.stream, seed=1, ssrc=1), Actor(bob.stream, seed=2, ssrc=2)
    for moment in (0.0, 8.0):
        old.now = moment
        old.send(old.own_hello)
    new.now = 12.0
    new.send(new.own_hello)
    assert len(core_of(bob.stream).candidates) == 2


def test_without_zrtp_hash_our_commit_goes_to_the_first_hello() -> None:
    bob = alone(WAITING)
    first, second = Actor(bob.stream, seed=1, ssrc=1), Actor(bob.stream, seed=2, ssrc=2)
    for actor in (first, second):
        actor.send(actor.own_hello)
    first.send(HELLO_ACK)
    bob.session.go_secure(0.0)
    exchange = core_of(bob.stream).exchange
    assert exchange is not None and exchange.peer.hello == first.own_hello


@pytest.mark.attack("CHN-14")
def test_a_hello_with_the_same_h3_and_other_contents_does_not_replace_the_first() -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.discover()
    peer.send(peer.hello(client_id=b"changed         ", mac=lambda _: bytes(8)))
    assert peer.own_hello in [candidate.hello for candidate in core_of(bob.stream).candidates.values()]


def test_whoever_comes_once_the_peer_has_proved_to_be_there_gets_no_commit_later() -> None:
    bob = alone(FAST)
    peer, stranger = Actor(bob.stream, seed=1, ssrc=1), Actor(bob.stream, seed=2, ssrc=2)
    peer.send(peer.own_hello)
    (dhpart1,) = peer.send(peer.commit())
    assert isinstance(dhpart1, DHPart1)
    peer.take_dhpart1(dhpart1)
    assert kinds(peer.send(peer.dhpart2())) == [Kind.CONFIRM1]
    due = bob.stream.next_timer()
    assert kinds(stranger.send(stranger.own_hello)) == [Kind.HELLO_ACK]
    assert bob.stream.next_timer() == due


# zrtp-hash from signalling


@pytest.mark.attack("CHN-07")
@pytest.mark.rfc("R-8.1-03", "R-5.1.2.2-03", "R-8.1-01")
def test_a_hello_that_differs_from_zrtp_hash_is_not_used_and_the_announced_one_is() -> None:
    bob = alone(FAST, peer_hello_hash=sha256(Actor(alone(FAST).stream).own_hello.raw))
    forger, peer = Actor(bob.stream, seed=1, ssrc=0xBAD), Actor(bob.stream)
    forger.listen()
    assert kinds(forger.send(forger.own_hello)) == [Kind.HELLO_ACK]
    assert core_of(bob.stream).candidates == {}
    assert warnings(bob) == []  # anybody can send a Hello
    assert forger.send(forger.commit()) == []
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    assert state_of(bob) is State.SECURE
    assert bob.session.peer.bound_to_signalling


@pytest.mark.attack("CHN-07")
def test_with_a_wrong_zrtp_hash_there_is_no_key_agreement_at_all() -> None:
    bob = alone(FAST, peer_hello_hash=bytes(32))
    peer = Actor(bob.stream)
    assert Kind.COMMIT not in kinds(peer.discover())
    assert peer.send(peer.commit()) == []
    peer.wait(60.0)
    assert state_of(bob) is State.QUIET
    assert not bob.session.peer.bound_to_signalling


@pytest.mark.attack("CHN-07")
@pytest.mark.rfc("R-8.1-05")
def test_a_switch_accepts_a_differing_hello_and_the_call_is_never_bound() -> None:
    config = replace(FAST, require_hello_hash_match=False, signalling_protected=True)
    bob = alone(config, peer_hello_hash=bytes(32))
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    assert state_of(bob) is State.SECURE
    assert warnings(bob) == [WarningCode.HELLO_HASH_MISMATCH]
    assert not bob.session.peer.bound_to_signalling


@pytest.mark.attack("CHN-07")
def test_with_the_switch_our_commit_still_goes_to_the_announced_hello_if_there_is_one() -> None:
    config = replace(WAITING, require_hello_hash_match=False)
    bob = alone(config, peer_hello_hash=sha256(Actor(alone(FAST).stream).own_hello.raw))
    peer, forger = Actor(bob.stream), Actor(bob.stream, seed=1, ssrc=0xBAD)
    peer.discover()
    forger.send(forger.own_hello)
    bob.session.go_secure(0.0)
    exchange = core_of(bob.stream).exchange
    assert exchange is not None and exchange.peer.hello == peer.own_hello


@pytest.mark.attack("CHN-09")
@pytest.mark.rfc("R-8.1-04")
def test_without_zrtp_hash_the_call_works_and_says_that_it_is_not_bound() -> None:
    pair = Pair(FAST, FAST).run()
    assert pair.secure
    assert not pair.alice.session.peer.bound_to_signalling


@pytest.mark.rfc("R-8.1-02", "R-8.1-01")
def test_each_stream_has_a_hello_hash_of_its_own() -> None:
    bob = alone(FAST)
    other = bob.session.add_stream(0xB2)
    for stream in bob.session.streams:
        assert stream.hello_hash == "1.10 " + sha256(core_of(stream).hello.raw).hex()
    assert bob.stream.hello_hash != other.hello_hash


@pytest.mark.rfc("R-4.1.1-03", "R-4.1.1-07")
def test_there_is_one_hello_hash_for_each_version_and_the_highest_is_sent_first() -> None:
    bob = alone(replace(FAST, versions=(b"1.20", b"1.10")))
    hashes = bob.stream.hello_hashes
    assert [line.split()[0] for line in hashes] == ["1.20", "1.10"]
    assert hashes[0] == bob.stream.hello_hash
    assert len({line.split()[1] for line in hashes}) == 2


# Ping


@pytest.mark.rfc("R-5.15-01", "R-5.16-01", "R-5.16-04", "R-5.16-06", "R-5.16-09", "R-5.1.1-03", "R-5.15-06")
@pytest.mark.rfc("R-5.15-05", "R-5.16-02", "R-5.16-03")
@pytest.mark.interop("I-43")
@every("state", ["hello sent", "committed", "secure", "failed", "quiet"])
@every("version", [b"1.10", b"0.10", b"9.99"])
def test_ping_is_answered_in_every_state_and_changes_nothing(state: str, version: bytes) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    if state == "quiet":
        peer.wait(60.0)
    elif state != "hello sent":
        (*_, commit) = peer.discover()
        assert isinstance(commit, Commit)
        if state == "secure":
            peer.answer(commit)
        elif state == "failed":
            peer.wait(60.0)
    peer.listen()
    before = snapshot(bob)
    (answer,) = peer.send(Ping.make(version=version, endpoint_hash=b"endpoint"), ssrc=0x1234)
    assert isinstance(answer, PingACK)
    assert answer.version == b"1.10"
    assert answer.received_endpoint_hash == b"endpoint"
    assert answer.sender_endpoint_hash == call_of(bob.session).zid[:8]
    assert answer.ssrc == 0x1234
    after = snapshot(bob)
    assert {key for key in before if before[key] != after[key]} <= ({"deadlines"} if state == "hello sent" else set())


@pytest.mark.attack("ZID-07")
@pytest.mark.rfc("R-5.16-05")
def test_a_private_endpoint_hash_hides_the_zid_and_persists() -> None:
    hashes = set()
    for _ in range(2):
        bob = alone(replace(FAST, private_endpoint_hash=True))
        (answer,) = Actor(bob.stream).send(Ping.make(version=b"1.10", endpoint_hash=bytes(8)))[-1:]
        assert isinstance(answer, PingACK)
        assert answer.sender_endpoint_hash not in call_of(bob.session).zid
        hashes.add(answer.sender_endpoint_hash)
    assert len(hashes) == 1


@pytest.mark.attack("DOS-06")
def test_a_flood_of_pings_gets_20_answers_and_then_20_a_second() -> None:
    """They have a limit of their own, so that they take nothing from HelloACK."""
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.listen()
    ping = Ping.make(version=b"1.10", endpoint_hash=bytes(8))
    assert len(peer.send(*[ping] * 500)) == 20
    peer.now = 1.0
    bob.stream.handle_timer(1.0)
    assert kinds(peer.send(*[ping] * 500)).count(Kind.PING_ACK) == 20


@pytest.mark.rfc("R-5.15-02", "R-5.15-03")
@pytest.mark.interop("I-43")
def test_our_own_ping_is_answered_by_an_event_whatever_version_the_answer_has() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.listen()
    bob.stream.ping(0.0)
    (ping,) = peer.listen()
    assert isinstance(ping, Ping) and (ping.version, ping.endpoint_hash) == (b"1.10", call_of(bob.session).zid[:8])
    for received in (b"another!", ping.endpoint_hash):
        peer.send(
            PingACK.make(
                version=b"0.10",
                sender_endpoint_hash=b"endpoint",
                received_endpoint_hash=received,
                ssrc=BOB_SSRC,
            )
        )
    (event,) = bob.seen(PongReceived)
    assert (event.endpoint_hash, event.version) == (b"endpoint", b"0.10")


def pong(bob: Side, sender: bytes = b"endpoint") -> PingACK:
    """An answer to a Ping of Bob."""
    hash_of_bob = call_of(bob.session).endpoint_hash
    return PingACK.make(version=b"1.10", sender_endpoint_hash=sender, received_endpoint_hash=hash_of_bob, ssrc=BOB_SSRC)


@pytest.mark.attack("DOS-17")
def test_answers_to_no_ping_are_not_told() -> None:
    bob = alone(FAST)
    Actor(bob.stream).send(*(pong(bob, number.to_bytes(8, "big")) for number in range(1000)))
    assert bob.seen(PongReceived) == []
    assert bob.stream.counters["PingACK without a Ping"] == 1000


@pytest.mark.attack("DOS-17")
def test_each_ping_of_ours_is_answered_once() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    for _ in range(2):
        bob.stream.ping(0.0)
    peer.send(*[pong(bob)] * 5)
    assert len(bob.seen(PongReceived)) == 2


@pytest.mark.attack("DOS-17")
def test_pings_that_nobody_answered_let_few_answers_through_later() -> None:
    bob = alone(FAST)
    for second in range(100):
        bob.stream.ping(float(second))
    Actor(bob.stream).send(*[pong(bob)] * 100)
    assert len(bob.seen(PongReceived)) == limits.PINGS


@pytest.mark.rfc("R-3-01")
def test_nothing_is_sent_before_start_what_arrives_is_counted_and_a_hello_is_answered_at_it() -> None:
    stream = Endpoint(FAST, random=seeded(1)).session().add_stream(BOB_SSRC)
    peer = Actor(stream)
    assert peer.discover() == []
    assert stream.next_timer() is None
    assert stream.state is State.IDLE
    assert stream.counters["received while idle"] == 2
    stream.start(0.0)
    assert kinds(peer.listen()) == [Kind.HELLO, Kind.HELLO_ACK]
