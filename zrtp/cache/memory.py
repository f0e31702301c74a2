"""A cache that lasts as long as its process: for tests, and for programs that leave nothing on disk.

Calls may run in several threads, so each method has it for itself.
"""

from __future__ import annotations

from collections.abc import Callable

from zrtp.cache.interface import PeerEntry, RecordUpdate, check_change, check_own_zid, in_order, key_of, made_zid
from zrtp.cache.record import PeerRecord
from zrtp.system import Mutex


class MemoryCache:
    """The `SecretCache` in two dictionaries."""

    waits = False

    def __init__(self) -> None:
        self._own_zids: dict[str, bytes] = {}
        self._records: dict[tuple[bytes, bytes], PeerRecord] = {}
        self._mutex = Mutex()

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        check_own_zid(make, label, renew)
        with self._mutex:
            if renew or label not in self._own_zids:
                self._own_zids[label] = made_zid(make)
            return self._own_zids[label]

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        key = key_of(own_zid, peer_zid)
        with self._mutex:
            record = self._records.get(key)
            return None if record is None else record.copy()

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        key = key_of(own_zid, peer_zid)
        check_change(change)
        with self._mutex:
            return self._update(key, change)

    def peers(self) -> list[PeerEntry]:
        with self._mutex:
            return in_order(
                PeerEntry(own_zid=own_zid, peer_zid=peer_zid, record=record.copy())
                for (own_zid, peer_zid), record in self._records.items()
            )

    def _update(self, key: tuple[bytes, bytes], change: RecordUpdate) -> PeerRecord | None:
        old = self._records.get(key)
        given = None if old is None else old.copy()
        try:
            new = change(given)
            if new is None:
                self._records.pop(key, None)
            elif new != old:
                self._records[key] = new.successor_of(old)
        finally:
            if given is not None:
                given.wipe()
        stored = self._records.get(key)
        if old is not None and old is not stored:
            old.wipe()
        return None if stored is None else stored.copy()
