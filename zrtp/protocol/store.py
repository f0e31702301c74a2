"""What a call asks of the cache of retained secrets: requests that somebody else carries out.

The engine never calls a cache, so that it never waits for a disk or a database. A program that hands over a synchronous
cache and nothing else sees nothing of this: its session carries out each request at once. With
`session(store="deferred")` the program does it, in a thread or as a coroutine:

    while (request := session.store_to_do()) is not None:
        executor.submit(request.run, cache)              # in any thread; or request.succeed, request.fail
    ...
    session.store_done(request, now)                     # in the owner's thread

Reads are handed out at once, four at a time at most. Writes are handed out one after another, in order; one that fails
is tried again, with growing pauses, and told when it is lost for good. Whatever a cache raises is such a failure, and
so is a request that is given back without an answer. Its change is wiped once it is given back for the last time: not
while a thread may still be at work with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from zrtp.cache.interface import ZID_LENGTH, SecretCache, other_devices
from zrtp.cache.record import PeerRecord
from zrtp.door import described
from zrtp.errors import CacheError, ZrtpError
from zrtp.protocol import limits
from zrtp.protocol.changes import Change


@dataclass(slots=True, eq=False)
class _Request:
    """One request, and what came of it."""

    own_zid: bytes
    peer_zid: bytes
    answered: bool = field(default=False, init=False)
    record: PeerRecord | None = field(default=None, init=False)
    error: CacheError | None = field(default=None, init=False)

    def succeed(self, record: PeerRecord | None) -> None:
        """The cache answered with this record; None: it knows nothing of the peer. Anything else is a failure."""
        if record is not None and not isinstance(record, PeerRecord):
            self.fail(_unfit(record, "a PeerRecord or None"))
        else:
            self.answered, self.record, self.error = True, record, None

    def fail(self, error: Exception) -> None:
        """The cache cannot be used now."""
        self.answered, self.error = False, _explained(error)


@dataclass(slots=True, eq=False, repr=False)
class Read(_Request):
    """The record of a peer, wanted before `deadline`, in the seconds of the session's clock."""

    deadline: float
    urgency: int = field(default=0, init=False)
    """What is most urgent is handed out first: 1 if an exchange waits, 2 if that is with somebody who hears us."""

    def run(self, cache: SecretCache) -> None:
        """Carry it out. Never raises an Exception: a failure is the result as well."""
        try:
            self.succeed(cache.load(self.own_zid, self.peer_zid))
        except Exception as error:  # whatever class a cache may raise
            self.fail(error)

    def __repr__(self) -> str:
        return f"<Read {self.peer_zid.hex()}>"


@dataclass(slots=True, eq=False, repr=False)
class Write(_Request):
    """A change of the record of a peer, in one transaction of the cache."""

    change: Change
    tries: int = field(default=0, init=False)
    """How often it was carried out, or failed."""

    def run(self, cache: SecretCache) -> None:
        """Carry it out. Never raises an Exception: a failure is the result as well."""
        try:
            self.succeed(cache.update(self.own_zid, self.peer_zid, self.change.apply))
        except Exception as error:  # whatever class a cache may raise
            self.fail(error)

    def __repr__(self) -> str:
        return f"<Write {self.peer_zid.hex()} {type(self.change).__name__}>"


@dataclass(slots=True, eq=False, repr=False)
class Search:
    """The ZIDs of all peers of a name, for a call that expects somebody."""

    name: str
    answered: bool = field(default=False, init=False)
    zids: frozenset[bytes] = field(default=frozenset(), init=False)
    error: CacheError | None = field(default=None, init=False)

    def succeed(self, zids: Iterable[bytes]) -> None:
        """The cache knows these ZIDs under that name, whatever the case of its letters. Anything else is a failure."""
        known: set[bytes] = set()
        for zid in zids if isinstance(zids, Iterable) else (zids,):
            if not isinstance(zid, bytes) or len(zid) != ZID_LENGTH:
                self.fail(_unfit(zid, "ZIDs of 12 octets"))
                return
            known.add(zid)
        self.answered, self.zids, self.error = True, frozenset(known), None

    def fail(self, error: Exception) -> None:
        """The cache cannot be used now: the call goes on without."""
        self.answered, self.error = False, _explained(error)

    def run(self, cache: SecretCache) -> None:
        """Carry it out. Never raises an Exception: a failure is the result as well."""
        try:
            self.succeed(entry.peer_zid for entry in other_devices(cache, b"", self.name))
        except Exception as error:  # whatever class a cache may raise
            self.fail(error)

    def __repr__(self) -> str:
        return "<Search>"


