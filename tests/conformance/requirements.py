"""The numbered requirements of RFC 6189, and what shows each of them.

`requirements.csv` has a line for every requirement. `status` is

* `tested`: evidence names the tests that carry its mark, separated by spaces;
* `documented`: the host application's user interface or signalling; evidence says how the API allows it;
* `refused`: evidence gives the reason.

After marking tests, `python -m tests.conformance.requirements` writes their names into the file, and the copy that
`zrtp conformance` shows.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import table

FILE = Path(__file__).parent / "requirements.csv"
SHIPPED = FILE.parent.parent.parent / "zrtp" / "cli" / "requirements.csv"


@dataclass(frozen=True, slots=True)
class Requirement(table.Row):
    """One line."""

    section: str
    level: str
    applies_to: str
    requirement: str


def read() -> list[Requirement]:
    return table.read(FILE, Requirement)


def totals(rows: list[Requirement]) -> Counter[str]:
    return Counter(row.status or "open" for row in rows)


def main() -> None:
    rows = table.with_marks(read(), "rfc")
    table.write(FILE, rows)
    shutil.copyfile(FILE, SHIPPED)
    print(", ".join(f"{count} {status}" for status, count in totals(rows).most_common()))
    for row in rows:
        if not row.status:
            print(f"open: {row.id} {row.level} ({row.applies_to}): {row.requirement}")


if __name__ == "__main__":
    main()
