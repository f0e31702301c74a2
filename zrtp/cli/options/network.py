"""Ports, packets, and a bad network on purpose."""

from __future__ import annotations

import argparse
from typing import Final

from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.options.addresses import address
from zrtp.protocol.config import Config

WAIT: Final = 60.0
"""Seconds for which `zrtp call` waits for the other side."""


def add(group: argparse._ActionsContainer, *, bind: str) -> None:
    """`--bind`, whose default `bind` describes, `--wait`, `--mtu` and `--ssrc`."""
    group.add_argument("--bind", type=address, metavar="HOST:PORT", help=f"local media port (default: {bind})")
    group.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help=f"how long to wait for the other side (call: {WAIT:g} unless given; listen: for ever)",
    )
    group.add_argument(
        "--mtu",
        type=_mtu,
        metavar="N",
        help=f"largest ZRTP packet in octets, a multiple of 4 from 600 (default: {Config().mtu})",
    )
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


def seconds(text: str) -> float:
    """A time that is not negative."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def _mtu(text: str) -> int:
    if not text.isdecimal() or int(text) % 4 or int(text) < 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a multiple of 4 from 600")
    return int(text)


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
