"""`python -m tests.bench.fleet`: what a fleet of worker processes over one PostgreSQL bears, and whether phones notice.

Phones in this process call the workers, each another one the second time; one call in four has a video stream too. All
calls of a row are open at the same time, before everybody hangs up. The database is Debian's own, with fsync, on this
computer, and everything shares its cores: what counts is the CPU time of the workers and of the database, and how the
figures change from row to row within one run. `calls` are secured calls per second; `per core` is per second of the
workers' CPU time. Every call has to have the right continuity at both ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from tests.bench.chart import Bar, Group, document
from tests.bench.fleet_calls import LOOKS, PAUSE, Outcome, Phone, Worker, all_stored, workers
from tests.bench.fleet_worker import Settings
from tests.stores.server import Server, running
from zrtp.cli.screen.terminal import Terminal
from zrtp.protocol.events import Continuity

VIDEO: Final = 4
"""One call in so many has a second stream."""

Progress = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """All phones have called once."""

    calls: int
    failed: int
    """Calls that did not become secure."""
    right: float
    """Share of the secured ones that were a first call, or continued, as they had to be, at both ends."""
    rate: float
    """Secured calls per second."""
    per_core: float
    """Secured calls per second of CPU time of the workers."""
    median: float
    """Milliseconds until the sound was secure."""
    p95: float
    p99: float
    gap: float
    """Milliseconds that the ticker of a worker was late, at worst."""
    database: float
    """Milliseconds of CPU time of the database for each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fleet."""

    workers: int
    calls: int
    loss: float
    """Share of datagrams that were lost, each way."""
    first: Phase
    second: Phase
    memory: float
    """Octets of a worker for each open call."""


def measure(
    server: Server, number: int, calls: int, loss: float, parallel: int, progress: Progress = lambda _: None
) -> Row:
    """So many workers, and so many calls that are open at a time, of which `parallel` are set up at a time."""
    return asyncio.run(_measure(server, number, calls, loss, parallel, progress))


async def _measure(server: Server, number: int, calls: int, loss: float, parallel: int, progress: Progress) -> Row:
    address = server.empty_address()
    settings = [Settings(address=address, loss=loss, seed=seed) for seed in range(number)]
    async with workers(settings) as hosts:
        run = _Run(server, hosts, [Phone() for _ in range(calls)], parallel, progress)
        resident = sum([(await host.report())["resident"] for host in hosts])
        first = await run.phase("first", 0)
        await all_stored(hosts)
        second = await run.phase("second", 1)
    memory = (sum(run.held) - resident) / calls
    return Row(workers=number, calls=calls, loss=loss, first=first, second=second, memory=memory)


class _Run:
    """The two phases of one row."""

    def __init__(
        self, server: Server, hosts: list[Worker], phones: list[Phone], parallel: int, progress: Progress
    ) -> None:
        self._server, self._hosts, self._phones, self._progress = server, hosts, phones, progress
        self._turn = asyncio.Semaphore(parallel)
        self.held: list[int] = []
        """Octets of each worker while the calls of the first phase were open."""

    async def _reports(self, streams: int, before: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Once the workers have heard too that so many streams are secure: some hear it after the phone."""
        for _ in range(LOOKS):
            after = [await host.report() for host in self._hosts]
            if _grown(before, after, "host", "secured_total") >= streams:
                break
            await asyncio.sleep(PAUSE)
        return after

    async def phase(self, name: str, shift: int) -> Phase:
        """Phone number n calls worker number n + shift."""
        known, before = name == "second", [await host.begin() for host in self._hosts]
        began, database = time.perf_counter(), self._server.cpu()
        done = 0

        async def one(number: int, held: AsyncExitStack) -> Outcome:
            nonlocal done
            host = self._hosts[(number + shift) % len(self._hosts)]
            async with self._turn:
                outcome = await held.enter_async_context(self._phones[number].call(host, video=number % VIDEO == 0))
            done += 1
            if done % 50 == 0:
                self._progress(f"{len(self._hosts)} workers, {name} calls: {done} of {len(self._phones)}")
            return outcome

        async with AsyncExitStack() as held:
            outcomes = await asyncio.gather(*(one(number, held) for number in range(len(self._phones))))
            seconds = time.perf_counter() - began
            after = await self._reports(sum(outcome.streams for outcome in outcomes), before)
            database = self._server.cpu() - database
            self.held = self.held or [report["resident"] for report in after]
        return _phase(outcomes, known, before, after, seconds, database)


