"""`zrtp conformance`."""

from __future__ import annotations

import json

import pytest

from zrtp.cli.__main__ import main


def test_it_lists_every_requirement_with_its_totals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance"]) == 0
    out = capsys.readouterr().out
    assert "R-5-01" in out
    assert out.splitlines()[-1].startswith("562 requirements: ")


def test_a_section_includes_those_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "4.7.2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["section"] for row in rows} == {"4.7.2", "4.7.2.1"}
    assert set(rows[0]) == {"id", "section", "level", "applies_to", "requirement", "status", "evidence"}


def test_a_level_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--level", "must not", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["level"] for row in rows} <= {"MUST NOT", "must not (lc)"}
    assert len(rows) > 20


def test_a_section_that_does_not_exist_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "99"]) == 2
    assert "there is no such requirement" in capsys.readouterr().err
