"""The README and docs/ as data: commands, programs, links, and the parts that are generated.

    python -m tests.support.documents command 1     print the first of the README's two commands
    python -m tests.support.documents update        write the generated parts of all documents anew

A generated part stands between `<!-- name -->` and `<!-- /name -->`. Tests compare them with what is generated now.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import first_call
from tests.support.tables import ROOT, TABLES

README = ROOT / "README.md"
DOCUMENTS = (README, *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True, slots=True)
class Program:
    """A block of Python in a document: always whole, so that a reader can copy and run it."""

    document: Path
    line: int
    """Where it begins, counted from 1."""
    code: str

    def __str__(self) -> str:
        return f"{self.document.stem}_{self.line}"


def commands(text: str) -> list[str]:
    """The commands of the section "Try it": every line of its shell blocks, without the comments."""
    section = text.split("\n## Try it\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


def programs(document: Path) -> Iterator[Program]:
    """The blocks of Python."""
    text = document.read_text("utf-8")
    for found in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield Program(document, text.count("\n", 0, found.start(1)) + 1, found[1])


def links(text: str) -> list[str]:
    """Where the links and pictures of a document are."""
    return re.findall(r"\]\(([^)\s]+)\)", text)


def headings(text: str) -> set[str]:
    """The anchors of the headings, as forges make them: lower case, spaces to hyphens, most other signs left out."""
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def exists(dotted: str) -> bool:
    """Whether a module, or a name within one, can be imported."""
    module, _, name = dotted.rpartition(".")
    try:
        importlib.import_module(dotted)
    except ModuleNotFoundError:
        return bool(module) and exists(module) and hasattr(_value(module), name)
    return True


def _value(dotted: str) -> object:
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError:
        module, _, name = dotted.rpartition(".")
        return getattr(_value(module), name)


# The generated parts

FIRST_CALL = "first call"
"""Another run shows other words, so that this part is compared without them."""


def parts(text: str) -> list[str]:
    """Names of the generated parts in a text, those of which another program has the data included."""
    return re.findall(r"^<!-- ([a-z ]+) -->$", text, re.MULTILINE)


def part(text: str, name: str) -> str:
    """What stands between the markers of a generated part."""
    return text.split(f"<!-- {name} -->\n", 1)[1].split(f"\n<!-- /{name} -->", 1)[0]


def updated(text: str) -> str:
    """A document with its generated parts made anew."""
    for name in parts(text):
        if name in TABLES:
            text = _replaced(text, name, TABLES[name]())
        elif name == FIRST_CALL:
            shown = first_call.screens()
            if first_call.masked(shown) != first_call.masked(part(text, name)):
                text = _replaced(text, name, shown)
    return text


def _replaced(text: str, name: str, content: str) -> str:
    before, rest = text.split(f"<!-- {name} -->\n", 1)
    after = rest.split(f"<!-- /{name} -->", 1)[1]
    return f"{before}<!-- {name} -->\n{content}\n<!-- /{name} -->{after}"


def main() -> None:
    match sys.argv[1:]:
        case ["command", number]:
            print(commands(README.read_text("utf-8"))[int(number) - 1])
        case ["update"]:
            for document in DOCUMENTS:
                document.write_text(updated(document.read_text("utf-8")), "utf-8")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
