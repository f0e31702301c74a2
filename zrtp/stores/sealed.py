"""A cache whose secrets are sealed before they reach the store: AES-256-GCM, around any other cache.

Each secret is bound to its row and column, so that nobody who can write to the store can move one to another peer. What
else a record says (names, times, whether the SAS was compared) is stored as it is, and is not protected. Neither is a
row's age: whoever can write to the store can put back an older state of it.

A record of the pair of ZIDs (zeros, zeros), which no call can have, shows at once whether the keys are the right ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from zrtp.cache import rows
from zrtp.cache.interface import (
    PAGE,
    ZID_LENGTH,
    AsyncSecretCache,
    PeerEntry,
    RecordUpdate,
    SecretCache,
    beginning,
    check_change,
    entries,
    in_coroutines,
    other_devices,
    page,
    page_start,
    waits,
)
from zrtp.cache.record import PeerRecord
from zrtp.crypto import at_rest
from zrtp.door import need_function, need_methods, source_of_randomness
from zrtp.errors import CacheError
from zrtp.secret import Secret
from zrtp.stores import keys
from zrtp.stores.keys import KeySource
from zrtp.system import RandomSource, system_random

_MARK: Final = b"ZRTP at rest 1\0\0"
"""Begins every sealed secret; then come the identity of the key, the nonce, and the sealed octets."""

_HEAD: Final = len(_MARK) + keys.IDENTITY_LENGTH

_SECRETS: Final = tuple(column.name for column in rows.COLUMNS if column.kind.declaration == "BLOB")

_CHECK: Final = bytes(ZID_LENGTH)
_CHECK_ROW: Final = _CHECK, _CHECK


class KeysMissing(CacheError):
    """A sealed cache was to be opened without its keys."""


class SealedCache:
    """The `SecretCache` around another one.

    Raises CacheError if the keys do not open what is in it, or if it was used without sealing before: `seal_all` is for
    that. `reload_keys` takes new ones while calls go on, in this order for several hosts: first every host gets the new
    key behind the old one, then in front of it, then one of them calls `seal_all`, then the old one may go.
    """

    def __init__(self, cache: SecretCache, source: KeySource, *, random: RandomSource = system_random) -> None:
        need_methods("cache", cache, ("own_zid", "load", "update", "peers"), "another cache, to be sealed")
        need_function("source", source, "a function that gives the keys, for example zrtp.stores.keys.from_file(...)")
        self._cache = cache
        self._source = source
        self._random = source_of_randomness(random)
        self.waits = waits(cache)
        self._keys = keys.checked(source())
        self._check()

    def reload_keys(self) -> None:
        """Ask the source again. Raises CacheError, and keeps the old keys, if the new ones do not open the cache."""
        before, self._keys = self._keys, keys.checked(self._source())
        try:
            self._check()
        except CacheError:
            self._keys = before
            raise

    def seal_all(self) -> int:
        """Seal every record with the newest key that is not yet, also plain ones; return how many. Calls may go on."""
        sealed = 0
        for entry in entries(self._cache):
            if self._is_current(entry.record):
                continue
            own_zid, peer_zid = entry.own_zid, entry.peer_zid
            self._cache.update(own_zid, peer_zid, lambda old, o=own_zid, p=peer_zid: self._again(o, p, old))  # type: ignore[misc]
            sealed += entry.zids != _CHECK_ROW
        return sealed

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        return self._cache.own_zid(make, label, renew=renew)

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        record = self._cache.load(own_zid, peer_zid)
        return None if record is None else self._opened(own_zid, peer_zid, record)

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        check_change(change)
        record = self._cache.update(own_zid, peer_zid, self._sealing(own_zid, peer_zid, change))
        return None if record is None else self._opened(own_zid, peer_zid, record)

    def peers(self) -> list[PeerEntry]:
        return self._all_opened(self._cache.peers())

    def page(self, after: tuple[bytes, bytes] | None = None, size: int = PAGE) -> list[PeerEntry]:
        """A page, see `zrtp.cache.interface.page`, of whatever cache this is around."""
        # The record that shows which keys are right is the first of all: no page but the first one has it.
        return self._all_opened(page(self._cache, max(page_start(after, size), _CHECK_ROW), size))

    def named(self, name: str) -> list[PeerEntry]:
        """Every record of this name, whatever the case of its letters."""
        return self._all_opened(other_devices(self._cache, b"", name))

    def beginning(self, digits: str) -> list[PeerEntry]:
        """Every record whose peer's ZID begins with these hexadecimal digits."""
        return self._all_opened(beginning(self._cache, digits))

    @property
    def in_coroutines(self) -> AsyncSecretCache | None:
        """The same cache for event loops, if the one that it is around has that."""
        cache = in_coroutines(self._cache)
        return None if cache is None else AsyncSealedCache(self, cache)

    def close(self) -> None:
        """Close the cache that this is around, if it can be closed."""
        close: Callable[[], None] = getattr(self._cache, "close", lambda: None)
        close()

    def __repr__(self) -> str:
        return f"SealedCache({self._cache!r})"

    def _sealing(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> RecordUpdate:
        """The same change of a record that is sealed."""

        def sealed_change(old: PeerRecord | None) -> PeerRecord | None:
            before = None if old is None else self._opened(own_zid, peer_zid, old)
            given = None if before is None else before.copy()
            try:
                new = change(given)
                if new is None or new == before:
                    return None if new is None else old
                return self._sealed(own_zid, peer_zid, new)
            finally:
                for record in (given, before):
                    if record is not None:
                        record.wipe()

        return sealed_change

    def _all_opened(self, found: list[PeerEntry]) -> list[PeerEntry]:
        return [
            replace(entry, record=self._opened(*entry.zids, entry.record))
            for entry in found
            if entry.zids != _CHECK_ROW
        ]

    def _check(self) -> None:
        """Open the record that is there for this, or make it."""
        record = self._cache.update(
            _CHECK,
            _CHECK,
            lambda old: self._sealed(_CHECK, _CHECK, PeerRecord(rs1=Secret(_CHECK))) if old is None else old,
        )
        if record is not None:
            self._opened(_CHECK, _CHECK, record)

    def _again(self, own_zid: bytes, peer_zid: bytes, old: PeerRecord | None) -> PeerRecord | None:
        """The same record under the newest key."""
        if old is None or self._is_current(old):
            return old
        plain = self._opened(own_zid, peer_zid, old, or_plain=True)
        try:
            return self._sealed(own_zid, peer_zid, plain)
        finally:
            plain.wipe()

    def _is_current(self, record: PeerRecord) -> bool:
        head = _MARK + next(iter(self._keys))
        return all(secret is None or secret.octets.startswith(head) for secret in _secrets(record).values())

    def _sealed(self, own_zid: bytes, peer_zid: bytes, record: PeerRecord) -> PeerRecord:
        name, key = next(iter(self._keys.items()))
        sealed = {
            column: Secret(
                _MARK + name + at_rest.seal(key, _bound_to(own_zid, peer_zid, column), secret.octets, self._random)
            )
            for column, secret in _secrets(record).items()
            if secret is not None
        }
        return replace(record, **sealed)  # type: ignore[arg-type]

    def _opened(self, own_zid: bytes, peer_zid: bytes, record: PeerRecord, *, or_plain: bool = False) -> PeerRecord:
        opened: dict[str, Secret] = {}
        for column, secret in _secrets(record).items():
            if secret is None:
                continue
            if or_plain and not secret.octets.startswith(_MARK):
                opened[column] = secret.copy()
            else:
                opened[column] = self._open(_bound_to(own_zid, peer_zid, column), secret.octets)
        return replace(record, **opened)  # type: ignore[arg-type]

    def _open(self, bound_to: bytes, sealed: bytearray) -> Secret:
        if not sealed.startswith(_MARK):
            raise CacheError(
                "A secret in the cache is not sealed: somebody used the cache without its keys, or put it there. If it "
                "was you, seal all of them; otherwise delete the record, and compare the SAS again."
            )
        name = bytes(sealed[len(_MARK) : _HEAD])
        if name not in self._keys:
            raise CacheError(
                f"The secrets in the cache are sealed with the key {name.hex()}, which is not among those given: "
                "add it to the keys, behind the newest."
            )
        octets = at_rest.unseal(self._keys[name], bound_to, sealed[_HEAD:])
        if octets is None:
            raise CacheError(
                "A secret in the cache was changed, or moved there from another record: restore the record from a "
                "backup, or delete it and compare the SAS again."
            )
        return Secret(octets)


class AsyncSealedCache:
    """The `AsyncSecretCache` of a `SealedCache` around one that can be awaited. Opening takes microseconds."""

    def __init__(self, sealed: SealedCache, cache: AsyncSecretCache) -> None:
        self._sealed = sealed
        self._cache = cache

    async def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        """As `SealedCache.load`."""
        record = await self._cache.load(own_zid, peer_zid)
        return None if record is None else self._sealed._opened(own_zid, peer_zid, record)

    async def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        """As `SealedCache.update`."""
        record = await self._cache.update(own_zid, peer_zid, self._sealed._sealing(own_zid, peer_zid, change))
        return None if record is None else self._sealed._opened(own_zid, peer_zid, record)

    async def named(self, name: str) -> list[PeerEntry]:
        """As `SealedCache.named`."""
        return self._sealed._all_opened(await self._cache.named(name))


def is_sealed(cache: SecretCache) -> bool:
    """Whether a cache was used with keys before, so that without them its secrets would be taken for others."""
    return cache.load(*_CHECK_ROW) is not None


def _secrets(record: PeerRecord) -> dict[str, Secret | None]:
    return {name: getattr(record, name) for name in _SECRETS}


def _bound_to(own_zid: bytes, peer_zid: bytes, column: str) -> bytes:
    """A row and a column: the ZIDs have one length, so that no two places have the same name."""
    return bytes(own_zid) + bytes(peer_zid) + column.encode()
