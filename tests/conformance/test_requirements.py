"""Every requirement of RFC 6189 is shown by a test, explained, or refused with a reason."""

from __future__ import annotations

import pytest

from tests.conformance.marks import marked_tests
from tests.conformance.requirements import FILE, SHIPPED, read

ROWS = read()


def test_there_are_562_requirements_each_once() -> None:
    assert len(ROWS) == 562
    assert len({row.id for row in ROWS}) == 562


def test_every_mark_names_a_requirement() -> None:
    assert set(marked_tests("rfc")) - {row.id for row in ROWS} == set()


def test_every_test_that_the_file_names_exists_and_carries_the_mark() -> None:
    """Otherwise: python -m tests.conformance.requirements."""
    marks = marked_tests("rfc")
    for row in ROWS:
        if row.status == "tested":
            assert set(row.evidence.split()) <= set(marks.get(row.id, ())), row.id


@pytest.mark.parametrize("level", ["MUST", "MUST NOT"])
def test_every_must_of_engine_cache_media_and_pbx_has_a_test(level: str) -> None:
    ours = {"engine", "cache", "media", "PBX"}
    assert [row.id for row in ROWS if row.level == level and row.applies_to in ours and row.status != "tested"] == []


def test_what_is_not_tested_says_why() -> None:
    for row in ROWS:
        assert row.status in ("tested", "documented", "refused"), row.id
        assert len(row.evidence.split()) >= (1 if row.status == "tested" else 4), row.id


def test_the_command_line_shows_the_same_list() -> None:
    assert SHIPPED.read_bytes() == FILE.read_bytes()
