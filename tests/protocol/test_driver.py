"""A call from outside: when its requests are carried out, what a failure of the store costs, and forks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, only
from tests.support.forking import in_child
from tests.support.friends import Friends
from tests.support.inside import call_of, core_of, installation_of
from tests.support.pair import ALICE_SSRC, Clock, Pair, Side, seeded
from tests.support.storekeeper import Storekeeper, run_served
from zrtp.cache.interface import RecordUpdate
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse, CacheError
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, Closed, Failed, SecurityWarning, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.negotiation import usual_suite
from zrtp.protocol.states import State
from zrtp.protocol.store import Read, Write
from zrtp.wire.messages import DHPart1


@dataclass
class Fragile(MemoryCache):
    """Fails so often, and then works."""

    failures: int = 0
    error: BaseException = field(default_factory=lambda: CacheError("The disk is full."))

    def __post_init__(self) -> None:
        super().__init__()

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        if self.failures > 0:
            self.failures -= 1
            raise self.error
        return super().update(own_zid, peer_zid, change)


def warnings(side: Side) -> list[str]:
    return [event.text for event in side.seen(SecurityWarning) if event.code is WarningCode.CACHE_FAILED]


def fragile_call(failures: int) -> tuple[Pair, Friends, Fragile]:
    """A first call in which the store of alice fails so often when she wants to write."""
    friends = Friends()
    cache = friends.caches["alice"] = Fragile(failures)
    pair = friends.pair("alice").start()
    pair.network.run(30.0, stop=lambda: pair.secure)
    return pair, friends, cache


# Writes that fail


def test_a_write_that_fails_is_told_and_done_later_when_the_stream_is_asked_for_its_timer() -> None:
    pair, friends, cache = fragile_call(2)
    assert warnings(pair.alice) == ["The disk is full. It is tried again."]
    assert friends.record("alice") is None
    assert pair.alice.stream.next_timer() is not None
    pair.run(60.0)
    assert cache.failures == 0
    assert friends.record("alice") is not None
    assert len(warnings(pair.alice)) == 1, "told once"
    assert friends.call("alice").alice.session.assurance is Assurance.ENCRYPTED


def test_one_that_is_lost_for_good_is_told() -> None:
    pair, friends, _ = fragile_call(100)
    pair.run(200.0)
    assert warnings(pair.alice) == [
        "The disk is full. It is tried again.",
        "The disk is full. What was to be remembered of this call is lost.",
    ]
    assert friends.record("alice") is None
    assert pair.alice.stream.next_timer() is None


def test_what_the_user_says_meanwhile_is_shown_at_once_and_stored_in_order() -> None:
    pair, friends, _ = fragile_call(3)
    pair.alice.session.sas_matched("Bob")
    assert pair.alice.session.peer.name == "Bob"
    assert pair.alice.session.assurance is Assurance.VERIFIED
    assert friends.record("alice") is None
    pair.run(60.0)
    record = present(friends.record("alice"))
    assert (record.name, record.verified, record.rs1) == ("Bob", True, present(friends.record("bob")).rs1)


def test_when_a_call_is_closed_what_waits_is_tried_once_more_and_then_lost() -> None:
    pair, friends, cache = fragile_call(1)
    pair.alice.session.close(pair.network.now)
    assert friends.record("alice") is not None

    pair, friends, cache = fragile_call(100)
    pair.alice.session.sas_matched("Bob")
    pair.alice.session.close(pair.network.now)
    assert friends.record("alice") is None
    assert cache.failures == 100 - 3, "the first try, and one more for each of the two changes"
    assert warnings(pair.alice)[-1] == "The disk is full. What was to be remembered of this call is lost."
    assert pair.alice.seen(Closed)


def call_to_be_stored() -> tuple[Friends, Pair, Storekeeper, Write]:
    """A secure call whose end of Alice hands out its requests: her record was read, and this is to be written."""
    friends = Friends()
    pair = friends.pair("alice", deferred={"alice"})
    keeper = Storekeeper(pair.alice)
    pair.run(1.0)
    keeper.serve(pair.network.now)
    pair.run(2.0)
    (write,) = keeper.look()
    assert isinstance(write, Write)
    return friends, pair, keeper, write


def test_a_deferred_write_is_handed_out_again_after_its_pause() -> None:
    friends, pair, keeper, write = call_to_be_stored()
    now = pair.network.now
    later = now + 1.0
    keeper.fail(later)
    now = later
    assert keeper.look() == []
    assert pair.alice.stream.next_timer() == pytest.approx(now + 0.5)
    pair.alice.stream.handle_timer(now + 0.5)
    assert keeper.look() == [write]
    keeper.serve(now + 0.5)
    assert friends.record("alice") is not None


@pytest.mark.parametrize("by_datagram", [True, False], ids=["a Ping", "valid SRTP"])
def test_whatever_comes_after_the_pause_tells_that_it_is_over(by_datagram: bool) -> None:
    pair = Friends().pair("alice", deferred={"alice"})
    keeper = Storekeeper(pair.alice)
    pair.run(1.0)
    keeper.serve(pair.network.now)
    pair.run(2.0)
    (write,) = keeper.look()
    now = pair.network.now
    keeper.fail(now)
    assert keeper.look() == []
    if by_datagram:
        pair.bob.stream.ping(now)
        (ping,) = pair.bob.stream.datagrams_to_send()
        pair.alice.stream.receive_datagram(ping, now + 0.6)
    else:
        pair.alice.stream.srtp_verified(now + 0.6)
    assert write in keeper.look()


# Requests of a call that is over


def test_after_close_a_deferred_store_still_gets_what_is_to_be_remembered() -> None:
    friends = Friends()
    pair = friends.pair("alice", deferred={"alice"})
    keeper = Storekeeper(pair.alice)
    pair.run(1.0)
    keeper.serve(pair.network.now)
    pair.run(2.0)
    pair.alice.session.sas_matched("Bob")
    pair.alice.session.close(3.0)
    assert friends.record("alice") is None
    keeper.serve(9.0)
    assert keeper.writes == ["AfterCall", "AfterMatch"]
    record = present(friends.record("alice"))
    assert (record.name, record.rs1) == ("Bob", present(friends.record("bob")).rs1)


def test_after_close_a_failing_deferred_store_is_asked_once_for_each_change() -> None:
    pair = Friends().pair("alice", deferred={"alice"})
    keeper = Storekeeper(pair.alice)
    pair.run(1.0)
    keeper.serve(pair.network.now)
    pair.run(2.0)
    pair.alice.session.sas_matched("Bob")
    pair.alice.session.close(3.0)
    for _ in range(5):
        keeper.fail(3.0)
    assert keeper.writes == ["AfterCall", "AfterMatch"]
    assert len([text for text in warnings(pair.alice) if text.endswith("is lost.")]) == 2


def test_a_change_that_is_given_back_without_an_answer_has_failed() -> None:
    _, pair, _, write = call_to_be_stored()
    pair.alice.session.store_done(write, 2.0)
    assert warnings(pair.alice) == ["The store of retained secrets gave no answer. It is tried again."]
    pair.alice.stream.handle_timer(2.5)
    assert pair.alice.session.store_to_do() is write


def test_a_record_that_comes_after_the_call_is_wiped() -> None:
    friends = Friends()
    friends.call()
    pair = friends.pair("alice", deferred={"alice"})
    keeper = Storekeeper(pair.alice)
    pair.run(1.0)
    (read,) = keeper.look()
    assert isinstance(read, Read)
    pair.alice.session.close(1.0)
    keeper.serve(1.1)
    record = present(read.record)
    assert record.rs1 is not None and record.rs1.wiped


def test_two_calls_with_one_peer_at_a_time_leave_the_secrets_of_both() -> None:
    """The writes of one wait, as with another host that was first."""
    friends = Friends()
    friends.call("alice")
    waiting = friends.pair("alice", deferred={"alice"})
    keeper = Storekeeper(waiting.alice)
    waiting.run(1.0)
    keeper.serve(waiting.network.now)
    waiting.run(2.0)
    assert waiting.secure
    friends.clock.now += 5
    later = friends.call("alice")
    keeper.serve(9.0)
    record = present(friends.record("alice"))
    newest = present(friends.record("bob"))
    assert later.secure
    assert record.rs1 == newest.rs1
    assert record.rs2 is not None and record.rs2 != record.rs1


# After a fork

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


USES: list[Callable[[Pair], object]] = [
    lambda pair: pair.alice.stream.receive_datagram(bytes(100), 9.0),
    lambda pair: pair.alice.stream.handle_timer(99.0),
    lambda pair: pair.alice.stream.datagrams_to_send(),
    lambda pair: pair.alice.stream.srtp_verified(9.0),
    lambda pair: pair.alice.stream.ping(9.0),
    lambda pair: pair.alice.session.add_stream(0xA2),
    lambda pair: pair.alice.session.next_event(),
    lambda pair: pair.alice.session.go_clear(9.0),
    lambda pair: pair.alice.session.sas_matched("Bob"),
    lambda pair: pair.alice.session.sas_mismatched(),
    lambda pair: pair.alice.session.store_to_do(),
    lambda pair: pair.alice.session.work_to_do(),
    lambda pair: pair.alice.session.take_back_verdict(),
    lambda pair: pair.alice.session.agree_to_clear(),
    lambda pair: pair.alice.session.go_secure(9.0),
    lambda pair: pair.alice.session.pbx.accept_enrolment(),
    lambda pair: pair.alice.session.pbx.relay(pair.bob.session.pbx, 9.0),
    lambda pair: pair.alice.session.peer.trust_signer(),
    lambda pair: pair.alice.session.keys.forget(),
    lambda pair: pair.alice.stream.permit_clear(),
    lambda pair: pair.alice.stream.expect_hello(bytes(32)),
    lambda pair: pair.alice.stream.start(9.0),
    lambda pair: pair.alice.stream.close(9.0),
    lambda pair: pair.alice.session.keys.export(b"label", 16),
    lambda pair: pair.alice.session.peer.rename("Eve"),
    lambda pair: pair.alice.session.peer.forget(),
    lambda pair: pair.alice.session.close(9.0),
]


@forks
def test_in_a_child_everything_of_a_call_that_was_made_before_is_refused() -> None:
    friends = Friends()
    pair = friends.pair("alice").start()
    pair.network.run(30.0, stop=lambda: pair.secure)  # its events, the keys among them, are still to be taken
    before = friends.record("alice")

    def try_all() -> str:
        return "\n".join(" ".join(use.__code__.co_names) for use in USES if not is_refused(use))

    def is_refused(use: Callable[[Pair], object]) -> bool:
        try:
            use(pair)
        except ApiMisuse as error:
            return str(error).startswith("This call belongs to the process that was forked")
        return False

    assert in_child(try_all) == "", "these went through"
    assert friends.record("alice") == before
    assert pair.run().secure and pair.keys_agree, "the parent goes on"


@forks
def test_prepared_key_pairs_are_the_parents_alone() -> None:
    endpoint = Endpoint(FAST, MemoryCache())
    endpoint.prepare(2)
    installation = installation_of(endpoint)
    suite = usual_suite(installation.config, installation.offer)

    def next_pair() -> str:
        endpoint.session()
        return installation.make_share(suite).dhpart2_field.hex()

    in_children = [in_child(next_pair) for _ in range(3)]
    own = [next_pair() for _ in range(2)]
    assert len({*in_children, *own}) == 5
    assert all(len(public) == 64 for public in in_children)


@forks
def test_a_child_makes_calls_of_its_own_with_the_endpoint_it_inherits() -> None:
    friends = Friends()
    friends.call()
    endpoint = Endpoint(replace(FAST, passive=True), friends.caches["bob"], random=os.urandom, wall_clock=Clock())
    open_before = endpoint.session()
    open_before.add_stream(7).start(0.0)

    def call() -> str:
        session = endpoint.session()
        session.add_stream(8).start(0.0)
        caller = Actor(session.streams[0], seed=3)
        caller.discover()
        caller.initiate()
        return f"{session.streams[0].state.value} {core_of(session.streams[0]).chain.h3.hex()}"

    states = [in_child(call) for _ in range(2)] + [call()]
    assert [text.split()[0] for text in states] == [State.SECURE.value] * 3
    assert len({text.split()[1] for text in states}) == 3
    assert call_of(open_before).members[0].state is State.HELLO_SENT


# At once


def test_with_a_cache_at_hand_nothing_is_left_to_do() -> None:
    friends = Friends()
    pair = friends.call()
    assert pair.alice.session.store_to_do() is None
    pair.alice.session.sas_matched("Bob")
    assert pair.alice.session.store_to_do() is None
    assert present(friends.record("alice")).verified


@pytest.mark.parametrize("failures", [1, 100], ids=["once", "for good"])
def test_whatever_class_of_exception_a_cache_raises_no_datagram_does_and_it_is_told(failures: int) -> None:
    friends = Friends()
    cache = friends.caches["alice"] = Fragile(failures, OSError(28, "No space left on device"))
    pair = friends.pair("alice").run(200.0)
    assert pair.secure
    told = warnings(pair.alice)
    assert all("raised OSError (No space left on device). " in text for text in told)
    assert [text.endswith("is lost.") for text in told] == ([False] if failures == 1 else [False, True])
    cache.failures = 0
    pair.alice.session.sas_matched("Bob")
    record = friends.record("alice")
    assert (record is not None and record.name == "Bob") == (failures == 1), "later changes get their turn"


def test_a_record_that_cannot_be_read_for_whatever_reason_ends_the_exchange_with_a_sentence() -> None:
    class Broken(MemoryCache):
        def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            raise TypeError("a mistake in a cache")

    friends = Friends()
    friends.caches["alice"] = Broken()
    pair = friends.pair("alice").run()
    (failed,) = pair.alice.seen(Failed)
    assert failed.text.startswith("The store of retained secrets does not answer")


def test_a_program_that_is_interrupted_while_it_writes_has_not_stored_and_tries_again() -> None:
    pair, friends, cache = fragile_call(0)
    cache.failures, cache.error = 1, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        pair.alice.session.sas_matched("Bob")
    assert len(warnings(pair.alice)) == 1
    assert present(friends.record("alice")).name == ""
    pair.run(60.0)
    assert present(friends.record("alice")).name == "Bob"


def test_a_deferred_session_never_touches_the_cache() -> None:
    class Untouchable(MemoryCache):
        """Nobody may use it."""

        def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            raise AssertionError("the engine called the cache")

        def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
            raise AssertionError("the engine called the cache")

        def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
            raise AssertionError("the engine called the cache")

    real = MemoryCache()
    endpoint = Endpoint(FAST, Untouchable(), zid=b"own ZID here", random=seeded(1), wall_clock=Clock())
    session = endpoint.session(store="deferred")
    session.add_stream(ALICE_SSRC).start(0.0)
    peer = Actor(session.streams[0])
    peer.discover()
    read = session.store_to_do()
    assert read is not None
    read.run(real)
    session.store_done(read, 0.0)
    peer.answer(peer.listen()[0])  # type: ignore[arg-type]
    session.sas_matched("Bob")
    while (request := session.store_to_do()) is not None:
        request.run(real)
        session.store_done(request, 1.0)
    session.close(2.0)
    (entry,) = real.peers()
    assert (entry.own_zid, entry.record.name) == (b"own ZID here", "Bob")


def test_work_that_nobody_waits_for_any_more_is_discarded() -> None:
    endpoint = Endpoint(WAITING, random=seeded(1))
    session = endpoint.session(offload=True)
    session.add_stream(ALICE_SSRC).start(0.0)
    peer = Actor(session.streams[0])
    peer.discover()
    peer.take_dhpart1(only(peer.send(peer.commit()), DHPart1))
    peer.send(peer.dhpart2())
    work = present(session.work_to_do())
    work.run()
    result = work.result()
    session.close(1.0)
    assert not result.wiped
    session.work_done(work, 1.1)
    assert result.wiped
    assert session.streams[0].state is State.CLOSED


def test_what_is_due_for_the_whole_call_is_asked_of_its_first_stream_alone() -> None:
    pair, _, _ = fragile_call(100)
    alice, _ = pair.add_streams(0xA2, 0xB2)
    run_served(pair, until=pair.network.now + 0.2)
    retry = present(call_of(pair.alice.session).retention.store.retry_at)
    assert pair.alice.stream.next_timer() == retry
    assert alice.next_timer() != retry


def test_misuse_is_told_in_a_sentence() -> None:
    with pytest.raises(ApiMisuse, match='"at once" or "deferred"'):
        Endpoint(FAST).session(store="later")  # type: ignore[arg-type]
