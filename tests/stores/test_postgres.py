"""What the cache in PostgreSQL does beside the compliance suite in tests/cache/test_interface.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import pytest

from tests.cache.processes import in_child
from tests.cache.test_interface import FULL, OTHER, OWN, PEER, named, put
from tests.stores.server import Server
from tests.test_front_door import cases_of, methods_of, what_is_not_refused
from zrtp.cache.interface import PAGE, SecretCache, in_coroutines, waits
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse, CacheError
from zrtp.metrics import as_text
from zrtp.secret import Secret

pytest.importorskip("psycopg_pool", reason="psycopg is missing: pip install 'zrtp[postgres]'")

from zrtp.stores import tables
from zrtp.stores.postgres import CONNECTIONS, PostgresCache
from zrtp.stores.sealed import SealedCache

pytestmark = pytest.mark.long

SHORT = 0.5
"""Seconds after which a cache gives up where a test waits for that."""


@contextmanager
def hosts(address: str, number: int) -> Iterator[list[PostgresCache]]:
    """So many caches over one database."""
    with ExitStack() as stack:
        yield [stack.enter_context(PostgresCache(address)) for _ in range(number)]


def count_up(old: PeerRecord | None) -> PeerRecord:
    return PeerRecord() if old is None else replace(old, preshared_count=old.preshared_count + 1)


def test_what_is_of_the_wrong_kind_is_refused_with_a_sentence(address: str) -> None:
    with PostgresCache(address) as cache:
        assert what_is_not_refused(methods_of(cache)) == {}
        assert what_is_not_refused(methods_of(cache.in_coroutines)) == {}
    assert what_is_not_refused(cases_of("PostgresCache", partial(PostgresCache, address))) == {}
    with pytest.raises(ApiMisuse, match=r"address is text \(str\), not int"):
        PostgresCache(5432)  # type: ignore[arg-type]


# ---- Several hosts


def test_one_host_knows_what_another_one_stored(address: str) -> None:
    with hosts(address, 2) as (first, second):
        assert first.own_zid(lambda: OWN) == second.own_zid(lambda: OTHER) == OWN
        put(first, FULL)
        assert second.load(OWN, PEER) == FULL


def test_of_a_crowd_that_changes_one_record_no_change_is_lost(address: str) -> None:
    """4 hosts, 25 changes each: the first makes the record, 99 count up."""
    with hosts(address, 4) as crowd, ThreadPoolExecutor(4) as threads:

        def work(cache: PostgresCache) -> None:
            for _ in range(25):
                cache.update(OWN, PEER, count_up)

        list(threads.map(work, crowd))
        record = crowd[0].load(OWN, PEER)
        assert record is not None
        assert (record.preshared_count, record.generation) == (99, 100)


@pytest.mark.parametrize("meanwhile", ["written", "made", "forgotten"])
def test_a_change_that_another_host_overtakes_begins_again_with_the_newer_record(address: str, meanwhile: str) -> None:
    with hosts(address, 2) as (slow, quick):
        if meanwhile != "made":
            put(quick, named("old"))
        seen: list[str | None] = []

        def change(old: PeerRecord | None) -> PeerRecord | None:
            seen.append(None if old is None else old.name)
            if len(seen) == 1:
                quick.update(OWN, PEER, lambda _: None if meanwhile == "forgotten" else named("new"))
            return named("slow")

        slow.update(OWN, PEER, change)

        assert seen == [None if meanwhile == "made" else "old", None if meanwhile == "forgotten" else "new"]
        record = quick.load(OWN, PEER)
        assert record is not None and record.name == "slow"


def test_a_host_that_stops_within_a_change_holds_up_nobody(address: str) -> None:
    """Nothing is locked between reading and writing, so that another host passes while the first one stands still."""
    going, go_on = threading.Event(), threading.Event()

    def change(old: PeerRecord | None) -> PeerRecord:
        going.set()
        assert go_on.wait(30)
        return count_up(old)

    with hosts(address, 2) as (stopped, other), ThreadPoolExecutor(1) as thread:
        put(other, named("bob"))
        update = thread.submit(stopped.update, OWN, PEER, change)
        assert going.wait(30)
        try:
            assert other.update(OWN, PEER, count_up) is not None
        finally:
            go_on.set()
        record = update.result(30)
        assert record is not None and record.preshared_count == 2


def test_hosts_that_start_together_make_the_tables_once(address: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        caches = list(threads.map(PostgresCache, [address] * 4))
    assert caches[0].own_zid(lambda: OWN) == caches[3].own_zid(lambda: OTHER) == OWN
    for cache in caches:
        cache.close()


# ---- A database that fails


def test_a_database_that_stands_still_ends_a_method_in_time_and_is_used_again_afterwards(
    server: Server, address: str
) -> None:
    with PostgresCache(address, timeout=SHORT) as cache:
        put(cache, FULL)
        with server.standing_still():
            for _ in range(2):
                with pytest.raises(CacheError, match=r"did not answer within 0\.5 seconds"):
                    cache.load(OWN, PEER)
        assert _once_it_answers(cache) == FULL


def test_after_a_crash_and_a_restart_the_same_cache_goes_on(server: Server, address: str) -> None:
    with PostgresCache(address) as cache:
        put(cache, FULL)
        server.stop("immediate")
        try:
            with pytest.raises(CacheError, match="check that it runs"):
                cache.load(OWN, PEER)
        finally:
            server.start()
        assert _once_it_answers(cache) == FULL


def _once_it_answers(cache: SecretCache) -> PeerRecord | None:
    """What it knows of the peer; up to 20 tries, since the pool waits longer from one attempt to the next."""
    for _ in range(19):
        try:
            return cache.load(OWN, PEER)
        except CacheError:
            continue
    return cache.load(OWN, PEER)


def test_after_a_change_that_failed_records_are_read_once_the_database_takes_changes_again(
    server: Server, address: str
) -> None:
    """A disk that is full: two calls that could not store their secrets would make the third one an alarm."""
    with PostgresCache(address) as cache:
        cache.own_zid(lambda: OWN)
        put(cache, FULL)
        refusal = "'BEGIN RAISE EXCEPTION ''full''; END'"
        server.command(f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS {refusal}", address)
        for table in ("zrtp_peers", "zrtp_own_zids"):
            server.command(f"CREATE TRIGGER refused BEFORE UPDATE ON {table} EXECUTE FUNCTION refuse()", address)
        assert cache.load(OWN, PEER) == FULL
        with pytest.raises(CacheError, match="full"):
            put(cache, named("bob"))
        with pytest.raises(CacheError, match="full"):
            cache.load(OWN, PEER)
        server.command("DROP FUNCTION refuse CASCADE", address)
        assert cache.load(OWN, PEER) == FULL


def test_a_database_that_takes_no_changes_is_not_opened(address: str) -> None:
    PostgresCache(address).close()
    with pytest.raises(CacheError, match="refused the connection"):
        PostgresCache(f"{address}%20-cdefault_transaction_read_only%3Don")


# ---- In coroutines


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_two_event_loops_await_one_cache(address: str, sealed: bool) -> None:
    with PostgresCache(address) as database:
        cache = SealedCache(database, lambda: [Secret(b"k" * 32)]) if sealed else database
        awaited = in_coroutines(cache)
        assert awaited is not None

        async def scene() -> None:
            assert await awaited.update(OWN, PEER, count_up) is not None
            found = await asyncio.gather(*(awaited.load(OWN, PEER) for _ in range(20)))
            assert found == [cache.load(OWN, PEER)] * 20
            await awaited.update(OWN, PEER, lambda _: named("Bob"))
            assert [entry.peer_zid for entry in await awaited.named("bob")] == [PEER]

        asyncio.run(scene())
        asyncio.run(scene())


def test_while_the_database_stands_still_no_thread_waits_and_each_answer_comes_in_time(
    server: Server, address: str
) -> None:
    """A hundred calls wait for their records, the loop goes on, and everybody is told."""

    async def scene(cache: PostgresCache) -> None:
        turns = 0
        before = threading.active_count()
        with server.standing_still():
            waiting = [asyncio.create_task(cache.in_coroutines.load(OWN, PEER)) for _ in range(100)]
            while not all(task.done() for task in waiting):
                await asyncio.sleep(0.005)
                turns += 1
                assert threading.active_count() <= before + CONNECTIONS  # libpq resolves and cancels in threads
            answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(answer, CacheError) for answer in answers)
        assert turns >= 10

    with PostgresCache(address, timeout=SHORT) as cache:
        put(cache, FULL)
        asyncio.run(scene(cache))
        assert cache.metrics.failed_total == 100 and cache.metrics.waiting == 0
        assert _once_it_answers(cache) == FULL


def test_what_a_cache_did_is_counted(address: str) -> None:
    with hosts(address, 2) as (slow, quick):
        slow.load(OWN, PEER)
        slow.update(OWN, PEER, lambda old: count_up(old or quick.update(OWN, PEER, count_up)))
        metrics = slow.metrics
        assert (metrics.operations_total, metrics.failed_total, metrics.overtaken_total) == (2, 0, 1)
        assert 0 < metrics.slowest_seconds <= metrics.seconds_total
        assert 1 <= metrics.connections <= CONNECTIONS
        assert "zrtp_store_overtaken_total 1\n" in as_text("zrtp_store", metrics)


def test_where_no_database_is_the_sentence_names_it_and_no_password() -> None:
    with pytest.raises(CacheError) as caught:
        PostgresCache("postgresql://bob:tell-nobody@/calls?host=/nowhere")
    assert "calls at /nowhere" in str(caught.value)
    assert "tell-nobody" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_no_address_is_refused_without_quoting_it() -> None:
    with pytest.raises(CacheError, match="postgresql://USER@HOST/DATABASE") as caught:
        PostgresCache("postgresql://bob:tell-nobody@[::1/calls")
    assert "tell-nobody" not in str(caught.value)


def test_tables_of_a_later_version_are_left_alone(server: Server, address: str) -> None:
    PostgresCache(address).close()
    server.command("UPDATE zrtp_layout SET version = 99", address)
    with pytest.raises(CacheError, match="format 99, here 1"):
        PostgresCache(address)


@pytest.mark.parametrize("column", ["rs1", "own_zid", "name"])
def test_a_row_that_somebody_changed_is_told_and_not_taken_for_another_secret(
    server: Server, address: str, column: str
) -> None:
    with PostgresCache(address) as cache:
        put(cache, FULL)
        value = "'bob'" if column == "name" else rf"'\x{OTHER.hex()}'"
        server.command(f"UPDATE zrtp_peers SET {column} = {value}", address)  # noqa: S608
        with pytest.raises(CacheError, match="damaged"):
            cache.load(OTHER if column == "own_zid" else OWN, PEER)
        with pytest.raises(CacheError, match="damaged"):
            cache.peers()


# ---- Its use


def test_more_records_than_a_page_are_all_listed_and_come_in_pages(server: Server, address: str) -> None:
    number = PAGE + 1
    with PostgresCache(address) as cache:
        for position in range(number):
            put(cache, named(""), peer_zid=position.to_bytes(12))

        assert [int.from_bytes(entry.peer_zid) for entry in cache.peers()] == list(range(number))
        first = cache.page(size=2)
        second = cache.page(after=first[-1].zids, size=2)
        assert [int.from_bytes(entry.peer_zid) for entry in first + second] == [0, 1, 2, 3]
        assert len(cache.page(after=cache.peers()[-2].zids)) == 1


def test_a_label_may_have_a_zero_in_it(address: str) -> None:
    with PostgresCache(address) as cache:
        assert cache.own_zid(lambda: OWN, "a\0b") == cache.own_zid(lambda: PEER, "a\0b") == OWN


def test_it_waits_and_so_does_not_belong_on_an_event_loop(address: str) -> None:
    with PostgresCache(address) as cache:
        assert waits(cache)


def test_a_closed_cache_is_refused_and_may_be_closed_again(address: str) -> None:
    cache = PostgresCache(address)
    cache.close()
    cache.close()
    with pytest.raises(ApiMisuse, match="closed"):
        cache.load(OWN, PEER)


def test_a_program_that_ends_without_closing_it_says_nothing(address: str) -> None:
    program = "import sys; from zrtp.stores.postgres import PostgresCache; PostgresCache(sys.argv[1]).peers()"
    ended = subprocess.run([sys.executable, "-c", program, address], check=True, capture_output=True, text=True)  # noqa: S603
    assert ended.stderr == ""


def test_a_forked_child_is_refused_and_opens_its_own(address: str) -> None:
    with PostgresCache(address) as cache:
        put(cache, FULL)

        def child() -> None:
            with pytest.raises(ApiMisuse, match="forked"):
                cache.load(OWN, PEER)
            with PostgresCache(address) as own:
                assert own.load(OWN, PEER) == FULL

        assert in_child(child) == 0
        assert cache.load(OWN, PEER) == FULL


def test_the_columns_are_those_of_this_version_of_the_tables() -> None:
    """A field more in a record needs a step in `tables`, and a version of its own, before this list grows."""
    assert tables.VERSION == 1
    names = (
        "own_zid peer_zid rs1 rs1_expires rs2 rs2_expires pbxsecret interval verified verified_at differed_at name "
        "provisional trusted_lineage preshared_count first_seen last_seen generation checksum"
    )
    assert sorted(tables.COLUMNS) == sorted(names.split())
