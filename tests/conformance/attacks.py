"""The catalogue of attacks, and what shows that each of them loses.

`attacks.csv` has a line for every attack: what the attacker does, the right answer, and

* status `tested`: evidence names the tests that carry its mark;
* status `documented`: it is for the host application; evidence says why, and what the API offers for it.

After marking tests, `python -m tests.conformance.attacks` writes their names into the file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import table

FILE = Path(__file__).parent / "attacks.csv"


@dataclass(frozen=True, slots=True)
class Attack(table.Row):
    """One line."""

    group: str
    stimulus: str
    required_behaviour: str


def read() -> list[Attack]:
    return table.read(FILE, Attack)


def main() -> None:
    rows = table.with_marks(read(), "attack")
    table.write(FILE, rows)
    print(", ".join(f"{count} {status or 'open'}" for status, count in Counter(row.status for row in rows).items()))
    for row in rows:
        if not row.status:
            print(f"open: {row.id}: {row.stimulus}")


if __name__ == "__main__":
    main()
