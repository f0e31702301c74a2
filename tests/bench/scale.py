"""Many calls in one process, what an import costs, and whether a handshake disturbs the sound beside it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.bench.handshakes import Call, config, handshake
from tests.bench.measure import Timing, measure
from zrtp.media.aio import connect, listen
from zrtp.protocol.endpoint import Endpoint

FRAME: Final = 0.02
"""Seconds between two packets of sound."""

PAUSE: Final = 0.03
"""Seconds between two calls that are set up beside the sound: the loop is busy, and not overloaded."""

_HANDSHAKES: Final = 100
"""How many are timed before and after the sessions are opened."""

_MEASURE_IMPORT: Final = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
import zrtp
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print(json.dumps([cpu, wall, [name for name in ("asyncio", "sqlite3") if name in sys.modules]]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCost:
    """`import zrtp` in a fresh interpreter."""

    cpu: Timing
    wall: Timing
    unwanted: tuple[str, ...]
    """Modules that the engine must not need, and imports nevertheless."""


def import_cost(times: int) -> ImportCost:
    """Start so many interpreters; the first ones fill the caches of files and byte code."""
    results = []
    for _ in range(times + 1):
        done = subprocess.run(  # noqa: S603 - this interpreter, on the text above
            [sys.executable, "-c", _MEASURE_IMPORT], capture_output=True, text=True, check=True
        )
        results.append(json.loads(done.stdout))
    cpu, wall, unwanted = zip(*results[1:], strict=True)
    return ImportCost(cpu=Timing(cpu), wall=Timing(wall), unwanted=tuple(unwanted[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Sessions that are open at the same time in this process."""

    sessions: int
    """Both ends count."""
    resident: int
    """Octets of memory for each, as the operating system sees them."""
    alone: Timing
    """CPU time of a handshake while no other session is open."""
    among_many: Timing
    """CPU time of a handshake while all of them are open."""
    timers: int
    """Sessions that want to be woken although nothing happens."""

    @property
    def slowdown(self) -> float:
        return self.among_many.in_units_of(self.alone)


def crowd(sessions: int, progress: Callable[[int], object] = lambda _: None) -> Crowd:
    """Open so many sessions, hold them secure, and make more handshakes beside them."""
    alice, bob = Endpoint(config(b"X255")), Endpoint(config(b"X255"))

    def run() -> Call:
        return handshake(alice.session(), bob.session())

    alone = measure(run, times=_HANDSHAKES, after_each=Call.close).cpu
    before = _resident()
    held = []
    for number in range(sessions // 2):
        held.append(run())
        if number % 100 == 0:
            progress(2 * number)
    resident = (_resident() - before) // (2 * len(held))
    among_many = measure(run, times=_HANDSHAKES, after_each=Call.close).cpu
    streams = [session.streams[0] for call in held for session in (call.alice, call.bob)]
    timers = sum(stream.next_timer() is not None for stream in streams)
    for call in held:
        call.close()
    return Crowd(sessions=2 * len(held), resident=resident, alone=alone, among_many=among_many, timers=timers)


def _resident() -> int:
    """The peak so far: it only grows, and so does what is measured by it."""
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """By how much packets of sound are late that one event loop has to send every 20 ms, in seconds."""

    quiet: Timing
    """While nothing else happens."""
    busy: Timing
    """While the same loop also sets up calls over UDP, both ends of them."""
    handshakes: int


def jitter(agreement: bytes = b"DH3k", seconds: float = 2.0) -> Jitter:
    """Listen to the clock of an event loop."""
    return asyncio.run(_jitter(agreement, seconds))


async def _jitter(agreement: bytes, seconds: float) -> Jitter:
    quiet = await _lateness(seconds)
    handshakes = 0

    async def call_again_and_again() -> None:
        nonlocal handshakes
        alice, bob = Endpoint(config(agreement)), Endpoint(config(agreement))
        while True:
            async with listen(bob, ("127.0.0.1", 0)) as callee, connect(alice, callee.local) as caller:
                await asyncio.gather(caller.secured(), callee.secured())
                handshakes += 1
            await asyncio.sleep(PAUSE)

    calls = asyncio.create_task(call_again_and_again())
    busy = await _lateness(seconds)
    calls.cancel()
    await asyncio.gather(calls, return_exceptions=True)
    return Jitter(quiet=quiet, busy=busy, handshakes=handshakes)


async def _lateness(seconds: float) -> Timing:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    late = []
    for moment in _moments(begun, seconds):
        await asyncio.sleep(moment - loop.time())
        late.append(max(0.0, loop.time() - moment))
    return Timing(tuple(late))


def _moments(begun: float, seconds: float) -> Iterator[float]:
    return (begun + number * FRAME for number in range(1, round(seconds / FRAME) + 1))
