"""One process, many calls, one after the other: memory stays where it was, and nothing is left over."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import tracemalloc

import pytest

from tests.security.long_life import endpoints, live
from tests.support.inside import running_exchanges
from zrtp.media.aio import connect, listen
from zrtp.protocol.endpoint import Endpoint


@pytest.mark.attack("DOS-04", "DOS-16")
@pytest.mark.parametrize("calls", [10, pytest.param(1_000, marks=pytest.mark.long)])
def test_call_after_call_leaves_nothing_behind(calls: int) -> None:
    alice, bob = endpoints()
    live(20, alice, bob, 0.0)
    tracemalloc.start()
    try:
        live(10, alice, bob, 100.0)
        before = tracemalloc.get_traced_memory()[0]
        live(calls, alice, bob, 150.0)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000


@pytest.mark.attack("DOS-04")
@pytest.mark.parametrize("calls", [2, pytest.param(5_000, marks=pytest.mark.long)])
def test_calls_over_sockets_leave_no_socket_task_or_timer_behind(calls: int) -> None:
    async def one(alice: Endpoint, bob: Endpoint) -> None:
        async with listen(bob, ("127.0.0.1", 0)) as called, connect(alice, called.local) as calling:
            await asyncio.gather(calling.secured(), called.secured())

    async def many() -> None:
        alice, bob = endpoints()
        loop = asyncio.get_running_loop()
        await one(alice, bob)
        await asyncio.sleep(0)
        gc.collect()
        before = _open_sockets()
        for _ in range(calls):
            await one(alice, bob)
        await asyncio.sleep(0)
        gc.collect()
        assert _open_sockets() == before
        assert asyncio.all_tasks() == {asyncio.current_task()}
        timers: list[asyncio.TimerHandle] = getattr(loop, "_scheduled", [])
        assert [timer for timer in timers if not timer.cancelled()] == [
            timeout for timeout in timers if _outer(timeout)
        ]
        for endpoint in (alice, bob):
            assert running_exchanges(endpoint) == 0

    async def in_time() -> None:
        async with asyncio.timeout(120):
            await many()

    asyncio.run(in_time())


def _open_sockets() -> int:
    return sum(isinstance(thing, socket.socket) and thing.fileno() != -1 for thing in gc.get_objects())


def _outer(timer: asyncio.TimerHandle) -> bool:
    """The time limit of the test itself."""
    return not timer.cancelled() and "Timeout" in repr(timer)


@pytest.mark.long
@pytest.mark.attack("DOS-04")
def test_a_hundred_thousand_calls_leave_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    grown = printed_by("-m", "tests.security.long_life", "--calls", "100000")
    with capsys.disabled():
        print(f"\n100,000 calls in one process: the most memory ever used grew by {grown} KiB", end=" ")
    assert grown < 1024, "that would be ten octets a call; a leaked stream would be 900 MiB"


@pytest.mark.long
def test_a_process_knows_the_most_memory_that_it_had() -> None:
    """The measure of the test above notices what it is to notice."""
    leak = "before = most_memory(); leak = [bytes(1000) for _ in range(10_000)]; print(most_memory() - before)"
    assert 8_000 < printed_by("-c", f"from tests.security.long_life import most_memory; {leak}") < 12_000


def printed_by(*arguments: str) -> int:
    """The number that another Python prints."""
    command = [sys.executable, *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
