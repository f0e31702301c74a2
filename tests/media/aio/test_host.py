"""A host whose calls are counted, and that is drained before it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.media.aio.test_store import Database
from tests.support.loops import until
from zrtp.cache.interface import RecordUpdate
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import CacheError
from zrtp.media.aio import Host, HostDraining, connect, listen
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint

LOOPBACK = ("127.0.0.1", 0)
FAST = Config(key_agreements=(b"X255",))


def run(test: Coroutine[Any, Any, None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(60):
            await test

    asyncio.run(in_time())


async def turns(number: int = 100) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_what_the_calls_of_a_host_come_to_is_counted() -> None:
    async def test() -> None:
        host, memory = Host(), MemoryCache()
        bridge, phone = Endpoint(FAST, MemoryCache()), Endpoint(FAST, memory)
        for number in (1, 2):
            async with listen(bridge, LOOPBACK, host=host) as callee, connect(phone, callee.local) as caller:
                await caller.secured()
                await callee.secured()
                assert (host.metrics.open, host.metrics.calls_total) == (1, number)
            assert host.metrics.open == 0
        metrics = host.metrics
        assert (metrics.secured_total, metrics.continued_total, metrics.mismatches_total) == (2, 1, 0)

        for entry in memory.peers():  # the phone has lost its memory
            memory.update(*entry.zids, lambda _: None)
        async with listen(bridge, LOOPBACK, host=host) as callee, connect(phone, callee.local) as caller:
            await caller.secured()
            await callee.secured()
        assert (metrics.secured_total, metrics.continued_total, metrics.mismatches_total) == (3, 1, 1)

    run(test())


def test_a_drained_host_waits_for_its_calls_and_takes_no_new_ones() -> None:
    async def test() -> None:
        host, bridge = Host(), Endpoint(FAST, MemoryCache())
        async with listen(bridge, LOOPBACK, host=host) as callee:
            draining = asyncio.create_task(host.drain(patience=60.0))
            await turns()
            with pytest.raises(HostDraining, match="call another one"):
                async with listen(bridge, LOOPBACK, host=host):
                    pass
            async with connect(Endpoint(FAST, MemoryCache()), callee.local) as caller:
                await caller.secured()
                await callee.secured()
            assert not draining.done()
        assert await draining == 0
        assert (host.metrics.refused_total, host.metrics.open) == (1, 0)

    run(test())


def test_a_call_that_left_before_the_others_does_not_end_the_wait_for_them() -> None:
    async def test() -> None:
        host, bridge = Host(), Endpoint(FAST, MemoryCache())
        async with listen(bridge, LOOPBACK, host=host):
            async with listen(bridge, LOOPBACK, host=host):
                pass
            draining = asyncio.create_task(host.drain(patience=60.0))
            await turns()
            assert not draining.done() and host.metrics.open == 1
        assert await draining == 0

    run(test())


def test_after_its_patience_a_host_ends_the_calls_and_waits_until_all_is_stored() -> None:
    async def test() -> None:
        host, database = Host(), Database()
        awaitable = database.in_coroutines
        awaitable.gate.clear()
        phone = Endpoint(FAST, MemoryCache())
        async with (
            listen(Endpoint(FAST, database), LOOPBACK, host=host) as callee,
            connect(phone, callee.local) as caller,
        ):
            await caller.secured()
            await callee.secured()
            draining = asyncio.create_task(host.drain(patience=0.0))
            assert await caller.receive() is None, "the phone was told goodbye"
            assert await callee.receive() is None
            await turns()
            assert not draining.done() and host.metrics.open == 1
            awaitable.gate.set()
            assert await draining == 1
        assert awaitable.asked == ["load", "update"]

    run(test())


class Failing(Database):
    """A store that fails so many times before it takes a change."""

    def __init__(self, times: int) -> None:
        super().__init__()
        change = self.in_coroutines.update

        async def update(own_zid: bytes, peer_zid: bytes, new: RecordUpdate) -> PeerRecord | None:
            nonlocal times
            times -= 1
            await self.in_coroutines.gate.wait()
            if times >= 0:
                raise CacheError("The disk is full.")
            return await change(own_zid, peer_zid, new)

        self.in_coroutines.update = update  # type: ignore[assignment]


@pytest.mark.parametrize(("times", "backlog", "stored"), [(3, 1, True), (100, 1, False), (3, 0, False)])
def test_what_a_call_leaves_behind_is_tried_again_after_it_for_a_while(
    monkeypatch: pytest.MonkeyPatch, times: int, backlog: int, stored: bool
) -> None:
    monkeypatch.setattr(limits, "WRITE_INTERVAL", 1e-6)

    async def test() -> None:
        host, database, phone = Host(backlog=backlog), Failing(times), Endpoint(FAST, MemoryCache())
        gate = database.in_coroutines.gate
        gate.clear()
        async with listen(Endpoint(FAST, database), LOOPBACK, host=host) as callee:
            async with connect(phone, callee.local) as caller:
                await caller.secured()
                await callee.secured()
            asyncio.get_running_loop().call_soon(gate.set)
        assert (host.metrics.open, host.metrics.lingering) == (0, 0)
        assert ("update" in database.in_coroutines.asked) == stored
        assert host.metrics.store_failed_total == (not stored)
        assert await host.drain(patience=0.0) == 0

    run(test())


def test_a_program_that_ends_while_something_is_tried_again_does_not_wait_for_it_and_tells_what_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> Host:
        host, database = Host(), Failing(100)
        listening = listen(Endpoint(FAST, database), LOOPBACK, host=host)
        callee = await listening.__aenter__()
        async with connect(Endpoint(FAST, MemoryCache()), callee.local) as caller:
            await caller.secured()
            await callee.secured()
            callee.session.sas_matched("Bob")
            callee.settle()
            ending = asyncio.create_task(callee.aclose())
        await until(lambda: host.metrics.lingering == 1)
        assert not ending.done()
        return host

    host = asyncio.run(test())
    assert (host.metrics.open, host.metrics.lingering) == (0, 0)
    assert [text.endswith("is lost.") for text in caplog.messages] == [True, True], "the secret, and the verdict"
