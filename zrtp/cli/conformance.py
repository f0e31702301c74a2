"""`zrtp conformance`: every requirement of RFC 6189, and what shows that this package meets it."""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from typing import Final

from zrtp.cli.errors import CommandError, Exit

SYNOPSIS: Final = "[SECTION] [options]"

DESCRIPTION: Final = """\
The requirements of RFC 6189, one by one, and what shows each of them: the tests that carry its number, or how
the interface allows it where it is for the application to do, or the reason why it is not done."""

EXAMPLE: Final = """\
example:
  zrtp conformance 4.7.2
  zrtp conformance --level MUST --status refused"""

STATUSES: Final = ("tested", "documented", "refused")

Row = dict[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "section", nargs="?", default="", help="a section of the RFC, with those below it; all by default"
    )
    parser.add_argument("--level", default="", help='MUST, SHOULD, MAY, implied ...; "MUST" is "MUST NOT" as well')
    parser.add_argument("--status", choices=STATUSES, help="only these")
    parser.add_argument("--json", action="store_true", help="one requirement a line, for programs")


def run(arguments: argparse.Namespace) -> int:
    rows = [row for row in requirements() if _wanted(row, arguments)]
    if not rows:
        raise CommandError(
            "there is no such requirement", "zrtp conformance without options lists all of them", code=Exit.USAGE
        )
    for row in rows:
        print(json.dumps(row) if arguments.json else _text(row))
    if not arguments.json:
        counts = Counter(row["status"] for row in rows)
        print(f"{len(rows)} requirements: " + ", ".join(f"{counts[status]} {status}" for status in STATUSES))
    return int(Exit.ENDED)


def requirements() -> Iterator[Row]:
    """The rows of the list that comes with the package."""
    text = resources.files("zrtp.cli").joinpath("requirements.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _wanted(row: Row, arguments: argparse.Namespace) -> bool:
    section, level = row["section"], row["level"].lower()
    return (
        (not arguments.section or section == arguments.section or section.startswith(arguments.section + "."))
        and (not arguments.level or level.startswith(arguments.level.lower()))
        and (arguments.status is None or row["status"] == arguments.status)
    )


def _text(row: Row) -> str:
    evidence = row["evidence"].split() if row["status"] == "tested" else [row["evidence"]]
    shown = "\n".join(f"    {row['status']}: {line}" for line in evidence)
    return f"{row['id']}  {row['level']}  ({row['applies_to']})\n    {row['requirement']}\n{shown}\n"
