"""Completion under loss is counted in virtual time, beside a bound that is reckoned exactly."""

from __future__ import annotations

from math import sqrt

import pytest

from tests.bench.loss import bound, fragments_of, point, request_bound


@pytest.mark.parametrize(
    ("loss", "expected"), [(0.0, 1.0), (0.2, 0.99996), (0.3, 0.99818), (0.4, 0.97803), (0.5, 0.87857)]
)
def test_without_fragments_the_bound_is_a_closed_formula(loss: float, expected: float) -> None:
    once = (1 - loss) ** 2
    assert bound(loss, (1, 1)) == pytest.approx((1 - (1 - once) ** 11) ** 3)
    assert bound(loss, (1, 1)) == pytest.approx(expected, abs=5e-6)


def test_fragments_that_arrived_are_kept() -> None:
    loss, copies = 0.5, 3
    both_arrive_once = 1 - loss**copies

    assert request_bound(loss, 1, 1, 1) == pytest.approx((1 - loss) ** 2)
    assert request_bound(loss, 2, 1, copies) < both_arrive_once**2
    assert request_bound(loss, 2, 1, copies) > 1 - (1 - (1 - loss) ** 3) ** copies


def test_more_fragments_of_an_answer_can_only_make_it_worse() -> None:
    bounds = [bound(0.4, fragments) for fragments in ((1, 1), (1, 2), (1, 3))]

    assert bounds == sorted(bounds, reverse=True)


def test_a_request_that_is_known_is_answered_for_any_part_of_a_copy() -> None:
    """Two parts, one answer, two copies, and half of everything gets lost."""
    known_after_the_first = 1 / 4 * (1 / 2 + 1 / 2 * 3 / 4 * 1 / 2)
    one_part_in_the_first = 1 / 2 * 1 / 2 * 1 / 2
    nothing_in_the_first = 1 / 4 * 1 / 4 * 1 / 2

    total = known_after_the_first + one_part_in_the_first + nothing_in_the_first
    assert request_bound(0.5, 2, 1, 2) == pytest.approx(total)


@pytest.mark.parametrize(
    ("agreement", "mtu", "fragments"),
    [(b"X255", 1452, (1, 1)), (b"X1M2", 1452, (1, 1)), (b"X1M2", 600, (3, 3)), (b"X3M3", 1452, (2, 2))],
)
def test_what_travels_in_fragments(agreement: bytes, mtu: int, fragments: tuple[int, int]) -> None:
    assert fragments_of(agreement, mtu) == fragments


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.3])
def test_the_engine_completes_as_often_as_the_schedule_allows(loss: float) -> None:
    runs = 40
    measured = point(b"X1M2", 600, loss, runs)

    deviation = sqrt(measured.bound * (1 - measured.bound) / runs)
    assert measured.completed / runs >= measured.bound - 3 * deviation
    assert measured.runs == runs
    assert measured.seconds is not None
    assert 0.1 < measured.seconds < 20
    assert point(b"X1M2", 600, loss, runs) == measured, "the dice are seeded"


def test_nothing_completes_without_a_network() -> None:
    measured = point(b"X255", 1452, 1.0, 1)

    assert (measured.completed, measured.bound, measured.seconds) == (0, 0.0, None)
