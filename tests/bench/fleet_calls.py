"""A fleet of worker processes over one database, and phones in this process that call them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.bench.fleet_worker import Settings
from zrtp.cache.memory import MemoryCache
from zrtp.media.aio import AsyncCall, MediaLayer, NotSecured
from zrtp.media.events import CallEvent
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Continuity, SecurityWarning, WarningCode

PHONE: Final = Config(key_agreements=(b"X255", b"Mult"))


LOOKS: Final = 100
"""How often workers are asked for something that comes true soon."""

PAUSE: Final = 0.05
"""Seconds from one look to the next."""


class Worker:
    """A process of the fleet, seen from outside."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.address = ("127.0.0.1", port)
        self._one_at_a_time = asyncio.Lock()

    async def tell(self, **what: Any) -> dict[str, Any]:
        """Say something to it; its answer."""
        assert self.process.stdin is not None
        async with self._one_at_a_time:
            self.process.stdin.write(json.dumps(what).encode() + b"\n")
            return await _line(self.process)

    async def report(self) -> dict[str, Any]:
        """What happened since `begin`, and altogether."""
        return await self.tell(report=True)

    async def begin(self) -> dict[str, Any]:
        """Report, and forget the gaps until now."""
        return await self.tell(begin=True)


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said


@asynccontextmanager
async def workers(settings: Sequence[Settings]) -> AsyncIterator[list[Worker]]:
    """A process for each of the settings; ended with the block, unless they were drained before."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(_worker(each)) for each in settings]


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[Worker]:
    command = [sys.executable, "-m", "tests.bench.fleet_worker", json.dumps(asdict(settings))]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield Worker(process, (await _line(process))["port"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def all_stored(hosts: Sequence[Worker]) -> None:
    """Wait for what the calls have left behind: a new phone that calls sooner is a stranger to the other workers."""
    for _ in range(LOOKS):
        if not any([(await host.report())["host"]["open"] for host in hosts]):
            return
        await asyncio.sleep(PAUSE)


@dataclass(slots=True)
class Outcome:
    """What came of one call, as the phone sees it."""

    continuity: Continuity | None = None
    """None: it did not become secure."""
    seconds: float = 0.0
    """Until the sound was secure."""
    streams: int = 0
    """That are secure."""
    why_not: str = ""
    alarms: int = 0
    """Warnings that somebody may listen in."""


@dataclass(slots=True)
class Phone:
    """A phone and its memory."""

    endpoint: Endpoint = field(default_factory=lambda: Endpoint(PHONE, MemoryCache()))

    @asynccontextmanager
    async def call(self, worker: Worker, *, video: bool = False) -> AsyncIterator[Outcome]:
        """A call that has become secure, or has failed.

        The phone hangs up at the end of the block, and not before the worker is secure as well: people talk longer.
        """
        outcome, began = Outcome(), time.perf_counter()

        def heard(event: CallEvent) -> None:
            if isinstance(event, SecurityWarning) and event.code is WarningCode.CACHE_MISMATCH:
                outcome.alarms += 1

        call = AsyncCall(self.endpoint, on_event=heard)
        transports = []
        try:
            layer, transport = await _stream(call, worker.address)
            transports.append(transport)
            layer.start()
            try:
                await layer.secured()
                outcome.streams = 1
                outcome.continuity = call.session.continuity
                outcome.seconds = time.perf_counter() - began
                if video:
                    other, transport = await _stream(call, worker.address)
                    transports.append(transport)
                    await worker.tell(video=[each.get_extra_info("sockname") for each in transports])
                    other.start()
                    await other.secured()
                    outcome.streams = 2
            except NotSecured as error:
                outcome.why_not = str(error)
            yield outcome
            own = transports[0].get_extra_info("sockname")
            for _ in range(LOOKS if outcome.continuity is not None else 0):
                if (await worker.tell(secure=own))["secure"]:
                    break
                await asyncio.sleep(PAUSE)
            await worker.tell(bye=own)
        finally:
            await call.aclose()
            for transport in transports:
                transport.close()


async def _stream(call: AsyncCall, remote: Any) -> tuple[MediaLayer, asyncio.DatagramTransport]:
    layer = call.add_layer()
    layer.set_remote(remote)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: layer.wrap(asyncio.DatagramProtocol()), local_addr=("127.0.0.1", 0)
    )
    return layer, transport
