"""Every requirement of RFC 6189 is shown by a test, or explained."""

from __future__ import annotations

import pytest

from tests.conformance.requirements import read
from tests.conformance.table import evidence

ROWS = read()
TESTS = evidence(ROWS, "rfc")


def test_there_are_562_requirements_each_once() -> None:
    assert len(ROWS) == 562
    assert len({row.id for row in ROWS}) == 562


def test_every_requirement_is_either_shown_by_a_test_or_explained() -> None:
    """Never both: a reason that stands beside a test is out of date."""
    for row in ROWS:
        assert bool(TESTS[row.id]) != (len(row.reason.split()) >= 4), row.id


@pytest.mark.parametrize("level", ["MUST", "MUST NOT"])
def test_every_must_of_engine_cache_media_and_pbx_has_a_test(level: str) -> None:
    ours = {"engine", "cache", "media", "PBX"}
    assert [row.id for row in ROWS if row.level == level and row.applies_to in ours and not TESTS[row.id]] == []
