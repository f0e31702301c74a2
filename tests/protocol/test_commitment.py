"""Commit: what it says, who may send one, and what happens when two cross (RFC 6189 sections 4.2, 4.4, 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tests.support.actor import FAST, SUITE, WAITING, Actor, alone, among, kinds, only, snapshot
from tests.support.cases import every
from tests.support.counting import CountingKeyAgreement
from tests.support.friends import Friends
from tests.support.inside import cache_of, call_of, core_of, installation_of, prepared_shares, state_of, use_nonces
from tests.support.pair import ALICE_SSRC, Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.crypto.hashes import S256
from zrtp.crypto.key_agreements import DH2K, EC25, X255
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ErrorCode, RandomnessFailed
from zrtp.protocol import aside, hearing, limits
from zrtp.protocol.config import Config
from zrtp.protocol.events import (
    Continuity,
    Failed,
    GoingSecure,
    KeysReady,
    Mode,
    NoPeer,
    Role,
    SasReady,
    Secured,
    SecurityWarning,
    Sending,
    WarningCode,
)
from zrtp.protocol.exchange import present
from zrtp.protocol.key_schedule import hvi
from zrtp.protocol.retained_secrets import KnownSecrets
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.messages import (
    CONF2ACK,
    HELLO_ACK,
    Commit,
    CommitMode,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    Kind,
    Message,
    kind_of,
    parse,
)
from zrtp.wire.packet import Packet, decode_packet, encode_packet

PASSIVE = Config(key_agreements=(b"X255", b"Mult"), passive=True)
ELSEWHERE = ALICE_SSRC ^ 1
OWN_RS1 = Secret(b"\x51" * 32)


def under(ssrc: int, datagram: bytes) -> bytes:
    """The same message, as if it came from another source."""
    packet = decode_packet(datagram)
    assert isinstance(packet, Packet)
    return encode_packet(packet.sequence, ssrc, packet.message)


def is_from(sender: str, kind: Kind, name: str, datagram: bytes) -> bool:
    return sender == name and datagram[16:24] == kind.value


def sending(side: Side) -> Sending:
    return side.stream.sending


def commits(pair: Pair) -> dict[str, Commit]:
    """The first Commit of each side."""
    found: dict[str, Commit] = {}
    for _, name, datagram in pair.network.log:
        if kind_of(datagram[12:]) is Kind.COMMIT:
            message = parse(datagram[12:-4])
            assert isinstance(message, Commit)
            found.setdefault(name, message)
    return found


def counting(*inner: Any) -> tuple[Config, dict[bytes, CountingKeyAgreement]]:
    """A configuration in which the public-key operations of those key agreements are counted."""
    counters = {agreement.code: CountingKeyAgreement(agreement) for agreement in inner}
    algorithms = DEFAULT.extended(*counters.values())
    return Config(key_agreements=(*counters, b"Mult"), algorithms=algorithms), counters


def refused(side: Side, answers: list[Message], code: ErrorCode) -> None:
    """The exchange ended with that code: event, Error, no keys, cache untouched, clear media blocked."""
    (failed,) = side.seen(Failed)
    assert (failed.code, failed.name, failed.by_peer) == (code, code.name, False)
    assert only(answers, Error).code == code
    assert state_of(side.stream) is State.FAILED
    assert core_of(side.stream).exchange is None
    assert side.stream.sending is Sending.BLOCKED
    assert not side.seen(KeysReady)
    assert cache_of(side.endpoint).peers() == []


def comes_to_nothing(side: Side, error: Message) -> NoPeer:
    """Nobody proved to be there: Error, no keys, cache untouched, clear media blocked, and it can begin again."""
    (nobody,) = side.seen(NoPeer)
    assert only([error], Error).code == ErrorCode.PROTOCOL_TIMEOUT
    assert not side.seen(Failed) and not side.seen(KeysReady)
    assert state_of(side.stream) is State.QUIET
    assert core_of(side.stream).exchange is None
    assert side.stream.sending is Sending.BLOCKED
    assert cache_of(side.endpoint).peers() == []
    return nobody


def dropped(side: Side, answers: list[Message], code: ErrorCode) -> None:
    """A Commit was refused with that code and nothing came of it: the call is as it was, and may still get another."""
    assert only(answers, Error).code == code
    assert not side.seen(Failed) and not side.seen(SecurityWarning) and not side.seen(KeysReady)
    assert side.stream.counters["Commit refused"] == 1
    assert core_of(side.stream).exchange is None
    assert side.stream.sending is Sending.CLEAR
    assert cache_of(side.endpoint).peers() == []


# What our Commit says


@pytest.mark.rfc("R-5.4-02", "R-5.4-03", "R-4.4.1.1-02", "R-4.4.1.1-07", "R-4.4.1.3-04", "R-3.1.1-03", "R-9-02")
def test_our_commit_binds_us_to_a_dhpart2_that_exists_already() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    assert len(commit.raw) == 29 * 4
    assert commit.zid == core_of(bob.stream).hello.zid
    assert (commit.mode, commit.public_key) == (CommitMode.DH, b"")
    (dhpart2,) = peer.send(peer.dhpart1(commit))
    assert isinstance(dhpart2, DHPart2)
    assert commit.hvi == hvi(S256, dhpart2.raw, peer.own_hello.raw)


@pytest.mark.rfc("R-4-06", "R-3.1.1-01", "R-6-12", "R-6-08")
@pytest.mark.attack("MED-03")
def test_commit_blocks_clear_media_says_so_and_is_repeated_at_the_pace_of_the_path() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    assert sending(bob) is Sending.CLEAR
    (*_, commit) = peer.discover()
    assert sending(bob) is Sending.BLOCKED
    (event,) = bob.seen(GoingSecure)
    assert event.role is bob.stream.role is Role.INITIATOR
    sent = peer.wait(9.6)
    assert [message for _, message in sent] == [commit] * 26
    moments = [0.05, 0.15, 0.35, *(0.75 + 0.4 * copy for copy in range(23))]  # no path at all here
    assert [moment for moment, _ in sent] == pytest.approx(moments, abs=0.005)


@pytest.mark.attack("NET-16")
@pytest.mark.rfc("R-4.7.1-03", "R-6-11")
def test_a_commit_that_nobody_answers_comes_to_nothing_at_the_end_of_its_schedule() -> None:
    bob = alone(FAST, MemoryCache())
    peer = Actor(bob.stream)
    peer.discover()
    peer.wait(13.5)
    assert not bob.seen(NoPeer)
    ((moment, error),) = peer.wait(0.1)
    assert moment == pytest.approx(13.55, abs=0.005)
    assert "not completed" in comes_to_nothing(bob, error).text


@pytest.mark.attack("DOS-15")
def test_after_a_commit_that_nobody_answered_a_late_peer_still_gets_one() -> None:
    bob = alone(FAST, MemoryCache())
    stranger = Actor(bob.stream, seed=3, ssrc=0x5000)
    stranger.discover()
    stranger.wait(13.6)
    assert state_of(bob.stream) is State.QUIET
    peer = Actor(bob.stream)
    peer.now = 14.0
    peer.answer(only([message for message in peer.discover() if message.kind is Kind.COMMIT], Commit))
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.rfc("R-4.8-01", "R-4.4.1.1-03")
@pytest.mark.attack("DH-13")
def test_every_call_has_a_key_pair_of_its_own() -> None:
    cache = MemoryCache()
    values = set()
    for seed in range(8):
        bob = alone(FAST, cache, seed=seed)
        peer = Actor(bob.stream)
        (*_, commit) = peer.discover()
        assert isinstance(commit, Commit)
        (dhpart2,) = peer.send(peer.dhpart1(commit))
        assert isinstance(dhpart2, DHPart2)
        values.add(dhpart2.pv)
    assert len(values) == 8


# Which Commit is taken


@pytest.mark.attack("CHN-01")
@pytest.mark.attack("DOS-02")
@pytest.mark.rfc("R-9-04", "R-9-05", "R-9-06", "R-9-07", "R-5.5-01")
def test_a_commit_whose_h2_continues_no_hello_is_dropped_logged_and_forgotten() -> None:
    config, counters = counting(X255)
    bob = alone(replace(config, passive=True))
    peer, stranger = Actor(bob.stream), Actor(bob.stream, seed=8)
    peer.discover()
    before = snapshot(bob)
    assert stranger.send(stranger.commit()) == []
    assert snapshot(bob) == before
    assert bob.stream.counters["hash chain does not fit"] == 1
    assert [event.code for event in bob.seen(SecurityWarning)] == [WarningCode.CHAIN_MISMATCH]
    assert counters[b"X255"].total == 0
    peer.initiate()
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("CHN-05")
@pytest.mark.rfc("R-5.2-13", "R-8.1.1-02", "R-8.1.1-03", "R-8.1.1-04")
def test_a_commit_to_a_hello_whose_mac_does_not_fit_once_h2_is_known_is_dropped() -> None:
    bob = alone(WAITING, MemoryCache())
    peer = Actor(bob.stream)
    peer.send(peer.hello(mac=lambda _: bytes(8)), HELLO_ACK)
    answers = peer.send(peer.commit())
    dropped(bob, answers, ErrorCode.SOFTWARE_ERROR)
    peer.wait(20.0)
    assert "somebody changed it" in bob.seen(NoPeer)[0].text


@pytest.mark.attack("CHN-12")
@pytest.mark.attack("CHN-11")
@pytest.mark.rfc("R-5.4-02")
def test_a_commit_with_another_zid_than_its_hello_is_dropped_with_0x20_and_no_look_into_the_cache() -> None:
    class Watched(MemoryCache):
        def __init__(self) -> None:
            super().__init__()
            self.asked_for: list[bytes] = []

        def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            self.asked_for.append(peer_zid)
            return super().load(own_zid, peer_zid)

    cache = Watched()
    bob = alone(WAITING, cache)
    peer = Actor(bob.stream)
    peer.discover()
    dropped(bob, peer.send(peer.commit(zid=b"another ZID!")), ErrorCode.SOFTWARE_ERROR)
    assert cache.asked_for == [peer.zid], "only whose Hello came, and once"


@pytest.mark.attack("DWN-03")
@pytest.mark.attack("DWN-04")
@pytest.mark.attack("DWN-13")
@pytest.mark.attack("PAR-15")
@pytest.mark.rfc("R-5.5-01")
@every(
    ("suite", "code"),
    [
        (replace(SUITE, hash=b"S512"), ErrorCode.HASH_UNSUPPORTED),
        (replace(SUITE, cipher=b"\xff\0\x1b["), ErrorCode.CIPHER_UNSUPPORTED),
        (replace(SUITE, auth_tag=b"SK32"), ErrorCode.AUTH_TAG_UNSUPPORTED),
        (replace(SUITE, key_agreement=b"EC25"), ErrorCode.KEY_AGREEMENT_UNSUPPORTED),
        (replace(SUITE, key_agreement=b"DH2k"), ErrorCode.KEY_AGREEMENT_UNSUPPORTED),
        (replace(SUITE, sas=b"B10D"), ErrorCode.SAS_UNSUPPORTED),
    ],
)
def test_a_commit_to_what_we_did_not_offer_is_dropped_with_the_code_of_its_field(suite: Any, code: ErrorCode) -> None:
    bob = alone(WAITING, MemoryCache())
    peer = Actor(bob.stream)
    peer.discover()
    values = {name: getattr(suite, name) for name in ("hash", "cipher", "auth_tag", "key_agreement", "sas")}
    dropped(bob, peer.send(peer.commit(**values)), code)
    only(peer.send(peer.commit()), DHPart1)


@pytest.mark.attack("DWN-02")
@pytest.mark.attack("CHN-11")
def test_what_the_initiators_hello_lists_decides_nothing_at_the_responder() -> None:
    """It is in no hash; only what the Commit repeats counts, against our own list."""
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.own_hello = peer.hello(hashes=(b"N256",), ciphers=(b"2FS1",), key_agreements=(b"DH2k",), mitm=True)
    peer.discover()
    peer.initiate()
    assert bob.stream.suite == SUITE


@pytest.mark.attack("PAR-18")
def test_a_commit_with_a_public_key_that_its_key_agreement_does_not_have_is_malformed_and_the_real_one_follows() -> (
    None
):
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.discover()
    before = snapshot(bob)
    assert peer.share is None
    good = peer.commit()
    values = {name: getattr(good, name) for name in ("h2", "zid", "hash", "cipher", "auth_tag", "key_agreement", "sas")}
    long = Commit.make(**values, hvi=good.hvi, public_key=bytes(32), mac=lambda _: bytes(8))
    assert peer.send(long) == []
    assert snapshot(bob) == before
    assert bob.stream.counters["malformed"] == 1
    peer.initiate()
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("NET-09")
@pytest.mark.attack("NET-04")
@pytest.mark.attack("DOS-07")
@pytest.mark.interop("I-27")
@pytest.mark.rfc("R-6-08")
def test_a_repeated_commit_is_answered_by_the_same_dhpart1_32_times_and_costs_no_key_pair() -> None:
    config, counters = counting(X255)
    bob = alone(replace(config, passive=True))
    peer = Actor(bob.stream)
    peer.discover()
    commit = peer.commit()
    first = only(peer.send(commit), DHPart1)
    answers = peer.send(*[commit] * 100)
    assert answers == [first] * limits.DUPLICATE_ANSWERS
    assert counters[b"X255"].operations == {"key pair": 1}
    assert len(bob.seen(GoingSecure)) == 1


@pytest.mark.attack("CHN-14")
@pytest.mark.attack("DOS-15")
def test_another_commit_of_the_same_chain_is_answered_beside_and_either_may_go_on() -> None:
    """Whoever saw H2 could have sent one of the two; only the DHPart2 tells which."""
    for forged_first in (True, False):
        bob = alone(WAITING, MemoryCache())
        peer = Actor(bob.stream)
        peer.discover()
        forged = peer.commit(cipher=b"AES3", mac=lambda _: bytes(8))
        right = peer.commit()
        order = [forged, right] if forged_first else [right, forged]
        dhpart1 = {commit.raw: only(peer.send(commit), DHPart1) for commit in order}
        assert state_of(bob.stream) is State.DHPART1_SENT
        assert peer.send(forged) == [dhpart1[forged.raw]]  # each has its own answer
        assert peer.send(right) == [dhpart1[right.raw]]
        peer.take_dhpart1(dhpart1[right.raw])
        confirm1 = only(peer.send(peer.dhpart2()), Confirm1)
        peer.open(confirm1)
        only(peer.send(peer.confirm()), type(CONF2ACK))
        assert state_of(bob.stream) is State.SECURE
        assert bob.stream.suite is not None and bob.stream.suite.cipher == b"AES1"


@pytest.mark.attack("DH-11")
@pytest.mark.attack("DH-13")
@pytest.mark.rfc("R-4.8-01")
@pytest.mark.parametrize("prepared", [0, 1, 2])
def test_each_commit_is_answered_with_a_fresh_key_pair(prepared: int) -> None:
    """To know the responder's public value before the Commit would let its sender choose among SAS values."""
    config, counters = counting(X255)
    bob = alone(replace(config, passive=True), MemoryCache())
    bob.endpoint.prepare(prepared, suite=SUITE)
    peer = Actor(bob.stream)
    stranger = Actor(bob.stream, seed=3, ssrc=0x5000)
    for actor in (peer, stranger):
        actor.discover()
    commits = [(peer, peer.commit()), (stranger, stranger.commit())]
    values = [only(actor.send(commit), DHPart1).pv for actor, commit in commits]
    assert kinds(peer.send(peer.commit(sas=b"B256"))) == [Kind.PING]
    values.append(only(peer.hear()[1:], DHPart1).pv)
    assert len(set(values)) == 3
    assert prepared_shares(bob.endpoint) == []
    assert counters[b"X255"].operations["key pair"] == 3


