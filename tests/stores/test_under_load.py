"""A fleet under load whose database fails: what phones and hosts see, and that no host ever stands still.

Two processes end the calls of 24 phones, which know them. The database fails while calls are set up and others are
open, and comes back. Every call goes on from earlier ones or fails with a sentence; nobody is ever alarmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import pytest

from tests.stores.server import Server
from tests.stores.slow import SlowWay, slow_way
from tests.support.figures import Note
from zrtp.protocol.events import Continuity

pytest.importorskip("psycopg_pool", reason="psycopg is missing: pip install 'zrtp[postgres]'")

from tests.bench.fleet_calls import Outcome, Phone, Worker, all_stored, workers
from tests.bench.fleet_worker import Settings

pytestmark = pytest.mark.long

PHONES = 24
HELD = 6
"""Phones whose calls stay open while the database fails."""

DEADLINE = 1.0
"""Seconds for which a call waits for its record, and a method of the cache for its answer."""

TRIES = 30
"""Calls of one phone until it gets through again: the pool pauses between two attempts to connect."""

SENTENCES = ("store of retained secrets does not answer", "service is unavailable")
"""Why calls fail meanwhile, as the host says it, and as the phone learns it."""


class Fleet:
    """The hosts, and phones that have called each of them before."""

    def __init__(self, hosts: list[Worker]) -> None:
        self.hosts = hosts
        self.phones = [Phone() for _ in range(PHONES)]
        self.alarms = 0
        self._turns = cycle(hosts)

    async def call_all(self, phones: Sequence[Phone], secured: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Each phone calls once, all at a time, and hangs up as soon as it is secure."""

        async def one(phone: Phone, host: Worker) -> Outcome:
            async with phone.call(host) as outcome:
                if outcome.continuity is not None:
                    secured()
                return outcome

        outcomes = await asyncio.gather(*(one(phone, next(self._turns)) for phone in phones))
        self.alarms += sum(outcome.alarms for outcome in outcomes)
        return outcomes

    async def call_until_through(self, phone: Phone) -> Outcome:
        for _ in range(TRIES):
            (outcome,) = await self.call_all([phone])
            if outcome.continuity is not None:
                return outcome
        pytest.fail(f"a phone does not get through any more: {outcome.why_not}")

    async def reports(self) -> list[dict[str, Any]]:
        return [await host.report() for host in self.hosts]


@asynccontextmanager
async def fleet(address: str, **settings: Any) -> AsyncIterator[Fleet]:
    each = Settings(address=address, store_deadline=DEADLINE, timeout=DEADLINE, **settings)
    async with workers([each, each]) as hosts:
        made = Fleet(hosts)
        for phone in made.phones:  # one by one: how fast the computer is, is not what is asked
            (first,) = await made.call_all([phone])
            assert first.continuity is Continuity.FIRST_CALL, first.why_not
        await all_stored(hosts)
        for host in hosts:
            await host.begin()
        yield made


async def through_a_failure(
    made: Fleet,
    figure: Note,
    fail: Callable[[], Awaitable[None]],
    repair: Callable[[], Awaitable[None]],
    *,
    some_fail: bool = True,
) -> None:
    """The database fails in the middle of call set-ups, with calls open; everything is looked at, at both ends."""
    holding, calling = made.phones[:HELD], made.phones[HELD:]
    async with AsyncExitStack() as held:
        open_calls = [await held.enter_async_context(phone.call(next(made._turns))) for phone in holding]
        in_the_middle = asyncio.Event()
        first = asyncio.create_task(made.call_all(calling, in_the_middle.set))
        await in_the_middle.wait()
        await fail()
        try:
            meanwhile = await first + await made.call_all(calling)
            during = await made.reports()
        finally:
            await repair()
    made.alarms += sum(call.alarms for call in open_calls)
    assert {call.continuity for call in open_calls} == {Continuity.CONTINUED}
    for outcome in meanwhile:
        assert outcome.continuity is Continuity.CONTINUED or any(text in outcome.why_not for text in SENTENCES), outcome
    assert any(outcome.continuity is None for outcome in meanwhile) == some_fail

    afterwards = [await made.call_until_through(phone) for phone in made.phones]
    assert {outcome.continuity for outcome in afterwards} == {Continuity.CONTINUED}
    reports = await made.reports()
    assert made.alarms == 0
    assert [report["host"]["mismatches_total"] for report in reports] == [0, 0]
    for report in during:  # a loop that waits for the database itself makes no turn meanwhile
        assert report["turns while waiting"] > 0, report
        figure("the longest that a host stood still", report["gap"], "s", target=DEADLINE)


@pytest.mark.parametrize("mode", ["fast", "immediate"], ids=["stopped", "killed"])
def test_a_database_that_is_gone_and_comes_back(server: Server, address: str, mode: str, figure: Note) -> None:
    async def scene() -> None:
        async with fleet(address) as made:
            await through_a_failure(
                made, figure, lambda: asyncio.to_thread(server.stop, mode), lambda: asyncio.to_thread(server.start)
            )

    asyncio.run(scene())


def test_a_database_that_stands_still_and_goes_on(server: Server, address: str, figure: Note) -> None:
    async def scene() -> None:
        async with fleet(address) as made:
            still = server.standing_still()

            async def fail() -> None:
                still.__enter__()

            async def repair() -> None:
                still.__exit__(None, None, None)

            await through_a_failure(made, figure, fail, repair)

    asyncio.run(scene())


@pytest.mark.parametrize("delay", [0.01, 0.2, 2.0], ids=["slow", "too slow for some", "too slow"])
def test_a_database_that_becomes_slow(server: Server, address: str, delay: float, figure: Note) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            way = await stack.enter_async_context(slow_way(server.folder))
            made = await stack.enter_async_context(fleet(address.replace(str(server.folder), str(way.folder))))
            await through_a_failure(
                made, figure, lambda: _slow(way, delay), lambda: _slow(way, 0.0), some_fail=delay > 0.1
            )

    asyncio.run(scene())


def test_calls_go_on_without_their_records_where_that_is_configured(server: Server, address: str) -> None:
    """The phones are alarmed then, as the Config says; what everybody knew stays, so that later calls are not."""

    async def scene() -> None:
        async with fleet(address, go_on_without_store=True) as made:
            assert {outcome.continuity for outcome in await made.call_all(made.phones)} == {Continuity.CONTINUED}
            with server.standing_still():
                meanwhile = await made.call_all(made.phones)
            assert {outcome.continuity for outcome in meanwhile} == {Continuity.MISMATCH}
            assert made.alarms == PHONES
            made.alarms = 0
            for phone in made.phones:
                while (await made.call_until_through(phone)).continuity is not Continuity.CONTINUED:
                    made.alarms = 0  # the database has not woken up yet
            assert {outcome.continuity for outcome in await made.call_all(made.phones)} == {Continuity.CONTINUED}
            assert made.alarms == 0
            assert [report["host"]["mismatches_total"] for report in await made.reports()] == [0, 0]

    asyncio.run(scene())


async def _slow(way: SlowWay, delay: float) -> None:
    way.delay = delay
