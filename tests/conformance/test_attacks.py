"""Every attack of the catalogue meets a test that asserts the right answer, or a line that says whose it is."""

from __future__ import annotations

from tests.conformance.attacks import read
from tests.conformance.table import evidence

ROWS = read()
TESTS = evidence(ROWS, "attack")


def test_every_attack_of_the_catalogue_stands_there_once() -> None:
    assert len(ROWS) == len({row.id for row in ROWS}) >= 211


def test_every_attack_either_meets_a_test_or_says_whose_it_is_and_what_the_interface_offers() -> None:
    for row in ROWS:
        assert bool(TESTS[row.id]) != (len(row.reason.split()) >= 8), row.id
