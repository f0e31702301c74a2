"""`zrtp listen`: wait for a caller."""

from __future__ import annotations

import argparse
from dataclasses import replace

from zrtp.cli.calls.calling import hold_call
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import call, configuration, reach
from zrtp.cli.options.addresses import DEFAULT_PORT, address
from zrtp.cli.screen.help import KEYS_AND_CODES

SYNOPSIS = "[BIND] [options]"

DESCRIPTION = "Wait for a caller, and talk to them encrypted. Prints the command for the other computer."

EXAMPLE = f"""\
example:
  zrtp listen
  zrtp listen --code
  zrtp listen 0.0.0.0:5006 --name alice --record heard.wav

{KEYS_AND_CODES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    default = f"0.0.0.0:{DEFAULT_PORT}"
    parser.add_argument(
        "address", type=address, nargs="?", metavar="BIND", help=f"HOST:PORT to wait on (default: {default})"
    )
    call.add(parser, bind=default, answers=True)
    reach.add_for_listener(parser)


def run(arguments: argparse.Namespace) -> int:
    settings = call.CallSettings.of(arguments)
    if arguments.address is not None and configuration.given(arguments, "bind") not in (None, arguments.address):
        raise CommandError("BIND and --bind name different addresses", "give one of them", code=Exit.USAGE)
    found = reach.settings(arguments)
    bind = arguments.address or settings.bind or address(f":{DEFAULT_PORT}")
    return hold_call(replace(settings, bind=bind), None, found)
