"""How much of a capture is kept."""

from __future__ import annotations

from zrtp.inspection.budget import Budget


def test_what_fits_is_kept_and_what_does_not_is_counted() -> None:
    budget = Budget(100)
    assert budget.take(60)
    assert not budget.take(50)
    assert budget.take(40)
    assert (budget.left, budget.refused) == (0, 1)
