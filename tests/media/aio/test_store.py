"""A store that can be awaited: calls ask it in coroutines, and no thread is there that could wait for it."""

from __future__ import annotations

import asyncio

import pytest

from zrtp.cache.interface import Change, PeerEntry
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import CacheError
from zrtp.media.aio import connect, listen
from zrtp.media.aio.store import carry_out
from zrtp.protocol.changes import Renamed
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Continuity
from zrtp.protocol.store import Read, Search, Write
from zrtp.secret import Secret

LOOPBACK = ("127.0.0.1", 0)
FAST = Config(key_agreements=(b"X255",))
OWN, BOB, CAROL = b"\xaa" * 12, b"\xb0" * 12, b"\xca" * 12


class Awaitable:
    """A cache in memory whose changes are made when `gate` is open. `asked` has what was asked."""

    def __init__(self, cache: MemoryCache) -> None:
        self._cache = cache
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        self.asked.append("load")
        return self._cache.load(own_zid, peer_zid)

    async def update(self, own_zid: bytes, peer_zid: bytes, change: Change) -> PeerRecord | None:
        self.asked.append("update")
        await self.gate.wait()
        return self._cache.update(own_zid, peer_zid, change)

    async def named(self, name: str) -> list[PeerEntry]:
        self.asked.append("named")
        return self._cache.peers()


class Database(MemoryCache):
    """Has both ways; whoever takes the one that blocks is caught."""

    waits = True

    def __init__(self) -> None:
        super().__init__()
        self.in_coroutines = Awaitable(MemoryCache())

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        raise AssertionError("a thread waits for the database")

    def update(self, own_zid: bytes, peer_zid: bytes, change: Change) -> PeerRecord | None:
        raise AssertionError("a thread waits for the database")


def test_a_call_asks_in_coroutines_and_what_it_leaves_behind_is_stored_when_it_is_closed() -> None:
    async def test() -> None:
        database = Database()
        bridge, phone = Endpoint(FAST, database), Endpoint(FAST, MemoryCache())
        for expected in (Continuity.FIRST_CALL, Continuity.CONTINUED):
            async with listen(bridge, LOOPBACK) as callee, connect(phone, callee.local) as caller:
                await caller.secured()
                await callee.secured()
                assert callee.session.continuity is caller.session.continuity is expected
        assert database.in_coroutines.asked == ["load", "update"] * 2

    asyncio.run(test())


def test_the_end_of_a_call_waits_for_a_change_that_is_under_way() -> None:
    async def test() -> None:
        database = Database()
        awaitable = database.in_coroutines
        awaitable.gate.clear()
        async with listen(Endpoint(FAST, database), LOOPBACK) as callee:
            async with connect(Endpoint(FAST, MemoryCache()), callee.local) as caller:
                await caller.secured()
                await callee.secured()
            ending = asyncio.create_task(callee.aclose())
            for _ in range(100):
                await asyncio.sleep(0)
            assert awaitable.asked == ["load", "update"] and not ending.done()
            awaitable.gate.set()
            await ending

    asyncio.run(test())


def test_what_could_not_be_stored_after_the_end_of_a_call_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Awaitable):
        async def update(self, own_zid: bytes, peer_zid: bytes, change: Change) -> PeerRecord | None:
            await self.gate.wait()
            raise CacheError("The database is gone.")

    async def test() -> None:
        database = Database()
        database.in_coroutines = Failing(MemoryCache())
        database.in_coroutines.gate.clear()
        async with listen(Endpoint(FAST, database), LOOPBACK) as callee:
            async with connect(Endpoint(FAST, MemoryCache()), callee.local) as caller:
                await caller.secured()
                await callee.secured()
            ending = asyncio.create_task(callee.aclose())
            await asyncio.sleep(0)
            assert "The database is gone." not in caplog.text
            database.in_coroutines.gate.set()
            await ending

    asyncio.run(test())
    assert "The database is gone." in caplog.text


def test_who_has_a_name_is_answered_too_and_a_failure_is_a_result() -> None:
    class Broken(Awaitable):
        async def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            raise CacheError("The disk is gone.")

    async def test() -> None:
        cache = MemoryCache()
        for zid in (BOB, CAROL):
            cache.update(OWN, zid, lambda _: PeerRecord(rs1=Secret(b"s" * 32), name="bob"))
        search, read = Search("bob"), Read(OWN, BOB, 1.0)
        await carry_out(search, Awaitable(cache))
        await carry_out(read, Broken(cache))
        assert search.answered and search.zids == {BOB, CAROL}
        assert not read.answered and str(read.error) == "The disk is gone."

    asyncio.run(test())


def test_a_program_that_ends_before_the_answer_takes_no_change_for_stored() -> None:
    async def test() -> None:
        awaitable = Awaitable(MemoryCache())
        awaitable.gate.clear()
        write = Write(OWN, BOB, Renamed(name="bob"))
        storing = asyncio.create_task(carry_out(write, awaitable))
        await asyncio.sleep(0)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
        assert not write.answered and "The program ended" in str(write.error)

    asyncio.run(test())
