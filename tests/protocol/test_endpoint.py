"""One installation: its ZID, its randomness, and the exchanges that it has open at once."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, only
from tests.support.cases import every
from tests.support.inside import cache_of, call_of, core_of, installation_of, running_exchanges, state_of
from tests.support.pair import Pair, seeded
from zrtp import system
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ApiMisuse, ErrorCode, RandomnessFailed
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed, KeysReady, Role, Suite
from zrtp.protocol.states import State
from zrtp.wire.messages import HELLO_ACK, Commit, DHPart1, Error

SUITE = Suite(hash=b"S256", cipher=b"AES1", auth_tag=b"HS80", key_agreement=b"DH3k", sas=b"B32 ")


# ZIDs


@pytest.mark.rfc("R-4.9-01", "R-4.9-06", "R-4.9-05")
def test_the_zid_is_12_random_octets_made_once_and_kept_in_the_cache() -> None:
    cache = MemoryCache()
    first, second = (Endpoint(FAST, cache, random=seeded(seed)) for seed in (1, 2))
    assert len(first.zid) == 12
    assert first.zid == second.zid == cache.own_zid(lambda: bytes(12))
    assert Endpoint(FAST, MemoryCache(), random=seeded(2)).zid != first.zid


@pytest.mark.rfc("R-4.9.1-03")
def test_a_cacheless_endpoint_has_a_new_zid_each_time() -> None:
    zids = {Endpoint(FAST, random=seeded(seed)).zid for seed in range(10)}
    assert len(zids) == 10
    assert installation_of(Endpoint(FAST)).cacheless


def test_an_endpoint_keeps_its_zids_and_asks_the_cache_once_for_each() -> None:
    cacheless = Endpoint(FAST, random=seeded(1))
    assert cacheless.zid == cacheless.zid == cacheless.zid_for("")

    class Counting(MemoryCache):
        asked = 0

        def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
            self.asked += 1
            return super().own_zid(make, label, renew=renew)

    cache = Counting()
    endpoint = Endpoint(FAST, cache)
    assert endpoint.zid_for("bob") == endpoint.zid_for("bob") != endpoint.zid == endpoint.zid
    assert cache.asked == 2


def test_what_is_no_cache_is_refused_at_the_door() -> None:
    with pytest.raises(ApiMisuse, match=r"cache is a cache such as zrtp.MemoryCache\(\) .* not str"):
        Endpoint(FAST, "retained.db")  # type: ignore[arg-type]
    with pytest.raises(ApiMisuse, match=r"config is a zrtp.Config, not dict"):
        Endpoint({})  # type: ignore[arg-type]


@pytest.mark.attack("ZID-07")
@pytest.mark.rfc("R-4.9-02")
def test_against_tracking_each_contact_can_see_another_zid() -> None:
    cache = MemoryCache()
    endpoint = Endpoint(replace(FAST, zid_per_peer=True), cache, random=seeded(1))
    alice, bob, again, nobody = (
        call_of(endpoint.session(peer_label=label)).zid for label in ("alice", "bob", "alice", "")
    )
    assert alice == again
    assert len({alice, bob, nobody}) == 3
    assert nobody == endpoint.zid
    assert call_of(Endpoint(FAST, cache).session(peer_label="alice")).zid == endpoint.zid


class Patient(MemoryCache):
    """Stands for a file, which may have to be waited for."""

    waits = True


def test_a_session_that_defers_its_requests_waits_for_no_new_zid_and_says_who_may() -> None:
    endpoint = Endpoint(replace(FAST, zid_per_peer=True), Patient(), random=seeded(1))
    with pytest.raises(ApiMisuse, match=r"Endpoint.zid_for in another thread, .*asyncio.to_thread"):
        endpoint.session(peer_label="bob", store="deferred")
    zid = endpoint.zid_for("bob")
    assert call_of(endpoint.session(peer_label="bob", store="deferred")).zid == zid
    assert call_of(endpoint.session(store="deferred")).zid == endpoint.zid, "the usual one was asked for at the start"
    assert endpoint.session(peer_label="carol"), "this one waits for its store anyway"


@pytest.mark.parametrize(
    ("zid_per_peer", "cache"),
    [(True, MemoryCache()), (True, None), (False, Patient())],
    ids=["a cache that never waits", "no cache", "one ZID for everybody"],
)
def test_where_nothing_has_to_be_waited_for_a_new_label_is_as_good_as_a_known_one(
    zid_per_peer: bool, cache: MemoryCache | None
) -> None:
    endpoint = Endpoint(replace(FAST, zid_per_peer=zid_per_peer), cache, random=seeded(1))
    zid = call_of(endpoint.session(peer_label="bob", store="deferred")).zid
    assert (zid == endpoint.zid) == (not zid_per_peer)


def test_two_threads_that_ask_for_the_zid_of_a_contact_get_the_same() -> None:
    octets, others = seeded(1), list[bytes]()

    def slow(count: int) -> bytes:
        """Meanwhile another thread asks, and is first."""
        if count == 12 and not others:
            others.append(b"")
            others.append(endpoint.zid_for("bob"))
        return octets(count)

    endpoint = Endpoint(FAST, zid=b"own ZID here", random=slow)
    others.clear()
    assert endpoint.zid_for("bob") == others[-1] != b""


@pytest.mark.rfc("R-4.9-04")
def test_a_new_zid_simply_takes_the_place_of_the_old_one() -> None:
    cache = MemoryCache()
    before = Endpoint(FAST, cache, random=seeded(1)).zid
    cache.own_zid(lambda: b"another zid.", renew=True)
    assert Endpoint(FAST, cache, random=seeded(1)).zid == b"another zid." != before


@pytest.mark.rfc("R-4.4.3-07", "R-4.9-01")
def test_all_streams_of_a_call_have_the_same_zid() -> None:
    session = Endpoint(FAST, random=seeded(1)).session()
    assert {core_of(session.add_stream(number)).hello.zid for number in range(5)} == {call_of(session).zid}


# Randomness


@pytest.mark.attack("SID-07")
@pytest.mark.rfc("R-4.8-03", "R-4.8-04")
def test_randomness_comes_from_the_operating_system_unless_injected() -> None:
    assert installation_of(Endpoint(FAST)).random is system.system_random is os.urandom


@pytest.mark.attack("SID-07")
@every("after", range(8))
def test_a_source_of_randomness_that_fails_ends_whatever_needed_it(after: int) -> None:
    """An exception for the caller, or the end of the exchange, and never a key without randomness."""
    random, calls = seeded(1), iter(range(1000))

    def failing(length: int) -> bytes:
        if next(calls) >= after:
            raise OSError("no entropy")
        return random(length)

    with suppress(RandomnessFailed):
        stream = Endpoint(FAST, random=failing).session().add_stream(1)
        stream.start(0.0)
        peer = Actor(stream)
        (last, *_) = reversed(peer.discover())
        if isinstance(last, Commit):
            peer.send(peer.dhpart1(last))
        assert stream.state is State.FAILED
    assert next(calls) > after


def test_the_operating_system_may_have_no_randomness_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a peer sends does not raise for that."""
    session = Endpoint(FAST).session()
    stream = session.add_stream(1)
    stream.start(0.0)

    def failing(_: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(core_of(stream).installation, "random", failing)
    Actor(stream).discover()

    assert stream.state is State.FAILED
    (failed,) = [event for event in iter(session.next_event, None) if isinstance(event, Failed)]
    assert failed.text == "The operating system gave no randomness: Input/output error."


@every(
    ("source", "sentence"),
    [
        (lambda length: bytes(length - 1), "gave 11 octets where 12 were asked for"),
        (lambda length: "x" * length, r"is octets \(bytes\), not str"),
    ],
)
def test_a_source_that_gives_something_else_is_refused_at_the_door(source: Any, sentence: str) -> None:
    with pytest.raises(ApiMisuse, match=sentence):
        Endpoint(FAST, random=source)


@pytest.mark.attack("SID-07")
@pytest.mark.attack("DH-14")
@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_zeros_for_a_private_key_end_the_exchange_in_a_stated_failure(role: str) -> None:
    bob = alone(FAST if role == "initiator" else WAITING)
    peer = Actor(bob.stream)
    peer.send(peer.own_hello)
    random = installation_of(bob.endpoint).random
    installation_of(bob.endpoint).random = lambda length: bytes(length) if length == 32 else random(length)
    answers = peer.send(HELLO_ACK) if role == "initiator" else peer.send(peer.commit())
    (error,) = answers
    assert isinstance(error, Error) and error.code == ErrorCode.SOFTWARE_ERROR
    (failed,) = bob.seen(Failed)
    assert "source of randomness failed" in failed.text
    assert core_of(bob.stream).exchange is None
    assert not bob.seen(KeysReady)


@pytest.mark.attack("DH-15")
@pytest.mark.rfc("R-5.1.5-08", "R-5.1.5-09", "R-5.1.5-10", "R-4.8-02")
@pytest.mark.parametrize(("cipher", "bits"), [(b"AES1", 256), (b"AES2", 384), (b"AES3", 512)])
def test_dh_exponents_are_twice_as_long_as_the_aes_key(cipher: bytes, bits: int) -> None:
    asked: list[int] = []
    random = seeded(1)

    def watching(length: int) -> bytes:
        asked.append(length)
        return random(length)

    endpoint = Endpoint(Config(key_agreements=(b"DH3k",)), random=watching)
    suite = replace(SUITE, cipher=cipher)
    assert installation_of(endpoint).share_context(suite).exponent_bits == bits
    asked.clear()
    installation_of(endpoint).make_share(suite)
    assert asked == [bits // 8]


# Sessions


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"enrol": True}, "trusted_mitm"),
        ({"aux_secret": bytes(32), "signalled_key": (bytes(16), bytes(14))}, "not both"),
    ],
)
def test_a_session_that_cannot_work_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ApiMisuse, match=sentence):
        Endpoint(FAST).session(**options)


