"""The catalogue of attacks, and what shows that each of them loses.

`attacks.csv` has a line for every attack: what the attacker does, the right answer, and

* status `tested`: evidence names the tests that carry its mark;
* status `documented`: it is for the host application; evidence says why, and what the API offers for it.

After marking tests, `python -m tests.conformance.attacks` writes their names into the file.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from tests.conformance.marks import marked_tests

FILE = Path(__file__).parent / "attacks.csv"


@dataclass(frozen=True, slots=True)
class Attack:
    """One line."""

    id: str
    group: str
    stimulus: str
    required_behaviour: str
    status: str
    evidence: str


def read(path: Path = FILE) -> list[Attack]:
    with path.open(newline="") as file:
        return [Attack(**row) for row in csv.DictReader(file)]


def write(rows: list[Attack], path: Path = FILE) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Attack)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def with_marks(rows: list[Attack]) -> list[Attack]:
    """The rows as the marks in the tests say: a marked row is tested, whatever it was before."""
    marks = marked_tests("attack")
    return [
        replace(row, status="tested", evidence=" ".join(marks[row.id]))
        if row.id in marks
        else replace(row, status="", evidence="")
        if row.status == "tested"
        else row
        for row in rows
    ]


def main() -> None:
    rows = with_marks(read())
    write(rows)
    print(", ".join(f"{count} {status or 'open'}" for status, count in Counter(row.status for row in rows).items()))
    for row in rows:
        if not row.status:
            print(f"open: {row.id}: {row.stimulus}")


if __name__ == "__main__":
    main()
