"""`--cache` and `--cache-keys`: where the retained secrets are, and what they are sealed with."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Final

from zrtp.cache.interface import SecretCache
from zrtp.cache.location import default_path
from zrtp.cli.errors import CommandError, Exit
from zrtp.errors import BackendUnavailable, CacheError
from zrtp.stores.address import Place, has_password, open_cache, place_of
from zrtp.stores.keys import KeySource, from_environment, from_file
from zrtp.stores.sealed import KeysMissing

NONE: Final = "none"
"""What stands for no cache at all."""

VARIABLE: Final = "env:"
"""Stands before the name of a variable with keys."""

DEFAULT: Final = "in your data folder"


def add(parser: argparse._ActionsContainer, *, default: str = DEFAULT, may_be_none: bool = True) -> None:
    """The options, and what the `default` of --cache is; `may_be_none` for verbs that can do without a cache."""
    none = '; "none" keeps none' if may_be_none else ""
    parser.add_argument(
        "--cache", metavar="PATH", help=f"file or database URL of retained secrets (default: {default}){none}"
    )
    parser.add_argument(
        "--cache-keys",
        metavar="FILE",
        help=f"the secrets there are sealed with the keys in this file, or in a variable: {VARIABLE}NAME",
    )


def path_of(given: str | None) -> Place | None:
    """The file or database; None for "none". Raises CommandError without a home folder, or for another address."""
    return None if given == NONE else file_of(given)


def file_of(given: str | None) -> Place:
    """The file, whatever its name, or database. Raises CommandError as `path_of`."""
    try:
        place = default_path() if given is None else place_of(given)
    except CacheError as error:
        raise CommandError.from_sentences(str(error)) from error
    if has_password(place):
        raise CommandError(
            "everybody on this computer could read the password in --cache",
            "leave it out, and keep it in ~/.pgpass, which libpq reads",
        )
    return place


def keys_of(given: str | None) -> KeySource | None:
    """Where the keys of a sealed cache come from; None for a plain cache. Raises CommandError for a key itself."""
    if given is None:
        return None
    if given.startswith(VARIABLE):
        name = given.removeprefix(VARIABLE)
        # Out of the environment with it: programs that this one starts need not know the keys.
        return from_environment(name, {name: os.environ.pop(name, "")})
    if _KEY.fullmatch(given):
        raise CommandError(
            "everybody on this computer could read the key in --cache-keys",
            f"write it to a file of mode 0600, or into a variable: {VARIABLE}NAME",
            code=Exit.USAGE,
        )
    return from_file(given)


_KEY: Final = re.compile(r"\s*[0-9A-Fa-f]{32,}\s*")


def opened(place: Place | None, keys: KeySource | None = None, *, may_be_none: bool = True) -> SecretCache | None:
    """The cache there, sealed if there are keys; None for none. Raises CommandError, which says that the command can do
    without unless `may_be_none` is False."""
    try:
        return None if place is None else open_cache(place, keys)
    except (CacheError, BackendUnavailable) as error:
        raise unusable(error, place, may_be_none=may_be_none) from error


def unusable(error: CacheError | BackendUnavailable, place: Place | None, *, may_be_none: bool = True) -> CommandError:
    """What to say of a cache that fails: what it says itself, and how to go on without."""
    if isinstance(error, KeysMissing):
        return CommandError(str(error).removesuffix("."), f"--cache-keys FILE, or {VARIABLE}NAME, names the keys")
    told = CommandError.from_sentences(str(error), whole=parts_of(place))
    if not may_be_none:
        return told
    without = f"--cache {NONE} keeps no secrets"
    return CommandError(str(told), f"{told.hint.removesuffix('.')}; or {without}" if told.hint else without)


def parts_of(place: Place | None) -> tuple[Place, ...]:
    """What of a place a sentence may quote."""
    return (place, place.parent) if isinstance(place, Path) else ()
