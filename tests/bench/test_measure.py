"""Timings are medians with a spread; warm-up and clean-up are not part of them."""

from __future__ import annotations

from itertools import count

from tests.bench.measure import Times, Timing, measure


def test_every_repetition_counts_but_the_warm_up() -> None:
    outcomes: list[int] = []
    numbers = count()

    times = measure(lambda: next(numbers), times=3, warm_up=2, after_each=outcomes.append)

    assert outcomes == [0, 1, 2, 3, 4]
    assert len(times.cpu.samples) == len(times.wall.samples) == 3


def test_a_run_that_does_many_things_is_divided_by_them() -> None:
    def run() -> int:
        return sum(range(200_000))

    once, many = measure(run, times=5), measure(run, times=5, calls=1000)

    assert many.wall.median < once.wall.median / 100


def test_median_and_spread() -> None:
    timing = Timing((5.0, 1.0, 2.0, 3.0, 4.0, 100.0, 6.0, 7.0, 8.0, 9.0))

    assert timing.median == 5.5
    assert (timing.low, timing.high) == (2.0, 100.0)
    assert timing.quantile(0.5) == 6.0
    assert timing.spread == 49.0 / 5.5


def test_a_ratio_is_that_of_the_undisturbed_repetitions() -> None:
    quiet, disturbed = Timing((2.0,) * 10), Timing((1.0,) * 3 + (50.0,) * 7)

    assert disturbed.in_units_of(quiet) == 0.5


def test_rounds_are_joined() -> None:
    one, two = Timing((1.0, 2.0)), Timing((3.0,))

    assert Timing.joined([one, two]).samples == (1.0, 2.0, 3.0)
    assert Times.joined([Times(one, two), Times(two, one)]) == Times(Timing((1.0, 2.0, 3.0)), Timing((3.0, 1.0, 2.0)))