@pytest.mark.attack("CHN-02")
@pytest.mark.attack("DOS-15")
@pytest.mark.parametrize(("field", "value"), [("h2", bytes(32)), ("zid", bytes(12)), ("cipher", b"none")])
def test_a_commit_that_is_refused_beside_a_running_exchange_changes_nothing(field: str, value: bytes) -> None:
    for state in (State.DHPART1_SENT, State.CONFIRM1_SENT, State.DHPART2_SENT):
        bob = alone(FAST if state is State.DHPART2_SENT else WAITING, MemoryCache())
        peer = Actor(bob.stream)
        (*_, last) = peer.discover()
        if isinstance(last, Commit):
            peer.send(peer.dhpart1(last))
        else:
            peer.take_dhpart1(only(peer.send(peer.commit()), DHPart1))
            if state is State.CONFIRM1_SENT:
                peer.send(peer.dhpart2())
        assert state_of(bob.stream) is state
        before, commit, dhpart2 = snapshot(bob), peer.own_commit, peer.own_dhpart2
        changes: dict[str, Any] = {field: value}
        peer.send(peer.commit(**changes))
        assert snapshot(bob) == before
        assert core_of(bob.stream).aside == []
        peer.own_commit, peer.own_dhpart2 = commit, dhpart2
        if state is State.DHPART1_SENT:
            only(peer.send(peer.dhpart2()), Confirm1)


