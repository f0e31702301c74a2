"""Every attack of the catalogue meets a test that asserts the right answer, or a line that says whose it is."""

from __future__ import annotations

from tests.conformance.attacks import read
from tests.conformance.marks import marked_tests

ROWS = read()


def test_the_catalogue_has_211_attacks_each_once() -> None:
    assert len(ROWS) == len({row.id for row in ROWS}) == 211


def test_every_mark_names_an_attack() -> None:
    assert set(marked_tests("attack")) - {row.id for row in ROWS} == set()


def test_every_test_that_the_file_names_exists_and_carries_the_mark() -> None:
    """Otherwise: python -m tests.conformance.attacks."""
    marks = marked_tests("attack")
    for row in ROWS:
        if row.status == "tested":
            assert set(row.evidence.split()) <= set(marks.get(row.id, ())), row.id


def test_what_is_not_tested_says_whose_it_is_and_what_the_interface_offers() -> None:
    for row in ROWS:
        assert row.status in ("tested", "documented"), row.id
        assert len(row.evidence.split()) >= (1 if row.status == "tested" else 8), row.id
