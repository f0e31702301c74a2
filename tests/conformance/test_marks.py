"""Every mark in a test names a row that exists."""

from __future__ import annotations

from tests.conformance import attacks, requirements
from tests.conformance.marks import marked_tests


def test_every_mark_names_a_requirement() -> None:
    assert set(marked_tests("rfc")) - {row.id for row in requirements.read()} == set()


def test_every_mark_names_an_attack() -> None:
    assert set(marked_tests("attack")) - {row.id for row in attacks.read()} == set()
