"""Time to secure in virtual time, ours and libbzrtp's by the same clock."""

from __future__ import annotations

import pytest

from tests.bench import collect, latency, report
from tests.bench.latency import LIBBZRTP, OFFSETS, LatencyPoint, pairs, point
from tests.bench.results import Results, as_json
from tests.interop import requirements

WHO = pytest.mark.parametrize("who", sorted({*pairs(), LIBBZRTP}))


def measured(who: str, delay: float, loss: float, series: int = 2) -> LatencyPoint:
    if who == LIBBZRTP:
        requirements.BZRTP.require()
    return point(who, delay, loss, series)


@WHO
def test_without_loss_it_is_a_matter_of_some_delays(who: str) -> None:
    at_50_ms = measured(who, 0.05, 0.0)

    assert at_50_ms.failed == 0
    assert at_50_ms.calls == 2 * len(OFFSETS)
    assert at_50_ms.median is not None and at_50_ms.worst is not None
    steps = 0.02 if who == LIBBZRTP else 0.01  # libbzrtp's own dice cannot be seeded, and differ in each run
    assert 6 * 0.05 <= at_50_ms.times[0] <= at_50_ms.median <= 8 * 0.05 + steps
    assert at_50_ms.worst <= 9 * 0.05 + steps


@WHO
def test_nobody_gets_through_a_dead_path(who: str) -> None:
    dead = measured(who, 0.05, 1.0, 1)

    assert dead.failed == dead.calls == len(OFFSETS)
    assert dead.mean is dead.median is dead.worst is dead.within(0.95) is None


def test_our_dice_are_seeded() -> None:
    assert measured("X255", 0.03, 0.3) == measured("X255", 0.03, 0.3)


def test_medians_and_worst_ones_are_means_over_the_series() -> None:
    two = LatencyPoint(who="X255", delay=0.0, loss=0.0, series=((1.0, 2.0, 9.0), (3.0, 4.0, None)))

    assert (two.mean, two.median, two.worst) == (3.8, (2.0 + 3.5) / 2, (9.0 + 4.0) / 2)
    assert (two.within(0.5), two.within(0.8), two.within(0.95)) == (3.0, 9.0, None)
    assert (two.failed, two.calls) == (1, 6)


def test_without_libbzrtp_the_others_are_measured_and_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "BZRTP", requirements.Peer("bzrtp", "libbzrtp0", lambda: "It is not there."))
    monkeypatch.setattr(latency, "PATHS", ((0.005, 0.0),))
    monkeypatch.setattr(latency, "TAILS", ((0.03, 0.3),))
    results = Results()
    collect.latencies(results, 1, lambda _: None)

    assert LIBBZRTP not in pairs()
    assert {row.who for row in results.latency} == {code.decode() for code in latency.AGREEMENTS}
    assert [row.calls for row in results.latency if row.who == "X255"] == [12, 12 * latency.TAIL_SERIES]
    assert "libbzrtp was not measured: It is not there." in list(report.notes(results))
    (section,) = [lines for _, lines in report.sections(results)]
    assert max(map(len, section)) <= 80
    assert {row["one_way_ms"] for row in as_json(results)["latency"]} == {5.0, 30.0}
