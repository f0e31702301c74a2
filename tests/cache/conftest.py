"""The caches that every test of the compliance suite runs over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.server import Server, running
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.sqlite import SqliteCache
from zrtp.secret import Secret
from zrtp.stores.sealed import SealedCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test may put the file of a cache."""
    return tmp_path / "zrtp" / "secrets.db"


@pytest.fixture(scope="session")
def database() -> Iterator[Server]:
    """A PostgreSQL server for all tests."""
    with running() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "sealed", pytest.param("postgres", marks=pytest.mark.long)])
def cache(request: pytest.FixtureRequest, path: Path) -> Iterator[SecretCache]:
    """An empty cache of each kind."""
    if request.param == "memory":
        yield MemoryCache()
    elif request.param == "sqlite":
        yield SqliteCache(path)
    elif request.param == "sealed":
        yield SealedCache(MemoryCache(), lambda: [Secret(b"k" * 32)])
    else:
        server: Server = request.getfixturevalue("database")
        from zrtp.stores.postgres import PostgresCache

        with PostgresCache(server.empty_address()) as cache:
            yield cache
