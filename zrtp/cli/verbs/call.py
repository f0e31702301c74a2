"""`zrtp call`: call somebody who listens."""

from __future__ import annotations

import argparse

from zrtp.cli.calls.calling import hold_call
from zrtp.cli.options import call
from zrtp.cli.options.addresses import remote_address

SYNOPSIS = "HOST:PORT [options]"

DESCRIPTION = "Call a computer on which `zrtp listen` runs, and talk to it encrypted."

EXAMPLE = """\
example:
  zrtp call 192.0.2.20:5004
  zrtp call 192.0.2.20:5004 --audio speech.wav --record answer.wav --seconds 10

Press Ctrl-C or q to hang up. Exit codes: 0 call ended, 2 usage, 3 the words differ, 4 no ZRTP peer,
5 key agreement failed, 6 local failure, 130 interrupted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("remote", type=remote_address, metavar="HOST:PORT", help="whom to call")
    call.add(parser, bind="any free port")


def run(arguments: argparse.Namespace) -> int:
    return hold_call(call.CallSettings.of(arguments), arguments.remote)
