"""`zrtp devices`: microphones and loudspeakers, by the names that `--input` and `--output` take."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.screen import columns
from zrtp.cli.screen.terminal import Terminal
from zrtp.errors import BackendUnavailable
from zrtp.media.sound.devices import Device, devices
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.portaudio import quiet_libraries

SYNOPSIS: Final = "[options]"

DESCRIPTION: Final = "Microphones and loudspeakers of this computer. A * marks what is used unless you choose."

EXAMPLE: Final = """\
example:
  zrtp devices
  zrtp call 192.0.2.20:5004 --input headset --output headset"""

_USE_WIDTH: Final = 28
"""Columns of "* microphone * loudspeaker"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each device")
    parser.add_argument("--plain", action="store_true", help="no colour (also: NO_COLOR)")


def run(arguments: argparse.Namespace) -> int:
    try:
        with quiet_libraries():
            found = devices()
    except (AudioError, BackendUnavailable) as error:
        raise CommandError.from_sentences(str(error)) from error
    terminal = Terminal.of_process(plain=arguments.plain)
    if arguments.json:
        for device in found:
            print(json.dumps(asdict(device), separators=(",", ":")))
    elif not found:
        terminal.note("this computer has no microphone and no loudspeaker")
    else:
        _list(found, terminal)
    return int(Exit.ENDED)


def _list(found: list[Device], terminal: Terminal) -> None:
    """A table where there is room, otherwise two lines for each."""
    digits = len(str(max(device.number for device in found)))
    width = max(columns.width(_title(device)) for device in found)
    wide = digits + 2 + width + 2 + _USE_WIDTH <= terminal.width
    for device in found:
        start = f"{device.number:>{digits}}  "
        if wide:
            terminal.result(start + columns.padded(_title(device), width) + "  " + _use(device))
        else:
            terminal.result(start + columns.shortened(_title(device), terminal.width - len(start)))
            terminal.result(" " * len(start) + _use(device))


def _title(device: Device) -> str:
    return f"{device.name} ({device.system})"


def _use(device: Device) -> str:
    uses = []
    if device.microphone:
        uses.append("* microphone" if device.default_microphone else "microphone")
    if device.loudspeaker:
        uses.append("* loudspeaker" if device.default_loudspeaker else "loudspeaker")
    return "  ".join(uses)