@pytest.mark.attack("DOS-03")
@pytest.mark.attack("DOS-04")
@pytest.mark.attack("DOS-15")
def test_of_many_who_commit_on_one_stream_two_are_answered_and_the_oldest_makes_room_for_who_hears_us() -> None:
    config, counters = counting(X255)
    bob = alone(replace(config, passive=True), MemoryCache())
    actors = [Actor(bob.stream, seed=100 + number, ssrc=0x5000 + number) for number in range(6)]
    for number, actor in enumerate(actors):
        actor.discover()
        actor.now = number * 0.01
    answers = [actor.send(actor.commit()) for actor in actors]
    assert [kinds(answer) for answer in answers] == [[Kind.DHPART1]] * 2 + [[Kind.PING], [], [], []]
    assert counters[b"X255"].operations["key pair"] == 2
    assert bob.stream.counters["too many exchanges"] == 4
    early, late = actors[4:]
    only(early.hear()[1:], DHPart1)
    assert late.hear()[1:] == []  # nobody had time to go on yet
    late.now = limits.TIME_TO_ANSWER
    late.take_dhpart1(only(late.send(present(late.own_commit)), DHPart1))
    assert counters[b"X255"].operations["wiped"] == 1
    assert actors[0].send(actors[0].dhpart2()) == []  # the oldest is gone
    late.send(late.dhpart2(), late.confirm())
    assert state_of(bob.stream) is State.SECURE
    assert counters[b"X255"].operations["wiped"] == counters[b"X255"].operations["key pair"] == 4


@pytest.mark.attack("DOS-03")
@pytest.mark.attack("DOS-04")
def test_strangers_who_commit_cost_one_key_pair_each_and_the_oldest_makes_room() -> None:
    config, counters = counting(X255)
    cache = MemoryCache()
    bob = alone(replace(config, passive=True, half_open_limit=4), cache)
    streams = [bob.stream]
    for number in range(1, 10):
        session = bob.endpoint.session()
        streams.append(session.add_stream(0xB000 + number))
        streams[-1].start(0.0)
    for number, stream in enumerate(streams):
        stranger = Actor(stream, seed=100 + number, ssrc=0x5000 + number)
        stranger.now = number * limits.TIME_TO_ANSWER
        stranger.discover()
        stranger.send(stranger.commit())
    states = [state_of(stream) for stream in streams]
    assert states == [State.QUIET] * 7 + [State.DHPART1_SENT] * 3  # one more is kept for whoever hears us
    assert counters[b"X255"].operations["key pair"] == 10
    assert counters[b"X255"].operations["wiped"] == 7
    (nobody,) = bob.seen(NoPeer)
    assert "Too many calls" in nobody.text and not bob.seen(Failed)
    assert sending(bob) is Sending.BLOCKED
    for stream in streams:
        if stream.state is State.DHPART1_SENT:
            stream.handle_timer(60.0)
    assert {state_of(stream) for stream in streams} == {State.QUIET}
    assert cache.peers() == []


@pytest.mark.attack("DOS-03")
@pytest.mark.attack("DOS-15")
def test_of_too_many_who_commit_at_once_the_last_ones_have_to_come_again_and_cost_nothing() -> None:
    config, counters = counting(X255)
    bob = alone(replace(config, passive=True, half_open_limit=4))
    actors = [Actor(bob.stream, seed=100, ssrc=0x5000)]
    for number in range(1, 6):
        stream = bob.endpoint.session().add_stream(0xB000 + number)
        stream.start(0.0)
        actors.append(Actor(stream, seed=100 + number, ssrc=0x5000 + number))
    for actor in actors:
        actor.discover()
        actor.send(actor.commit())
    answered = [state_of(actor.stream) is State.DHPART1_SENT for actor in actors]
    assert answered == [True] * 3 + [False] * 3
    assert counters[b"X255"].operations == {"key pair": 3}
    assert actors[-1].stream.counters["too many exchanges"] == 1
    *_, hearing, last = actors
    assert hearing.hear() == []
    only(hearing.send(present(hearing.own_commit)), DHPart1)
    last.now = limits.TIME_TO_ANSWER
    only(last.send(present(last.own_commit)), DHPart1)  # he comes again


# Several sources


def test_a_copy_of_the_hello_from_elsewhere_does_not_draw_the_exchange_there() -> None:
    pair = Pair(FAST, PASSIVE).start()
    (hello,) = pair.alice.stream.datagrams_to_send()
    pair.bob.stream.receive_datagram(under(ELSEWHERE, hello), 0.0)
    pair.bob.stream.receive_datagram(hello, 0.0)
    pair.run()
    assert pair.secure and pair.keys_agree
    assert core_of(pair.bob.stream).exchange is not None
    assert present(core_of(pair.bob.stream).exchange).peer.ssrc == ALICE_SSRC


@pytest.mark.attack("CHN-13")
@every("alice", [FAST, PASSIVE], ids=["alice commits too", "alice is passive"])
@every("seed", range(6))
def test_our_commit_to_a_copy_of_the_hello_is_answered_by_the_real_source(alice: Config, seed: int) -> None:
    pair = Pair(alice, FAST, seed=seed).start()
    (hello,) = pair.alice.stream.datagrams_to_send()
    pair.bob.stream.receive_datagram(under(ELSEWHERE, hello), 0.0)
    pair.bob.stream.receive_datagram(hello, 0.0)
    pair.run(60.0)
    assert pair.secure and pair.keys_agree
    assert core_of(pair.bob.stream).exchange is not None
    assert present(core_of(pair.bob.stream).exchange).peer.ssrc == ALICE_SSRC


@pytest.mark.attack("CHN-13")
@pytest.mark.attack("DOS-15")
def test_the_peers_commit_counts_although_ours_went_to_a_forged_hello() -> None:
    bob = alone(FAST)
    forger, peer = Actor(bob.stream, seed=1, ssrc=0xBAD), Actor(bob.stream)
    forger.send(forger.own_hello)
    peer.send(peer.own_hello)
    (ours,) = forger.send(HELLO_ACK)
    assert isinstance(ours, Commit)
    exchange = core_of(bob.stream).exchange
    assert exchange is not None and exchange.peer.hello == forger.own_hello
    peer.initiate()
    assert state_of(bob.stream) is State.SECURE
    assert bob.session.peer.zid == peer.zid


