"""A table in a CSV file whose rows are shown by marked tests."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from tests.conformance.marks import marked_tests


@dataclass(frozen=True, slots=True)
class Row:
    """The first column of every table, and the last two; subclasses add what stands between."""

    id: str
    status: str
    evidence: str


R = TypeVar("R", bound=Row)


def read(path: Path, kind: type[R]) -> list[R]:
    with path.open(newline="") as file:
        return [kind(**row) for row in csv.DictReader(file)]


def write(path: Path, rows: list[R]) -> None:
    first, status, evidence, *others = [field.name for field in fields(rows[0])]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [first, *others, status, evidence], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def with_marks(rows: list[R], mark: str) -> list[R]:
    """The rows as the marks in the tests say: a marked row is tested, whatever it was before."""
    marks = marked_tests(mark)
    return [
        replace(row, status="tested", evidence=" ".join(marks[row.id]))
        if row.id in marks
        else replace(row, status="", evidence="")
        if row.status == "tested"
        else row
        for row in rows
    ]
