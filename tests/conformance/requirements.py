"""The numbered requirements of RFC 6189: `requirements.csv` has a line for each.

`python -m tests.conformance.requirements` prints what shows each of them: the tests that carry its mark, or the reason
why there is none: the host application's user interface or signalling, and how the interface allows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.conformance import table

FILE = Path(__file__).parent / "requirements.csv"


@dataclass(frozen=True, slots=True)
class Requirement(table.Row):
    """One line."""

    section: str
    level: str
    applies_to: str
    requirement: str


def read() -> list[Requirement]:
    return table.read(FILE, Requirement)


if __name__ == "__main__":
    table.show(read(), "rfc")
