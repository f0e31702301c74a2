"""How the other side is found where no port can be reached: a port at the router, a line, a code, and the servers."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from zrtp.cli.errors import CommandError, Exit, as_line
from zrtp.cli.options.addresses import everywhere, remote_address
from zrtp.errors import ApiMisuse, ZrtpError
from zrtp.media.addresses import Address
from zrtp.reach.code import FEWEST_WORDS, MOST_WORDS, Code, looks_like_code
from zrtp.reach.description import Description, is_line
from zrtp.reach.servers import DEFAULT_MAILBOX, DEFAULT_STUN, Servers, Turn, parse_mailbox, parse_stun, parse_turn

Callee: TypeAlias = Address | Code | Description
"""Whom to call: an address, whoever made a code, or whoever made a line."""

T = TypeVar("T")

INSTALL: Final = "pip install '.[reach]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """A port at the home router is asked for."""

    router: str | None
    """None: the default route leads to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachSettings:
    """What the command line says about finding the other side, checked."""

    line: bool = False
    """Lines are pasted, no mailbox server is asked."""
    theirs: Description | None = None
    """The line of whoever listens; None for a listener."""
    code: Code | None = None
    """None for whoever makes one."""
    words: int = FEWEST_WORDS
    mailbox: str = DEFAULT_MAILBOX
    servers: Servers = field(default_factory=Servers)
    addresses: tuple[str, ...] | None = None
    """Addresses of this computer that are used and shown; None for all."""
    trusted: bool = False
    """The lines came by a way on which nobody could change them."""


def callee(text: str) -> Callee:
    """HOST:PORT, a code such as 7-virus-revival, or a line that begins with zrtp:."""
    try:
        if is_line(text):
            return Description.of_line(text)
        if looks_like_code(text):
            return Code.parse(text)
    except ZrtpError as error:
        raise argparse.ArgumentTypeError(as_line(str(error))) from error
    return remote_address(text)


def add_for_listener(parser: argparse.ArgumentParser) -> None:
    """`--map`, `--line`, `--code` and what belongs to them."""
    group = parser.add_argument_group("behind a home router")
    how = group.add_mutually_exclusive_group()
    how.add_argument(
        "--code", action="store_true", help="make a code to tell the other person: zrtp call 7-virus-revival"
    )
    how.add_argument(
        "--line", action="store_true", help="make a line to paste to the other person, who pastes one back"
    )
    how.add_argument("--map", action="store_true", help="ask the router for a port (PCP, NAT-PMP)")
    group.add_argument("--router", metavar="ADDRESS", help="the router, for --map (default: the default route)")
    group.add_argument(
        "--words",
        type=int,
        choices=range(FEWEST_WORDS, MOST_WORDS + 1),
        help=f"how many words a code has (default: {FEWEST_WORDS})",
    )
    _add_servers(group)


def add_for_caller(parser: argparse.ArgumentParser) -> None:
    """The servers."""
    _add_servers(parser.add_argument_group("with a code or a line"))


def settings(arguments: argparse.Namespace, called: Callee | None = None) -> ReachSettings | RouterSettings | None:
    """What to do; None for a call to an address, or for one who waits at a port. Raises CommandError."""
    line = isinstance(called, Description) or getattr(arguments, "line", False)
    code = isinstance(called, Code) or getattr(arguments, "code", False)
    if getattr(arguments, "words", None) is not None and not code:
        raise CommandError("--words needs --code", "give both, or neither", code=Exit.USAGE)
    if not line and not code:
        _refuse_without_meeting(arguments)
        return RouterSettings(router=arguments.router) if getattr(arguments, "map", False) else None
    if arguments.peer_hash is not None:
        raise CommandError("the hash is in the code or line already", "leave --peer-hash away", code=Exit.USAGE)
    bind: Address | None = getattr(arguments, "address", None) or arguments.bind
    return ReachSettings(
        line=line,
        theirs=called if isinstance(called, Description) else None,
        code=called if isinstance(called, Code) else None,
        words=getattr(arguments, "words", None) or FEWEST_WORDS,
        mailbox=_checked(parse_mailbox, arguments.mailbox),
        servers=_servers(arguments),
        addresses=None if bind is None or bind[0] == everywhere(bind[0]) else (bind[0],),
        trusted=line and arguments.trust_peer_hash,
    )


