"""The load on a fleet comes from real calls; what they cost depends on the machine, whom they recognise does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zrtp.protocol.events import Continuity

pytest.importorskip("psycopg_pool", reason="psycopg is missing: pip install 'zrtp[postgres]'")

from tests.bench.fleet import Phase, Row, main, svg, table
from tests.bench.fleet import _phase as phase_of
from tests.bench.fleet_calls import Outcome

PHASE = Phase(
    calls=4, failed=0, right=1.0, rate=10.0, per_core=20.0, median=5.0, p95=6.0, p99=7.0, gap=1.0, database=0.5
)
ROW = Row(workers=1, calls=4, loss=0.0, first=PHASE, second=PHASE, memory=2048)


def test_every_call_of_a_small_fleet_is_recognised_also_when_datagrams_get_lost(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chart = tmp_path / "fleet.svg"
    assert main(["--workers", "2", "--calls", "9", "--loss", "0", "0.03", "--json", "--svg", str(chart)]) == 0

    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["workers"], row["calls"], row["loss"]) for row in rows] == [(2, 9, 0.0), (2, 9, 0.03)]
    for row in rows:
        for phase in (row["first"], row["second"]):
            assert (phase["failed"], phase["right"]) == (0, 1.0)
            assert 0 < phase["median"] <= phase["p95"] <= phase["p99"]
            assert phase["per_core"] > 0
    assert chart.read_text("utf-8").startswith("<svg ")


def test_rows_are_lines_and_bars() -> None:
    rows = [ROW, replace(ROW, workers=2, loss=0.05, second=replace(PHASE, rate=17.0))]
    assert len(table(rows)) == 5
    assert "2.0" in table(rows)[1], "KiB of each call"
    assert "2 x, 4 open, 5% loss" in svg(rows) and ">1.70<" in svg(rows)


@pytest.mark.parametrize(
    ("outcomes", "hosts", "right"),
    [
        ([Outcome(Continuity.CONTINUED)] * 2, (2, 2, 0), 1.0),
        ([Outcome(Continuity.CONTINUED), Outcome(Continuity.FIRST_CALL)], (2, 2, 0), 0.5),
        ([Outcome(Continuity.CONTINUED), Outcome(Continuity.CONTINUED, alarms=1)], (2, 2, 0), 0.5),
        ([Outcome(Continuity.CONTINUED)] * 2, (2, 2, 1), 0.5),
        ([Outcome(Continuity.CONTINUED)] * 2, (2, 1, 0), 0.0),
        ([Outcome(Continuity.CONTINUED), Outcome(None)], (1, 1, 0), 1.0),
    ],
    ids=[
        "all",
        "a first call",
        "an alarm at a phone",
        "an alarm at a host",
        "a host that knew less",
        "one that failed",
    ],
)
def test_a_call_is_right_if_both_ends_say_so(
    outcomes: list[Outcome], hosts: tuple[int, int, int], right: float
) -> None:
    def report(secured: int, continued: int, mismatches: int) -> dict[str, object]:
        host = {"secured_total": secured, "continued_total": continued, "mismatches_total": mismatches}
        return {"host": host, "cpu": float(secured), "gap": 0.0}

    phase = phase_of(outcomes, True, [report(0, 0, 0)], [report(*hosts)], 1.0, 0.0)
    assert phase.right == right
    assert phase.failed == sum(outcome.continuity is None for outcome in outcomes)
