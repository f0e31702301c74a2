"""Repeat something and say how long it took.

CPU time counts what this process did, whoever else uses the machine; wall time is what somebody waits. The median
stands for all repetitions, since a few disturbed ones do not move it; the spread shows whether there were any. Ratios
are of the least disturbed tenth of either side: other programs take caches and cores away from both, but hardly from
the same repetition.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
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
        return self.quantile(0.1)

    @property
    def high(self) -> float:
        """One in ten took more."""
        return self.quantile(0.9)

    @property
    def spread(self) -> float:
        """Half of what lies between `low` and `high`, as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0

    def in_units_of(self, other: Timing) -> float:
        """The ratio of the undisturbed repetitions."""
        return self.low / other.low

    def quantile(self, share: float) -> float:
        """What this share of the repetitions stayed below."""
        ordered = sorted(self.samples)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    @classmethod
    def joined(cls, rounds: Iterable[Timing]) -> Timing:
        """The repetitions of several rounds together."""
        return cls(tuple(sample for timing in rounds for sample in timing.samples))


@dataclass(frozen=True, slots=True)
class Times:
    """CPU time and wall time of the same repetitions."""

    cpu: Timing
    wall: Timing

    @classmethod
    def joined(cls, rounds: Iterable[Times]) -> Times:
        """The repetitions of several rounds together."""
        rounds = tuple(rounds)
        return cls(Timing.joined(each.cpu for each in rounds), Timing.joined(each.wall for each in rounds))


def measure(
    run: Callable[[], T],
    *,
    times: int,
    warm_up: int = 2,
    after_each: Callable[[T], object] | None = None,
    calls: int = 1,
) -> Times:
    """Time `run` several times over; `after_each` cleans up, untimed. One run does `calls` times what is timed."""
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
