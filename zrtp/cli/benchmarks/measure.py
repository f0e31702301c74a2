"""Repeat something and say how long it took.

CPU time counts what this process did, whoever else uses the machine; wall time is what somebody waits. The median
stands for all repetitions, since a few disturbed ones do not move it; the spread shows whether there were any.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of the repetitions of one thing, in seconds."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def low(self) -> float:
        """One in ten took less."""
        return self._quantile(0.1)

    @property
    def high(self) -> float:
        """One in ten took more."""
        return self._quantile(0.9)

    def __add__(self, other: Timing) -> Timing:
        """The repetitions of two rounds together."""
        return Timing(self.samples + other.samples)

    def _quantile(self, share: float) -> float:
        ordered = sorted(self.samples)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


@dataclass(frozen=True, slots=True)
class Times:
    """CPU time and wall time of the same repetitions."""

    cpu: Timing
    wall: Timing

    def __add__(self, other: Times) -> Times:
        return Times(self.cpu + other.cpu, self.wall + other.wall)


def measure(
    run: Callable[[], T],
    *,
    times: int,
    warm_up: int = 2,
    after_each: Callable[[T], object] | None = None,
    calls: int = 1,
) -> Times:
    """Time `run`, several times over; `after_each` cleans up, untimed. `calls`: how much one run does of what counts."""
    cpu: list[float] = []
    wall: list[float] = []
    for number in range(warm_up + times):
        wall_before, cpu_before = time.perf_counter_ns(), time.process_time_ns()
        outcome = run()
        cpu_after, wall_after = time.process_time_ns(), time.perf_counter_ns()
        if after_each is not None:
            after_each(outcome)
        if number >= warm_up:
            cpu.append((cpu_after - cpu_before) / calls / 1e9)
            wall.append((wall_after - wall_before) / calls / 1e9)
    return Times(Timing(tuple(cpu)), Timing(tuple(wall)))
