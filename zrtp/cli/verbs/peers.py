"""`zrtp peers`: whom this installation knows, and corrections to it. Works while calls use the same cache."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from zrtp.cache.interface import (
    PAGE,
    ZID_LENGTH,
    PeerEntry,
    RecordUpdate,
    SecretCache,
    beginning,
    find,
    in_order,
    meant,
    other_devices,
    page,
)
from zrtp.cache.record import PeerRecord, clean_name
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import cache as cache_option
from zrtp.cli.options.parser import one_of
from zrtp.cli.screen import columns, wording
from zrtp.cli.screen.terminal import Terminal
from zrtp.errors import CacheError
from zrtp.stores.address import Place
from zrtp.stores.sealed import SealedCache
from zrtp.system import date_in_words, wall_clock

SYNOPSIS: Final = "[list|rename|verify|unverify|forget|seal] [PEER] [options]"

DESCRIPTION: Final = f"""\
Whom you know, and what you know of them. PEER is a name, or the first digits of a ZID.

  list              everybody (the default), or PEER alone, also without the word list
  rename PEER NAME  another name; the words must be compared again then, with whoever that is
  verify PEER       you have compared the words of a call by other means
  unverify PEER     take a verification back; the keys stay
  forget PEER       delete everything: the next call is a first call
  seal              seal every secret with the first of the keys in --cache-keys

With --limit or --after, and if there are more than {PAGE}, they are listed by their ZIDs instead of their names."""

EXAMPLE: Final = """\
example:
  zrtp peers
  zrtp peers bob
  zrtp peers rename bob robert
  zrtp peers forget bob"""

ACTIONS: Final = ("list", "rename", "verify", "unverify", "forget", "seal")


class FirstWords(tuple[str, ...]):
    """The actions, as help and completion show them. Any other word may be a peer, which only the cache knows."""

    __slots__ = ()

    def __contains__(self, word: object) -> bool:
        return True


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
        choices=FirstWords(ACTIONS),
        default="list",
        help="what to do (default: list)",
    )
    parser.add_argument("peer", nargs="?", metavar="PEER", help="a name, or the first digits of a ZID")
    parser.add_argument("new_name", nargs="?", metavar="NAME", help="the new name, for rename")
    cache_option.add(parser, may_be_none=False)
    parser.add_argument("--name", help="the name, for rename and verify")
    parser.add_argument("--limit", type=_number, metavar="N", help="list so many at most")
    parser.add_argument("--after", type=_zids, metavar="ZID/ZID", help="go on behind these, our own ZID and the peer's")
    parser.add_argument("--json", action="store_true", help="the list as JSON lines")
    parser.add_argument("--plain", action="store_true", help="no colour (also: NO_COLOR)")


def run(arguments: argparse.Namespace) -> int:
    terminal = Terminal.of_process(plain=arguments.plain)
    if arguments.cache == cache_option.NONE:
        raise CommandError(
            "--cache none keeps nobody, so there is nobody to list or change",
            "--cache FILE names another file than the default one",
            code=Exit.USAGE,
        )
    path = cache_option.file_of(arguments.cache)
    not_an_action = _take_first_word_for_a_peer(arguments)
    _refuse_what_is_for_others(arguments)
    _refuse_without_what_it_needs(arguments)
    if isinstance(path, Path) and _is_missing(path) and arguments.action != "seal":
        if not_an_action is not None:
            raise not_an_action
        if arguments.peer:
            raise CommandError(f'no peer has the name "{arguments.peer}"', _nobody(path))
        terminal.note(_nobody(path))
        return int(Exit.ENDED)
    try:
        cache = cache_option.opened(path, cache_option.keys_of(arguments.cache_keys), may_be_none=False)
        assert cache is not None, "a place was given"  # noqa: S101
        if not_an_action is not None and not meant(cache, arguments.peer):
            raise not_an_action
        _act(cache, path, arguments, terminal)
    except CacheError as error:
        raise CommandError.from_sentences(str(error), whole=cache_option.parts_of(path)) from error
    return int(Exit.ENDED)


def _take_first_word_for_a_peer(arguments: argparse.Namespace) -> CommandError | None:
    """Let `zrtp peers bob` list bob; returns what to say if there is no such peer. Raises CommandError."""
    word = arguments.action
    if word in ACTIONS:
        return None
    try:
        one_of(ACTIONS, SYNONYMS)(word)
    except argparse.ArgumentTypeError as error:
        unknown = str(error)
    if arguments.peer is not None:
        raise CommandError(f"argument action: {unknown}", "zrtp peers --help shows every option", code=Exit.USAGE)
    arguments.action, arguments.peer = "list", word
    guess = unknown.partition(": ")[2]
    hint = f"{guess}{'' if guess.endswith('?') else ';'} zrtp peers shows everybody"
    return CommandError(f'there is neither a peer nor an action "{word}"', hint, code=Exit.USAGE)


def _is_missing(path: Path) -> bool:
    """Whether there is no file yet. One that cannot be looked at is for the cache to complain about."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _refuse_what_is_for_others(arguments: argparse.Namespace) -> None:
    """Raises CommandError for words and options that this action has no use for."""
    if arguments.action == "seal" and arguments.peer is not None:
        raise CommandError(f'seal has no use for "{arguments.peer}"', "it seals every secret", code=Exit.USAGE)
    if arguments.action != "rename" and arguments.new_name is not None:
        hint = "--name gives the name" if arguments.action == "verify" else "it takes one peer at a time"
        raise CommandError(f'{arguments.action} has no use for "{arguments.new_name}"', hint, code=Exit.USAGE)
    if arguments.new_name is not None and arguments.name not in (None, arguments.new_name):
        raise CommandError("NAME and --name are different names", "give one of them", code=Exit.USAGE)
    for option, actions in _ONLY_FOR.items():
        if getattr(arguments, option) and arguments.action not in actions:
            raise CommandError(
                f"{arguments.action} has no use for --{option}", f"it is for {' and '.join(actions)}", code=Exit.USAGE
            )


