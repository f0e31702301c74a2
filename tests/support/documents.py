"""The README and docs/ as data: commands, programs, links, and the parts that are generated.

    python -m tests.support.documents command 1     print the first of the README's two commands
    python -m tests.support.documents update        write the generated parts of all documents anew

A generated part stands between `<!-- name -->` and `<!-- /name -->`. Tests compare them with what is generated now.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import requirements, table
from tests.support import api, diagram, first_call
from zrtp.cli.__main__ import VERBS
from zrtp.cli.errors import Exit
from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT, RECOGNISED
from zrtp.protocol import limits
from zrtp.protocol.config import Config

ROOT = Path(__file__).parent.parent.parent
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


def algorithms() -> str:
    """A table of all codes: offered by default, known, and recognised in a peer's list but not spoken."""
    offered = Config()
    lines = [
        "| | offered by default, the first ones preferred | on request | recognised, never chosen |",
        "|---|---|---|---|",
    ]
    known: dict[str, tuple[tuple[bytes, ...], set[bytes]]] = {
        "hash": (offered.hashes, set(DEFAULT.hashes)),
        "cipher": (offered.ciphers, set(DEFAULT.ciphers)),
        "SRTP tag": (offered.auth_tags, set(DEFAULT.auth_tags)),
        "key agreement": (offered.key_agreements, {*DEFAULT.key_agreements, codes.MULT, codes.PRSH}),
        "SAS": (offered.sas_types, set(DEFAULT.sas_types)),
    }
    for title, (first, all_of_them) in known.items():
        others = sorted(all_of_them - set(first))
        foreign = [code for code in RECOGNISED if _KINDS_OF_FOREIGN.get(code[:2], "key agreement") == title]
        lines.append(f"| {title} | {_names(first)} | {_names(others)} | {_names(foreign)} |")
    return "\n".join(lines)


_KINDS_OF_FOREIGN = {b"SK": "hash", b"2F": "cipher", b"B1": "SAS"}


def _names(some: Iterator[bytes] | tuple[bytes, ...] | list[bytes]) -> str:
    return " ".join(map(codes.name, some))


def bounds() -> str:
    """The table at the head of `zrtp.protocol.limits`."""
    return f"```text\n{(limits.__doc__ or '').split(chr(10) * 2, 1)[1].strip()}\n```"


def verbs() -> str:
    """The verbs of the command, as `zrtp --help` lists them."""
    return "\n".join(["| | |", "|---|---|", *(f"| `zrtp {verb}` | {meaning} |" for verb, meaning in VERBS.items())])


def exit_codes() -> str:
    """How the command ends."""
    said = api.documented(Exit)
    return "\n".join(["| | |", "|---|---|", *(f"| {each.value} | {said[each.name]} |" for each in Exit)])


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


FIRST_CALL = "first call"
"""Another run shows other words, so that this part is compared without them."""

GENERATED: dict[str, Callable[[], str]] = {
    "algorithms": algorithms,
    "bounds": bounds,
    "exit codes": exit_codes,
    "public names": api.listing,
    "requirement totals": requirement_totals,
    "state diagram": lambda: f"```mermaid\n{diagram.mermaid()}\n```",
    "verbs": verbs,
}


def parts(text: str) -> list[str]:
    """Names of the generated parts in a text, those of which another program has the data included."""
    return re.findall(r"^<!-- ([a-z ]+) -->$", text, re.MULTILINE)


def part(text: str, name: str) -> str:
    """What stands between the markers of a generated part."""
    return text.split(f"<!-- {name} -->\n", 1)[1].split(f"\n<!-- /{name} -->", 1)[0]


def updated(text: str) -> str:
    """A document with its generated parts made anew."""
    for name in parts(text):
        if name in GENERATED:
            text = _replaced(text, name, GENERATED[name]())
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
