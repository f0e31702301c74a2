"""The address of a cache: a file, `sqlite:///PATH`, or `postgresql://USER@HOST/DATABASE`.

No database is loaded before one is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from zrtp.cache.interface import SecretCache
from zrtp.errors import BackendUnavailable, CacheError
from zrtp.stores.keys import KeySource
from zrtp.stores.sealed import KeysMissing, SealedCache, is_sealed

Place: TypeAlias = Path | str
"""A file, or the URL of a database."""

_DATABASES = ("postgresql", "postgres")


def place_of(text: str) -> Place:
    """What an address means. Raises CacheError for a kind of URL that no cache has.

    The path of an sqlite URL is absolute, and its percent signs are undone; a relative one is given without a URL.
    """
    scheme, found, rest = text.partition("://")
    if not found:
        return Path(text)
    if scheme in _DATABASES:
        return text
    if scheme != "sqlite":
        raise CacheError(
            "This kind of address is not known for a cache: give a file, sqlite:///PATH, or "
            "postgresql://USER@HOST/DATABASE."
        )
    if not rest.startswith("/") or not rest.strip("/"):
        raise CacheError("The address names no file: write three slashes and the path, as in sqlite:///var/secrets.db.")
    return Path("/" + unquote(rest).lstrip("/"))


def has_password(place: Place) -> bool:
    """Whether a URL has a password in it, which whoever lists the processes of a computer could read."""
    if isinstance(place, Path):
        return False
    try:
        url = urlsplit(place)
        return url.password is not None or any(each.split("=")[0] == "password" for each in url.query.split("&"))
    except ValueError:
        return True  # not a URL that anybody understands: better not shown


def open_cache(place: Place, keys: KeySource | None = None) -> SecretCache:
    """The cache at a place; with `keys`, a sealed one.

    Raises CacheError, KeysMissing for a sealed cache without keys, and BackendUnavailable without the extra for its
    kind of database.
    """
    cache = _plain(place)
    try:
        if keys is not None:
            return SealedCache(cache, keys)
        if is_sealed(cache):
            raise KeysMissing(f"The secrets in {place if isinstance(place, Path) else 'the database'} are sealed.")
    except BaseException:
        close: Callable[[], None] = getattr(cache, "close", lambda: None)
        close()
        raise
    return cache


def _plain(place: Place) -> SecretCache:
    if isinstance(place, Path):
        from zrtp.cache.sqlite import SqliteCache

        return SqliteCache(place)
    try:
        from zrtp.stores.postgres import PostgresCache
    except ImportError as error:
        raise BackendUnavailable(
            "A cache in PostgreSQL needs the extra postgres: pip install 'zrtp[postgres]'."
        ) from error
    return PostgresCache(place)