def test_sessions_are_numbered_for_the_log() -> None:
    endpoint = Endpoint(FAST)
    assert [call_of(endpoint.session()).number for _ in range(3)] == [1, 2, 3]


# Exchanges at once


@pytest.mark.attack("DOS-04")
def test_two_hundred_half_open_exchanges_leave_nothing_behind() -> None:
    """One at a time here; the stranger disappears after its Commit, and ten seconds later all is as before."""
    endpoint = Endpoint(WAITING, MemoryCache(), random=seeded(1))
    for number in range(200):
        session = endpoint.session()
        stream = session.add_stream(number)
        stream.start(0.0)
        stranger = Actor(stream, seed=number, ssrc=0x5000)
        stranger.discover()
        stranger.send(stranger.commit())
        assert stream.state is State.DHPART1_SENT
        stream.handle_timer(10.0)
        session.close(10.0)
    assert running_exchanges(endpoint) == 0
    assert cache_of(endpoint).peers() == []


@every("ending", ["secure", "silent", "closed"])
@every("role", list(Role), ids=lambda role: role.value)
def test_a_finished_exchange_makes_room(ending: str, role: Role) -> None:
    """As initiator for other streams of the call, as responder for strangers."""
    bob = alone(FAST if role is Role.INITIATOR else WAITING)
    peer = Actor(bob.stream)
    (*_, last) = peer.discover()
    if role is Role.RESPONDER:
        peer.take_dhpart1(only(peer.send(peer.commit()), DHPart1))
    assert core_of(bob.stream).exchange is not None
    assert running_exchanges(bob.endpoint) == (role is Role.RESPONDER)

    def finish() -> None:
        if isinstance(last, Commit):
            peer.answer(last)
        else:
            peer.send(peer.dhpart2(), peer.confirm())
        assert state_of(bob.stream) is State.SECURE

    ends: dict[str, Callable[[], object]] = {
        "secure": finish,
        "silent": lambda: peer.wait(60.0),
        "closed": lambda: bob.session.close(0.0),
    }
    ends[ending]()
    assert running_exchanges(bob.endpoint) == 0


