"""A store that can be awaited: calls ask it in coroutines, and no thread is there that could wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.inside import call_of
from tests.support.loops import run, until
from zrtp.cache.interface import PeerEntry, RecordUpdate
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse, CacheError
from zrtp.media.aio import AsyncCall, SecureStream, connect, listen
from zrtp.media.aio.store import carry_out, carry_out_in_thread
from zrtp.media.events import CallEvent
from zrtp.protocol import limits
from zrtp.protocol.changes import Renamed
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Continuity, SecurityWarning
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

    async def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
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

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
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
        async def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
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


class Gated(MemoryCache):
    """A file whose changes wait, in their thread, until `gate` is open, and then raise `error` so many `times`."""

    waits = True

    def __init__(self, error: BaseException | None = None, times: int = 1000) -> None:
        super().__init__()
        self.gate = threading.Event()
        self._error, self._times = error, times

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        assert self.gate.wait(20.0)
        if self._error is not None and self._times > 0:
            self._times -= 1
            raise self._error
        return super().update(own_zid, peer_zid, change)


async def late(opens: Callable[[], None]) -> None:
    """Let the store go on only when the loop has cancelled everything that was still at work."""
    try:
        await asyncio.Event().wait()
    finally:
        for _ in range(10):
            await asyncio.sleep(0)
        opens()


async def leave_without_waiting(endpoint: Endpoint, opens: Callable[[], None], *, close: bool) -> object:
    """A program that compares the words and ends while nothing is stored yet. Returns what has to stay alive."""
    opening = asyncio.create_task(late(opens))
    async with listen(Endpoint(FAST, MemoryCache()), LOOPBACK) as caller:
        call = AsyncCall(endpoint)
        layer = call.add_layer()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: layer.wrap(asyncio.DatagramProtocol()), local_addr=LOOPBACK
        )
        layer.set_remote(caller.local)
        layer.start()
        await layer.secured()
        await caller.secured()
        call.session.sas_matched("Bob")
        call.settle()
        if close:
            call.close()
        transport.close()
    return call, opening


@pytest.mark.parametrize("close", [True, False], ids=["closed", "open"])
def test_a_program_that_ends_loses_nothing_that_a_thread_has_yet_to_write(
    close: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody awaited `aclose`: the change is whole until its thread has returned, and the next one follows it."""
    cache = Gated()
    kept = asyncio.run(leave_without_waiting(Endpoint(FAST, cache), cache.gate.set, close=close))
    (entry,) = cache.peers()
    assert (entry.record.name, entry.record.verified) == ("Bob", True)
    assert entry.record.rs1 is not None and not entry.record.rs1.wiped
    assert caplog.messages == []
    assert kept


@pytest.mark.parametrize("close", [True, False], ids=["closed", "open"])
def test_a_program_that_ends_tells_what_is_lost(close: bool, caplog: pytest.LogCaptureFixture) -> None:
    cache = Gated(OSError(28, "No space left on device"))
    assert asyncio.run(leave_without_waiting(Endpoint(FAST, cache), cache.gate.set, close=close))
    assert cache.peers() == []
    told = "it raised OSError (No space left on device). What was to be remembered of this call is lost."
    assert [text.endswith(told) for text in caplog.messages] == [True, True], "the secret, and the verdict"


