"""What the engine and the command line need from a store of retained secrets, however it stores them.

The interface is small, with one transaction for each change of a peer, so that a file, a dictionary, or a database
that several hosts share can stand behind it. It knows nothing of handshakes or files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final, Protocol

from zrtp.cache.record import PeerRecord, clean_name
from zrtp.door import need_flag, need_function, need_octets, need_text, need_utf8, need_whole, refuse
from zrtp.errors import CacheError

ZID_LENGTH = 12
"""Octets of a ZID (RFC 6189 section 4.9)."""

RecordUpdate = Callable[[PeerRecord | None], PeerRecord | None]
"""A pure function from the old record (None: unknown peer) to the new one (None: forget the peer)."""

PAGE: Final = 1000
"""Records that are read at a time where there may be very many."""

_CANDIDATES = 8
"""How many peers an error message lists at most."""

_DIGITS: Final = re.compile(f"[0-9a-f]{{4,{2 * ZID_LENGTH}}}")
"""The beginning of a ZID. Fewer digits are taken for a slip of the hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerEntry:
    """One record together with the pair of ZIDs that it is stored under."""

    own_zid: bytes
    """The ZID of this installation in the calls with the peer."""
    peer_zid: bytes
    """The ZID of the peer's installation."""
    record: PeerRecord
    """A copy of the record."""

    @property
    def address(self) -> str:
        """Both ZIDs in hexadecimal, "own/peer": names this entry alone, see `find`."""
        return f"{self.own_zid.hex()}/{self.peer_zid.hex()}"

    @property
    def zids(self) -> tuple[bytes, bytes]:
        """Both ZIDs, our own one first: the order of pages."""
        return self.own_zid, self.peer_zid


class SecretCache(Protocol):
    """A store of peer records.

    Every record handed in or out is copied: its owner may wipe its secrets, and the cache keeps its own.
    Every method raises `CacheError`, a sentence for people, if the store fails; it has then changed nothing.
    Calls use it from threads, so its methods may run in several of them at once.

    A cache of very many records has `page`, `named` and `beginning` as well (`LargeCache`); one that can be awaited has
    `in_coroutines`, an `AsyncSecretCache`; one that never waits has `waits`, False.
    """

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        """The ZID of this installation, made by `make` (12 random octets) the first time and stored.

        With labels an installation can have several, up to one for each contact, so that observers cannot
        link its calls (RFC 6189 section 4.9). `renew` replaces the ZID under this label: peers then see a new
        device, and the records under the old ZID stay until they are forgotten.
        """
        ...

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        """The record of a peer; None if it is unknown."""
        ...

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        """Read a record, change it and write it in one transaction; return what is stored now.

        `change` may run again, so it has no side effects and does not use the cache. The record it gets is
        wiped afterwards: keep the returned one. What it raises passes through, and nothing is written. An
        equal record is not written again, so its generation stays.
        """
        ...

    def peers(self) -> list[PeerEntry]:
        """Every record in the order of `in_order`, for people to look through."""
        ...


class LargeCache(SecretCache, Protocol):
    """A cache that can be read in parts."""

    def page(self, after: tuple[bytes, bytes] | None = None, size: int = PAGE) -> list[PeerEntry]:
        """Up to `size` records in the order of their two ZIDs, those behind `after`, or the first ones."""
        ...

    def named(self, name: str) -> list[PeerEntry]:
        """Every record of this name, whatever the case of its letters."""
        ...

    def beginning(self, digits: str) -> list[PeerEntry]:
        """Every record whose peer's ZID begins with these hexadecimal digits, up to 24 in lower case."""
        ...


class AsyncSecretCache(Protocol):
    """What a call in an event loop asks, in coroutines that may be awaited in any loop. The rules of `SecretCache`."""

    async def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        """As `SecretCache.load`."""
        ...

    async def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        """As `SecretCache.update`; `change` may run in another thread."""
        ...

    async def named(self, name: str) -> list[PeerEntry]:
        """As `LargeCache.named`."""
        ...


def in_coroutines(cache: SecretCache) -> AsyncSecretCache | None:
    """The same cache for event loops; None if it has only methods that block."""
    found: AsyncSecretCache | None = getattr(cache, "in_coroutines", None)
    return found


def waits(cache: SecretCache) -> bool:
    """Whether the methods of a cache may have to wait, for a disk or a lock: then they do not belong on an event loop.

    A cache that never waits has an attribute `waits` that is False.
    """
    return bool(getattr(cache, "waits", True))


def in_order(entries: Iterable[PeerEntry]) -> list[PeerEntry]:
    """Peers with a name first, by name, then the others; equal ones by their ZIDs."""
    return sorted(entries, key=_place)


def page(cache: SecretCache, after: tuple[bytes, bytes] | None = None, size: int = PAGE) -> list[PeerEntry]:
    """A page as `LargeCache.page` has it, of any cache: one that has no pages is read whole."""
    start = page_start(after, size)
    read: Callable[[tuple[bytes, bytes] | None, int], list[PeerEntry]] | None = getattr(cache, "page", None)
    if read is not None:
        return read(after, size)
    entries = sorted(cache.peers(), key=lambda entry: entry.zids)
    return [entry for entry in entries if entry.zids > start][:size]


