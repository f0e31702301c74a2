"""`python -m tests.bench`: what handshakes and media packets cost, as ratios to OpenSSL and to the C library libbzrtp.

Both ends of every handshake run in this process, without sockets. The public-key operations alone, and libbzrtp where
it is installed (gcc, libbzrtp-dev), are measured in the same run, so that every figure is also a ratio.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import chart, collect, report
from tests.bench.handshakes import scenarios
from tests.bench.results import Results, as_json
from tests.bench.targets import targets
from zrtp.cli.screen.terminal import Terminal


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked for; returns the exit code."""
    arguments = _parser().parse_args(given)
    terminal = Terminal.of_process(json=arguments.json)
    results = Results()
    if arguments.loss:
        collect.losses(results, arguments.runs, terminal.status)
    elif arguments.latency:
        collect.latencies(results, arguments.series, terminal.status)
    else:
        collect.handshakes(results, arguments.suites, arguments.repeats, terminal.status)
        if arguments.targets or not arguments.suites:
            collect.packets(results, terminal.status)
        if arguments.targets:
            collect.scaling(results, arguments.sessions, terminal.status)
    terminal.end()
    if arguments.svg is not None:
        arguments.svg.write_text(chart.svg(results), "utf-8")
    if arguments.json:
        _print_json(results, with_targets=arguments.targets)
    else:
        _print(results, terminal, arguments)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition(": ")[2])
    parser.add_argument(
        "suites",
        nargs="*",
        type=_suite,
        metavar="SUITE",
        help="a key agreement such as X255, Mult for a further stream, or Prsh (default: everything)",
    )
    parser.add_argument("--repeats", type=_positive, default=100, metavar="N", help="handshakes of each (default: 100)")
    parser.add_argument("--targets", action="store_true", help="everything, and whether the targets are met")
    parser.add_argument("--places", action="store_true", help="also where the time outside OpenSSL goes")
    parser.add_argument(
        "--loss", action="store_true", help="instead: how often handshakes complete when datagrams get lost"
    )
    parser.add_argument("--latency", action="store_true", help="instead: how soon calls are secure, in virtual time")
    parser.add_argument("--runs", type=_positive, default=200, metavar="N", help="for --loss: handshakes of each row")
    parser.add_argument(
        "--series", type=_positive, default=5, metavar="N", help="for --latency: calls for each start (default: 5)"
    )
    parser.add_argument(
        "--sessions",
        type=_positive,
        default=collect.FULL_CROWD,
        metavar="N",
        help=f"for --targets: sessions held at the same time (default: {collect.FULL_CROWD})",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="a chart of the ratios")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object on standard output")
    return parser


def _print_json(results: Results, *, with_targets: bool) -> None:
    described = as_json(results)
    if with_targets:
        described["targets"] = [
            {
                "name": target.name,
                "unit": target.unit,
                "limit": target.limit,
                "value": target.value,
                "judgement": target.judgement.value,
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


def _suite(name: str) -> str:
    known = dict.fromkeys(scenario.name for scenario in scenarios())
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name} is not measured; known are {', '.join(known)}")
    return name


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
