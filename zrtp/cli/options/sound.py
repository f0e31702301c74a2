"""What is sent and where it goes that is heard."""

from __future__ import annotations

import argparse
from pathlib import Path

from zrtp.cli.options.network import seconds


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
    group.add_argument("--seconds", type=seconds, metavar="N", help="hang up N seconds after the call is secure")
