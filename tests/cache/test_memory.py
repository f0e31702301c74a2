"""What the cache in memory does beside the compliance suite in test_interface.py."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.cache.test_interface import FULL, OWN, PEER
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_record_that_was_replaced_or_forgotten_is_wiped(forgotten: bool) -> None:
    cache = MemoryCache()
    cache.update(OWN, PEER, lambda _: FULL)
    stored = cache._records[OWN, PEER]
    cache.update(OWN, PEER, lambda old: None if forgotten or old is None else replace(old, name="b"))

    assert all(secret is not None and secret.wiped for secret in (stored.rs1, stored.rs2, stored.pbxsecret))


def test_what_one_thread_reads_no_other_one_wipes_under_its_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = MemoryCache()
    cache.update(OWN, PEER, lambda _: FULL)
    other = threading.Thread(target=lambda: cache.update(OWN, PEER, lambda _: None))
    copy = PeerRecord.copy

    def interrupted(record: PeerRecord) -> PeerRecord:
        if other.ident is None:
            other.start()
            other.join(0.05)  # in vain: it has to wait until the record is read
        return copy(record)

    monkeypatch.setattr(PeerRecord, "copy", interrupted)
    read = cache.load(OWN, PEER)
    other.join(5.0)
    assert read is not None
    assert (read.rs1, cache.load(OWN, PEER)) == (FULL.rs1, None)