def test_a_commit_from_a_source_that_sent_no_hello_is_dropped() -> None:
    pair = Pair(FAST, PASSIVE)

    def elsewhere(sender: str, datagram: bytes) -> bytes:
        return under(ELSEWHERE, datagram) if is_from(sender, Kind.COMMIT, "alice", datagram) else datagram

    pair.network.filter = elsewhere
    pair.start()
    pair.network.run(1.0)
    assert pair.alice.stream.state is State.COMMIT_SENT
    assert core_of(pair.bob.stream).exchange is None
    pair.network.filter = lambda _, datagram: datagram
    pair.run()
    assert pair.secure and pair.keys_agree


@pytest.mark.attack("NET-21")
def test_dhpart1_from_a_source_that_sent_no_hello_is_dropped() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    before = snapshot(bob)
    dhpart1 = peer.dhpart1(commit)
    assert peer.send(dhpart1, ssrc=0xBAD) == []
    assert snapshot(bob) == before
    assert kinds(peer.send(dhpart1)) == [Kind.DHPART2]


# Crossing Commits on one stream


@pytest.mark.attack("CON-01")
@pytest.mark.attack("CON-12")
@pytest.mark.interop("I-13")
@pytest.mark.rfc("R-4.2-04", "R-4.2-06", "R-3.1.1-01")
@every("seed", range(30))
def test_the_sender_of_the_higher_hvi_becomes_the_initiator(seed: int) -> None:
    pair = Pair(FAST, FAST, seed=seed).run()
    assert pair.secure and pair.keys_agree
    found = commits(pair)
    alice, bob = found["alice"].hvi, found["bob"].hvi
    assert alice is not None and bob is not None
    winner, loser = (pair.alice, pair.bob) if alice > bob else (pair.bob, pair.alice)
    assert winner.stream.role is Role.INITIATOR
    assert loser.stream.role is Role.RESPONDER
    assert winner.stream.counters["Commit lost the contention"] == 1
    assert [event.role for event in loser.seen(GoingSecure)] == [Role.INITIATOR, Role.RESPONDER]
    assert len(loser.seen(KeysReady)) == len(winner.seen(KeysReady)) == 1


@pytest.mark.attack("CON-09")
@pytest.mark.attack("DH-13")
@pytest.mark.rfc("R-4.2-10", "R-4.1.2-06")
@every("seed", range(5))
def test_the_loser_uses_its_key_pair_again(seed: int) -> None:
    configs = [counting(X255) for _ in range(2)]
    pair = Pair(configs[0][0], configs[1][0], seed=seed).run()
    assert pair.secure and pair.keys_agree
    for side, (_, counters) in zip(pair.sides, configs, strict=True):
        operations = counters[b"X255"].operations
        assert (operations["key pair"], operations["shared secret"]) == (1, 1)
        assert operations["reused"] == (1 if side.stream.role is Role.RESPONDER else 0)


@pytest.mark.attack("CON-09")
@pytest.mark.rfc("R-4.2-10", "R-5.1.5-08")
def test_a_key_pair_of_another_kind_or_strength_is_not_used_again() -> None:
    for ours, theirs, suite in (
        (counting(X255, EC25), b"EC25", replace(SUITE, key_agreement=b"EC25")),
        (counting(DH2K), b"DH2k", replace(SUITE, key_agreement=b"DH2k", cipher=b"AES3")),
    ):
        config, counters = ours
        bob = alone(config)
        peer = Actor(bob.stream, suite=suite, config=Config(key_agreements=(*counters, b"Mult")))
        (*_, own) = peer.discover()
        assert isinstance(own, Commit)
        dhpart1 = only(peer.send(winning(peer, own)), DHPart1)
        assert len(dhpart1.pv) == DEFAULT.key_agreements[theirs].dhpart1_length
        assert sum(counter.operations["key pair"] for counter in counters.values()) == 2
        assert sum(counter.operations["reused"] for counter in counters.values()) == 0
        assert sum(counter.operations["wiped"] for counter in counters.values()) == 1


def winning(
    peer: Actor, own: Commit, wins: Callable[[bytes, bytes], bool] = lambda mine, theirs: mine > theirs
) -> Commit:
    """A Commit of the actor that wins (or loses) against one; what it commits to is made anew until it does."""
    while True:
        peer.share, peer.own_dhpart2 = None, None
        commit = peer.commit()
        assert commit.hvi is not None and own.hvi is not None
        if wins(commit.hvi, own.hvi):
            return commit


@pytest.mark.attack("CON-12")
@pytest.mark.parametrize("wins_against", ["both", "its own"])
def test_a_commit_has_to_win_against_each_of_ours_that_waits_for_its_answer(wins_against: str) -> None:
    """The one to somebody else went to the same address, so that its sender may have taken that one for his."""
    bob = alone(FAST)
    actors = [Actor(bob.stream, seed=seed, ssrc=0x5000 + seed) for seed in range(2)]
    for actor in actors:
        actor.send(actor.own_hello)
    only(actors[0].send(HELLO_ACK), Commit)
    hearing.ask(core_of(bob.stream))
    hearing.send_ping(core_of(bob.stream), 0.0)
    for actor in actors:
        actor.hear()
    low, high = sorted(core_of(bob.stream).exchanges(), key=lambda one: present(present(one.commit).hvi))
    (peer,) = (actor for actor in actors if actor.ssrc == low.peer.ssrc)
    to_peer, to_other = present(low.commit), present(high.commit)
    aside.bring_forward(core_of(bob.stream), low)
    if wins_against == "both":
        only(peer.send(winning(peer, to_other))[-1:], DHPart1)
    else:
        between = winning(peer, to_peer, lambda mine, theirs: theirs < mine < present(to_other.hvi))
        assert DHPart1 not in map(type, peer.send(between))
        assert bob.stream.counters["Commit lost the contention"] == 1


@pytest.mark.attack("DOS-03")
def test_a_crossing_commit_of_somebody_else_has_to_come_again_if_there_is_no_room() -> None:
    """Even of one who hears us: three of ours wait for their answers, and one Commit is answered beside them."""
    bob = alone(FAST)
    actors = [Actor(bob.stream, seed=seed, ssrc=0x5000 + seed) for seed in range(5)]
    for actor in actors:
        actor.send(actor.own_hello)
    core = core_of(bob.stream)
    hearing.ask(core)
    hearing.send_ping(core, 0.0)
    among(actors[0].send(HELLO_ACK), Commit)
    for actor in actors:
        actor.hear()
    ours = core.exchanges()
    assert len(ours) == limits.EXCHANGES - 1
    highest = max((present(one.commit) for one in ours), key=lambda commit: present(commit.hvi))
    among(actors[3].send(winning(actors[3], highest)), DHPart1)
    aside.bring_forward(core, ours[0])
    assert state_of(bob.stream) is State.COMMIT_SENT
    assert DHPart1 not in map(type, actors[4].send(winning(actors[4], highest)))
    assert len(core.exchanges()) == limits.EXCHANGES


def test_the_answer_brings_our_hello_along_if_there_are_two_and_the_peer_may_have_another_one() -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.discover()
    aside.introduce_anew(core_of(bob.stream), 0.0)
    peer.listen()
    assert kinds(peer.send(peer.commit())) == [Kind.HELLO, Kind.DHPART1]


@pytest.mark.attack("CON-09")
@pytest.mark.rfc("R-4.3.1-04")
def test_the_loser_makes_new_ids_as_responder() -> None:
    """The IDs in the DHPart2 that went into our hvi said "Initiator"."""
    cache = MemoryCache()
    own_zid = cache.own_zid(lambda: b"own zid here")
    peer_zid = b"peer's zid.."
    cache.update(own_zid, peer_zid, lambda _: PeerRecord(rs1=OWN_RS1))
    bob = alone(FAST, cache)
    peer = Actor(bob.stream, zid=peer_zid, known=KnownSecrets(rs1=OWN_RS1))
    (*_, own) = peer.discover()
    assert isinstance(own, Commit)
    dhpart1 = only(peer.send(winning(peer, own)), DHPart1)
    assert dhpart1.rs1_id == S256.mac(OWN_RS1.octets, b"Responder")[:8]
    peer.take_dhpart1(dhpart1)
    only(peer.send(peer.dhpart2()), Confirm1)
    peer.send(peer.confirm())
    assert bob.session.continuity is Continuity.CONTINUED


