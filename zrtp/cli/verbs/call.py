"""`zrtp call`: call somebody who listens."""

from __future__ import annotations

import argparse
from dataclasses import replace

from zrtp.cli.calls.calling import hold_call
from zrtp.cli.options import call
from zrtp.cli.options.addresses import remote_address
from zrtp.cli.options.network import WAIT
from zrtp.cli.screen.help import KEYS_AND_CODES

SYNOPSIS = "HOST:PORT [options]"

DESCRIPTION = "Call a computer on which `zrtp listen` runs, and talk to it encrypted."

EXAMPLE = f"""\
example:
  zrtp call 192.0.2.20:5004
  zrtp call 192.0.2.20:5004 --audio speech.wav --record answer.wav --seconds 10

{KEYS_AND_CODES}"""


_SHORTEST_WAIT = 0.1
"""Seconds in which a Hello can be sent and answered."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("remote", type=remote_address, metavar="HOST:PORT", help="whom to call")
    call.add(parser, bind="any free port")


def run(arguments: argparse.Namespace) -> int:
    settings = call.CallSettings.of(arguments)
    wait = WAIT if settings.wait is None else max(settings.wait, _SHORTEST_WAIT)
    patient = replace(settings.config, discovery_deadline=wait)
    return hold_call(replace(settings, wait=wait, config=patient), arguments.remote)
