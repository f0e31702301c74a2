"""Who says whether the words match."""

from __future__ import annotations

import argparse
import sys
from enum import Enum
from typing import Final

from zrtp.cli.options.parser import one_of
from zrtp.cli.screen.keyboard import is_foreground_terminal

ASK: Final = "ask"
"""The choice of `--verify` that leaves the verdict to a person."""


class Verdict(Enum):
    """What a person, or `--verify`, says about the two renderings of the SAS."""

    MATCH = "match"
    MISMATCH = "mismatch"
    LATER = "later"


_CHOICES: Final = (ASK, *(verdict.value for verdict in Verdict))


NAME: Final = (
    "whom you expect: what the peer is called once the words match, and a warning if it is known under another name"
)


def add(parser: argparse.ArgumentParser, *, name: str = NAME) -> None:
    """`--verify` and `--name`; `name` says what that one is."""
    group = parser.add_argument_group("verdict")
    group.add_argument(
        "--verify",
        type=one_of(_CHOICES),
        choices=_CHOICES,
        help="do the words match? (default: ask on a terminal, later elsewhere)",
    )
    group.add_argument("--name", help=name)


def decided(given: str | None) -> Verdict | None:
    """The verdict that `--verify` gives; None if a person is asked, which by default needs a terminal."""
    if given is None:
        asked = is_foreground_terminal(sys.stdin) and (sys.stdout.isatty() or sys.stderr.isatty())
        return None if asked else Verdict.LATER
    return None if given == ASK else Verdict(given)
