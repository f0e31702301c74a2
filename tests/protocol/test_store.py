"""Requests to the cache: in which order they are handed out, what is tried again, and what is lost."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.pair import Pair
from zrtp.cache.interface import PeerEntry, RecordUpdate
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse, CacheError
from zrtp.protocol import limits
from zrtp.protocol.changes import AfterTrust, Forgotten, Renamed
from zrtp.protocol.events import Failed
from zrtp.protocol.store import Read, Request, Search, Store, Write
from zrtp.secret import Secret

OWN, PEER, OTHER = b"own ZID here", b"peer's ZID..", b"another one."


class Broken(MemoryCache):
    """A disk that is gone, or whatever else it raises."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self._error = error if error is not None else CacheError("The disk is gone.")

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        raise self._error

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        raise self._error

    def named(self, name: str) -> list[PeerEntry]:
        raise self._error


def known(name: str = "Bob") -> MemoryCache:
    cache = MemoryCache()
    cache.update(OWN, PEER, lambda _: PeerRecord(rs1=Secret(b"1" * 32), name=name))
    return cache


def next_write(store: Store, now: float = 0.0) -> Write:
    request = store.next(now)
    assert isinstance(request, Write)
    return request


# Requests


def test_a_read_brings_the_record_or_that_there_is_none() -> None:
    read = Read(OWN, PEER, 3.0)
    assert not read.answered
    read.run(known())
    assert read.answered and read.record is not None and read.record.name == "Bob"
    read.run(MemoryCache())
    assert read.answered and read.record is None


@pytest.mark.parametrize("answer", [True, {}, "record", b"", object(), PeerRecord], ids=repr)
def test_an_answer_that_is_no_record_is_a_failure_with_a_sentence(answer: Any) -> None:
    class Odd(MemoryCache):
        def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            return answer  # type: ignore[no-any-return]

        def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
            return answer  # type: ignore[no-any-return]

    for request in (Read(OWN, PEER, 3.0), Write(OWN, PEER, Forgotten())):
        request.run(Odd())
        assert not request.answered and request.record is None
        assert isinstance(request.error, CacheError)
        assert str(request.error).endswith("not with a PeerRecord or None.")


@pytest.mark.parametrize("answer", [None, 5, [PEER, "Bob"], [b"too short"], [[]]], ids=repr)
def test_so_is_one_of_a_search_that_is_no_zids(answer: Any) -> None:
    search = Search("Bob")
    search.succeed([PEER])
    search.succeed(answer)
    assert not search.answered
    assert isinstance(search.error, CacheError)
    assert str(search.error).endswith("not with ZIDs of 12 octets.")


def test_with_a_store_that_answers_nonsense_the_call_fails_in_time_and_can_be_closed() -> None:
    class Odd(MemoryCache):
        def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            return {}  # type: ignore[return-value]

    pair = Pair(alice_cache=Odd(), bob_cache=MemoryCache()).run()
    assert not pair.secure
    assert any("does not answer" in failed.text for failed in pair.alice.seen(Failed))
    pair.alice.session.close(pair.network.now)


def test_a_write_applies_its_change_and_brings_what_is_stored_now() -> None:
    cache = known()
    write = Write(OWN, PEER, Renamed(name="Eve"))
    write.run(cache)
    assert write.record is not None and write.record.name == "Eve"
    stored = cache.load(OWN, PEER)
    assert stored is not None and stored.name == "Eve"
    forgotten = Write(OWN, PEER, Forgotten())
    forgotten.run(cache)
    assert forgotten.answered and forgotten.record is None
    assert cache.peers() == []


@pytest.mark.parametrize("request_", [Read(OWN, PEER, 3.0), Write(OWN, PEER, Forgotten())], ids=["read", "write"])
def test_a_failure_is_a_result_and_no_exception_and_a_later_success_replaces_it(request_: Read | Write) -> None:
    request_.run(Broken())
    assert not request_.answered
    assert str(request_.error) == "The disk is gone."
    request_.run(MemoryCache())
    assert (request_.answered, request_.error) == (True, None)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (OSError(28, "No space left on device"), "it raised OSError (No space left on device)."),
        (OSError(), "it raised OSError."),
        (KeyError("the row"), "it raised KeyError."),
        (ApiMisuse("The cache is closed: open it again to use it."), "The cache is closed: open it again to use it."),
    ],
    ids=["no space", "nothing said", "a mistake in a cache", "a closed cache"],
)
def test_whatever_a_cache_raises_is_a_failure_of_the_store(raised: Exception, told: str) -> None:
    """Exceptions of others may quote a record, so their class has to do."""
    requests: list[Request] = [Read(OWN, PEER, 3.0), Write(OWN, PEER, Forgotten()), Search("bob")]
    for request in requests:
        request.run(Broken(raised))
        assert not request.answered
        assert isinstance(request.error, CacheError) and str(request.error).endswith(told)
        assert "the row" not in "".join(traceback.format_exception(request.error))


def test_what_a_request_shows_of_itself_is_no_secret() -> None:
    assert repr(Read(OWN, PEER, 3.0)) == f"<Read {PEER.hex()}>"
    secret = Secret(bytes(range(32)))
    assert repr(Write(OWN, PEER, AfterTrust(new_rs1=secret))) == f"<Write {PEER.hex()} AfterTrust>"


# Order