def _add_servers(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--mailbox",
        metavar="URL",
        default=_usual()["mailbox"],
        help="mailbox server of magic-wormhole's kind, for codes (default: $ZRTP_MAILBOX, else %(default)s)",
    )
    group.add_argument(
        "--stun",
        metavar="HOST[:PORT]|none",
        default=_usual()["stun"],
        help="who tells this computer its public address (default: $ZRTP_STUN, else %(default)s)",
    )
    group.add_argument(
        "--turn",
        metavar="turn:USER@HOST[:PORT]",
        default=_usual()["turn"],
        help="a relay for when there is no direct way; ?transport=tcp at the end where no UDP gets out"
        " (default: $ZRTP_TURN, else none)",
    )
    group.add_argument(
        "--turn-password",
        metavar="@FILE|-",
        default=_usual()["turn_password"],
        help="the relay's password from a file, or from the terminal or standard input"
        " (default: $ZRTP_TURN_PASSWORD, else -)",
    )
    group.add_argument(
        "--relay-only", action="store_true", help="show the other person no address of yours but the relay's"
    )


def _usual() -> dict[str, str | None]:
    """What the options about servers are unless given."""
    return {
        "mailbox": os.environ.get("ZRTP_MAILBOX", DEFAULT_MAILBOX),
        "stun": os.environ.get("ZRTP_STUN", DEFAULT_STUN),
        "turn": os.environ.get("ZRTP_TURN"),
        "turn_password": "-",
    }


def _refuse_without_meeting(arguments: argparse.Namespace) -> None:
    given = [name for name, usual in _usual().items() if getattr(arguments, name) != usual]
    if arguments.relay_only:
        given.append("relay_only")
    for name in given:
        option = f"--{name.replace('_', '-')}"
        raise CommandError(f"{option} needs a code or a line", "zrtp listen --code makes one", code=Exit.USAGE)
    if getattr(arguments, "router", None) is not None and not arguments.map:
        raise CommandError("--router needs --map", "give both, or neither", code=Exit.USAGE)


def _servers(arguments: argparse.Namespace) -> Servers:
    if arguments.relay_only and arguments.turn is None:
        raise CommandError("--relay-only needs a relay", "name one: --turn turn:USER@HOST", code=Exit.USAGE)
    turn: Turn | None = None
    if arguments.turn is not None:
        _checked(lambda text: parse_turn(text, ""), arguments.turn)  # before anybody types a password for nothing
        turn = parse_turn(arguments.turn, _password(arguments.turn_password))
    return Servers(stun=_checked(parse_stun, arguments.stun), turn=turn, relay_only=arguments.relay_only)


def _password(where: str) -> str:
    """The relay's password, which never stands on the command line. Raises CommandError."""
    if where.startswith("@"):
        try:
            return Path(where[1:]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not plain text"
            raise CommandError(f"the relay's password cannot be read from {where[1:]}: {reason}") from error
    if where != "-":
        raise CommandError(
            "the relay's password is not given on the command line, where others see it",
            "@FILE reads it from a file, - from the terminal",
            code=Exit.USAGE,
        )
    if (known := os.environ.get("ZRTP_TURN_PASSWORD")) is not None:
        return known
    return getpass.getpass("zrtp: password of the relay: ") if sys.stdin.isatty() else sys.stdin.readline().strip()


def _checked(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ApiMisuse as error:
        raise CommandError(f"{text!r}: {error}", code=Exit.USAGE) from error
