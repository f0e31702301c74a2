"""The measurement of the proxy gives figures; how good they are is for people to judge."""

from __future__ import annotations

from tests.bench.proxy import measure


def test_two_calls_have_a_cost() -> None:
    cost = measure(2, 0.5)

    assert cost.sent == 100
    assert cost.lost < cost.sent
    assert cost.through[0] > 0 and cost.direct[0] > 0
    assert cost.cpu > 0
