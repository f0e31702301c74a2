"""Another process holds the file of the cache: the event loop never waits for it, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.media.aio.test_store import leave_without_waiting
from tests.support.locking import locked
from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import ApiMisuse
from zrtp.media.aio import AsyncCall, NotSecured, SecureStream, connect, listen
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Continuity, Failed, Secured, SecurityWarning, WarningCode

pytestmark = pytest.mark.long

LOOPBACK = ("127.0.0.1", 0)
FAST = Config(key_agreements=(b"X255", b"Mult"))
TICKS = 100
"""Turns of the loop that are asked for while a request waits: a loop that stands still makes none."""


def run(test: Coroutine[Any, Any, None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(60):
            await test

    asyncio.run(in_time())


class Ticker:
    """Writes down each of its turns, and beside them what happens meanwhile."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            self.log.append("tick")

    def ticks(self, since: str, until: str | None = None) -> int:
        """How many turns there were between two things that happened."""
        start = self.log.index(since)
        end = len(self.log) if until is None else self.log.index(until)
        return self.log[start:end].count("tick")

    async def happened(self, what: str, condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0.002)
        self.log.append(what)


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    ticker = Ticker()
    task = asyncio.create_task(ticker.tick())
    yield ticker
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def call(alice: Endpoint, bob: Endpoint) -> AsyncIterator[tuple[SecureStream, SecureStream]]:
    async with listen(bob, LOOPBACK) as callee, connect(alice, callee.local) as caller:
        yield caller, callee


async def acquainted(tmp_path: Path, config: Config, busy_timeout: float) -> tuple[Endpoint, Endpoint, Path]:
    """Two ends that have talked before; the file is Alice's."""
    folder = tmp_path / "alice"
    caches = [SqliteCache(path / "peers.db", busy_timeout=busy_timeout) for path in (folder, tmp_path / "bob")]
    alice, bob = (Endpoint(config, cache) for cache in caches)
    async with call(alice, bob) as ends:
        for end in ends:
            await end.secured()
    return alice, bob, folder / "peers.db"


def kept(path: Path) -> PeerRecord:
    """What the file says about the other end."""
    (entry,) = SqliteCache(path).peers()
    return entry.record


def failures(events: list[object]) -> list[str]:
    codes = (WarningCode.CACHE_FAILED,)
    return [event.text for event in events if isinstance(event, SecurityWarning) and event.code in codes]


async def collect(stream: SecureStream, events: list[object]) -> None:
    async for event in stream:
        events.append(event)


@pytest.mark.parametrize("busy_timeout", [5.0, 0.1], ids=["a patient store", "an impatient store"])
def test_a_call_is_secure_at_its_usual_time_and_its_record_is_written_when_the_lock_is_gone(
    tmp_path: Path, busy_timeout: float
) -> None:
    """A reader passes another program's writing; what the call leaves behind waits for it."""

    async def test() -> None:
        alice, bob, path = await acquainted(tmp_path, FAST, busy_timeout)
        before = kept(path)
        with locked(path) as release:
            async with ticking() as ticker, call(alice, bob) as (caller, callee):
                events: list[object] = []
                collecting = asyncio.create_task(collect(caller, events))
                await caller.secured()
                await callee.secured()
                ticker.log.append("secure")
                caller.session.sas_matched("Bob")
                caller.settle()
                await ticker.happened("waited", lambda: ticker.ticks("secure") >= TICKS)
                assert kept(path) == before, "the lock is real"
                assert caller.send(b"sound") and callee.send(b"sound")
                release()
                ticker.log.append("released")
                await ticker.happened("stored", lambda: kept(path).generation == before.generation + 2)
            await collecting
        record = kept(path)
        assert (record.name, record.verified, record.rs2) == ("Bob", True, before.rs1)
        assert ticker.ticks("secure", "released") >= TICKS
        told = failures(events)
        assert len(told) == (0 if busy_timeout > 1 else 1)
        assert all(text.endswith("It is tried again.") for text in told)

    run(test())


