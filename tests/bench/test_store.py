"""The figures of the store come from real calls; what they are depends on the machine."""

from __future__ import annotations

from pathlib import Path

from tests.bench.store import measure
from zrtp.cache.memory import MemoryCache
from zrtp.cache.sqlite import SqliteCache


def test_every_call_is_stored_whatever_holds_the_file(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache" / "peers.db", busy_timeout=30.0)
    costs = [
        measure("MemoryCache", MemoryCache(), 2),
        measure("SqliteCache, held", cache, 1, hold=cache.path, seconds=0.2),
    ]
    for cost in costs:
        assert cost.stored == cost.calls
        assert cost.cpu > 0 and cost.secure > 0 and cost.gap >= 0
