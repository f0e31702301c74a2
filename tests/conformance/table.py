"""A table in a CSV file whose rows are shown by marked tests.

By hand are kept only what a row asks for and, where no test shows it, the reason. Which tests show a row is read from
their marks.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.conformance.marks import marked_tests


@dataclass(frozen=True, slots=True)
class Row:
    """What every table has; subclasses add what stands between."""

    id: str
    reason: str
    """Why no test shows it: how the interface allows it, or why it is refused. "" for a row that tests show."""


R = TypeVar("R", bound=Row)


def read(path: Path, kind: type[R]) -> list[R]:
    with path.open(newline="") as file:
        return [kind(**row) for row in csv.DictReader(file)]


def evidence(rows: list[R], mark: str) -> dict[str, list[str]]:
    """Row id -> the tests that carry its mark; an empty list where there are none."""
    marks = marked_tests(mark)
    return {row.id: marks.get(row.id, []) for row in rows}


def show(rows: list[R], mark: str) -> None:
    """Print how many rows are tested, explained and open, and what stands behind each."""
    tests = evidence(rows, mark)
    states = Counter("tested" if tests[row.id] else "documented" if row.reason else "open" for row in rows)
    print(", ".join(f"{count} {state}" for state, count in states.most_common()))
    for row in rows:
        print(f"{row.id}: {' '.join(tests[row.id]) or row.reason or 'open'}")
