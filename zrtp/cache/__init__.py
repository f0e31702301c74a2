"""Stores of retained secrets: in memory, and in an SQLite file. Loading this package does not load a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord

if TYPE_CHECKING:
    from zrtp.cache.sqlite import SqliteCache

__all__ = ["MemoryCache", "PeerRecord", "SecretCache", "SqliteCache"]


def __getattr__(name: str) -> object:
    if name == "SqliteCache":
        from zrtp.cache.sqlite import SqliteCache

        return SqliteCache
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
