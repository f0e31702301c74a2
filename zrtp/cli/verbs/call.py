"""`zrtp call`: call somebody who listens."""

from __future__ import annotations

import argparse
from dataclasses import replace

from zrtp.cli.calls.calling import hold_call
from zrtp.cli.options import call, reach
from zrtp.cli.options.network import WAIT
from zrtp.cli.screen.help import KEYS_AND_CODES

SYNOPSIS = "HOST:PORT | CODE | LINE [options]"

DESCRIPTION = "Call a computer on which `zrtp listen` runs, and talk to it encrypted."

EXAMPLE = f"""\
example:
  zrtp call 192.0.2.20:5004
  zrtp call 7-virus-revival
  zrtp call 192.0.2.20:5004 --audio speech.wav --record answer.wav --seconds 10

{KEYS_AND_CODES}"""


_SHORTEST_WAIT = 0.1
"""Seconds in which a Hello can be sent and answered."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "remote",
        type=reach.callee,
        metavar="HOST:PORT",
        help="whom to call; or a code such as 7-virus-revival, or a line that begins with zrtp:",
    )
    call.add(parser, bind="any free port")
    reach.add_for_caller(parser)


def run(arguments: argparse.Namespace) -> int:
    settings = call.CallSettings.of(arguments)
    found = reach.settings(arguments, arguments.remote)
    if found is not None:
        return hold_call(settings, None, found)
    wait = WAIT if settings.wait is None else max(settings.wait, _SHORTEST_WAIT)
    patient = replace(settings.config, discovery_deadline=wait)
    return hold_call(replace(settings, wait=wait, config=patient), arguments.remote)
