"""The caches that every test of the compliance suite runs over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache

MAKERS: dict[str, Callable[[], SecretCache]] = {"memory": MemoryCache}


@pytest.fixture(params=MAKERS)
def cache(request: pytest.FixtureRequest) -> SecretCache:
    return MAKERS[request.param]()