@pytest.mark.attack("DOS-03")
def test_our_own_exchanges_are_not_pushed_out_by_strangers() -> None:
    bob = alone(replace(FAST, half_open_limit=1))
    peer = Actor(bob.stream)
    peer.discover()
    assert bob.stream.role is Role.INITIATOR
    for number in range(5):
        stream = bob.endpoint.session().add_stream(number)
        stream.start(0.0)
        stranger = Actor(stream, seed=number, ssrc=0x5000)
        stranger.send(stranger.own_hello)
        stranger.send(stranger.commit())
    assert bob.stream.state is State.COMMIT_SENT


def test_fragments_are_taken_up_to_the_longest_message_that_was_offered() -> None:
    assert installation_of(Endpoint(FAST)).longest_fragmented_message == 0
    for code in (b"MLK2", b"X1M2", b"X3M3"):
        if DEFAULT.key_agreements[code].available:
            endpoint = Endpoint(Config(key_agreements=(code,)))
            agreement = DEFAULT.key_agreements[code]
            assert installation_of(endpoint).longest_fragmented_message == 116 + max(
                agreement.commit_length, agreement.dhpart1_length
            )


@pytest.mark.attack("DOS-04")
@pytest.mark.long
def test_many_calls_leave_no_memory_behind() -> None:
    def calls(count: int) -> None:
        for seed in range(count):
            pair = Pair(FAST, FAST, seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
            for side in pair.sides:
                side.session.close(60.0)

    calls(20)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    calls(1000)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1 << 20