@pytest.mark.attack("CON-03")
@pytest.mark.attack("CON-12")
def test_a_losing_commit_is_dropped_and_ours_stays_on_its_schedule() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, own) = peer.discover()
    assert isinstance(own, Commit)
    before = snapshot(bob)
    lost = winning(peer, own, lambda mine, theirs: mine < theirs)
    assert peer.send(*[lost] * 3) == []
    assert snapshot(bob) == before
    peer.answer(own)
    assert state_of(bob.stream) is State.SECURE
    assert peer.send(lost) == []  # a late copy
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("CON-10")
def test_a_commit_that_overtakes_the_hello_ack_crosses_ours_all_the_same() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.send(peer.own_hello)
    only(peer.send(peer.commit()), DHPart1)
    assert peer.send(HELLO_ACK) == []
    assert bob.stream.role is Role.RESPONDER


@pytest.mark.interop("I-13")
def test_we_yield_to_a_peer_that_never_does_after_our_second_unanswered_copy() -> None:
    config = Config(key_agreements=(b"X255", b"EC25", b"Mult"))
    bob = alone(config)
    peer = Actor(bob.stream, suite=replace(SUITE, key_agreement=b"EC25"), config=config)
    (*_, own) = peer.discover()
    assert isinstance(own, Commit) and own.key_agreement == b"X255"
    stubborn = winning(peer, own, lambda mine, theirs: mine < theirs)
    answers: list[Message] = []
    while not answers and peer.now < 5.0:
        answers = peer.send(stubborn)
        peer.wait(0.15)
    assert kinds(answers) == [Kind.DHPART1]
    assert peer.now == pytest.approx(0.45, abs=0.01)


@pytest.mark.attack("CON-11")
def test_the_commit_of_a_peer_that_called_itself_passive_is_taken_all_the_same() -> None:
    """The P flag is not authenticated: it decides nothing."""
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.own_hello = peer.hello(passive=True)
    peer.discover()
    peer.initiate()
    assert state_of(bob.stream) is State.SECURE


# Two streams and two calls at once


def two_streams(alice: Config = FAST, bob: Config = FAST, seed: int = 0) -> tuple[Pair, Stream, Stream]:
    """A call whose two streams all start at the same moment."""
    pair = Pair(alice, bob, seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache()).start()
    return pair, *pair.add_streams(0xA2, 0xB2)


@pytest.mark.rfc("R-4.4.1-01", "R-4.4.3-04", "R-4.4.3-05", "R-4.4.3-06", "R-3.1.3-03", "R-4.2-09", "R-4.2-08")
@pytest.mark.attack("CON-08")
@every("seed", range(10))
def test_of_two_streams_that_start_together_one_does_dh_and_the_other_follows_by_multistream(seed: int) -> None:
    pair, alice, bob = two_streams(seed=seed)
    pair.run(30.0)
    streams = [pair.alice.stream, alice, pair.bob.stream, bob]
    assert {state_of(stream) for stream in streams} == {State.SECURE}
    assert pair.alice.stream.mode is pair.bob.stream.mode
    assert alice.mode is bob.mode
    assert {pair.alice.stream.mode, alice.mode} == {Mode.DH, Mode.MULTISTREAM}
    for side in pair.sides:
        assert len(side.seen(SasReady)) == 1
        assert {event.mode for event in side.seen(Secured)} == {Mode.DH, Mode.MULTISTREAM}


@pytest.mark.attack("CON-08")
@pytest.mark.rfc("R-4.2-08", "R-4.2-09")
def test_commits_that_cross_on_different_streams_are_decided_as_on_one() -> None:
    """Each side commits on another stream first: one of the two streams has to wait."""
    for seed in range(10):
        pair = Pair(FAST, FAST, seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache())
        alice_2, bob_2 = pair.alice.session.add_stream(0xA2), pair.bob.session.add_stream(0xB2)
        pair.network.connect("alice", alice_2, "bob", bob_2)
        block = {"alice": pair.bob.stream.ssrc, "bob": 0xA2}

        def lose_hello_ack(
            sender: str, datagram: bytes, block: dict[str, int] = block, pair: Pair = pair
        ) -> bytes | None:
            first = int.from_bytes(datagram[8:12], "big") in (ALICE_SSRC, pair.bob.stream.ssrc)
            held = kind_of(datagram[12:]) is Kind.HELLO_ACK and pair.network.now < 0.1
            return None if held and first == (sender == "alice") else datagram

        pair.network.filter = lose_hello_ack
        for stream in (pair.alice.stream, alice_2, pair.bob.stream, bob_2):
            stream.start(0.0)
        pair.run(30.0)
        streams = [pair.alice.stream, alice_2, pair.bob.stream, bob_2]
        assert {state_of(stream) for stream in streams} == {State.SECURE}, seed
        assert {pair.alice.stream.mode, alice_2.mode} == {Mode.DH, Mode.MULTISTREAM}
        assert pair.alice.session.sas is not None and pair.bob.session.sas is not None
        assert pair.alice.session.sas.sashash == pair.bob.session.sas.sashash


@pytest.mark.attack("CON-13")
@pytest.mark.attack("DOS-15")
@pytest.mark.rfc("R-4.4.1-01", "R-4.4.1-02", "R-4.4.2-03")
def test_two_calls_with_one_peer_run_side_by_side_and_the_next_one_continues() -> None:
    """Anybody can claim a ZID, so that nobody waits for who does; what both leave in the cache still fits."""
    caches = {"alice_cache": MemoryCache(), "bob_cache": MemoryCache()}
    pair = Pair(FAST, FAST, **caches)  # type: ignore[arg-type]
    second = [Side(side.name, side.endpoint, side.endpoint.session()) for side in pair.sides]
    streams = [side.session.add_stream(0x2222 + number) for number, side in enumerate(second)]
    pair.network.connect("alice", streams[0], "bob", streams[1])
    pair.start()
    for stream in streams:
        stream.start(0.0)
    pair.run(5.0)
    both = (*streams, *(side.stream for side in pair.sides))
    assert {state_of(stream) for stream in both} == {State.SECURE}
    assert {stream.mode for stream in both} == {Mode.DH}
    assert pair.network.now < 0.5
    third = Pair(FAST, FAST, seed=7, clock=pair.clock, **caches).run()  # type: ignore[arg-type]
    for side in third.sides:
        assert side.session.continuity is Continuity.CONTINUED
        assert not side.seen(SecurityWarning)


# Multistream


def first_secure(config: Config = FAST, cache: MemoryCache | None = None) -> tuple[Side, Actor]:
    """A call whose first stream is secure, and its peer."""
    bob = alone(config, cache)
    peer = Actor(bob.stream)
    answers = peer.discover()
    if isinstance(answers[-1], Commit):
        peer.answer(answers[-1])
    else:
        peer.initiate()
    assert state_of(bob.stream) is State.SECURE
    bob.drain()
    return bob, peer


def further(bob: Side, peer: Actor, seed: int = 5, **options: Any) -> Actor:
    """The same peer on a further stream of the call."""
    stream = bob.session.add_stream(0xB200 + seed)
    stream.start(peer.now)
    values: dict[str, Any] = {"ssrc": 0xAC200 + seed, "seed": seed, "zid": peer.zid, "suite": peer.suite}
    return Actor(stream, **values | options)


def zrtpsess(peer: Actor) -> Secret:
    assert peer.secrets is not None
    return peer.secrets.zrtpsess


