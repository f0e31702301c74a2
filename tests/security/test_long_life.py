"""One process, many calls, one after the other: memory stays where it was, and nothing is left over."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import tracemalloc

import pytest

from tests.support.pair import ALICE_SSRC, BOB_SSRC, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.media.transport import connect, listen
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State

CONFIG = Config(key_agreements=(b"X255",))


def one_call(alice: Endpoint, bob: Endpoint, now: float) -> None:
    """From the first Hello to the end, with datagrams handed over at once."""
    sessions = alice.session(), bob.session()
    one, other = sessions[0].add_stream(ALICE_SSRC), sessions[1].add_stream(BOB_SSRC)
    one.start(now)
    other.start(now)
    moving = True
    while moving:
        moving = False
        for sender, receiver in ((one, other), (other, one)):
            for datagram in sender.datagrams_to_send():
                receiver.receive_datagram(datagram, now)
                moving = True
    assert one.state is other.state is State.SECURE
    for session in sessions:
        session.close(now)
        while session.next_event() is not None:
            pass
    assert one.next_timer() is other.next_timer() is None


def endpoints() -> tuple[Endpoint, Endpoint]:
    return (
        Endpoint(CONFIG, MemoryCache(), random=seeded(1)),
        Endpoint(CONFIG, MemoryCache(), random=seeded(2)),
    )


def live(calls: int, alice: Endpoint, bob: Endpoint, start: float) -> None:
    """That many calls; then nothing of them is left at either end but one record."""
    for number in range(calls):
        one_call(alice, bob, start + number)
    gc.collect()
    for endpoint in (alice, bob):
        assert not endpoint._running and not endpoint._pairs and not endpoint._half_open
        assert len(endpoint.cache.peers()) == 1


@pytest.mark.attack("DOS-04", "DOS-16")
def test_a_thousand_calls_leave_nothing_behind() -> None:
    alice, bob = endpoints()
    live(100, alice, bob, 0.0)
    tracemalloc.start()
    try:
        live(50, alice, bob, 100.0)
        before = tracemalloc.get_traced_memory()[0]
        live(1_000, alice, bob, 150.0)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000


@pytest.mark.attack("DOS-04")
def test_calls_over_sockets_leave_no_socket_task_or_timer_behind() -> None:
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
        for _ in range(20):
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
            assert not endpoint._running and not endpoint._pairs and not endpoint._half_open

    async def in_time() -> None:
        async with asyncio.timeout(30):
            await many()

    asyncio.run(in_time())


def _open_sockets() -> int:
    return sum(isinstance(thing, socket.socket) and thing.fileno() != -1 for thing in gc.get_objects())


def _outer(timer: asyncio.TimerHandle) -> bool:
    """The time limit of the test itself."""
    return not timer.cancelled() and "Timeout" in repr(timer)


@pytest.mark.long
def test_a_hundred_thousand_calls_leave_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    alice, bob = endpoints()
    live(5_000, alice, bob, 0.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    live(100_000, alice, bob, 5_000.0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    with capsys.disabled():
        print(f"\n100,000 calls in one process: the most memory ever used grew by {grown} KiB", end=" ")
    assert grown < 2048, "20 octets a call are the allocator's noise; a leaked stream would be 900 MiB"
