"""Every attack of the catalogue meets a test that asserts the right answer, or a line that says whose it is."""

from __future__ import annotations

from tests.conformance.attacks import read, with_marks
from tests.conformance.marks import marked_tests

ROWS = read()


def test_the_catalogue_has_211_attacks_each_once() -> None:
    assert len(ROWS) == len({row.id for row in ROWS}) == 211


def test_every_mark_names_an_attack() -> None:
    assert set(marked_tests("attack")) - {row.id for row in ROWS} == set()


def test_the_file_names_exactly_the_tests_that_carry_marks() -> None:
    """Otherwise: python -m tests.conformance.attacks."""
    assert with_marks(ROWS) == ROWS


def test_what_is_not_tested_says_whose_it_is_and_what_the_interface_offers() -> None:
    for row in ROWS:
        assert row.status in ("tested", "documented"), row.id
        assert len(row.evidence.split()) >= (1 if row.status == "tested" else 8), row.id
