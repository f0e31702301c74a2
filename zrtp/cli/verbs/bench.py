"""`zrtp bench`: what handshakes and media packets cost here, as ratios to OpenSSL and to the C library libbzrtp."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from zrtp.cli.benchmarks import chart, collect, report
from zrtp.cli.benchmarks.handshakes import scenarios
from zrtp.cli.benchmarks.results import Results, as_json
from zrtp.cli.benchmarks.targets import targets
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.screen.terminal import Terminal

SYNOPSIS: Final = "[SUITE ...] [options]"

DESCRIPTION: Final = """\
How much CPU time complete handshakes and media packets take on this computer. Both ends of every handshake run in this
process, without sockets. The public-key operations alone, and the C library libbzrtp where it is installed (gcc,
libbzrtp-dev), are measured in the same run, so that every figure is also a ratio. SUITE is a key agreement such as
X255, Mult for a further stream, or Prsh; default: all."""

EXAMPLE: Final = """\
example:
  zrtp bench
  zrtp bench X255 DH3k --places
  zrtp bench --targets --json > figures.json
  zrtp bench --loss --runs 1000"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="what to measure (default: everything)")
    parser.add_argument("--repeats", type=_positive, default=100, metavar="N", help="handshakes of each (default: 100)")
    parser.add_argument("--targets", action="store_true", help="everything, and whether the targets are met")
    parser.add_argument("--places", action="store_true", help="also where the time outside OpenSSL goes")
    parser.add_argument(
        "--loss", action="store_true", help="instead: how often handshakes complete when datagrams get lost"
    )
    parser.add_argument("--runs", type=_positive, default=200, metavar="N", help="for --loss: handshakes of each row")
    parser.add_argument(
        "--sessions",
        type=_positive,
        default=collect.FULL_CROWD,
        metavar="N",
        help=f"for --targets: sessions held at the same time (default: {collect.FULL_CROWD})",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="a chart of the ratios")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object on standard output")
    parser.add_argument("--plain", action="store_true", help="no colour, no cursor movement (also: NO_COLOR)")


def run(arguments: argparse.Namespace) -> int:
    terminal = Terminal.of_process(json=arguments.json, plain=arguments.plain)
    _check_suites(arguments.suites)
    results = Results()
    if arguments.loss:
        collect.losses(results, arguments.runs, terminal.status)
    else:
        collect.handshakes(results, arguments.suites, arguments.repeats, terminal.status)
        if arguments.targets or not arguments.suites:
            collect.packets(results, terminal.status)
        if arguments.targets:
            collect.scaling(results, arguments.sessions, terminal.status)
    terminal.end()
    if arguments.svg is not None:
        _write(arguments.svg, chart.svg(results))
    if arguments.json:
        _print_json(results, with_targets=arguments.targets)
    else:
        _print(results, terminal, arguments)
    return int(Exit.ENDED)


def _check_suites(names: list[str]) -> None:
    known = dict.fromkeys(scenario.name for scenario in scenarios())
    for name in names:
        if name not in known:
            raise CommandError(f"{name} is not measured", f"known are {', '.join(known)}", code=Exit.USAGE)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(f"the chart cannot be written to {path}: {error.strerror}") from error


def _print_json(results: Results, *, with_targets: bool) -> None:
    described = as_json(results)
    if with_targets:
        described["targets"] = [
            {
                "name": target.name,
                "unit": target.unit,
                "limit": target.limit,
                "value": target.value,
                "verdict": target.verdict.value,
            }
            for target in targets(results)
        ]
    json.dump(described, sys.stdout, indent=1)
    print()


def _print(results: Results, terminal: Terminal, arguments: argparse.Namespace) -> None:
    parts = list(report.sections(results))
    if arguments.places:
        parts += report.places(results.handshakes)
    if arguments.targets:
        parts.append(("targets", report.targets(targets(results))))
    for title, lines in parts:
        terminal.result(title, "bold")
        for line in lines:
            terminal.result(line)
        terminal.result()
    for note in report.notes(results):
        terminal.note(note)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