@pytest.mark.rfc("R-4.4.3.1-01", "R-4.4.3.1-02", "R-4.4.3.1-05", "R-5.4-04", "R-4.4.3-07", "R-3.1.3-01", "R-4.4.3.1-10")
@pytest.mark.interop("I-21")
def test_our_multistream_commit_repeats_zid_and_algorithms_and_has_a_nonce() -> None:
    bob, peer = first_secure()
    video = further(bob, peer)
    (*_, commit) = video.discover()
    assert isinstance(commit, Commit)
    assert (commit.mode, len(commit.raw)) == (CommitMode.MULTISTREAM, 25 * 4)
    assert commit.zid == call_of(bob.session).zid
    assert (commit.hash, commit.cipher, commit.auth_tag) == (peer.suite.hash, peer.suite.cipher, peer.suite.auth_tag)
    video.take_multistream_commit(commit, zrtpsess(peer))
    confirm2 = only(video.send(video.confirm()), Confirm2)
    video.open(confirm2)
    video.send(CONF2ACK)
    assert state_of(video.stream) is State.SECURE
    (secured,) = [event for event in bob.seen(Secured) if event.ssrc == video.stream.ssrc]
    assert secured.mode is Mode.MULTISTREAM
    assert len(bob.seen(SasReady)) == 1  # of the first stream


@pytest.mark.rfc("R-4.4.3.1-10", "R-4.4.3.2-03", "R-5.7-01")
def test_a_multistream_commit_is_answered_by_confirm1_under_keys_from_zrtpsess() -> None:
    bob, peer = first_secure(replace(FAST, passive=True))
    video = further(bob, peer)
    video.discover()
    confirm1 = only(video.send(video.multistream_commit(zrtpsess(peer))), Confirm1)
    assert video.open(confirm1).h0 == core_of(video.stream).chain.h0
    assert kinds(video.send(video.confirm())) == [Kind.CONF2ACK]
    assert state_of(video.stream) is State.SECURE


@pytest.mark.attack("DWN-09")
@pytest.mark.rfc("R-4.4.3.1-08", "R-4.4.3-01", "R-4.4.3-06")
def test_a_multistream_commit_without_zrtpsess_is_dropped_with_0x56() -> None:
    bob = alone(WAITING, MemoryCache())
    peer = Actor(bob.stream)
    peer.discover()
    dropped(bob, peer.send(peer.multistream_commit(Secret(bytes(32)))), ErrorCode.NO_SHARED_SECRET)


@pytest.mark.attack("DWN-09")
@pytest.mark.rfc("R-4.4.3-07")
def test_a_multistream_commit_of_another_zid_ends_with_0x56() -> None:
    bob, peer = first_secure(replace(FAST, passive=True))
    stranger = further(bob, peer, zid=b"another ZID!")
    stranger.discover()
    answer = only(stranger.send(stranger.multistream_commit(zrtpsess(peer))), Error)
    assert answer.code == ErrorCode.NO_SHARED_SECRET
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("DWN-08")
@pytest.mark.rfc("R-4.4.2-01", "R-4.4.2-02", "R-4.4.3-04")
@pytest.mark.parametrize("mode", ["DH", "Preshared"])
def test_any_other_commit_on_a_further_stream_is_dropped_with_0x20(mode: str) -> None:
    bob, peer = first_secure(replace(FAST, passive=True, preshared=True), MemoryCache())
    video = further(bob, peer, known=KnownSecrets(rs1=OWN_RS1))
    video.discover()
    commit = video.commit() if mode == "DH" else video.preshared_commit()
    assert only(video.send(commit), Error).code == ErrorCode.SOFTWARE_ERROR
    assert state_of(video.stream) is State.HELLO_RECEIVED
    assert state_of(bob.stream) is State.SECURE
    only(video.send(video.multistream_commit(zrtpsess(peer))), Confirm1)


@pytest.mark.attack("DWN-10")
@pytest.mark.rfc("R-4.4.3.1-02")
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("hash", b"S384", ErrorCode.HASH_UNSUPPORTED),
        ("cipher", b"AES1", ErrorCode.CIPHER_UNSUPPORTED),
        ("auth_tag", b"HS32", ErrorCode.AUTH_TAG_UNSUPPORTED),
    ],
)
def test_a_multistream_commit_to_other_algorithms_is_refused_where_policy_says_so(
    field: str, value: bytes, code: ErrorCode
) -> None:
    bob = alone(replace(FAST, passive=True, strict_multistream=True))
    peer = Actor(bob.stream, suite=replace(SUITE, cipher=b"AES3"))
    peer.discover()
    peer.initiate()
    video = further(bob, peer)
    video.discover()
    commit = video.multistream_commit(zrtpsess(peer), **{field: value})
    assert only(video.send(commit), Error).code == code


@pytest.mark.interop("I-21")
@pytest.mark.parametrize(("field", "value"), [("cipher", b"AES1"), ("auth_tag", b"HS32")])
def test_a_multistream_commit_may_name_other_algorithms_that_were_offered(field: str, value: bytes) -> None:
    """A real softphone does; nothing that was not offered is accepted, and nothing without ZRTPSess is."""
    bob = alone(replace(FAST, passive=True))
    peer = Actor(bob.stream, suite=replace(SUITE, cipher=b"AES3"))
    peer.discover()
    peer.initiate()
    video = further(bob, peer)
    video.discover()
    commit = video.multistream_commit(zrtpsess(peer), **{field: value})
    assert only(video.send(commit), Confirm1)
    suite = video.stream.suite
    assert suite is not None and getattr(suite, field) == value


def test_a_multistream_commit_to_algorithms_that_were_not_offered_is_refused() -> None:
    bob, peer = first_secure(replace(FAST, passive=True))
    video = further(bob, peer)
    video.discover()
    refused = video.multistream_commit(zrtpsess(peer), cipher=b"AES2")
    assert only(video.send(refused), Error).code == ErrorCode.CIPHER_UNSUPPORTED


@pytest.mark.attack("KEY-07")
@pytest.mark.rfc("R-4.4.3.1-06", "R-4.4.3.1-07", "R-4.4.2.2-05")
@pytest.mark.parametrize("whose", ["the peer's", "ours"])
def test_a_commit_with_a_nonce_that_was_used_before_is_dropped_with_0x80(whose: str) -> None:
    bob, peer = first_secure(FAST if whose == "ours" else replace(FAST, passive=True))
    video = further(bob, peer, seed=5)
    answers = video.discover()
    if whose == "ours":
        (*_, own) = answers
        assert isinstance(own, Commit) and own.nonce is not None
        nonce = own.nonce
    else:
        nonce = bytes(range(16))
        only(video.send(video.multistream_commit(zrtpsess(peer), nonce=nonce)), Confirm1)
    again = further(bob, peer, seed=6)
    again.send(again.own_hello)
    assert only(again.send(again.multistream_commit(zrtpsess(peer), nonce=nonce)), Error).code == ErrorCode.NONCE_REUSE
    assert state_of(again.stream) is State.HELLO_RECEIVED
    assert not [event for event in bob.seen(KeysReady) if event.ssrc == again.stream.ssrc]
    only(again.send(again.multistream_commit(zrtpsess(peer), nonce=b"a new nonce 1234")), Confirm1)


@pytest.mark.attack("DOS-16")
def test_nonces_are_remembered_up_to_4096_and_then_refused() -> None:
    bob, peer = first_secure(replace(FAST, passive=True))
    use_nonces(bob.session, (number.to_bytes(16, "big") for number in range(4096)))
    video = further(bob, peer)
    video.discover()
    commit = video.multistream_commit(zrtpsess(peer), nonce=b"\xff" * 16)
    assert only(video.send(commit), Error).code == ErrorCode.SERVICE_UNAVAILABLE


@pytest.mark.attack("CON-06")
@pytest.mark.rfc("R-4.2-07")
def test_our_multistream_commit_goes_on_against_a_dh_commit() -> None:
    bob, peer = first_secure()
    video = further(bob, peer)
    (*_, own) = video.discover()
    assert isinstance(own, Commit) and own.mode is CommitMode.MULTISTREAM
    assert only(video.send(video.commit()), Error).code == ErrorCode.SOFTWARE_ERROR
    assert state_of(video.stream) is State.COMMIT_SENT
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("CON-06")
@pytest.mark.rfc("R-4.2-07")
def test_our_dh_commit_goes_on_against_a_multistream_commit() -> None:
    bob = alone(FAST, MemoryCache())
    peer = Actor(bob.stream)
    peer.discover()
    answers = peer.send(peer.multistream_commit(Secret(bytes(32))))
    assert only(answers, Error).code == ErrorCode.SOFTWARE_ERROR
    assert state_of(bob.stream) is State.COMMIT_SENT
    assert not bob.seen(Failed)


