"""Both ends on one computer."""

from __future__ import annotations

import pytest

from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.cli.calls.labelled import Labelled, is_this_computer


def test_the_same_cache_is_two_installations() -> None:
    cache = MemoryCache()
    other = Labelled(cache, "caller")

    assert cache.own_zid(lambda: b"a" * 12) == b"a" * 12
    assert other.own_zid(lambda: b"b" * 12) == b"b" * 12
    assert other.own_zid(lambda: b"c" * 12) == b"b" * 12
    assert other.own_zid(lambda: b"d" * 12, "friend") == b"d" * 12


def test_records_are_shared() -> None:
    cache = MemoryCache()
    other = Labelled(cache, "caller")
    record = PeerRecord(first_seen=1.0, last_seen=1.0, name="bob")
    other.update(b"b" * 12, b"a" * 12, lambda _: record)

    assert other.load(b"b" * 12, b"a" * 12) is not None
    assert [entry.record.name for entry in cache.peers()] == ["bob"]
    assert [entry.record.name for entry in other.peers()] == ["bob"]


@pytest.mark.parametrize(
    ("host", "ours"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("0.0.0.0", True), ("203.0.113.77", False)],  # noqa: S104
)
def test_addresses_of_this_computer(host: str, ours: bool) -> None:
    assert is_this_computer(host) is ours


@pytest.mark.parametrize(
    ("host", "ours"), [("::1", True), ("::", True), ("2001:db8::77", False), ("fe80::7%lo", False)]
)
def test_addresses_of_this_computer_in_ipv6(host: str, ours: bool) -> None:
    assert is_this_computer(host) is ours
