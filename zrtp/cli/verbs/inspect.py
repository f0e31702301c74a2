"""`zrtp inspect`: what a recorded call really was, and who could have heard it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.screen.terminal import Terminal
from zrtp.inspection import keys as key_files
from zrtp.inspection import machine, svg, text
from zrtp.inspection.capture import CaptureUnreadable
from zrtp.inspection.lines import Pen
from zrtp.inspection.report import Report, inspect

SYNOPSIS: Final = "FILE [options]"

DESCRIPTION: Final = """\
What happened in a recorded call, and who could have heard it. FILE is a pcap or pcapng file, as tcpdump and Wireshark
write them. For every media stream: whether it was in clear, or keyed by SDES, DTLS-SRTP or ZRTP; for ZRTP every
message, with all that can be verified without a key."""

EXAMPLE: Final = """\
example:
  tcpdump -i any -s 0 -w call.pcap udp
  zrtp inspect call.pcap
  zrtp inspect call.pcap --json | jq '.streams[].verdict'
  zrtp inspect call.pcap --svg ladder.svg --keys test-keys.txt"""

SECONDS_BETWEEN: Final = 0.2
"""Of two states of the progress line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a capture, pcap or pcapng")
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="try these keys and count what they open: lines like a=crypto, 's0 HEX' or 'zrtpsess HEX'",
    )
    parser.add_argument("--fields", action="store_true", help="each field of each ZRTP message, with its place")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="the messages as a picture; a new file")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object on standard output")
    parser.add_argument("--plain", action="store_true", help="no colour, no cursor movement (also: NO_COLOR)")


def run(arguments: argparse.Namespace) -> int:
    terminal = Terminal.of_process(json=arguments.json, plain=arguments.plain)
    if arguments.svg is not None and os.path.lexists(arguments.svg):
        raise _already_there(arguments.svg)
    try:
        keys = None if arguments.keys is None else key_files.read(arguments.keys)
        report = inspect(arguments.file, keys, _progress(terminal))
    except (CaptureUnreadable, key_files.KeysUnreadable) as error:
        raise CommandError.from_sentences(str(error)) from error
    terminal.end()
    if arguments.svg is not None:
        _write(arguments.svg, svg.svg(report))
    if arguments.json:
        json.dump(machine.described(report), sys.stdout, indent=1)
        print()
    else:
        _print(report, terminal, fields=arguments.fields)
    return int(Exit.ENDED)


def _progress(terminal: Terminal) -> Callable[[int, int], None]:
    began = shown = time.monotonic()

    def show(read: int, size: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < SECONDS_BETWEEN:
            return
        shown = now
        rate = read / (now - began) / 1e6
        terminal.status(f"reading: {read / 1e6:,.0f} of {size / 1e6:,.0f} MB, {rate:.0f} MB/s")

    return show


def _print(report: Report, terminal: Terminal, *, fields: bool) -> None:
    pen = Pen(width=terminal.width, ascii=not terminal.shows("\u2500\u2502"))
    for line in text.lines(report, pen, fields=fields):
        if line.style:
            terminal.result(line.text, line.style)
        else:
            terminal.result(line.text)


def _write(path: Path, content: str) -> None:
    """Make a new file: what is there may be the evidence."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError as error:
        raise _already_there(path) from error
    except OSError as error:
        raise CommandError(f"the picture cannot be written to {path}: {error.strerror}") from error


def _already_there(path: Path) -> CommandError:
    return CommandError(f"the picture {path} is there already and is not overwritten", "choose another name")
