"""What is sent and where it goes that is heard."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    """`--audio`, `--record` and `--seconds`."""
    group = parser.add_argument_group("sound")
    group.add_argument(
        "--audio",
        default="tone",
        metavar="FILE.wav|tone|silence|mic",
        help="what to send (default: tone); mic also plays what is heard",
    )
    group.add_argument("--record", type=Path, metavar="FILE.wav", help="where to store what is heard")
    group.add_argument("--seconds", type=_seconds, metavar="N", help="hang up N seconds after the call is secure")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
