"""The tables in README and docs/ that the package itself knows best: algorithms, settings, exit codes, and more."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path

from tests.conformance import requirements, table
from tests.support import api, diagram
from zrtp.cli.__main__ import VERBS
from zrtp.cli.errors import Exit
from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT, RECOGNISED
from zrtp.inspection import report, text
from zrtp.inspection.lines import Pen
from zrtp.protocol import limits
from zrtp.protocol.config import Config

ROOT = Path(__file__).parent.parent.parent


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


def _names(some: Iterable[bytes]) -> str:
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


def configuration() -> str:
    """The fields of Config: defaults, and what they mean."""
    said = api.documented(Config)
    lines = ["| field | default | |", "|---|---|---|"]
    for each in dataclasses.fields(Config):
        default = getattr(Config(), each.name)
        lines.append(f"| `{each.name}` | {_default(default)} | {said.get(each.name) or _meaning(default)} |")
    return "\n".join(lines)


def _meaning(default: object) -> str:
    """Of a field that its name and type explain."""
    if isinstance(default, Enum):
        return api.first_sentence(inspect.getdoc(type(default)) or "")
    return "Offered in this order." if isinstance(default, tuple) else ""


def _default(value: object) -> str:
    match value:
        case tuple() if value and all(isinstance(each, bytes) for each in value):
            return _names(value)
        case Enum():
            return f"`{value.name}`"
        case bytes():
            return f'"{codes.name(value)}"'
        case bool() | int() | float() | None:
            return f"`{value}`"
    return ""


def inspected(capture: str) -> str:
    """What `zrtp inspect` says of a recording in vectors/captures."""
    seen = report.inspect(ROOT / "vectors" / "captures" / capture)
    return "\n".join(["```text", *(line.text.rstrip() for line in text.lines(seen, Pen(width=80))), "```"])


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


TABLES: dict[str, Callable[[], str]] = {
    "algorithms": algorithms,
    "bounds": bounds,
    "configuration": configuration,
    "exit codes": exit_codes,
    "inspected dtls": lambda: inspected("dtls_srtp.pcap"),
    "inspected zrtp": lambda: inspected("lp_default.pcap"),
    "public names": api.listing,
    "requirement totals": requirement_totals,
    "state diagram": lambda: f"```mermaid\n{diagram.mermaid()}\n```",
    "verbs": verbs,
}
"""By the names that the documents use."""