def test_reads_are_handed_out_at_once_each_once_and_before_writes() -> None:
    store = Store()
    store.write(OWN, PEER, Forgotten())
    reads = [store.read(OWN, zid, 3.0) for zid in (PEER, OTHER)]
    assert [store.next(0.0), store.next(0.0)] == reads
    assert isinstance(store.next(0.0), Write)
    assert store.next(0.0) is None


def test_writes_are_handed_out_one_after_another_in_order() -> None:
    store = Store()
    for name in ("one", "two", "three"):
        store.write(OWN, PEER, Renamed(name=name))
    cache, names = known(), []
    while (request := store.next(0.0)) is not None:
        assert isinstance(request, Write)
        assert store.next(0.0) is None, "the next one waits for the answer to this one"
        request.run(cache)
        assert store.note_written(request, 0.0)
        names.append(request.record.name if request.record is not None else None)
    assert names == ["one", "two", "three"]


def test_a_store_is_open_until_nothing_is_left_to_hand_out_or_to_wait_for() -> None:
    store = Store()
    assert not store.open
    store.read(OWN, PEER, 3.0)
    assert store.open
    assert store.next(0.0) is not None
    assert not store.open, "who asked waits for the answer to a read, not the store"
    store.write(OWN, PEER, Forgotten())
    write = next_write(store)
    assert store.open
    write.run(MemoryCache())
    assert store.note_written(write, 0.0)
    assert not store.open


def test_what_is_not_stored_yet_is_pending_for_its_peer_oldest_first() -> None:
    store = Store()
    first, foreign, second = Renamed(name="one"), Forgotten(), Renamed(name="two")
    for zid, change in ((PEER, first), (OTHER, foreign), (PEER, second)):
        store.write(OWN, zid, change)
    assert store.pending(PEER) == [first, second]
    write = next_write(store)
    assert store.pending(PEER) == [first, second], "nobody knows yet whether it succeeds"
    write.run(known())
    store.note_written(write, 0.0)
    assert store.pending(PEER) == [second]
    assert store.pending(OTHER) == [foreign]


# Failures


@dataclass
class Attempt:
    """A store with one write that always fails, and when it was tried."""

    store: Store = field(default_factory=Store)
    at: list[float] = field(default_factory=list)

    def until_lost(self, *, closed_at: float | None = None) -> Write:
        now = 0.0
        while True:
            write = next_write(self.store, now)
            self.at.append(now)
            write.run(Broken())
            if self.store.note_written(write, now, last_try=closed_at is not None and now >= closed_at):
                return write
            assert self.store.retry_at is not None
            assert self.store.next(self.store.retry_at - 0.001) is None
            now = self.store.retry_at


def test_a_write_that_fails_is_tried_again_with_growing_pauses_for_a_minute() -> None:
    attempt = Attempt()
    secret = Secret(b"s" * 32)
    attempt.store.write(OWN, PEER, AfterTrust(new_rs1=secret))
    lost = attempt.until_lost()
    pauses = [later - earlier for earlier, later in zip(attempt.at, attempt.at[1:], strict=False)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert lost.tries == limits.WRITES
    assert lost.error is not None
    assert secret.wiped, "nobody will ever store it"
    assert not attempt.store.open


def test_a_write_that_nobody_answered_is_not_taken_for_stored() -> None:
    store, secret = Store(), Secret(b"s" * 32)
    store.write(OWN, PEER, AfterTrust(new_rs1=secret))
    write = next_write(store)
    assert not store.note_written(write, 0.0)
    assert not secret.wiped
    assert store.next(0.5) is write


def test_while_one_waits_for_its_next_try_no_later_one_overtakes_it() -> None:
    store = Store()
    for name in ("one", "two"):
        store.write(OWN, PEER, Renamed(name=name))
    first = next_write(store)
    first.run(Broken())
    assert not store.note_written(first, 0.0)
    assert store.next(0.4) is None
    assert store.next(0.5) is first
    first.run(known())
    assert store.note_written(first, 0.5)
    assert next_write(store, 0.5).change == Renamed(name="two")


def test_reads_do_not_wait_for_a_write_that_is_tried_again() -> None:
    store = Store()
    store.write(OWN, PEER, Forgotten())
    write = next_write(store)
    write.run(Broken())
    store.note_written(write, 0.0)
    read = store.read(OWN, PEER, 3.0)
    assert store.next(0.1) is read


def test_the_change_of_a_write_that_is_tried_again_is_kept() -> None:
    store, secret = Store(), Secret(b"s" * 32)
    store.write(OWN, PEER, AfterTrust(new_rs1=secret))
    write = next_write(store)
    write.run(Broken())
    assert not store.note_written(write, 0.0)
    assert not secret.wiped
    cache = MemoryCache()
    cache.update(OWN, PEER, lambda _: PeerRecord(rs1=secret))
    assert store.next(0.5) is write
    write.run(cache)
    store.note_written(write, 0.5)
    stored = cache.load(OWN, PEER)
    assert stored is not None and stored.trusted_lineage
    assert secret.wiped


def test_the_last_try_after_the_end_of_a_call_is_the_last() -> None:
    attempt = Attempt()
    attempt.store.write(OWN, PEER, Forgotten())
    attempt.store.write(OWN, OTHER, Forgotten())
    lost = attempt.until_lost(closed_at=0.4)
    assert (lost.peer_zid, attempt.at) == (PEER, [0.0, 0.5])
    assert next_write(attempt.store, 0.5).peer_zid == OTHER, "what comes after it has a try of its own"
