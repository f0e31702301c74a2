"""`--cache`: where the retained secrets are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from zrtp.cache.interface import SecretCache
from zrtp.cache.location import default_path
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.errors import CommandError
from zrtp.errors import CacheError

NONE: Final = "none"
"""What stands for no cache at all."""

DEFAULT: Final = "in your data folder"


def add(parser: argparse._ActionsContainer, *, default: str = DEFAULT, may_be_none: bool = True) -> None:
    """The option, and what its `default` is; `may_be_none` for verbs that can do without a cache."""
    none = '; "none" keeps none' if may_be_none else ""
    parser.add_argument("--cache", metavar="PATH", help=f"file of retained secrets (default: {default}){none}")


def path_of(given: str | None) -> Path | None:
    """The file; None for "none". Raises CommandError without a home folder."""
    return None if given == NONE else file_of(given)


def file_of(given: str | None) -> Path:
    """The file, whatever its name. Raises CommandError without a home folder."""
    try:
        return default_path() if given is None else Path(given)
    except CacheError as error:
        raise CommandError.from_sentences(str(error)) from error


def opened(path: Path | None) -> SecretCache | None:
    """The cache of that file; None for none. Raises CommandError."""
    try:
        return None if path is None else SqliteCache(path)
    except CacheError as error:
        raise unusable(error, path) from error


def unusable(error: CacheError, path: Path | None) -> CommandError:
    """What to say of a cache that fails: what it says itself, and how to go on without."""
    told = CommandError.from_sentences(str(error), whole=(path, None if path is None else path.parent))
    without = f"--cache {NONE} keeps no secrets"
    return CommandError(str(told), f"{told.hint.removesuffix('.')}; or {without}" if told.hint else without)
