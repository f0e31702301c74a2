"""`python -m tests.bench.store`: what the store of retained secrets costs the event loop that calls run in.

Two people who know each other call again and again over loopback. Beside the calls a ticker wants its turn each
millisecond: its longest wait is how long the loop was stopped, by the store or by anything else. The cache of one of
them is a dictionary, a file, or a file that another process holds for some seconds from before the call on, so that
what the call leaves behind has to wait. CPU is that of the loop's thread, for both ends of one call.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.support.locking import locked
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.sqlite import SqliteCache
from zrtp.media.aio import connect, listen
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint

CONFIG: Final = Config(key_agreements=(b"X255",))
LOOPBACK: Final = ("127.0.0.1", 0)
TICK: Final = 0.001
"""Seconds between two turns of the ticker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of calls with one kind of store."""

    name: str
    calls: int
    cpu: float
    """Milliseconds of the loop's thread for one call, median."""
    secure: float
    """Milliseconds until the caller is secure, median."""
    gap: float
    """Milliseconds that the ticker waited beyond its pause, at worst."""
    stored: int
    """Calls whose secret was in the cache in the end."""


def measure(name: str, cache: SecretCache, calls: int, *, hold: Path | None = None, seconds: float = 0.0) -> Cost:
    """Make so many calls; a file to `hold` is held so long during each of them."""
    alice, bob = Endpoint(CONFIG, cache), Endpoint(CONFIG, MemoryCache())
    asyncio.run(_call(alice, bob, None, 0.0))  # imports, and people who know each other
    runs = []
    stored = 0
    for _ in range(calls):
        before = _generation(cache)
        runs.append(asyncio.run(_call(alice, bob, hold, seconds)))
        stored += _generation(cache) == before + 1
    return Cost(
        name=name,
        calls=calls,
        cpu=median(run.cpu for run in runs) * 1e3,
        secure=median(run.secure for run in runs) * 1e3,
        gap=max(run.gap for run in runs) * 1e3,
        stored=stored,
    )


@dataclass(slots=True)
class _Run:
    """One call, in seconds."""

    cpu: float = 0.0
    secure: float = 0.0
    gap: float = 0.0


async def _call(alice: Endpoint, bob: Endpoint, hold: Path | None, seconds: float) -> _Run:
    run = _Run()
    ticking = asyncio.create_task(_tick(run))
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        release: Callable[[], None] = (lambda: None) if hold is None else stack.enter_context(locked(hold))
        async with listen(bob, LOOPBACK) as callee:
            began, cpu = time.perf_counter(), time.thread_time()
            async with connect(alice, callee.local) as caller:
                await caller.secured()
                run.secure = time.perf_counter() - began
                await callee.secured()
                run.cpu = time.thread_time() - cpu
                await asyncio.sleep(seconds)
                await loop.run_in_executor(None, release)
                cpu = time.thread_time()
        run.cpu += time.thread_time() - cpu
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    return run


async def _tick(run: _Run) -> None:
    last = time.perf_counter()
    while True:
        await asyncio.sleep(TICK)
        now = time.perf_counter()
        run.gap = max(run.gap, now - last - TICK)
        last = now


def _generation(cache: SecretCache) -> int:
    """How often the record of the one peer was written."""
    (entry,) = cache.peers()
    return entry.record.generation


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.store", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--calls", type=int, default=20, metavar="N", help="calls with each store (default: 20)")
    parser.add_argument("--held", type=float, default=5.0, metavar="SECONDS", help="for how long (default: 5)")
    arguments = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as folder:
        free, held = (SqliteCache(Path(folder) / name / "peers.db", busy_timeout=30.0) for name in ("free", "held"))
        costs = [
            measure("MemoryCache", MemoryCache(), arguments.calls),
            measure("SqliteCache", free, arguments.calls),
            measure("SqliteCache, held", held, max(1, arguments.calls // 10), hold=held.path, seconds=arguments.held),
        ]
    print(f"{'store':18} {'calls':>5} {'CPU ms':>7} {'secure ms':>10} {'longest gap ms':>15} {'stored':>7}")
    for cost in costs:
        print(
            f"{cost.name:18} {cost.calls:5} {cost.cpu:7.2f} {cost.secure:10.1f} {cost.gap:15.1f} "
            f"{cost.stored:3}/{cost.calls}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