def _refuse_without_what_it_needs(arguments: argparse.Namespace) -> None:
    """Raises CommandError for an action that says not on whom, or not what."""
    if arguments.action in _CHANGES and not arguments.peer:
        raise CommandError(f"{arguments.action} needs a peer", "zrtp peers shows them all", code=Exit.USAGE)
    if arguments.action == "rename" and not clean_name(arguments.new_name or arguments.name or ""):
        example = f"zrtp peers rename {arguments.peer} NAME"
        raise CommandError("rename needs the new name", f"write it behind the peer: {example}", code=Exit.USAGE)


_ONLY_FOR: Final = {"name": ("rename", "verify"), "limit": ("list",), "after": ("list",), "json": ("list",)}


def _act(cache: SecretCache, path: Place, arguments: argparse.Namespace, terminal: Terminal) -> None:
    if arguments.action == "list":
        if arguments.peer:
            _list([_found(cache, arguments.peer)], path, terminal, as_json=arguments.json)
        else:
            _list_all(cache, path, terminal, arguments)
        return
    if arguments.action == "seal":
        if not isinstance(cache, SealedCache):
            raise CommandError("there is no key to seal with", "--cache-keys FILE names the keys", code=Exit.USAGE)
        terminal.note(f"secrets sealed anew: of {cache.seal_all()} peers")
        return
    name = arguments.new_name or arguments.name
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
        if _TOO_FEW_DIGITS.fullmatch(text) and beginning(cache, text):
            hint = "so few may be a slip of the hand; zrtp peers shows them all"
            raise CommandError(f'"{text}" needs more digits of the ZID: at least four', hint) from None
        raise


_TOO_FEW_DIGITS: Final = re.compile("[0-9a-f]{1,3}")


def _rename(entry: PeerEntry, name: str | None) -> tuple[RecordUpdate, str]:
    new = clean_name(name or "")
    lost = " - compare the words in the next call" if entry.record.verified and new != entry.record.name else ""
    return _edit(lambda record: record.renamed(new)), f"{_title(entry)} is called {new} now{lost}"


def _verify(entry: PeerEntry, name: str | None) -> tuple[RecordUpdate, str]:
    title = clean_name(name) if name else _title(entry)
    return _edit(lambda record: record.as_verified(wall_clock(), name)), f"{title} is verified"


