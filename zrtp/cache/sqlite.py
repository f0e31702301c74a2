"""The cache in one SQLite file: for installations that keep their secrets between calls.

Every operation opens the file, runs one short transaction, and closes it again. That costs a millisecond or
two once per call, and in return there is nothing to share: threads need no lock, a forked child inherits no
connection (which SQLite forbids to use or even to close), and the write-ahead log, which holds older secrets,
is removed whenever the last user leaves.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from zrtp.cache import files, schema
from zrtp.cache.interface import (
    PAGE,
    PeerEntry,
    RecordUpdate,
    check_change,
    check_own_zid,
    has_name,
    in_order,
    key_of,
    made_zid,
    page_start,
    zids_beginning,
)
from zrtp.cache.record import PeerRecord
from zrtp.door import need_number, need_text, refuse
from zrtp.errors import ApiMisuse, CacheError

BUSY_TIMEOUT = 5.0
"""Seconds to wait for other programs that use the same file."""

_READ = "BEGIN"
_WRITE = "BEGIN IMMEDIATE"  # a lock from the start: a reader that turns writer fails if another came first


class SqliteCache:
    """The `SecretCache` in a file that several threads and processes of one user may share.

    The file is made if there is none, and read once in full: a damaged one is moved aside, and what is no cache is
    left alone. Every operation waits up to `busy_timeout` seconds for other users of the file. Raises CacheError, as
    every method does.
    """

    def __init__(self, path: str | Path, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        if not isinstance(path, str | os.PathLike):
            refuse("path", "the name of a file", path)
        need_number("busy_timeout", busy_timeout)
        self._path = Path(os.path.realpath(Path(path).parent)) / Path(path).name
        self._busy_timeout = busy_timeout
        self._closed = False
        self._refuse_foreign()
        files.prepare_folder(self._path.parent)
        if not os.path.lexists(self._path):
            with self._failures_explained(None):
                files.create(self._path, self._lay_out)
        with self._transaction(_READ) as connection:
            outdated = schema.version(connection) < schema.VERSION
        if outdated:
            with self._transaction(_WRITE) as connection:
                schema.migrate(connection)
        with self._transaction(_READ) as connection:
            schema.verify(connection)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        check_own_zid(make, label, renew)
        with self._transaction(_WRITE) as connection:
            row = connection.execute("SELECT * FROM own_zids WHERE label = ?", (label,)).fetchone()
            if row and not renew:
                return schema.to_zid(row)
            zid = made_zid(make)
            schema.insert(connection, "own_zids", schema.from_zid(label, zid))
            return zid

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        key = key_of(own_zid, peer_zid)
        with self._transaction(_READ) as connection:
            return _select(connection, *key)

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        key = key_of(own_zid, peer_zid)
        check_change(change)
        with self._transaction(_WRITE) as connection:
            old = _select(connection, *key)
            given = None if old is None else old.copy()
            try:
                new = change(given)
                if new is None:
                    connection.execute("DELETE FROM peers WHERE own_zid = ? AND peer_zid = ?", key)
                    return None
                if new == old:
                    return new.copy()
                new = new.successor_of(old)
                schema.insert(connection, "peers", schema.from_record(*key, new))
                return new
            finally:
                for record in (given, old):
                    if record is not None:
                        record.wipe()

    def peers(self) -> list[PeerEntry]:
        with self._transaction(_READ) as connection:
            return in_order(schema.to_entry(row) for row in connection.execute("SELECT * FROM peers"))

    def page(self, after: tuple[bytes, bytes] | None = None, size: int = PAGE) -> list[PeerEntry]:
        """Up to `size` records in the order of their two ZIDs, those behind `after`, or the first ones."""
        start = page_start(after, size)
        with self._transaction(_READ) as connection:
            rows = connection.execute(
                "SELECT * FROM peers WHERE (own_zid, peer_zid) > (?, ?) ORDER BY own_zid, peer_zid LIMIT ?",
                (*start, size),
            )
            return [schema.to_entry(row) for row in rows]

    def named(self, name: str) -> list[PeerEntry]:
        """Every record of this name, whatever the case of its letters."""
        need_text("name", name)
        with self._transaction(_READ) as connection:
            rows = connection.execute("SELECT * FROM peers WHERE name <> ''")
            return in_order(entry for entry in map(schema.to_entry, rows) if has_name(entry, name))

    def beginning(self, digits: str) -> list[PeerEntry]:
        """Every record whose peer's ZID begins with these hexadecimal digits."""
        need_text("digits", digits)
        with self._transaction(_READ) as connection:
            rows = connection.execute("SELECT * FROM peers WHERE peer_zid BETWEEN ? AND ?", zids_beginning(digits))
            return in_order(map(schema.to_entry, rows))

    def close(self) -> None:
        """End the use of this object; the file stays. May be called again."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SqliteCache({str(self._path)!r})"

    def _refuse_foreign(self) -> None:
        """Leave the file of another program alone, before anything is said about it or done to it.

        SQLite looks, without locks and without what lies beside the file: nothing is changed by that.
        """
        if not files.is_plain(self._path):
            return
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
                connection.text_factory = _text
                schema.version(connection)
        except schema.NotOurs as error:
            raise self._not_ours(str(error)) from error
        except sqlite3.Error as error:
            if _primary(error) == sqlite3.SQLITE_NOTADB:
                self._check_marks()
        except (schema.Damaged, UnicodeDecodeError):
            pass  # ours: the first transaction tells more

    def _check_marks(self) -> None:
        """Raises CacheError if a file that cannot be used was never a cache."""
        if not schema.marked(files.beginning(self._path, schema.HEADER)):
            raise CacheError(
                f"{self._path} is not a zrtp cache. Nothing was changed; name another file, or move this one away."
            )

    def _lay_out(self, draft: Path) -> None:
        with closing(_connect(draft, self._busy_timeout)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            schema.lay_out(connection)
            connection.execute("COMMIT")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction: written if the body returns, undone if it raises."""
        if self._closed:
            raise ApiMisuse("The cache is closed: open it again to use it.")
        identity = files.check(self._path)
        with (
            self._failures_explained(identity),
            closing(_connect(self._path, self._busy_timeout)) as connection,
        ):
            connection.execute(begin)
            schema.version(connection)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _failures_explained(self, identity: files.Identity | None) -> Iterator[None]:
        """Turn what went wrong into CacheError; move the file of this identity aside if it is damaged."""
        try:
            yield
        except schema.Damaged as error:
            raise self._set_aside(str(error), identity) from error
        except schema.NotOurs as error:
            raise self._not_ours(str(error)) from error
        except sqlite3.Error as error:
            code = _primary(error)
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise self._set_aside(str(error), identity) from error
            raise CacheError(self._explanation(code, error)) from error

    def _not_ours(self, why: str) -> CacheError:
        return CacheError(f"The cache {self._path} {why}. Nothing was changed.")

    def _set_aside(self, reason: str, identity: files.Identity | None) -> CacheError:
        with suppress(FileNotFoundError):  # somebody else has moved it
            if identity is not None and files.is_same(self._path, identity):
                self._check_marks()
        aside = None if identity is None else files.set_aside(self._path, identity)
        moved = "It has been moved aside already" if aside is None else f"It was moved to {aside}"
        return CacheError(
            f"The cache {self._path} is damaged: {reason}. {moved}; start again for a new, empty cache, "
            "and compare the SAS with everybody again."
        )

    def _explanation(self, code: int, error: sqlite3.Error) -> str:
        match code:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
                return (
                    f"Another program has kept the cache {self._path} locked for {self._busy_timeout:g} "
                    "seconds: end it, or try again."
                )
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                return (
                    f"The cache {self._path} cannot be opened for writing: check the permissions of the file "
                    "and of its folder, and that the disk is not read-only."
                )
            case sqlite3.SQLITE_FULL:
                return f"The disk with the cache {self._path} is full, the change is lost: free some space."
            case sqlite3.SQLITE_IOERR:
                return (
                    f"The cache {self._path} cannot be read or written ({error}), the change may be lost: "
                    "check the disk, or keep the cache on a local one."
                )
        return f"The cache {self._path} cannot be used: {error}."