@pytest.mark.parametrize("close", [True, False], ids=["closed", "open"])
def test_a_program_that_ends_tells_what_was_still_to_be_awaited(close: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody knows whether the database has it. It may never answer, so the end of the program does not wait."""

    async def test() -> None:
        database = Database()
        gate = database.in_coroutines.gate
        gate.clear()
        assert await leave_without_waiting(Endpoint(FAST, database), gate.set, close=close)

    asyncio.run(test())
    assert [text.endswith("of this call is lost.") for text in caplog.messages] == [True, True]
    assert all(text.startswith("The program ended before") for text in caplog.messages)


def test_a_program_that_cancels_every_task_loses_nothing_either() -> None:
    """Not even a change that no thread has got yet."""

    async def test() -> None:
        cache = Gated()
        cache.gate.set()
        async with (
            listen(Endpoint(FAST, cache), LOOPBACK) as callee,
            connect(Endpoint(FAST, MemoryCache()), callee.local) as caller,
        ):
            await caller.secured()
            await callee.secured()
            await until(lambda: cache.peers() != [])
            callee.session.sas_matched("Bob")
            callee.settle()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
        (entry,) = cache.peers()
        assert entry.record.name == "Bob"

    run(test())


def test_a_loop_that_has_no_threads_any_more_holds_nothing_else_up() -> None:
    async def test() -> None:
        await asyncio.get_running_loop().shutdown_default_executor()
        cache = MemoryCache()
        cache.update(OWN, BOB, lambda _: PeerRecord(rs1=Secret(b"s" * 32)))
        write = Write(OWN, BOB, Renamed(name="bob"))
        await carry_out_in_thread(write, cache)
        assert write.answered and [entry.record.name for entry in cache.peers()] == ["bob"]

    run(test())


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("awaitable", "error", "said"),
    [
        (True, FULL, "it raised OSError (No space left on device)."),
        (False, FULL, "it raised OSError (No space left on device)."),
        (False, SystemExit(), "The store of retained secrets gave no answer."),
    ],
    ids=["awaitable", "in a thread", "the end of a thread"],
)
def test_whatever_class_of_exception_a_cache_raises_is_told_and_what_comes_later_is_stored(
    awaitable: bool,
    error: BaseException,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "WRITE_INTERVAL", 1e-6)
    failing = Gated(error, times=2)
    failing.gate.set()

    class Failing(Awaitable):
        async def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
            return failing.update(own_zid, peer_zid, change)

    async def test() -> None:
        database = Database()
        database.in_coroutines = Failing(failing)
        events: list[CallEvent] = []
        endpoint = Endpoint(FAST, database if awaitable else failing)
        async with (
            listen(endpoint, LOOPBACK, on_event=events.append) as callee,
            connect(Endpoint(FAST, MemoryCache()), callee.local) as caller,
        ):
            await caller.secured()
            await callee.secured()
            callee.session.sas_matched("Bob")
            callee.settle()
            await until(lambda: [entry.record.name for entry in failing.peers()] == ["Bob"])
        (told,) = [event.text for event in events if isinstance(event, SecurityWarning)]
        assert told.endswith(f"{said} It is tried again.")

    run(test())
    assert caplog.messages == []


PRIVATE = replace(FAST, zid_per_peer=True)


def test_the_zid_for_a_new_contact_is_looked_up_beside_the_loop() -> None:
    async def test() -> None:
        alice, bob = Endpoint(PRIVATE, MemoryCache()), Endpoint(PRIVATE, MemoryCache())
        for label in ("", "bob", "bob"):
            async with (
                listen(bob, LOOPBACK, peer_label="alice") as callee,
                connect(alice, callee.local, peer_label=label) as caller,
            ):
                await caller.secured()
                await callee.secured()
                assert callee.session.peer.zid == alice.zid_for(label)
                assert caller.session.peer.zid == bob.zid_for("alice")
        assert len({alice.zid, alice.zid_for("bob"), bob.zid, bob.zid_for("alice")}) == 4

    run(test())


def test_a_stream_over_a_path_of_its_own_gets_its_zid_in_the_same_way() -> None:
    class Nowhere:
        async def send(self, datagram: bytes) -> None: ...

        async def recv(self) -> bytes:
            await asyncio.Event().wait()
            return b""

    async def test() -> None:
        endpoint = Endpoint(PRIVATE, MemoryCache())
        stream = await SecureStream.over(Nowhere(), endpoint, peer_label="bob")
        assert call_of(stream.session).zid == endpoint.zid_for("bob") != endpoint.zid
        await stream.aclose()

    run(test())


def test_a_call_that_is_not_awaited_says_how_to_get_the_zid_for_a_new_contact() -> None:
    async def test() -> None:
        endpoint = Endpoint(PRIVATE, Gated())
        with pytest.raises(ApiMisuse, match=r"await asyncio.to_thread\(endpoint.zid_for, peer_label\)"):
            AsyncCall(endpoint, peer_label="bob")
        zid = await asyncio.to_thread(endpoint.zid_for, "bob")
        call = AsyncCall(endpoint, peer_label="bob")
        assert call_of(call.session).zid == zid
        await call.aclose()

    run(test())


def test_who_has_a_name_is_answered_too_and_a_failure_is_a_result() -> None:
    class Broken(Awaitable):
        async def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            raise CacheError("The disk is gone.")

    class Mistaken(Awaitable):
        async def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
            raise TypeError("a mistake in a cache")

    async def test() -> None:
        cache = MemoryCache()
        for zid in (BOB, CAROL):
            cache.update(OWN, zid, lambda _: PeerRecord(rs1=Secret(b"s" * 32), name="bob"))
        search, read = Search("bob"), Read(OWN, BOB, 1.0)
        await carry_out(search, Awaitable(cache))
        await carry_out(read, Broken(cache))
        assert search.answered and search.zids == {BOB, CAROL}
        assert not read.answered and str(read.error) == "The disk is gone."
        await carry_out(read, Mistaken(cache))
        assert str(read.error) == "The store of retained secrets cannot be used: it raised TypeError."

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
