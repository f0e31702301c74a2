"""The cache in a PostgreSQL database: one memory for many hosts (extra `postgres`).

No lock is ever held from one statement to the next. A change reads the record, and writes only if the row is still
the one that was read, in one statement; otherwise it begins again with the newer one. So a host that dies in the
middle holds up nobody, and neither does a stranger who claims somebody's ZID.

The methods block, as those of every cache: asyncio programs have them called beside their loop (`zrtp.protocol.store`;
`zrtp.media.aio` does so by itself). The connections are asynchronous, in a thread of their own, so that every method
returns in time, even if the database stands still.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from zrtp.cache import schema
from zrtp.cache.interface import Change, PeerEntry, check_label, check_zid, in_order
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse, CacheError
from zrtp.stores import tables
from zrtp.stores.loop import LoopThread

TIMEOUT: Final = 3.0
"""Seconds after which a method gives up: about as long as a phone's retransmissions let a call wait."""

CONNECTIONS: Final = 4
"""How many connections a cache opens at most."""

PAGE: Final = 1000
"""Records that one statement reads at most."""

T = TypeVar("T")
Connection: TypeAlias = AsyncConnection[Any]
Row: TypeAlias = tuple[Any, ...]


class PostgresCache:
    """The `SecretCache` in a database that many hosts share; every thread of a process may use it.

    `address` is a postgresql:// URL as libpq takes it. The tables are made where the user's search_path points. Every
    method raises CacheError after `timeout` seconds; whether a change was stored is then not known, and it may be tried
    again. A forked child opens a cache of its own.
    """

    def __init__(self, address: str, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
        self._name, conninfo = _understood(address, timeout)
        self._timeout = timeout
        self._closed = False
        self._loop = LoopThread("zrtp-postgres")
        try:
            self._pool = self._in_time(_opened(conninfo, timeout, connections), time.monotonic() + timeout)
        except BaseException:
            self._loop.close()
            raise

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        check_label(label)
        deadline = time.monotonic() + self._timeout
        found = self._do(lambda connection: _select_zid(connection, label), deadline)
        if found is not None and not renew:
            return self._read(schema.to_zid, (label, *found))
        zid = bytes(make())
        check_zid(zid)
        row = schema.from_zid(label, zid)
        stored = self._do(lambda connection: _insert_zid(connection, row, renew), deadline)
        return self._read(schema.to_zid, (label, *stored))

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        key = _key(own_zid, peer_zid)
        row = self._do(lambda connection: _select(connection, key), time.monotonic() + self._timeout)
        return None if row is None else self._read(schema.to_entry, row).record

    def update(self, own_zid: bytes, peer_zid: bytes, change: Change) -> PeerRecord | None:
        key = _key(own_zid, peer_zid)
        deadline = time.monotonic() + self._timeout
        while True:
            row = self._do(lambda connection: _select(connection, key), deadline)
            done, stored = self._try(key, row, change, deadline)
            if done:
                return stored

    def peers(self) -> list[PeerEntry]:
        """Every record. Read in pages, held in memory together: `page` is for whoever has very many."""
        entries = self.page()
        page = entries
        while len(page) == PAGE:
            page = self.page(after=page[-1])
            entries += page
        return in_order(entries)

    def page(self, after: PeerEntry | None = None, size: int = PAGE) -> list[PeerEntry]:
        """Up to `size` records in the order of their two ZIDs, those behind `after`, or the first ones."""
        start = (b"", b"") if after is None else (after.own_zid, after.peer_zid)
        rows = self._do(lambda connection: _select_page(connection, start, size), time.monotonic() + self._timeout)
        return [self._read(schema.to_entry, row) for row in rows]

    def close(self) -> None:
        """Close the connections; the database stays. May be called again."""
        if not self._closed:
            self._closed = True
            try:
                self._loop.run(self._pool.close(timeout=self._timeout), self._timeout)
            except TimeoutError:
                pass  # the database stands still: the connections end with the process
            finally:
                self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PostgresCache({self._name!r})"

    def _try(
        self, key: tuple[bytes, bytes], row: Row | None, change: Change, deadline: float
    ) -> tuple[bool, PeerRecord | None]:
        """Write what a change makes of this row; whether the row was still the same, and what is stored now."""
        old = None if row is None else self._read(schema.to_entry, row).record
        given = None if old is None else old.copy()
        try:
            new = change(given)
            if new is None:
                return row is None or self._do(lambda connection: _delete(connection, row), deadline), None
            if new == old:
                return True, new.copy()
            new = new.successor_of(old)
            values = schema.from_record(*key, new)
            return self._do(lambda connection: _write(connection, row, values), deadline), new
        finally:
            for record in (given, old):
                if record is not None:
                    record.wipe()

    def _do(self, action: Callable[[Connection], Awaitable[T]], deadline: float) -> T:
        """What an action on a connection returns. Raises CacheError."""
        if self._closed:
            raise ApiMisuse("The cache is closed: open it again to use it.")

        async def on_a_connection() -> T:
            async with self._pool.connection(max(0.001, deadline - time.monotonic())) as connection:
                return await action(connection)

        return self._in_time(on_a_connection(), deadline)

    def _in_time(self, coroutine: Coroutine[Any, Any, T], deadline: float) -> T:
        """What it returns. Raises CacheError; the causes may quote a row or an address, and are left out."""
        try:
            return self._loop.run(coroutine, deadline - time.monotonic())
        except (TimeoutError, psycopg.OperationalError) as error:
            raise CacheError(
                f"The database {self._name} did not answer within {self._timeout:g} seconds or refused the connection"
                f"{_reason(error)}: check that it runs, and the address and the user of the cache."
            ) from None
        except psycopg.Error as error:
            raise CacheError(f"The database {self._name} cannot be used{_reason(error)}.") from None

    def _read(self, convert: Callable[[Row], T], row: Row) -> T:
        try:
            return convert(row)
        except schema.Damaged as error:
            raise CacheError(
                f"A record in the database {self._name} is damaged: {error}. Restore it from a backup, or delete it "
                "and compare the SAS again."
            ) from error


def _understood(address: str, timeout: float) -> tuple[str, str]:
    """The name of a database as people may see it, without the password; and what libpq connects to."""
    try:
        known = conninfo_to_dict(address)
        seconds = str(max(2, round(timeout)))  # libpq takes no shorter time
        conninfo = make_conninfo(address, **({} if "connect_timeout" in known else {"connect_timeout": seconds}))
    except psycopg.Error:
        raise CacheError(
            "The address of the database is not one: write it as postgresql://USER@HOST/DATABASE."
        ) from None
    return f"{known.get('dbname', '')} at {known.get('host', 'this computer')}".strip(), conninfo


async def _opened(conninfo: str, timeout: float, connections: int) -> AsyncConnectionPool[Connection]:
    """The pool, once one connection could be made and the tables are there."""
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await tables.lay_out(connection)
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        conninfo,
        kwargs={"autocommit": True},
        min_size=1,
        max_size=connections,
        timeout=timeout,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    await pool.open()
    return pool


def _key(own_zid: bytes, peer_zid: bytes) -> tuple[bytes, bytes]:
    check_zid(own_zid)
    check_zid(peer_zid)
    return bytes(own_zid), bytes(peer_zid)


def _reason(error: BaseException) -> str:
    """What the server itself said, without its details, which may quote a row."""
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return f" ({said})" if said else ""


# Statements, one for each thing that is done. The names in them are our own.

_NAMES = ", ".join(tables.COLUMNS)
_MARKS = ", ".join(["%s"] * len(tables.COLUMNS))
_SAME_ROW = "own_zid = %s AND peer_zid = %s AND checksum = %s"
_SELECT = f"SELECT {_NAMES} FROM zrtp_peers WHERE own_zid = %s AND peer_zid = %s".encode()  # noqa: S608
_SELECT_PAGE = (
    f"SELECT {_NAMES} FROM zrtp_peers WHERE (own_zid, peer_zid) > (%s, %s) "  # noqa: S608
    "ORDER BY own_zid, peer_zid LIMIT %s"
).encode()
_INSERT = f"INSERT INTO zrtp_peers ({_NAMES}) VALUES ({_MARKS}) ON CONFLICT DO NOTHING".encode()  # noqa: S608
_UPDATE = f"UPDATE zrtp_peers SET ({_NAMES}) = ROW ({_MARKS}) WHERE {_SAME_ROW}".encode()  # noqa: S608
_DELETE = f"DELETE FROM zrtp_peers WHERE {_SAME_ROW}".encode()  # noqa: S608


async def _select(connection: Connection, key: tuple[bytes, bytes]) -> Row | None:
    return await (await connection.execute(_SELECT, key)).fetchone()


async def _select_page(connection: Connection, start: tuple[bytes, bytes], size: int) -> list[Row]:
    return await (await connection.execute(_SELECT_PAGE, (*start, size))).fetchall()


async def _write(connection: Connection, row: Row | None, values: schema.Row) -> bool:
    """Whether it was written: not if another host came first."""
    if row is None:
        cursor = await connection.execute(_INSERT, values)
    else:
        cursor = await connection.execute(_UPDATE, (*values, *_identity(row)))
    return cursor.rowcount == 1


async def _delete(connection: Connection, row: Row) -> bool:
    """Whether it was deleted: not if another host came first."""
    return (await connection.execute(_DELETE, _identity(row))).rowcount == 1


def _identity(row: Row) -> Row:
    """Both ZIDs and the checksum."""
    return row[0], row[1], row[-1]


async def _select_zid(connection: Connection, label: str) -> Row | None:
    """ZID and checksum of an own ZID."""
    cursor = await connection.execute("SELECT zid, checksum FROM zrtp_own_zids WHERE label = %s", (label.encode(),))
    return await cursor.fetchone()


async def _insert_zid(connection: Connection, row: schema.Row, renew: bool) -> Row:
    """ZID and checksum that are stored now: the one of whoever came first, unless it is renewed."""
    label, zid, checksum = row
    conflict = "DO UPDATE SET zid = excluded.zid, checksum = excluded.checksum" if renew else "DO NOTHING"
    await connection.execute(
        f"INSERT INTO zrtp_own_zids VALUES (%s, %s, %s) ON CONFLICT (label) {conflict}".encode(),  # noqa: S608
        (label.encode(), zid, checksum),
    )
    stored = await _select_zid(connection, label)
    if stored is None:
        raise CacheError("Somebody has just deleted the ZID of this installation from the database: try again.")
    return stored
