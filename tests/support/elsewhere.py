"""A cache that must not be called where the engine runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from zrtp.cache.interface import AsyncSecretCache, PeerEntry, RecordUpdate, SecretCache, in_coroutines
from zrtp.cache.record import PeerRecord

STORE_THREADS = ("zrtp store", "asyncio_")
"""How the threads are named in which a skin uses a store: its own one, and those of an event loop's executor."""


class Elsewhere:
    """Another cache, which raises on every other thread, and says that it may have to wait.

    What it refuses it also notes, for a skin could swallow the exception.
    """

    waits = True

    def __init__(self, cache: SecretCache, misuses: list[str]) -> None:
        self._cache = cache
        self._misuses = misuses

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        self._check("own_zid")
        return self._cache.own_zid(make, label, renew=renew)

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        self._check("load")
        return self._cache.load(own_zid, peer_zid)

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        self._check("update")
        return self._cache.update(own_zid, peer_zid, change)

    def peers(self) -> list[PeerEntry]:
        self._check("peers")
        return self._cache.peers()

    @property
    def in_coroutines(self) -> AsyncSecretCache | None:
        """Whoever awaits does not block: that is right on every thread."""
        return in_coroutines(self._cache)

    def _check(self, method: str) -> None:
        name = threading.current_thread().name
        if not name.startswith(STORE_THREADS):
            self._misuses.append(f"{method} on {name}")
            raise AssertionError(f"The cache was called on {name}, where the engine runs: {method}.")
