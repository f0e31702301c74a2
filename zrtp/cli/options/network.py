"""Ports, packets, and a bad network on purpose."""

from __future__ import annotations

import argparse

from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.options.addresses import address


def add(group: argparse._ActionsContainer, *, bind: str) -> None:
    """`--bind`, whose default `bind` describes, and `--ssrc`."""
    group.add_argument("--bind", type=address, metavar="HOST:PORT", help=f"local media port (default: {bind})")
    group.add_argument("--ssrc", type=_ssrc, metavar="HEX", help="own SSRC (default: random)")


def add_impairment(group: argparse._ActionsContainer) -> None:
    """`--impair`."""
    group.add_argument(
        "--impair",
        type=_impairment,
        default=Impairment(),
        metavar="LIST",
        help="make the network worse, each way: loss=20%%,dup=5%%,reorder=5%%,delay=80ms,seed=7",
    )


def _ssrc(text: str) -> int:
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFFFFFFFF:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of up to eight hexadecimal digits")
    return number


def _impairment(text: str) -> Impairment:
    try:
        return Impairment.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
