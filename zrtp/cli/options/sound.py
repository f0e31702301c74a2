"""What is sent, where it goes that is heard, and when a microphone may listen."""

from __future__ import annotations

import argparse
import os
from enum import Enum
from pathlib import Path
from typing import Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.network import seconds
from zrtp.cli.options.parser import one_of

MICROPHONE: Final = "mic"
"""What `--audio` says for a call that talks."""

SYNTHETIC: Final = ("tone", "silence")
"""What `--audio` says for sound that is made here."""


class Accept(Enum):
    """When the microphone of whoever is called opens."""

    KEY = "key"
    """When a person answers by pressing a key."""
    KNOWN = "known"
    """By itself, for a peer whose words were compared; otherwise when a person answers."""
    ALL = "all"
    """By itself, for everybody."""


_ACCEPTED: Final = tuple(accept.value for accept in Accept)


def add(parser: argparse.ArgumentParser, *, default: str, answers: bool = False) -> None:
    """`--audio`, whose default `default` describes, `--input`, `--output`, `--accept`, `--record` and `--seconds`.

    `answers` says that somebody is called here; otherwise the microphone opens by itself.
    """
    group = parser.add_argument_group("sound")
    group.add_argument("--audio", metavar="mic|FILE.wav|tone|silence", help=f"what to send (default: {default})")
    group.add_argument(
        "--input", metavar="NAME", help="the microphone: a name, part of one, or a number (zrtp devices)"
    )
    group.add_argument("--output", metavar="NAME", help="the loudspeaker, likewise")
    group.add_argument(
        "--accept",
        type=one_of(_ACCEPTED),
        choices=_ACCEPTED,
        default=Accept.KEY.value if answers else Accept.ALL.value,
        help="when the microphone opens: when a key is pressed (the default), "
        "by itself for verified peers too, or for all callers"
        if answers
        else argparse.SUPPRESS,
    )
    parser.set_defaults(answers=answers)
    group.add_argument("--record", type=Path, metavar="FILE.wav", help="where to store what is heard; a new file")
    group.add_argument("--seconds", type=seconds, metavar="N", help="hang up N seconds after the call is secure")


def check(arguments: argparse.Namespace) -> None:
    """Raises CommandError for a recording of what is read from the same file, and for a microphone that cannot wait."""
    if arguments.accept != Accept.ALL.value and not arguments.answers:
        raise CommandError(
            f"--accept {arguments.accept} is for zrtp listen", "whoever calls talks at once", code=Exit.USAGE
        )
    record, audio = arguments.record, arguments.audio
    if record is None or audio in (None, MICROPHONE, *SYNTHETIC):
        return
    if os.path.realpath(record) == os.path.realpath(audio):
        raise CommandError(
            "--record and --audio name the same file", "give the recording another name", code=Exit.USAGE
        )
