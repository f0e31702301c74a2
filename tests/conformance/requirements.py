"""The numbered requirements of RFC 6189, and what shows each of them.

`requirements.csv` has a line for every requirement. `status` is

* `tested`: evidence names the tests that carry its mark, separated by spaces;
* `documented`: the host application's user interface or signalling; evidence says how the API allows it;
* `refused`: evidence gives the reason.

After marking tests, `python -m tests.conformance.requirements` writes their names into the file, and the copy that
`zrtp conformance` shows.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from tests.conformance.marks import marked_tests

FILE = Path(__file__).parent / "requirements.csv"
SHIPPED = FILE.parent.parent.parent / "zrtp" / "cli" / "requirements.csv"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line."""

    id: str
    section: str
    level: str
    applies_to: str
    requirement: str
    status: str
    evidence: str


def read(path: Path = FILE) -> list[Requirement]:
    with path.open(newline="") as file:
        return [Requirement(**row) for row in csv.DictReader(file)]


def write(rows: list[Requirement], path: Path = FILE) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Requirement)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def with_marks(rows: list[Requirement]) -> list[Requirement]:
    """The rows as the marks in the tests say: a marked row is tested, whatever it was before."""
    marks = marked_tests("rfc")
    return [
        replace(row, status="tested", evidence=" ".join(marks[row.id]))
        if row.id in marks
        else replace(row, status="", evidence="")
        if row.status == "tested"
        else row
        for row in rows
    ]


def totals(rows: list[Requirement]) -> Counter[str]:
    return Counter(row.status or "open" for row in rows)


def main() -> None:
    rows = with_marks(read())
    write(rows)
    shutil.copyfile(FILE, SHIPPED)
    print(", ".join(f"{count} {status}" for status, count in totals(rows).most_common()))
    for row in rows:
        if not row.status:
            print(f"open: {row.id} {row.level} ({row.applies_to}): {row.requirement}")


if __name__ == "__main__":
    main()