def entries(cache: SecretCache) -> Iterator[PeerEntry]:
    """Every record in the order of its ZIDs; of a cache that has pages, no more than one page is held at a time."""
    if not hasattr(cache, "page"):
        yield from sorted(cache.peers(), key=lambda entry: entry.zids)
        return
    after = None
    while read := page(cache, after):
        yield from read
        after = read[-1].zids


def find(cache: SecretCache, text: str) -> PeerEntry:
    """The one peer that a person means by a name, the first digits of its ZID, or an `address`.

    Raises CacheError, with the candidates, if there is none or more than one.
    """
    found = meant(cache, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise CacheError(f'"{clean_name(text)}" may be any of these: {_listed(found)}. Give more of the ZID.')
    known = page(cache)
    if not known:
        raise CacheError("No peer is known yet: the first secured call adds one.")
    raise CacheError(f'No peer has the name "{clean_name(text)}" or a ZID that begins so. Known are: {_listed(known)}.')


def meant(cache: SecretCache, text: str) -> list[PeerEntry]:
    """Who has this name, a ZID that begins so, or this `PeerEntry.address`."""
    wanted = clean_name(text).casefold()
    own, _, peer = wanted.rpartition("/")
    found = other_devices(cache, b"", wanted)
    if _DIGITS.fullmatch(peer):
        found += [each for each in beginning(cache, peer) if not own or each.address == wanted]
    return list({entry.zids: entry for entry in found}.values())


def beginning(cache: SecretCache, digits: str) -> list[PeerEntry]:
    """The records that `LargeCache.beginning` finds, of any cache."""
    need_text("digits", digits)
    search: Callable[[str], list[PeerEntry]] | None = getattr(cache, "beginning", None)
    if search is not None:
        return search(digits)
    return [entry for entry in entries(cache) if entry.peer_zid.hex().startswith(digits)]


def zids_beginning(digits: str) -> tuple[bytes, bytes]:
    """The first and the last ZID that begin with these hexadecimal digits."""
    length = 2 * ZID_LENGTH
    return bytes.fromhex(digits.ljust(length, "0")), bytes.fromhex(digits.ljust(length, "f"))


def other_devices(cache: SecretCache, peer_zid: bytes, name: str) -> list[PeerEntry]:
    """Known peers of this name with another ZID: `peer_zid` may be a new device of theirs."""
    if not clean_name(need_text("name", name)):
        return []
    search: Callable[[str], list[PeerEntry]] | None = getattr(cache, "named", None)
    found = search(name) if search is not None else in_order(each for each in entries(cache) if has_name(each, name))
    return [entry for entry in found if entry.peer_zid != peer_zid]


def has_name(entry: PeerEntry, name: str) -> bool:
    """Whether this peer is called so, whatever the case of the letters."""
    wanted = clean_name(name).casefold()
    return wanted != "" and entry.record.name.casefold() == wanted


def check_zid(zid: bytes) -> None:
    """Raise ApiMisuse unless `zid` has 12 octets."""
    if type(zid) is not bytes or len(zid) != ZID_LENGTH:
        need_octets("A ZID", zid, length=ZID_LENGTH)


def key_of(own_zid: bytes, peer_zid: bytes) -> tuple[bytes, bytes]:
    """What a record is stored under. Raises ApiMisuse as `check_zid`."""
    check_zid(own_zid)
    check_zid(peer_zid)
    return bytes(own_zid), bytes(peer_zid)


def check_change(change: RecordUpdate) -> None:
    """Raise ApiMisuse unless `change` can be called."""
    need_function("change", change, "a function of the record that gives the new one")


def check_own_zid(make: Callable[[], bytes], label: str, renew: bool) -> None:
    """Raise ApiMisuse for what `own_zid` cannot take; `label` is text that every store can write down."""
    need_utf8("The label of a ZID", label)
    need_flag("renew", renew)
    need_function("make", make, "a function that gives 12 random octets")


def page_start(after: tuple[bytes, bytes] | None, size: int) -> tuple[bytes, bytes]:
    """Behind which ZIDs a page begins. Raises ApiMisuse for what `LargeCache.page` cannot take."""
    need_whole("size", size, 0)
    if after is None:
        return b"", b""
    if not isinstance(after, tuple) or len(after) != 2:
        refuse("after", "a pair of ZIDs, ours and the peer's", after)
    return need_octets("A ZID in after", after[0]), need_octets("A ZID in after", after[1])


def made_zid(make: Callable[[], bytes]) -> bytes:
    """A new ZID of ours from what `own_zid` is given. Raises ApiMisuse unless that makes 12 octets."""
    return need_octets("A ZID", make(), length=ZID_LENGTH)


def _place(entry: PeerEntry) -> tuple[bool, str, bytes, bytes]:
    return entry.record.name == "", entry.record.name.casefold(), entry.peer_zid, entry.own_zid


def _listed(candidates: list[PeerEntry]) -> str:
    """Some as people would name them, with both ZIDs only where one peer ZID is not enough."""
    peer_zids = [entry.peer_zid for entry in candidates]
    names = [
        f"{entry.record.name or 'a peer without a name'} "
        f"({entry.peer_zid.hex() if peer_zids.count(entry.peer_zid) == 1 else entry.address})"
        for entry in nsmallest(_CANDIDATES, candidates, key=_place)
    ]
    if len(candidates) > _CANDIDATES:
        more = len(candidates) - _CANDIDATES
        names.append(f"and {more} more" if len(candidates) < PAGE else "and many more")
    return ", ".join(names)
