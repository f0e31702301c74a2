"""What the cache in memory does beside the compliance suite in test_interface.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cache.test_interface import FULL, OWN, PEER
from zrtp.cache.memory import MemoryCache


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_record_that_was_replaced_or_forgotten_is_wiped(forgotten: bool) -> None:
    cache = MemoryCache()
    cache.update(OWN, PEER, lambda _: FULL)
    stored = cache._records[OWN, PEER]
    cache.update(OWN, PEER, lambda old: None if forgotten or old is None else replace(old, name="b"))

    assert all(secret is not None and secret.wiped for secret in (stored.rs1, stored.rs2, stored.pbxsecret))
