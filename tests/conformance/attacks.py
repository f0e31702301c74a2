"""The catalogue of attacks: `attacks.csv` has a line for each, with what the attacker does and the right answer.

`python -m tests.conformance.attacks` prints what shows that each of them loses: the tests that carry its mark, or the
reason why it is for the host application, and what the interface offers for it.
"""

from __future__ import annotations

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


if __name__ == "__main__":
    table.show(read(), "attack")