Request: TypeAlias = Read | Write | Search


class Store:
    """The open requests of one call."""

    __slots__ = ("_reading", "_reads", "_writes", "_writing", "open", "retry_at")

    def __init__(self) -> None:
        self._reads: list[Read | Search] = []  # a few at most: an empty deque takes ten times the memory
        self._reading: list[Read] = []
        """Those that somebody carries out now."""
        self._writes: list[Write] = []
        self._writing: Write | None = None
        self.open = False
        """There is something to hand out, or to wait for: a call looks at this after every input."""
        self.retry_at: float | None = None
        """When a write that failed is tried again."""

    def read(self, own_zid: bytes, peer_zid: bytes, deadline: float) -> Read:
        """Ask for a record."""
        request = Read(own_zid, peer_zid, deadline)
        self._reads.append(request)
        self.open = True
        return request

    def withdraw(self, request: Read) -> None:
        """Nobody wants the answer any more."""
        if request in self._reads:
            self._reads.remove(request)
            self.open = bool(self._reads or self._writes)

    def search(self, name: str) -> None:
        """Ask who has this name."""
        self._reads.append(Search(name))
        self.open = True

    def write(self, own_zid: bytes, peer_zid: bytes, change: Change) -> None:
        """Change a record, after all changes before."""
        self._writes.append(Write(own_zid, peer_zid, change))
        self.open = True

    def next(self, now: float) -> Request | None:
        """A request to carry out now, each once."""
        if self._reads and len(self._in_time(now)) < limits.READS_AT_ONCE:
            request = max(self._reads, key=_urgency)
            self._reads.remove(request)
            if isinstance(request, Read):
                self._reading.append(request)
            self.open = bool(self._reads or self._writes)
            return request
        if self._writing is not None or not self._writes or (self.retry_at is not None and now < self.retry_at):
            return None
        self.retry_at = None
        self._writing = self._writes[0]
        return self._writing

    def note_read(self, request: Read) -> None:
        """A read has been carried out, or failed."""
        if request in self._reading:
            self._reading.remove(request)

    def note_written(self, request: Write, now: float, *, last_try: bool = False) -> bool:
        """A write has been carried out, or failed; whether it is over: stored, or lost for good."""
        self._writing = None
        request.tries += 1
        if not request.answered and request.tries < limits.WRITES and not last_try:
            self.retry_at = now + limits.WRITE_INTERVAL * 2 ** (request.tries - 1)
            return False
        if self._writes and self._writes[0] is request:
            del self._writes[0]
            self.open = bool(self._reads or self._writes)
        request.change.wipe()
        return True

    def _in_time(self, now: float) -> list[Read]:
        """The reads that are at work; one whose time is over holds up nobody."""
        self._reading = [request for request in self._reading if now < request.deadline]
        return self._reading

    def pending(self, peer_zid: bytes) -> list[Change]:
        """Changes of the record of that peer that are not stored yet, oldest first."""
        return [request.change for request in self._writes if request.peer_zid == peer_zid]


def _urgency(request: Read | Search) -> int:
    return request.urgency if isinstance(request, Read) else 0


def _unfit(answer: object, wanted: str) -> CacheError:
    """What a failed request says of an answer that is none."""
    return CacheError(
        f"The store of retained secrets cannot be used: it answered with {described(answer)}, not with {wanted}."
    )


def _explained(error: Exception) -> CacheError:
    """What a failed request says: of exceptions that are not ours the class and what the system said. Their own
    text may quote a record.
    """
    if isinstance(error, CacheError):
        return error
    said = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    raised = f"The store of retained secrets cannot be used: it raised {type(error).__name__}{said}."
    return CacheError(str(error) if isinstance(error, ZrtpError) else raised)
