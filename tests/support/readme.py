"""The README as data: its commands, its code, and the parts of it that are generated.

    python -m tests.support.readme command 1     print the first of the two commands
    python -m tests.support.readme update        write the generated parts anew

A generated part stands between `<!-- name -->` and `<!-- /name -->`. Tests compare them with what is generated now.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conformance import requirements, table
from tests.support import diagram

README = Path(__file__).parent.parent.parent / "README.md"


def commands(text: str) -> list[str]:
    """The commands of the section "Try it": every line of its shell blocks, without the comments."""
    section = text.split("\n## Try it\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


def code(text: str, heading: str) -> str:
    """The first Python block below a heading."""
    section = text.split(f"\n{heading}\n", 1)[1]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    if found is None:
        raise LookupError(f"The README has no Python code below {heading!r}.")
    return found[1]


def requirement_totals() -> str:
    """A table of the requirements by level: shown by tests, or explained."""
    rows = requirements.read()
    tests = table.evidence(rows, "rfc")
    levels = sorted({_level(row.level) for row in rows}, key=_LEVELS.index)
    lines = ["| level | tested | documented | all |", "|---|---|---|---|"]
    for level in [*levels, "all"]:
        of_level = [row for row in rows if level in ("all", _level(row.level))]
        tested = sum(bool(tests[row.id]) for row in of_level)
        lines.append(f"| {level} | {tested} | {len(of_level) - tested} | {len(of_level)} |")
    return "\n".join(lines)


_LEVELS = ("MUST, MUST NOT", "SHOULD, SHOULD NOT", "MAY", "plain statement or lower case")


def _level(level: str) -> str:
    match level:
        case "MUST" | "MUST NOT" | "REQUIRED":
            return _LEVELS[0]
        case "SHOULD" | "SHOULD NOT" | "RECOMMENDED" | "NOT RECOMMENDED":
            return _LEVELS[1]
        case "MAY" | "OPTIONAL":
            return _LEVELS[2]
    return _LEVELS[3]


GENERATED: dict[str, Callable[[], str]] = {
    "requirement totals": requirement_totals,
    "state diagram": lambda: f"```mermaid\n{diagram.mermaid()}\n```",
}


def part(text: str, name: str) -> str:
    """What stands between the markers of a generated part."""
    return text.split(f"<!-- {name} -->\n", 1)[1].split(f"\n<!-- /{name} -->", 1)[0]


def updated(text: str) -> str:
    """The README with all generated parts made anew."""
    for name, generate in GENERATED.items():
        text = text.replace(part(text, name), generate(), 1)
    return text


def main() -> None:
    match sys.argv[1:]:
        case ["command", number]:
            print(commands(README.read_text())[int(number) - 1])
        case ["update"]:
            README.write_text(updated(README.read_text()))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