def _unverify(entry: PeerEntry, name: str | None) -> tuple[RecordUpdate, str]:
    return _edit(
        PeerRecord.as_unverified
    ), f"{_title(entry)} is not verified any more - compare the words in the next call"


def _forget(entry: PeerEntry, name: str | None) -> tuple[RecordUpdate, str]:
    return (lambda _: None), f"{_title(entry)} is forgotten - the next call is a first call"


def _edit(change: Callable[[PeerRecord], PeerRecord]) -> RecordUpdate:
    """A change that leaves it alone if a call has forgotten the peer in the meantime."""
    return lambda record: None if record is None else change(record)


_CHANGES: Final = {"rename": _rename, "verify": _verify, "unverify": _unverify, "forget": _forget}


def _list_all(cache: SecretCache, path: Place, terminal: Terminal, arguments: argparse.Namespace) -> None:
    """By name what fits on a page; more, or a part, by the ZIDs, a page at a time."""
    limit, first = arguments.limit, page(cache, arguments.after, PAGE + 1)
    if limit is None and arguments.after is None and len(first) <= PAGE:
        _list(in_order(first), path, terminal, as_json=arguments.json)
        return
    last = None
    for part in _parts(cache, arguments.after, limit):
        _list(part, path, terminal, as_json=arguments.json)
        last = part[-1]
    if last is None:
        terminal.note("nobody comes behind these ZIDs" if arguments.after else _nobody(path))
    elif limit is not None and page(cache, last.zids, 1):
        terminal.note(f"there are more: zrtp peers --limit {limit} --after {last.address}")


def _parts(cache: SecretCache, after: tuple[bytes, bytes] | None, limit: int | None) -> Iterator[list[PeerEntry]]:
    """Pages of up to `limit` records altogether."""
    while (limit is None or limit > 0) and (part := page(cache, after, PAGE if limit is None else min(limit, PAGE))):
        yield part
        after = part[-1].zids
        limit = None if limit is None else limit - len(part)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _zids(text: str) -> tuple[bytes, bytes]:
    own, _, peer = text.partition("/")
    try:
        zids = bytes.fromhex(own), bytes.fromhex(peer)
    except ValueError:
        zids = b"", b""
    if any(len(zid) != ZID_LENGTH for zid in zids):
        digits = 2 * ZID_LENGTH
        raise argparse.ArgumentTypeError(f"{text!r} is not two ZIDs of {digits} hexadecimal digits with a / in between")
    return zids


def _list(listed: list[PeerEntry], path: Place, terminal: Terminal, *, as_json: bool) -> None:
    if as_json:
        for entry in listed:
            print(json.dumps(_described(entry), separators=(",", ":")))
    elif not listed:
        terminal.note(_nobody(path))
    elif terminal.width >= _TABLE_WIDTH:
        width = max(4, *(columns.width(entry.record.name) for entry in listed))
        width = min(width, terminal.width - _TABLE_WIDTH + _SHORTEST_NAME)
        terminal.result(f"{'NAME':<{width}}  {'VERIFIED':<17}  {'LAST CALL':<17}  ZID", "dim")
        for entry in listed:
            record = entry.record
            name = columns.padded(columns.shortened(record.name or "-", width), width)
            row = f"{name}  {_verified(record):<17}  "
            terminal.result(row + f"{_last_call(record):<17}  {entry.peer_zid.hex()}")
    else:
        for entry in listed:
            record = entry.record
            terminal.result(record.name or "-", "bold")
            terminal.result(f"  verified   {_verified(record)}")
            terminal.result(f"  last call  {_last_call(record)}")
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
    return date_in_words(record.verified_at) if record.verified_at is not None else "yes"


def _last_call(record: PeerRecord) -> str:
    """A call whose words differed leaves its date, and nothing else."""
    return date_in_words(record.last_seen) if record.last_seen else "-"


def _title(entry: PeerEntry) -> str:
    return entry.record.name or f"the peer {entry.peer_zid.hex()[:8]}"


def _nobody(path: Place) -> str:
    return f"no peers yet in {path} - the first secure call adds one"