@pytest.mark.attack("CON-07")
@pytest.mark.rfc("R-4.4.3.1-09", "R-4.2-05")
@pytest.mark.parametrize("nonce", [bytes(16), b"\xff" * 16])
def test_of_two_multistream_commits_the_higher_nonce_wins(nonce: bytes) -> None:
    bob, peer = first_secure()
    video = further(bob, peer)
    video.discover()
    answers = video.send(video.multistream_commit(zrtpsess(peer), nonce=nonce))
    assert kinds(answers) == ([Kind.CONFIRM1] if nonce[0] else [])
    assert video.stream.role is (Role.RESPONDER if nonce[0] else Role.INITIATOR)


@pytest.mark.rfc("R-3.1.3-02", "R-4.4.1-03")
@pytest.mark.attack("KEY-06")
def test_several_multistream_exchanges_run_at_the_same_time_with_keys_of_their_own() -> None:
    pair = Pair(FAST, FAST).run()
    streams = [pair.add_streams(0xA200 + number, 0xB200 + number) for number in range(4)]
    pair.run(pair.network.now + 5.0)
    assert all(state_of(stream) is State.SECURE for both in streams for stream in both)
    assert pair.network.now < 0.6
    sent = [bytes(side.keys(stream.ssrc).send.key.octets) for side in pair.sides for stream in side.session.streams]
    assert len(set(sent)) == len(sent) == 10


@pytest.mark.interop("I-21")
def test_no_further_stream_is_committed_to_a_peer_that_did_not_list_multistream() -> None:
    bob, peer = first_secure()
    video = further(bob, peer)
    video.own_hello = video.hello(key_agreements=(b"X255",))
    assert Kind.COMMIT not in kinds(video.discover())
    assert [event.code for event in bob.seen(SecurityWarning)] == [WarningCode.MULTISTREAM_REFUSED]


@pytest.mark.interop("I-22")
def test_a_further_stream_that_nobody_answers_leaves_the_others_secure() -> None:
    bob, peer = first_secure()
    video = further(bob, peer)
    video.discover()
    video.wait(60.0)
    assert state_of(video.stream) is State.QUIET
    assert state_of(bob.stream) is State.SECURE
    assert bob.stream.sending is Sending.SRTP


# Preshared mode


TRUSTED = PeerRecord(rs1=OWN_RS1, verified=True, trusted_lineage=True)
PRESHARED = Config(key_agreements=(b"X255", b"Mult"), preshared=True)


def knowing(
    record: PeerRecord = TRUSTED,
    config: Config = PRESHARED,
    known: KnownSecrets | None = None,
    aux: bytes | None = None,
) -> tuple[Side, Actor]:
    """A side that remembers its peer, and the peer."""
    cache = MemoryCache()
    zid = cache.own_zid(lambda: b"own zid here")
    cache.update(zid, b"peer's zid..", lambda _: record)
    bob = alone(config, cache, aux_secret=aux)
    chosen = known if known is not None else KnownSecrets(rs1=OWN_RS1)
    return bob, Actor(bob.stream, zid=b"peer's zid..", config=PRESHARED, known=chosen, suite=SUITE)


@pytest.mark.rfc("R-4.4.2.1-01", "R-4.4.2.2-01", "R-4.4.2.2-04", "R-5.4-05", "R-3.1.2-01", "R-4.4.2.3-06")
@pytest.mark.rfc("R-5.1.5-02")
def test_preshared_mode_goes_from_commit_to_confirm_and_renews_the_secret() -> None:
    friends = Friends(PRESHARED, PRESHARED)
    pair = friends.call("alice")
    for side in pair.sides:
        side.session.sas_matched()
    before = friends.record("alice")
    pair = friends.call("alice")
    assert pair.alice.stream.mode is pair.bob.stream.mode is Mode.PRESHARED
    assert [line.split()[1] for line in pair.transcript() if "Hello" not in line] == [
        "Commit",
        "Confirm1",
        "Confirm2",
        "Conf2ACK",
    ]
    (commit,) = commits(pair).values()
    assert len(commit.raw) == 27 * 4
    alice, bob = friends.record("alice"), friends.record("bob")
    assert alice is not None and bob is not None and before is not None
    assert alice.rs1 == bob.rs1 != before.rs1
    assert (alice.rs2, alice.preshared_count) == (None, 1)
    assert pair.alice.session.sas is not None and pair.bob.session.sas is not None
    assert pair.alice.session.sas.sashash == pair.bob.session.sas.sashash
    assert pair.alice.session.peer.verified and pair.bob.session.peer.verified


@pytest.mark.attack("DWN-07")
@pytest.mark.rfc("R-4.4.2-04")
def test_after_so_many_preshared_calls_in_a_row_dh_comes_again() -> None:
    config = replace(PRESHARED, preshared_limit=3)
    friends = Friends(config, config)
    for side in friends.call().sides:
        side.session.sas_matched()
    modes = [friends.call().alice.stream.mode for _ in range(9)]
    assert modes == [*[Mode.PRESHARED] * 3, Mode.DH, *[Mode.PRESHARED] * 3, Mode.DH, Mode.PRESHARED]


@pytest.mark.attack("DWN-05")
@pytest.mark.rfc("R-4.4.2.1-02", "R-4.4.2.2-02", "R-4.4.2-05")
@pytest.mark.interop("I-20")
@every(
    ("record", "listed"),
    [
        (replace(TRUSTED, trusted_lineage=False), True),
        (replace(TRUSTED, rs1=None), True),
        (replace(TRUSTED, rs1_expires=1.0), True),
        (replace(TRUSTED, preshared_count=20), True),
        (TRUSTED, False),
    ],
    ids=["not trusted", "no rs1", "expired", "too often", "not listed"],
)
def test_we_commit_to_preshared_only_with_a_trusted_valid_secret_and_a_peer_that_lists_it(
    record: PeerRecord, listed: bool
) -> None:
    _, peer = knowing(record)
    if not listed:
        peer.own_hello = peer.hello(key_agreements=(b"X255", b"Mult"))
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit) and commit.mode is CommitMode.DH
    _, peer = knowing()
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit) and commit.mode is CommitMode.PRESHARED


@pytest.mark.attack("DWN-06")
@pytest.mark.attack("DWN-05")
@pytest.mark.attack("CON-04")
@pytest.mark.rfc("R-4.4.2.3-03", "R-4.2-02")
@pytest.mark.parametrize("why", ["unknown", "not trusted"])
def test_a_preshared_commit_that_does_not_count_is_answered_by_our_own_dh_commit(why: str) -> None:
    record = TRUSTED if why == "unknown" else replace(TRUSTED, trusted_lineage=False)
    known = KnownSecrets(rs1=Secret(b"?" * 32)) if why == "unknown" else None
    bob, peer = knowing(record, replace(PRESHARED, auto_secure=False), known)
    peer.discover()
    ours = only(peer.send(peer.preshared_commit()), Commit)
    assert ours.mode is CommitMode.DH
    assert bob.stream.role is Role.INITIATOR
    peer.answer(ours)
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("DWN-06")
@pytest.mark.rfc("R-4.4.2.3-04")
def test_a_passive_endpoint_drops_a_preshared_commit_that_matches_nothing_with_0x56() -> None:
    bob, peer = knowing(config=replace(PRESHARED, passive=True), known=KnownSecrets(rs1=Secret(b"?" * 32)))
    peer.discover()
    assert only(peer.send(peer.preshared_commit()), Error).code == ErrorCode.NO_SHARED_SECRET
    assert state_of(bob.stream) is State.HELLO_RECEIVED
    only(peer.send(peer.commit()), DHPart1)