def _grown(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], *path: str) -> float:
    """By how much a number has grown, of all workers together."""
    return sum(_at(late, path) - _at(early, path) for early, late in zip(before, after, strict=True))


def _phase(
    outcomes: Sequence[Outcome],
    known: bool,
    before: Sequence[dict[str, Any]],
    after: Sequence[dict[str, Any]],
    seconds: float,
    database: float,
) -> Phase:
    grown = partial(_grown, before, after)
    secured = [outcome for outcome in outcomes if outcome.continuity is not None]
    wanted = Continuity.CONTINUED if known else Continuity.FIRST_CALL
    at_phones = sum(outcome.continuity is wanted and not outcome.alarms for outcome in secured)
    continued = grown("host", "continued_total")  # of streams, those of video too
    at_workers = len(secured) - grown("host", "mismatches_total")
    if continued != (grown("host", "secured_total") if known else 0):
        at_workers = 0
    times = [outcome.seconds * 1e3 for outcome in secured] or [0.0]
    hundredths = quantiles(times * 2, n=100, method="inclusive")  # it wants two at least
    return Phase(
        calls=len(outcomes),
        failed=len(outcomes) - len(secured),
        right=min(at_phones, at_workers) / max(1, len(secured)),
        rate=len(secured) / seconds,
        per_core=len(secured) / max(1e-9, grown("cpu")),
        median=median(times),
        p95=hundredths[94],
        p99=hundredths[98],
        gap=max(report["gap"] for report in after) * 1e3,
        database=database * 1e3 / len(outcomes),
    )


def _at(report: dict[str, Any], path: Sequence[str]) -> float:
    value: Any = report
    for name in path:
        value = value[name]
    return float(value)


def table(rows: Sequence[Row]) -> list[str]:
    """As lines of text: two for each row."""
    lines = [
        f"{'workers':>7} {'open':>5} {'loss':>5} {'':6} {'right':>7} {'failed':>6} {'calls/s':>8} {'per core':>8} "
        f"{'median ms':>9} {'95 %':>7} {'99 %':>7} {'gap ms':>7} {'db ms':>6} {'KiB':>6}"
    ]
    for row in rows:
        for name, phase in (("first", row.first), ("second", row.second)):
            lines.append(
                f"{row.workers:7} {row.calls:5} {row.loss:5.0%} {name:6} {phase.right:7.2%} {phase.failed:6} "
                f"{phase.rate:8.1f} {phase.per_core:8.1f} {phase.median:9.1f} {phase.p95:7.1f} {phase.p99:7.1f} "
                f"{phase.gap:7.1f} {phase.database:6.2f} {row.memory / 1024:6.1f}"
            )
    return lines


def svg(rows: Sequence[Row]) -> str:
    """The second calls, in units of the first row."""
    unit = rows[0].second
    labels = [f"{row.workers} x, {row.calls} open" + (f", {row.loss:.0%} loss" if row.loss else "") for row in rows]
    groups = (
        ("Calls a second, in units of the first row", [row.second.rate / unit.rate for row in rows]),
        ("CPU time of the workers for each call, likewise", [unit.per_core / row.second.per_core for row in rows]),
        ("Median time until the sound is secure, likewise", [row.second.median / unit.median for row in rows]),
    )
    return document(
        [Group(title, tuple(map(Bar, labels, values)), compares=False) for title, values in groups],
        "A fleet over one database",
    )


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if a call had not the right continuity."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4], metavar="N", help="default: 1 2 3 4")
    parser.add_argument("--calls", type=int, nargs="+", default=[100], metavar="N", help="open at a time; default: 100")
    parser.add_argument("--loss", type=float, nargs="+", default=[0.0], metavar="P", help="shares; default: 0")
    parser.add_argument("--parallel", type=int, default=4, metavar="N", help="set up at a time; default: 4")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="a chart")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object on standard output")
    arguments = parser.parse_args(given)
    terminal = Terminal.of_process(json=arguments.json)
    with running(safe=True) as server:
        rows = [
            measure(server, number, calls, loss, arguments.parallel, terminal.status)
            for number in arguments.workers
            for calls in arguments.calls
            for loss in arguments.loss
        ]
    terminal.end()
    if arguments.svg is not None:
        arguments.svg.write_text(svg(rows), "utf-8")
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1))
    else:
        for line in table(rows):
            terminal.result(line)
    return int(any(phase.right < 1 for row in rows for phase in (row.first, row.second)))


if __name__ == "__main__":
    sys.exit(main())
