"""`--cache`: where the retained secrets are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from zrtp.cache.interface import SecretCache
from zrtp.cache.location import default_path
from zrtp.cli.errors import CommandError
from zrtp.errors import BackendUnavailable, CacheError
from zrtp.stores.address import Place, has_password, open_cache, place_of

NONE: Final = "none"
"""What stands for no cache at all."""

DEFAULT: Final = "in your data folder"


def add(parser: argparse._ActionsContainer, *, default: str = DEFAULT, may_be_none: bool = True) -> None:
    """The option, and what its `default` is; `may_be_none` for verbs that can do without a cache."""
    none = '; "none" keeps none' if may_be_none else ""
    parser.add_argument(
        "--cache", metavar="PATH", help=f"file or database URL of retained secrets (default: {default}){none}"
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


def opened(place: Place | None) -> SecretCache | None:
    """The cache there; None for none. Raises CommandError."""
    try:
        return None if place is None else open_cache(place)
    except (CacheError, BackendUnavailable) as error:
        raise unusable(error, place) from error


def unusable(error: CacheError | BackendUnavailable, place: Place | None) -> CommandError:
    """What to say of a cache that fails: what it says itself, and how to go on without."""
    told = CommandError.from_sentences(str(error), whole=parts_of(place))
    without = f"--cache {NONE} keeps no secrets"
    return CommandError(str(told), f"{told.hint.removesuffix('.')}; or {without}" if told.hint else without)


def parts_of(place: Place | None) -> tuple[Place, ...]:
    """What of a place a sentence may quote."""
    return (place, place.parent) if isinstance(place, Path) else ()
