"""Secrets sealed at rest: around a cache in memory, and around a file whose octets are looked at."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cache.test_interface import FULL, OTHER, OWN, PEER, named, put
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import CacheError
from zrtp.secret import Secret
from zrtp.stores.sealed import SealedCache

OLD, NEW, WRONG = (Secret(bytes([octet]) * 32) for octet in (1, 2, 3))


def sealed(cache: MemoryCache | SqliteCache, *keys: Secret) -> SealedCache:
    return SealedCache(cache, lambda: keys, random=random.Random(1).randbytes)


@pytest.fixture
def inner() -> MemoryCache:
    return MemoryCache()


def move(inner: MemoryCache, to: bytes, record: PeerRecord | None) -> None:
    assert record is not None
    inner.update(OWN, to, lambda _: record)


def test_no_secret_is_in_the_file(tmp_path: Path) -> None:
    plain, file = SqliteCache(tmp_path / "own/plain.db"), SqliteCache(tmp_path / "own/sealed.db")
    put(plain, FULL)
    cache = sealed(file, NEW)
    put(cache, FULL)

    assert cache.load(OWN, PEER) == FULL
    assert FULL.rs1 is not None and FULL.rs2 is not None and FULL.pbxsecret is not None
    for secret in (FULL.rs1, FULL.rs2, FULL.pbxsecret):
        assert bytes(secret.octets) in plain.path.read_bytes()
        assert bytes(secret.octets) not in file.path.read_bytes()


def test_two_equal_secrets_look_different(inner: MemoryCache) -> None:
    cache = sealed(inner, NEW)
    put(cache, PeerRecord(rs1=Secret(b"s" * 32), rs2=Secret(b"s" * 32)))
    record = inner.load(OWN, PEER)
    assert record is not None and record.rs1 != record.rs2


def test_a_wrong_key_is_told_at_once_and_changes_nothing(inner: MemoryCache) -> None:
    put(sealed(inner, NEW), FULL)
    with pytest.raises(CacheError, match="not among those given"):
        sealed(inner, WRONG)
    assert sealed(inner, NEW).load(OWN, PEER) == FULL


def test_a_wrong_key_is_told_before_anybody_is_known(inner: MemoryCache) -> None:
    """A cache without peers must not look like a new one."""
    sealed(inner, NEW)
    with pytest.raises(CacheError, match="not among those given"):
        sealed(inner, WRONG)


def test_a_secret_moved_to_another_peer_does_not_open(inner: MemoryCache) -> None:
    cache = sealed(inner, NEW)
    put(cache, FULL)
    move(inner, OTHER, inner.load(OWN, PEER))
    with pytest.raises(CacheError, match="moved there from another record"):
        cache.load(OWN, OTHER)


def test_a_secret_moved_to_another_column_does_not_open(inner: MemoryCache) -> None:
    cache = sealed(inner, NEW)
    put(cache, FULL)
    stored = inner.load(OWN, PEER)
    assert stored is not None
    move(inner, PEER, replace(stored, rs1=stored.rs2, rs2=stored.rs1))
    with pytest.raises(CacheError, match="moved there from another record"):
        cache.load(OWN, PEER)


@pytest.mark.parametrize("position", [-1, 24, 40])
def test_a_changed_octet_is_told(inner: MemoryCache, position: int) -> None:
    cache = sealed(inner, NEW)
    put(cache, FULL)
    stored = inner.load(OWN, PEER)
    assert stored is not None and stored.rs1 is not None
    stored.rs1.octets[position] ^= 1
    move(inner, PEER, stored)
    with pytest.raises(CacheError, match="was changed"):
        cache.load(OWN, PEER)


def test_a_plain_secret_that_somebody_put_there_is_refused(inner: MemoryCache) -> None:
    cache = sealed(inner, NEW)
    put(inner, FULL)
    with pytest.raises(CacheError, match="is not sealed"):
        cache.load(OWN, PEER)


def test_a_cache_that_was_plain_is_sealed_on_request(inner: MemoryCache) -> None:
    put(inner, FULL)
    cache = sealed(inner, NEW)
    assert cache.seal_all() == 1
    assert cache.load(OWN, PEER) == replace(FULL, generation=2)
    assert cache.seal_all() == 0


def test_keys_are_exchanged_while_two_hosts_run(inner: MemoryCache) -> None:
    """Each step on one host after the other, with a call on both in between."""
    keys = {"first": [OLD], "second": [OLD]}
    hosts = {name: SealedCache(inner, lambda name=name: keys[name]) for name in keys}  # type: ignore[misc]
    for cache in hosts.values():
        put(cache, FULL)
    for step in ([OLD, NEW], [NEW, OLD]):
        for name, cache in hosts.items():
            keys[name] = step
            cache.reload_keys()
            put(cache, named(name))
            assert {other.peers()[0].record.name for other in hosts.values()} == {name}
    put(SealedCache(inner, lambda: [OLD, NEW]), named("late"))
    assert hosts["first"].seal_all() == 1
    for name, cache in hosts.items():
        keys[name] = [NEW]
        cache.reload_keys()
        assert cache.peers()[0].record.name == "late"
    with pytest.raises(CacheError, match="not among those given"):
        sealed(inner, OLD)


def test_wrong_new_keys_leave_the_old_ones_in_use(inner: MemoryCache) -> None:
    keys = [NEW]
    cache = SealedCache(inner, lambda: keys)
    put(cache, FULL)
    keys[:] = [WRONG]
    with pytest.raises(CacheError, match="not among those given"):
        cache.reload_keys()
    assert cache.load(OWN, PEER) == FULL


def test_it_waits_as_what_it_is_around(inner: MemoryCache, tmp_path: Path) -> None:
    assert sealed(inner, NEW).waits is False
    assert sealed(SqliteCache(tmp_path / "own/secrets.db"), NEW).waits is True


@pytest.mark.long
def test_a_database_is_sealed_as_well_and_its_key_exchanged(address: str) -> None:
    from zrtp.stores.postgres import PostgresCache

    with PostgresCache(address) as database:
        put(SealedCache(database, lambda: [OLD]), FULL)
        with pytest.raises(CacheError, match="not among those given"):
            SealedCache(database, lambda: [WRONG])
        assert SealedCache(database, lambda: [NEW, OLD]).seal_all() == 1
        assert SealedCache(database, lambda: [NEW]).load(OWN, PEER) == replace(FULL, generation=2)