def test_beside_another_exchange_a_preshared_commit_that_matches_nothing_is_counted_and_draws_no_commit() -> None:
    bob, peer = knowing(config=replace(PRESHARED, auto_secure=False), known=KnownSecrets(rs1=Secret(b"?" * 32)))
    stranger = Actor(bob.stream, seed=8, ssrc=ELSEWHERE)
    peer.discover()
    stranger.send(stranger.own_hello)
    only(stranger.send(stranger.commit()), DHPart1)
    assert peer.send(peer.preshared_commit()) == []
    assert bob.stream.counters["Preshared Commit fits no secret"] == 1
    assert [one.peer.ssrc for one in core_of(bob.stream).exchanges()] == [stranger.ssrc]


def test_a_preshared_commit_that_wins_and_matches_nothing_ends_the_call_if_dh_is_not_in_common() -> None:
    """Ours is given up for it already, and no other one can be made."""
    strict = replace(PRESHARED, mandatory_always=False)
    bob, peer = knowing(config=strict, known=KnownSecrets(rs1=Secret(b"?" * 32)))
    peer.own_hello = peer.hello(key_agreements=(b"XXXX", b"Prsh"))
    (*_, own) = peer.discover()
    assert isinstance(own, Commit) and own.mode is CommitMode.PRESHARED
    peer.send(peer.preshared_commit(nonce=b"\xff" * 16))
    (failed,) = bob.seen(Failed)
    assert failed.code == ErrorCode.HELLO_MISMATCH
    assert state_of(bob.stream) is State.FAILED


@pytest.mark.rfc("R-4.4.2.3-01", "R-4.4.2.3-02")
@pytest.mark.parametrize("aux_known", [False, True])
@pytest.mark.parametrize("pbx_known", [False, True])
def test_the_responder_tries_without_auxsecret_and_pbxsecret(aux_known: bool, pbx_known: bool) -> None:
    aux, pbx = Secret(b"a" * 32), Secret(b"p" * 32)
    known = KnownSecrets(rs1=OWN_RS1, aux=aux if aux_known else None, pbx=pbx if pbx_known else None)
    record = replace(TRUSTED, pbxsecret=pbx)
    bob, peer = knowing(record, replace(PRESHARED, auto_secure=False), known, aux=b"a" * 32)
    peer.discover()
    confirm1 = only(peer.send(peer.preshared_commit()), Confirm1)
    peer.open(confirm1)
    assert kinds(peer.send(peer.confirm())) == [Kind.CONF2ACK]
    exchange = core_of(bob.stream).exchange
    assert exchange is not None
    assert (exchange.matched.s2 is not None, exchange.matched.s3 is not None) == (aux_known, pbx_known)
    expected = [WarningCode.AUX_MISMATCH] * (not aux_known) + [WarningCode.PBX_MISMATCH] * (not pbx_known)
    seen = [event.code for event in bob.seen(SecurityWarning)]
    assert [code for code in seen if code in (WarningCode.AUX_MISMATCH, WarningCode.PBX_MISMATCH)] == expected


@pytest.mark.rfc("R-4.4.2.3-02")
def test_rs2_serves_for_preshared_mode_only_after_a_call_of_which_it_is_not_sure_that_it_ended() -> None:
    record = replace(TRUSTED, rs1=Secret(b"1" * 32), rs2=OWN_RS1, preshared_count=1)
    _, peer = knowing(record, replace(PRESHARED, auto_secure=False))
    peer.discover()
    only(peer.send(peer.preshared_commit()), Confirm1)


def test_rs2_does_not_serve_for_preshared_mode_otherwise() -> None:
    bob, peer = knowing(replace(TRUSTED, rs1=Secret(b"1" * 32), rs2=OWN_RS1), replace(PRESHARED, auto_secure=False))
    peer.discover()
    assert only(peer.send(peer.preshared_commit()), Commit).mode is CommitMode.DH
    assert bob.stream.role is Role.INITIATOR


@pytest.mark.attack("CON-04")
@pytest.mark.rfc("R-4.2-02")
def test_our_preshared_commit_yields_to_a_dh_commit() -> None:
    bob, peer = knowing()
    (*_, own) = peer.discover()
    assert isinstance(own, Commit) and own.mode is CommitMode.PRESHARED
    only(peer.send(peer.commit()), DHPart1)
    assert bob.stream.mode is Mode.DH


@pytest.mark.attack("CON-04")
@pytest.mark.rfc("R-4.2-02")
def test_our_dh_commit_stands_against_a_preshared_commit() -> None:
    bob, peer = knowing(replace(TRUSTED, trusted_lineage=False))
    (*_, own) = peer.discover()
    assert isinstance(own, Commit) and own.mode is CommitMode.DH
    assert peer.send(peer.preshared_commit(nonce=b"\xff" * 16)) == []
    assert bob.stream.role is Role.INITIATOR


@pytest.mark.attack("CON-05")
@pytest.mark.attack("CON-07")
@pytest.mark.rfc("R-4.2-03", "R-4.2-05", "R-4.4.2.3-05")
@every(("own_mitm", "peer_mitm"), list(product((False, True), repeat=2)))
@every("nonce", [bytes(16), b"\xff" * 16])
def test_of_two_preshared_commits_the_m_flag_loses_and_otherwise_the_lower_nonce(
    own_mitm: bool, peer_mitm: bool, nonce: bytes
) -> None:
    bob, peer = knowing(config=replace(PRESHARED, trusted_mitm=own_mitm))
    peer.own_hello = peer.hello(mitm=peer_mitm)
    peer.discover()
    peer_wins = own_mitm if own_mitm != peer_mitm else nonce[0] == 0xFF
    answers = peer.send(peer.preshared_commit(nonce=nonce))
    assert kinds(answers) == ([Kind.CONFIRM1] if peer_wins else [])
    assert bob.stream.role is (Role.RESPONDER if peer_wins else Role.INITIATOR)


@pytest.mark.attack("KEY-07")
def test_a_repeated_nonce_of_a_preshared_commit_is_refused() -> None:
    bob, peer = knowing(config=replace(PRESHARED, auto_secure=False))
    use_nonces(bob.session, [bytes(16)])
    peer.discover()
    assert only(peer.send(peer.preshared_commit(nonce=bytes(16))), Error).code == ErrorCode.NONCE_REUSE


@pytest.mark.attack("SID-07")
def test_a_source_of_randomness_that_repeats_itself_secures_nothing() -> None:
    bob, _ = first_secure()
    use_nonces(bob.session, [b"\x07" * 16])
    installation_of(bob.endpoint).random = lambda length: b"\x07" * length
    with pytest.raises(RandomnessFailed, match="repeats itself"):
        call_of(bob.session).nonces.fresh(installation_of(bob.endpoint).random)


# A Commit that is refused costs its sender its candidacy and nothing else.


def refused_stranger(side: Side, ssrc: int) -> None:
    """A stranger says Hello and sends a Commit with another ZID."""
    stranger = Actor(side.stream, seed=77, ssrc=ssrc)
    stranger.send(stranger.own_hello)
    stranger.send(stranger.commit(zid=b"another ZID!"))
    assert side.stream.counters["Commit refused"] == 1


def test_after_a_refused_commit_under_the_peers_ssrc_our_exchange_with_the_peer_goes_on() -> None:
    side = alone(FAST)
    peer = Actor(side.stream)
    peer.discover()
    ours = present(core_of(side.stream).exchange)
    refused_stranger(side, peer.ssrc)
    assert core_of(side.stream).exchange is ours
    assert side.stream.state is State.COMMIT_SENT


def test_after_a_refused_commit_of_a_stranger_the_peer_that_acknowledged_our_hello_still_has() -> None:
    side = alone(WAITING)
    peer = Actor(side.stream)
    peer.discover()
    before = side.stream.state
    refused_stranger(side, 0x3A3A3A3A)
    assert side.stream.state is before
    assert core_of(side.stream).acknowledged_by == peer.ssrc
    assert core_of(side.stream).retransmission is None
