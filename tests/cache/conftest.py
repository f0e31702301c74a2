"""The caches that every test of the compliance suite runs over."""

from __future__ import annotations

from pathlib import Path

import pytest

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.sqlite import SqliteCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test may put the file of a cache."""
    return tmp_path / "zrtp" / "secrets.db"


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, path: Path) -> SecretCache:
    """An empty cache of each kind."""
    return MemoryCache() if request.param == "memory" else SqliteCache(path)
