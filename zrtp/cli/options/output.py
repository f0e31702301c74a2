"""How the command shows what happens."""

from __future__ import annotations

import argparse


def add(group: argparse._ActionsContainer) -> None:
    """`--json`, `--plain` and `-v`."""
    group.add_argument("--json", action="store_true", help="events as JSON lines on standard output")
    group.add_argument("--plain", action="store_true", help="no colour, no cursor movement (also: NO_COLOR)")
    group.add_argument("-v", "--verbose", action="store_true", help="state transitions")
