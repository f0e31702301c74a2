"""A call in an event loop: its one timer, and its events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.loops import run
from tests.support.rtp_program import RtpProgram
from zrtp.cache.memory import MemoryCache
from zrtp.media.aio import AsyncCall, NotSecured
from zrtp.media.aio.call import EVENT_BACKLOG
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Closed

FAST = Config(key_agreements=(b"X255",))


@asynccontextmanager
async def looking() -> AsyncIterator[AsyncCall]:
    """A call that looks for its peer."""
    call = AsyncCall(Endpoint(FAST, MemoryCache()))
    layer = call.add_layer()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: layer.wrap(RtpProgram(1)), local_addr=("127.0.0.1", 0)
    )
    layer.set_remote(("127.0.0.1", 9))
    layer.start()
    try:
        yield call
    finally:
        call.close()
        transport.close()


def test_the_timer_of_the_loop_is_that_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with looking() as call:
            timer = call._timer
            assert timer is not None and timer.when() == call.secure.next_timer()
            call.settle()
            assert call._timer is timer, "it is the same moment"
            sooner = timer.when() - 0.01
            monkeypatch.setattr(call.secure, "next_timer", lambda: sooner)
            call.settle()
            assert timer.cancelled()
            assert call._timer is not None and call._timer.when() == sooner
        assert call._timer is None

    run(test())


def test_what_is_due_is_done_and_the_next_moment_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with looking() as call:
            timer = call._timer
            due: list[float] = []
            monkeypatch.setattr(call.secure, "handle_timer", due.append)
            call._on_timer()
            assert len(due) == 1
            assert call._timer is not None and call._timer is not timer, "one that has gone off is no timer any more"

    run(test())


def test_of_events_that_nobody_takes_the_oldest_go() -> None:
    async def test() -> None:
        async with looking() as call:
            for number in range(1001):
                call._events.put(Closed(ssrc=number))
            assert (EVENT_BACKLOG, call._events.dropped) == (1000, 1)

    run(test())


def test_whoever_waits_after_a_new_start_waits_for_what_comes_of_it() -> None:
    async def test() -> None:
        async with looking() as call:
            (layer,) = call.layers
            layer.media.stream.handle_timer(asyncio.get_running_loop().time() + 60.0)
            call.settle()
            with pytest.raises(NotSecured, match="does not answer"):
                await call.secured()
            layer.start()
            waiting = asyncio.ensure_future(call.secured())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()

    run(test())