def test_a_call_that_ends_while_its_store_is_locked_leaves_its_record_all_the_same(tmp_path: Path) -> None:
    async def test() -> None:
        alice, bob, path = await acquainted(tmp_path, FAST, 5.0)
        before = kept(path)
        async with ticking() as ticker:
            with locked(path) as release:
                ending: asyncio.Task[None] | None = None
                async with call(alice, bob) as (caller, callee):
                    await caller.secured()
                    await callee.secured()
                    caller.session.sas_matched("Bob")
                    caller.settle()
                    ending = asyncio.create_task(caller.aclose())
                    ticker.log.append("closed")
                    await ticker.happened("waited", lambda: ticker.ticks("closed") >= TICKS)
                    assert not ending.done()
                    assert kept(path) == before
                    release()
                    await ending
            assert kept(path).generation == before.generation + 2
            assert (kept(path).rs2, kept(path).name) == (before.rs1, "Bob")

    run(test())


def test_a_program_that_ends_while_its_store_is_locked_leaves_its_record_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It closes its call and does not wait; the lock goes when the loop has cancelled everything."""
    cache = SqliteCache(tmp_path / "alice" / "peers.db", busy_timeout=20.0)
    alice = Endpoint(FAST, cache)
    with locked(cache.path) as release:
        assert asyncio.run(leave_without_waiting(alice, release, close=True))
    record = kept(cache.path)
    assert (record.name, record.verified) == ("Bob", True)
    assert caplog.messages == []


def test_while_nobody_can_read_a_call_waits_and_goes_on_and_others_do_not_wait(tmp_path: Path) -> None:
    """Calls that need no secret complete meanwhile; this one as soon as its record can be read."""

    async def test() -> None:
        alice, bob, path = await acquainted(tmp_path, FAST, 5.0)
        with locked(path, against_readers=True) as release:
            async with ticking() as ticker, call(alice, bob) as (caller, callee):
                events: list[object] = []
                collecting = asyncio.create_task(collect(caller, events))
                async with call(Endpoint(FAST), Endpoint(FAST)) as others:
                    for other in others:
                        await other.secured()
                ticker.log.append("others are secure")
                await ticker.happened("waited", lambda: ticker.ticks("others are secure") >= TICKS)
                assert not any(isinstance(event, Secured | Failed) for event in events)
                release()
                await caller.secured()
                await callee.secured()
                assert caller.session.continuity is Continuity.CONTINUED
            await collecting
        assert failures(events) == []

    run(test())


def test_a_store_that_stays_locked_ends_the_call_with_a_sentence_and_never_stops_the_loop(tmp_path: Path) -> None:
    async def test() -> None:
        config = Config(key_agreements=(b"X255",), store_deadline=0.5)
        alice, bob, path = await acquainted(tmp_path, config, 5.0)
        with locked(path, against_readers=True) as release:
            async with ticking() as ticker, call(alice, bob) as (caller, _):
                ticker.log.append("called")
                with pytest.raises(NotSecured, match="The store of retained secrets does not answer"):
                    await caller.secured()
                ticker.log.append("failed")
                release()
        assert ticker.ticks("called", "failed") >= 20
        assert kept(path).generation == 1, "the record of the call before is as it was"

    run(test())


def test_a_new_contact_gets_its_zid_when_the_lock_is_gone_and_the_loop_goes_on_meanwhile(tmp_path: Path) -> None:
    async def test() -> None:
        alice, bob, path = await acquainted(tmp_path, replace(FAST, zid_per_peer=True), 20.0)
        with locked(path) as release:
            async with ticking() as ticker, listen(bob, LOOPBACK) as callee:

                async def talk() -> None:
                    async with connect(alice, callee.local, peer_label="Bob") as caller:
                        ticker.log.append("connected")
                        await caller.secured()
                        await callee.secured()

                ticker.log.append("called")
                talking = asyncio.create_task(talk())
                await ticker.happened("waited", lambda: ticker.ticks("called") >= TICKS)
                assert "connected" not in ticker.log, "the lock is real"
                with pytest.raises(ApiMisuse, match="is not known yet"):
                    AsyncCall(alice, peer_label="Bob")
                release()
                await talking
        assert len({entry.own_zid for entry in SqliteCache(path).peers()}) == 2, "Bob as anybody, and as a contact"

    run(test())
