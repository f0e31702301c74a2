"""What is known about the peer before the call, from signalling or by other means."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from zrtp.cli.errors import CommandError, Exit
from zrtp.media.sdp import parse_zrtp_hash
from zrtp.reach.description import Description


def add(group: argparse._ActionsContainer) -> None:
    """`--aux`, `--peer-hash`, `--trust-peer-hash`."""
    group.add_argument(
        "--aux",
        metavar="HEX",
        help="secret known to both sides by other means. On the command line other users of this computer can see it: "
        "@FILE reads it from a file, - from the terminal or standard input",
    )
    group.add_argument(
        "--peer-hash", type=_peer_hash, metavar='"1.10 HEX"', help="zrtp-hash of the peer, received by signalling"
    )
    group.add_argument(
        "--trust-peer-hash",
        action="store_true",
        help="the --peer-hash came by a way on which nobody could change it, for example signed",
    )


def check(arguments: argparse.Namespace) -> None:
    """Raises CommandError if an option is there without the one that it is about."""
    line = getattr(arguments, "line", False) or isinstance(getattr(arguments, "remote", None), Description)
    if arguments.trust_peer_hash and arguments.peer_hash is None and not line:
        raise CommandError(
            "--trust-peer-hash needs --peer-hash",
            "give both, or neither; a pasted line has the hash in it",
            code=Exit.USAGE,
        )


def aux_secret(text: str) -> bytes:
    """The octets of --aux, from the command line, a file, or what is typed. Raises CommandError."""
    if text == "-":
        text = getpass.getpass("zrtp: auxsecret in hexadecimal: ") if sys.stdin.isatty() else sys.stdin.readline()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not plain text"
            raise CommandError(f"the auxsecret cannot be read from {text[1:]}: {reason}") from error
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if not octets:
        raise CommandError(
            "--aux is not hexadecimal",
            "32 octets are usual: python -c 'import secrets; print(secrets.token_hex())' makes one",
            code=Exit.USAGE,
        )
    return octets


def _peer_hash(text: str) -> bytes:
    parsed = parse_zrtp_hash(text)
    if parsed is None:
        raise argparse.ArgumentTypeError(f'{text!r} is not a zrtp-hash such as "1.10" and 64 hexadecimal digits')
    return parsed.hash
