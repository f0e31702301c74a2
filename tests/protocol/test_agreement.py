"""DHPart1 and DHPart2: what is checked, in which order, and what it costs (RFC 6189 section 4.4.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.actor import FAST, SUITE, WAITING, Actor, alone, kinds, only, snapshot
from tests.support.cases import every
from tests.support.counting import CountingKeyAgreement
from tests.support.inside import cache_of, core_of, state_of
from tests.support.pair import Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.hashes import S256
from zrtp.crypto.key_agreements import DH3K, EC25, X255
from zrtp.crypto.key_agreements.finite_field import MODP_3072
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.events import Failed, KeysReady, Mode, NoPeer, SasReady, SecurityWarning, Sending, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.key_schedule import hvi
from zrtp.protocol.states import State
from zrtp.wire.messages import Commit, Confirm1, DHPart1, DHPart2, Error, Kind, Message

DH_CODES = [b"X255", b"E255", b"X448", b"EC25", b"EC38", b"EC52", b"DH2k", b"DH3k"]
KEM_CODES = [code for code, agreement in DEFAULT.key_agreements.items() if agreement.is_kem and agreement.available]


def counting(inner: Any, **config: Any) -> tuple[Config, CountingKeyAgreement]:
    counter = CountingKeyAgreement(inner)
    return Config(key_agreements=(counter.code, b"Mult"), algorithms=DEFAULT.extended(counter), **config), counter


def as_initiator(code: bytes = b"X255", config: Config = FAST) -> tuple[Side, Actor, Commit]:
    """A stream that has committed, its peer, and the Commit."""
    bob = alone(config, MemoryCache())
    peer = Actor(bob.stream, config=Config(key_agreements=(code, b"Mult")), suite=replace(SUITE, key_agreement=code))
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit) and commit.key_agreement == code
    return bob, peer, commit


def as_responder(code: bytes = b"X255", config: Config = WAITING) -> tuple[Side, Actor]:
    """A stream that has answered a Commit with DHPart1, and its peer."""
    bob = alone(config, MemoryCache())
    suite = replace(SUITE, key_agreement=code)
    peer = Actor(bob.stream, config=Config(key_agreements=(code, b"Mult")), suite=suite)
    peer.discover()
    dhpart1 = only(peer.send(peer.commit()), DHPart1)
    peer.own_dhpart1 = dhpart1
    return bob, peer


def dropped(side: Side, peer: Actor, message: Message, code: ErrorCode) -> None:
    """The message changes nothing: anybody could have sent it. Its sender is told why."""
    before = snapshot(side)
    assert only(peer.send(message), Error).code == code
    assert snapshot(side) == before
    assert not side.seen(Failed) and not side.seen(KeysReady) and not side.seen(SasReady)


def comes_to_nothing(side: Side, peer: Actor) -> NoPeer:
    """No right message follows: nobody has proved to be there, no key exists, and nothing is sent in clear."""
    peer.wait(60.0)
    (nobody,) = side.seen(NoPeer)
    assert state_of(side) is State.QUIET
    assert core_of(side.stream).exchange is None
    assert side.stream.sending is Sending.BLOCKED
    assert not side.seen(Failed) and not side.seen(KeysReady) and not side.seen(SasReady)
    assert cache_of(side.endpoint).peers() == []
    return nobody


def fails(side: Side, answers: list[Message], code: ErrorCode) -> Failed:
    """The exchange ended with that code, and nothing came of it."""
    (failed,) = side.seen(Failed)
    assert (failed.code, failed.by_peer) == (code, False)
    assert only(answers, Error).code == code
    assert state_of(side) is State.FAILED
    assert core_of(side.stream).exchange is None
    assert side.stream.sending is Sending.BLOCKED
    assert not side.seen(KeysReady) and not side.seen(SasReady)
    assert cache_of(side.endpoint).peers() == []
    return failed


def bad_values(code: bytes) -> dict[str, bytes]:
    """Public values that no honest peer sends."""
    if code == b"DH3k":
        numbers = {"0": 0, "1": 1, "p - 1": MODP_3072 - 1, "p": MODP_3072, "p + 2": MODP_3072 + 2, "ones": 2**3072 - 1}
        return {name: number.to_bytes(384, "big") for name, number in numbers.items()}
    if code == b"EC25":
        return {"infinity": bytes(64), "off the curve": bytes(63) + b"\x01", "coordinates beyond p": b"\xff" * 64}
    return {"0": bytes(32), "order 2": b"\x01" + bytes(31)}


BAD_VALUES = [
    pytest.param(code, value, id=f"{code.decode()}-{name}")
    for code in (b"DH3k", b"EC25", b"X255")
    for name, value in bad_values(code).items()
]
FOUND_BY_THE_OPERATION = [(b"X255", value) for value in bad_values(b"X255").values()]
FOUND_BY_THE_OPERATION.append((b"EC25", bad_values(b"EC25")["off the curve"]))
"""Not by a look at the value alone."""


# All kinds of key agreement


@pytest.mark.rfc("R-5.1.5-01", "R-5.1.5-03", "R-4.4.1.4-01", "R-4.6-06")
@every("code", [*DH_CODES, *KEM_CODES], ids=lambda code: code.decode())
def test_two_endpoints_agree_by_every_key_agreement(code: bytes) -> None:
    config = Config(key_agreements=(code, b"Mult"), hashes=(b"S384", b"S256"))
    pair = Pair(config, config).run()
    assert pair.secure and pair.keys_agree
    for side in pair.sides:
        assert side.stream.suite is not None and side.stream.suite.key_agreement == code
        assert side.stream.mode is (Mode.KEM if code in KEM_CODES else Mode.DH)
    assert pair.alice.session.sas is not None and pair.bob.session.sas is not None
    assert pair.alice.session.sas.sashash == pair.bob.session.sas.sashash


@pytest.mark.interop("I-40")
@every("code", KEM_CODES, ids=lambda code: code.decode())
@every("mtu", [600, 1000, 1452])
def test_long_kem_messages_go_in_fragments_and_nothing_else_does(code: bytes, mtu: int) -> None:
    config = Config(key_agreements=(code, b"Mult"), mtu=mtu)
    pair = Pair(config, config).run()
    assert pair.secure and pair.keys_agree
    for _, _, datagram in pair.network.log:
        assert len(datagram) <= mtu
        if datagram[:2] == b"\x11\x00":
            total = 4 * int.from_bytes(datagram[14:16], "big")
            assert total + 16 > mtu
            assert int.from_bytes(datagram[12:14], "big") >= 1


@pytest.mark.rfc("R-5.5-01", "R-5.5-02", "R-5.1.5-22", "R-4.3.1-05", "R-4.4.1.2-02", "R-4.4.1.1-05")
@every(("code", "words"), [(b"DH3k", 117), (b"DH2k", 85), (b"EC25", 37), (b"EC38", 45), (b"EC52", 54), (b"X255", 29)])
def test_dhpart_has_the_length_of_the_table(code: bytes, words: int) -> None:
    config = Config(key_agreements=(code, b"Mult"), hashes=(b"S384", b"S256"))
    pair = Pair(config, config).run()
    lengths = {len(datagram) - 16 for _, _, datagram in pair.network.log if datagram[16:23] == b"DHPart1"} | {
        len(datagram) - 16 for _, _, datagram in pair.network.log if datagram[16:23] == b"DHPart2"
    }
    assert lengths == {4 * words}


@pytest.mark.rfc("R-5.1.2-02", "R-5.1.2-05", "R-5.1.2.1-01", "R-5.1.2.1-03", "R-5.1.2.2-01", "R-5.1.2.2-02")
@every("code", [b"S256", b"S384", b"S512", b"N256", b"N384"])
@every("tag", [b"HS32", b"HS80"])
def test_the_negotiated_hash_rules_everything_but_the_hash_chain_and_the_srtp_tag(code: bytes, tag: bytes) -> None:
    """A peer that computes all keys and MACs with it, and the chain with SHA-256, reaches the same keys."""
    config = Config(hashes=(code,), auth_tags=(tag,), key_agreements=(b"X255", b"Mult"), auto_secure=False)
    bob = alone(config)
    peer = Actor(bob.stream, config=config, suite=replace(SUITE, hash=code, auth_tag=tag))
    peer.discover()
    peer.initiate()
    assert state_of(bob) is State.SECURE
    (keys,) = bob.seen(KeysReady)
    assert peer.keys is not None and peer.secrets is not None
    assert keys.receive.key == peer.keys.srtpi.key
    assert keys.receive.auth_tag == tag
    assert bob.session.sas is not None and bob.session.sas.sashash == peer.secrets.sashash
    assert len(peer.keys.mackeyi) == DEFAULT.hashes[code].length


# Hash chain and MAC first, at the price of a hash


@pytest.mark.attack("CHN-02")
@pytest.mark.attack("DOS-05")
@pytest.mark.attack("DH-16")
@pytest.mark.rfc("R-9-05", "R-9-07", "R-9-08", "R-5.6-01")
def test_dhpart1_of_somebody_else_costs_one_hash_and_changes_nothing() -> None:
    config, counter = counting(X255)
    bob, peer, commit = as_initiator(config=config)
    before, cost = snapshot(bob), counter.total
    for seed in range(20):
        stranger = Actor(bob.stream, seed=200 + seed)
        assert stranger.send(stranger.dhpart1(commit)) == []
    assert snapshot(bob) == before
    assert counter.total == cost
    assert bob.stream.counters["hash chain does not fit"] == 20
    assert [event.code for event in bob.seen(SecurityWarning)] == [WarningCode.CHAIN_MISMATCH]
    assert kinds(peer.send(peer.dhpart1(commit))) == [Kind.DHPART2]


@pytest.mark.attack("CHN-02")
@pytest.mark.attack("DOS-05")
@pytest.mark.attack("DH-16")
@pytest.mark.rfc("R-9-05", "R-9-07")
def test_dhpart2_of_somebody_else_costs_one_hash_and_changes_nothing() -> None:
    config, counter = counting(X255, auto_secure=False)
    bob, peer = as_responder(config=config)
    before, cost = snapshot(bob), counter.total
    for seed in range(20):
        stranger = Actor(bob.stream, seed=200 + seed)
        stranger.commit()
        assert stranger.send(stranger.dhpart2()) == []
    assert snapshot(bob) == before
    assert counter.total == cost
    assert bob.stream.counters["hash chain does not fit"] == 20
    assert kinds(peer.send(peer.dhpart2())) == [Kind.CONFIRM1]


@pytest.mark.attack("CHN-05")
@pytest.mark.rfc("R-8.1.1-02", "R-5.2-13")
def test_dhpart1_shows_that_the_responders_hello_was_changed() -> None:
    bob = alone(FAST, MemoryCache())
    peer = Actor(bob.stream)
    peer.own_hello = peer.hello(mac=lambda _: bytes(8))
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    dropped(bob, peer, peer.dhpart1(commit), ErrorCode.SOFTWARE_ERROR)
    nobody = comes_to_nothing(bob, peer)
    assert "Hello" in nobody.text and "somebody changed it" in nobody.text


@pytest.mark.attack("CHN-06")
@pytest.mark.rfc("R-5.4-06", "R-8.1.1-02", "R-8.1.1-03")
def test_dhpart2_shows_that_the_commit_was_changed() -> None:
    bob = alone(WAITING, MemoryCache())
    peer = Actor(bob.stream)
    peer.discover()
    only(peer.send(peer.commit(mac=lambda _: bytes(8))), DHPart1)
    dropped(bob, peer, peer.dhpart2(), ErrorCode.SOFTWARE_ERROR)
    assert "the peer's Commit" in comes_to_nothing(bob, peer).text


# Public values and hvi


@pytest.mark.attack("DH-01")
@pytest.mark.attack("DH-02")
@pytest.mark.attack("DH-04")
@pytest.mark.attack("DH-06")
@pytest.mark.rfc("R-4.4.1.3-01", "R-4.4.1.3-02", "R-4.4.1.3-03", "R-5.1.5-12")
@every(("code", "value"), BAD_VALUES)
def test_a_bad_pvr_is_answered_with_0x61_and_the_right_one_still_counts(code: bytes, value: bytes) -> None:
    bob, peer, commit = as_initiator(code, Config(key_agreements=(code, b"Mult")))
    dropped(bob, peer, peer.dhpart1(commit, pv=value), ErrorCode.PUBLIC_VALUE)
    assert kinds(peer.send(peer.dhpart1(commit))) == [Kind.DHPART2]


@pytest.mark.attack("DH-01")
@pytest.mark.rfc("R-4.4.1.3-02", "R-4.4.1.3-03")
def test_after_a_bad_pvr_without_a_right_one_nothing_comes_of_the_exchange() -> None:
    bob, peer, commit = as_initiator()
    dropped(bob, peer, peer.dhpart1(commit, pv=bytes(32)), ErrorCode.PUBLIC_VALUE)
    assert "public value" in comes_to_nothing(bob, peer).text


@pytest.mark.attack("DH-01")
@pytest.mark.attack("DH-02")
@pytest.mark.attack("DH-04")
@pytest.mark.attack("DH-06")
@pytest.mark.rfc("R-4.4.1.2-03", "R-4.4.1.2-04", "R-4.4.1.2-05", "R-5.1.5-12")
@every(("code", "value"), BAD_VALUES)
def test_a_bad_pvi_is_answered_with_0x61_although_it_was_committed_to(code: bytes, value: bytes) -> None:
    bob = alone(Config(key_agreements=(code, b"Mult"), auto_secure=False), MemoryCache())
    peer = Actor(bob.stream, config=Config(key_agreements=(code, b"Mult")), suite=replace(SUITE, key_agreement=code))
    peer.discover()
    bad = peer.dhpart2(pv=value)
    only(peer.send(peer.commit(dhpart2=bad)), DHPart1)
    if (code, value) in FOUND_BY_THE_OPERATION:  # after hvi, which only somebody who took our Hello can open
        assert "public value" in fails(bob, peer.send(bad), ErrorCode.PUBLIC_VALUE).text
    else:
        dropped(bob, peer, bad, ErrorCode.PUBLIC_VALUE)
        assert "public value" in comes_to_nothing(bob, peer).text


@pytest.mark.attack("DH-16")
@pytest.mark.parametrize("value", [0, 1, MODP_3072 - 1, MODP_3072])
def test_a_bad_finite_field_value_costs_no_exponentiation(value: int) -> None:
    config, counter = counting(DH3K)
    bob, peer, commit = as_initiator(b"DH3k", config)
    cost = counter.total
    dropped(bob, peer, peer.dhpart1(commit, pv=value.to_bytes(384, "big")), ErrorCode.PUBLIC_VALUE)
    assert counter.total == cost


@pytest.mark.attack("DH-10")
@pytest.mark.attack("DH-11")
@pytest.mark.attack("DH-16")
@pytest.mark.rfc("R-4.4.1.2-06", "R-4.4.1.2-07", "R-4.4.1.2-08")
@pytest.mark.parametrize("code", [b"X255", b"EC25"])
def test_a_dhpart2_that_was_not_committed_to_is_answered_with_0x62_before_any_computation(code: bytes) -> None:
    inner = {b"X255": X255, b"EC25": EC25}[code]
    config, counter = counting(inner, auto_secure=False)
    bob, peer = as_responder(code, config)
    cost = counter.total
    replaced = peer.algorithms.key_agreements[code].initiate(peer.context)
    dropped(bob, peer, peer.dhpart2(pv=replaced.dhpart2_field), ErrorCode.HVI_MISMATCH)
    assert counter.total == cost
    assert "somebody may be in between" in comes_to_nothing(bob, peer).text
    assert counter.total == cost


@pytest.mark.attack("DH-11")
@pytest.mark.attack("DOS-15")
def test_after_a_dhpart2_that_was_not_committed_to_the_right_one_still_counts() -> None:
    bob, peer = as_responder()
    replaced = peer.algorithms.key_agreements[b"X255"].initiate(peer.context)
    dropped(bob, peer, peer.dhpart2(pv=replaced.dhpart2_field), ErrorCode.HVI_MISMATCH)
    assert kinds(peer.send(peer.dhpart2())) == [Kind.CONFIRM1]


@pytest.mark.attack("PAR-06")
@pytest.mark.attack("DOS-15")
def test_refused_messages_get_one_error_a_second() -> None:
    bob, peer, commit = as_initiator()
    bad = peer.dhpart1(commit, pv=bytes(32))
    assert kinds(peer.send(*[bad] * 50)) == [Kind.ERROR]
    peer.now = 1.01
    assert kinds(peer.send(*[bad] * 50)) == [Kind.ERROR]
    assert bob.stream.counters["refused of a candidate"] == 100


@pytest.mark.attack("DH-11")
def test_every_single_bit_of_dhpart2_is_committed_to() -> None:
    """H1, IDs, pv and MAC: whatever is changed, no key is computed."""
    reference = as_responder()[1].dhpart2()
    for position in range(12, len(reference.raw), 7):
        bob, peer = as_responder()
        raw = bytearray(peer.dhpart2().raw)
        raw[position] ^= 1
        answers = peer.send(bytes(raw))
        assert bob.stream.state is State.DHPART1_SENT
        if position < 44:  # H1: not from this peer at all
            assert answers == []
        else:
            assert only(answers, Error).code == ErrorCode.HVI_MISMATCH


@pytest.mark.attack("DH-12")
def test_our_own_public_value_sent_back_is_answered_with_0x61() -> None:
    """No honest peer can know our private value: the initiator's pvi, and the responder's pvr."""
    bob, peer, commit = as_initiator()
    own = present(present(core_of(bob.stream).exchange).offer).share.dhpart2_field
    dropped(bob, peer, peer.dhpart1(commit, pv=own), ErrorCode.PUBLIC_VALUE)
    assert "public value" in comes_to_nothing(bob, peer).text


@pytest.mark.attack("DH-14")
@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_a_failing_library_is_answered_with_0x61_and_never_leads_to_an_empty_secret(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if role == "initiator":
        bob, peer, commit = as_initiator()
        message: Message = peer.dhpart1(commit)
    else:
        bob, peer = as_responder()
        message = peer.dhpart2()
    exchange = core_of(bob.stream).exchange
    assert exchange is not None
    share = present(exchange.offer).share if exchange.offer is not None else present(exchange.answer).share

    def fail(_: bytes) -> bytes:
        raise ValueError("no such luck")

    monkeypatch.setattr(share, "_exchange", fail)
    if role == "initiator":  # anybody can send a DHPart1
        dropped(bob, peer, message, ErrorCode.PUBLIC_VALUE)
        comes_to_nothing(bob, peer)
    else:  # what opens hvi took our Hello
        fails(bob, peer.send(message), ErrorCode.PUBLIC_VALUE)


# Lengths


@pytest.mark.attack("PAR-19")
@pytest.mark.attack("DH-05")
@pytest.mark.rfc("R-5.9-03")
@every("length", [4, 28, 36, 64, 384])
def test_dhpart1_of_another_length_is_malformed_and_the_right_one_still_counts(length: int) -> None:
    bob, peer, commit = as_initiator()
    before = snapshot(bob)
    answers = peer.send(peer.dhpart1(commit, pv=bytes(length)))
    assert only(answers, Error).code == ErrorCode.MALFORMED_PACKET
    assert snapshot(bob) == before
    assert kinds(peer.send(peer.dhpart1(commit))) == [Kind.DHPART2]


@pytest.mark.attack("PAR-19")
@every("length", [4, 28, 36, 64, 384])
def test_dhpart2_of_another_length_is_malformed_and_the_right_one_still_counts(length: int) -> None:
    bob, peer = as_responder()
    before = snapshot(bob)
    answers = peer.send(peer.dhpart2(pv=bytes(length)))
    assert only(answers, Error).code == ErrorCode.MALFORMED_PACKET
    assert snapshot(bob) == before
    assert kinds(peer.send(peer.dhpart2())) == [Kind.CONFIRM1]


@pytest.mark.attack("PAR-06")
@pytest.mark.attack("PAR-05")
def test_malformed_messages_get_one_error_a_second_and_only_within_an_exchange() -> None:
    _, peer, commit = as_initiator()
    short = peer.dhpart1(commit, pv=bytes(4))
    assert kinds(peer.send(*[short] * 50)) == [Kind.ERROR]
    peer.now = 1.01
    assert kinds(peer.send(*[short] * 50)) == [Kind.ERROR]
    quiet = alone(FAST)
    stranger = Actor(quiet.stream)
    stranger.listen()
    assert stranger.send(*[short.raw[:-4]] * 10) == []
    assert quiet.stream.counters["malformed"] == 10


# Duplicates and order


@pytest.mark.attack("NET-04")
@pytest.mark.interop("I-27")
@pytest.mark.rfc("R-6-08", "R-6-12")
def test_a_repeated_dhpart2_gets_the_same_confirm1_and_costs_nothing() -> None:
    config, counter = counting(X255, auto_secure=False)
    bob, peer = as_responder(config=config)
    confirm1 = only(peer.send(peer.dhpart2()), Confirm1)
    cost, before = counter.total, snapshot(bob)
    assert peer.send(*[peer.dhpart2()] * 100) == [confirm1] * limits.DUPLICATE_ANSWERS
    assert counter.total == cost == 2
    after = snapshot(bob)
    assert {key for key in before if before[key] != after[key]} <= {"deadlines"}


@pytest.mark.attack("NET-04")
def test_a_repeated_dhpart1_is_ignored() -> None:
    config, counter = counting(X255)
    bob, peer, commit = as_initiator(config=config)
    dhpart1 = peer.dhpart1(commit)
    peer.send(dhpart1)
    cost, before = counter.total, snapshot(bob)
    assert peer.send(*[dhpart1] * 100) == []
    assert snapshot(bob) == before
    assert counter.total == cost == 2


@pytest.mark.attack("NET-05")
def test_messages_out_of_order_are_ignored_without_an_error() -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.discover()
    commit = peer.commit()
    early = peer.dhpart2()
    assert peer.send(early) == []  # DHPart2 before Commit
    only(peer.send(commit), DHPart1)
    assert kinds(peer.send(early)) == [Kind.CONFIRM1]
    assert not bob.seen(Failed)


@pytest.mark.attack("NET-02")
def test_messages_of_an_old_call_do_not_fit_a_new_one() -> None:
    old_bob, old_peer, old_commit = as_initiator()
    old = old_peer.dhpart1(old_commit)
    assert old_bob.stream.state is State.COMMIT_SENT
    bob = alone(FAST, MemoryCache(), seed=6)
    peer = Actor(bob.stream, seed=78, zid=old_peer.zid)
    peer.discover()
    before = snapshot(bob)
    assert peer.send(old) == []
    assert snapshot(bob) == before


@pytest.mark.attack("DOS-03")
@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_a_whole_exchange_costs_one_key_pair_and_one_shared_secret(role: str) -> None:
    config, counter = counting(X255, auto_secure=role == "initiator")
    if role == "initiator":
        bob, peer, commit = as_initiator(config=config)
        peer.answer(commit)
    else:
        bob = alone(config)
        peer = Actor(bob.stream)
        peer.discover()
        peer.initiate()
    assert state_of(bob) is State.SECURE
    assert (counter.operations["key pair"], counter.operations["shared secret"]) == (1, 1)


@pytest.mark.attack("SID-04")
@pytest.mark.rfc("R-4.4.1.4-07")
def test_the_key_pair_is_wiped_as_soon_as_the_secret_is_there() -> None:
    config, counter = counting(X255)
    bob, peer, commit = as_initiator(config=config)
    peer.send(peer.dhpart1(commit))
    exchange = core_of(bob.stream).exchange
    assert exchange is not None and exchange.offer is None
    assert counter.operations["wiped"] == 1
    config, counter = counting(X255, auto_secure=False)
    bob, peer = as_responder(config=config)
    peer.send(peer.dhpart2())
    exchange = core_of(bob.stream).exchange
    assert exchange is not None and exchange.answer is None
    assert counter.operations["wiped"] == 1


@pytest.mark.rfc("R-4.4.1.1-07")
def test_our_dhpart2_is_the_one_that_we_committed_to() -> None:
    bob, peer, commit = as_initiator()
    dhpart2 = only(peer.send(peer.dhpart1(commit)), DHPart2)
    assert hvi(S256, dhpart2.raw, peer.own_hello.raw) == commit.hvi
    assert bob.stream.state is State.DHPART2_SENT


@pytest.mark.attack("DOS-15")
@pytest.mark.rfc("R-9-06")
def test_an_exchange_that_fails_after_messages_of_somebody_else_says_that_it_was_disturbed() -> None:
    bob, peer, commit = as_initiator()
    stranger = Actor(bob.stream, seed=200)
    stranger.send(stranger.dhpart1(commit))
    only(peer.send(peer.dhpart1(commit)), DHPart2)
    peer.wait(60.0)
    (nobody,) = bob.seen(NoPeer)
    assert "being disturbed" in nobody.text


@pytest.mark.rfc("R-6-18")
def test_a_dhpart2_gives_the_initiator_ten_more_seconds() -> None:
    """The peer may have been slow, but it is there: the patience of a responder starts anew."""
    bob, peer = as_responder()
    peer.wait(9.0)
    only(peer.send(peer.dhpart2()), Confirm1)
    peer.wait(9.0)
    assert state_of(bob) is State.CONFIRM1_SENT
    peer.wait(1.5)
    assert state_of(bob) is State.FAILED
