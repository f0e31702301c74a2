"""`zrtp peers`: whom this installation knows, and corrections to it. Works while calls use the same cache."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from zrtp.cache.interface import PeerEntry, SecretCache, find, other_devices
from zrtp.cache.record import PeerRecord, clean_name
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import cache as cache_option
from zrtp.cli.options.parser import one_of
from zrtp.cli.screen import columns, wording
from zrtp.cli.screen.terminal import Terminal
from zrtp.errors import CacheError
from zrtp.stores.address import Place
from zrtp.system import wall_clock

SYNOPSIS: Final = "[list|rename|verify|unverify|forget] [PEER] [options]"

DESCRIPTION: Final = """\
Whom you know, and what you know of them. PEER is a name, or the first digits of a ZID.

  list              everybody (the default), or PEER alone
  rename PEER NAME  another name; the words must be compared again then, with whoever that is
  verify PEER       you have compared the words of a call by other means
  unverify PEER     take a verification back; the keys stay
  forget PEER       delete everything: the next call is a first call"""

EXAMPLE: Final = """\
example:
  zrtp peers
  zrtp peers rename 127.0.0.1 bob
  zrtp peers forget bob"""

ACTIONS: Final = ("list", "rename", "verify", "unverify", "forget")


SYNONYMS: Final = {
    "show": "list",
    "ls": "list",
    "name": "rename",
    "trust": "verify",
    "untrust": "unverify",
    "delete": "forget",
    "remove": "forget",
    "rm": "forget",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        type=one_of(ACTIONS, SYNONYMS),
        choices=ACTIONS,
        default="list",
        help="what to do (default: list)",
    )
    parser.add_argument("peer", nargs="?", metavar="PEER", help="a name, or the first digits of a ZID")
    parser.add_argument("new_name", nargs="?", metavar="NAME", help="the new name, for rename")
    cache_option.add(parser, may_be_none=False)
    parser.add_argument("--name", help="the name, for rename and verify")
    parser.add_argument("--json", action="store_true", help="the list as JSON lines")
    parser.add_argument("--plain", action="store_true", help="no colour (also: NO_COLOR)")


def run(arguments: argparse.Namespace) -> int:
    terminal = Terminal.of_process(plain=arguments.plain)
    path = cache_option.file_of(arguments.cache)
    if isinstance(path, Path) and not path.exists() and arguments.action == "list":
        terminal.note(_nobody(path))
        return int(Exit.ENDED)
    try:
        cache = cache_option.opened(path)
        assert cache is not None, "a place was given"  # noqa: S101
        _act(cache, path, arguments, terminal)
    except CacheError as error:
        raise CommandError.from_sentences(str(error), whole=cache_option.parts_of(path)) from error
    return int(Exit.ENDED)


def _act(cache: SecretCache, path: Place, arguments: argparse.Namespace, terminal: Terminal) -> None:
    name = arguments.new_name or arguments.name
    if arguments.action == "list":
        entries = [_found(cache, arguments.peer)] if arguments.peer else cache.peers()
        _list(entries, path, terminal, as_json=arguments.json)
        return
    if not arguments.peer:
        raise CommandError(f"{arguments.action} needs a peer", "zrtp peers shows them all", code=Exit.USAGE)
    if arguments.action == "rename" and not clean_name(name or ""):
        example = f"zrtp peers rename {arguments.peer} NAME"
        raise CommandError("rename needs the new name", f"write it behind the peer: {example}", code=Exit.USAGE)
    entry = _found(cache, arguments.peer)
    change, done = _CHANGES[arguments.action](entry, name)
    cache.update(entry.own_zid, entry.peer_zid, change)
    terminal.note(done)
    if name and other_devices(cache, entry.peer_zid, name):
        terminal.note(wording.new_device(clean_name(name)))


def _found(cache: SecretCache, text: str) -> PeerEntry:
    """The peer that is meant. Raises CacheError, and CommandError for digits that are too few to tell."""
    try:
        return find(cache, text)
    except CacheError:
        if _TOO_FEW_DIGITS.fullmatch(text) and any(entry.peer_zid.hex().startswith(text) for entry in cache.peers()):
            hint = "so few may be a slip of the hand; zrtp peers shows them all"
            raise CommandError(f'"{text}" needs more digits of the ZID: at least four', hint) from None
        raise


_TOO_FEW_DIGITS: Final = re.compile("[0-9a-f]{1,3}")


Change = Callable[[PeerRecord | None], PeerRecord | None]


def _rename(entry: PeerEntry, name: str | None) -> tuple[Change, str]:
    new = clean_name(name or "")
    lost = " - compare the words in the next call" if entry.record.verified and new != entry.record.name else ""
    return _edit(lambda record: record.renamed(new)), f"{_title(entry)} is called {new} now{lost}"


def _verify(entry: PeerEntry, name: str | None) -> tuple[Change, str]:
    title = clean_name(name) if name else _title(entry)
    return _edit(lambda record: record.as_verified(wall_clock(), name)), f"{title} is verified"


def _unverify(entry: PeerEntry, name: str | None) -> tuple[Change, str]:
    return _edit(
        PeerRecord.as_unverified
    ), f"{_title(entry)} is not verified any more - compare the words in the next call"


def _forget(entry: PeerEntry, name: str | None) -> tuple[Change, str]:
    return (lambda _: None), f"{_title(entry)} is forgotten - the next call is a first call"


def _edit(change: Callable[[PeerRecord], PeerRecord]) -> Change:
    """A change that leaves it alone if a call has forgotten the peer in the meantime."""
    return lambda record: None if record is None else change(record)


_CHANGES: Final = {"rename": _rename, "verify": _verify, "unverify": _unverify, "forget": _forget}


def _list(entries: list[PeerEntry], path: Place, terminal: Terminal, *, as_json: bool) -> None:
    if as_json:
        for entry in entries:
            print(json.dumps(_described(entry), separators=(",", ":")))
    elif not entries:
        terminal.note(_nobody(path))
    elif terminal.width >= _TABLE_WIDTH:
        width = max(4, *(columns.width(entry.record.name) for entry in entries))
        width = min(width, terminal.width - _TABLE_WIDTH + _SHORTEST_NAME)
        terminal.result(f"{'NAME':<{width}}  {'VERIFIED':<17}  {'LAST CALL':<17}  ZID", "dim")
        for entry in entries:
            record = entry.record
            name = columns.padded(columns.shortened(record.name or "-", width), width)
            row = f"{name}  {_verified(record):<17}  "
            terminal.result(row + f"{wording.date(record.last_seen):<17}  {entry.peer_zid.hex()}")
    else:
        for entry in entries:
            record = entry.record
            terminal.result(record.name or "-", "bold")
            terminal.result(f"  verified   {_verified(record)}")
            terminal.result(f"  last call  {wording.date(record.last_seen)}")
            terminal.result(f"  {entry.peer_zid.hex()}")


_SHORTEST_NAME = 16
_TABLE_WIDTH = _SHORTEST_NAME + 2 + 17 + 2 + 17 + 2 + 24


def _described(entry: PeerEntry) -> dict[str, object]:
    record = replace(entry.record, rs1=None, rs2=None, pbxsecret=None)
    return {
        "zid": entry.peer_zid.hex(),
        "own_zid": entry.own_zid.hex(),
        "name": record.name or None,
        "verified": record.verified,
        "verified_at": record.verified_at,
        "differed_at": record.differed_at,
        "first_seen": record.first_seen,
        "last_seen": record.last_seen,
        "expires": record.rs1_expires,
    }


def _verified(record: PeerRecord) -> str:
    if record.differed_at is not None:
        return "words differed"
    if not record.verified:
        return "no"
    return wording.date(record.verified_at) if record.verified_at is not None else "yes"


def _title(entry: PeerEntry) -> str:
    return entry.record.name or f"the peer {entry.peer_zid.hex()[:8]}"


def _nobody(path: Place) -> str:
    return f"no peers yet in {path} - the first secure call adds one"
