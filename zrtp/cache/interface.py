"""What the engine and the command line need from a store of retained secrets, however it stores them.

The interface is small, with one transaction for each change of a peer, so that a file, a dictionary, or a database
that several hosts share can stand behind it. It knows nothing of handshakes or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from zrtp.cache.record import PeerRecord, clean_name
from zrtp.errors import ApiMisuse, CacheError

ZID_LENGTH = 12
"""Octets of a ZID (RFC 6189 section 4.9)."""

Change = Callable[[PeerRecord | None], PeerRecord | None]
"""A pure function from the old record (None: unknown peer) to the new one (None: forget the peer)."""

_CANDIDATES = 8
"""How many peers an error message lists at most."""

_SHORTEST_PREFIX = 4
"""Fewer hexadecimal digits of a ZID are taken for a slip of the hand."""


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


class SecretCache(Protocol):
    """A store of peer records.

    Every record handed in or out is copied: its owner may wipe its secrets, and the cache keeps its own.
    Every method raises `CacheError`, a sentence for people, if the store fails; it has then changed nothing.
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

    def update(self, own_zid: bytes, peer_zid: bytes, change: Change) -> PeerRecord | None:
        """Read a record, change it and write it in one transaction; return what is stored now.

        `change` may run again, so it has no side effects and does not use the cache. The record it gets is
        wiped afterwards: keep the returned one. What it raises passes through, and nothing is written. An
        equal record is not written again, so its generation stays.
        """
        ...

    def peers(self) -> list[PeerEntry]:
        """Every record in the order of `in_order`, for people to look through."""
        ...


def waits(cache: SecretCache) -> bool:
    """Whether the methods of a cache may have to wait, for a disk or a lock: then they do not belong on an event loop.

    A cache that never waits has an attribute `waits` that is False.
    """
    return bool(getattr(cache, "waits", True))


def in_order(entries: Iterable[PeerEntry]) -> list[PeerEntry]:
    """Peers with a name first, by name, then the others; equal ones by their ZIDs."""
    return sorted(
        entries,
        key=lambda entry: (
            entry.record.name == "",
            entry.record.name.casefold(),
            entry.peer_zid,
            entry.own_zid,
        ),
    )


def find(cache: SecretCache, text: str) -> PeerEntry:
    """The one peer that a person means by a name, the first digits of its ZID, or an `address`.

    Raises CacheError, with the candidates, if there is none or more than one.
    """
    entries = cache.peers()
    wanted = clean_name(text).casefold()
    found = [entry for entry in entries if wanted and _is_meant(entry, wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CacheError(f'"{clean_name(text)}" may be any of these: {_listed(found)}. Give more of the ZID.')
    if not entries:
        raise CacheError("No peer is known yet: the first secured call adds one.")
    raise CacheError(
        f'No peer has the name "{clean_name(text)}" or a ZID that begins so. Known are: {_listed(entries)}.'
    )


def other_devices(cache: SecretCache, peer_zid: bytes, name: str) -> list[PeerEntry]:
    """Known peers of this name with another ZID: `peer_zid` may be a new device of theirs."""
    wanted = clean_name(name).casefold()
    return [
        entry
        for entry in cache.peers()
        if wanted and entry.record.name.casefold() == wanted and entry.peer_zid != peer_zid
    ]


def check_zid(zid: bytes) -> None:
    """Raise ApiMisuse unless `zid` has 12 octets."""
    if len(zid) != ZID_LENGTH:
        raise ApiMisuse(f"A ZID has {ZID_LENGTH} octets, not {len(zid)}.")


def check_label(label: str) -> None:
    """Raise ApiMisuse unless `label` is text that every store can write down."""
    try:
        label.encode()
    except UnicodeEncodeError as error:
        raise ApiMisuse("The label of a ZID must be text that UTF-8 can express.") from error


def _is_meant(entry: PeerEntry, wanted: str) -> bool:
    by_zid = len(wanted) >= _SHORTEST_PREFIX and entry.peer_zid.hex().startswith(wanted)
    return by_zid or wanted in (entry.record.name.casefold(), entry.address)


def _listed(entries: list[PeerEntry]) -> str:
    """The entries as people would name them, with both ZIDs only where one peer ZID is not enough."""
    peer_zids = [entry.peer_zid for entry in entries]
    names = [
        f"{entry.record.name or 'a peer without a name'} "
        f"({entry.peer_zid.hex() if peer_zids.count(entry.peer_zid) == 1 else entry.address})"
        for entry in entries[:_CANDIDATES]
    ]
    if len(entries) > _CANDIDATES:
        names.append(f"and {len(entries) - _CANDIDATES} more")
    return ", ".join(names)