def _connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open an existing file.

    synchronous = FULL: with NORMAL a power cut may take back every update since the last checkpoint. One lost
    update heals, because the peer still has our rs1 as its rs2; two in a row are a false alarm about a
    wiretapper, and a lost verdict of the user is worse. One fsync per call is cheap against that.
    secure_delete = ON: secrets that were replaced or forgotten are overwritten with zeros in the file.
    """
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=busy_timeout, isolation_level=None)
    try:
        connection.text_factory = _text
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: past the cache of the drive too
        connection.execute("PRAGMA secure_delete = ON")
    except BaseException as error:
        connection.close()
        if isinstance(error, UnicodeDecodeError):  # of the message that quotes a broken table
            raise schema.Damaged("its tables are not readable") from error
        raise
    return connection


def _primary(error: sqlite3.Error) -> int:
    """The primary code of an error, without the details."""
    extended: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return extended & 0xFF


def _text(octets: bytes) -> str:
    """Damaged text is for the checksum to find, not for an exception of the decoder."""
    return octets.decode(errors="replace")


def _select(connection: sqlite3.Connection, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
    row = connection.execute("SELECT * FROM peers WHERE own_zid = ? AND peer_zid = ?", (own_zid, peer_zid)).fetchone()
    return schema.to_entry(row).record if row else None
