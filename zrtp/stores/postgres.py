"""The cache in a PostgreSQL database: one memory for many hosts (extra `postgres`).

No lock is ever held from one statement to the next. A change reads the record, and writes only if the row is still
the one that was read, in one statement; otherwise it begins again with the newer one. So a host that dies in the
middle holds up nobody, and neither does a stranger who claims somebody's ZID.

The connections are asynchronous, in an event loop of their own, so that every method returns in time, even if the
database stands still. The methods block, as those of every cache; `in_coroutines` has them as coroutines for programs
that have an event loop, and no thread waits then.
"""

from __future__ import annotations

import atexit
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from zrtp.cache import schema
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
from zrtp.door import need_number, need_text, need_whole
from zrtp.errors import ApiMisuse, CacheError
from zrtp.stores import tables
from zrtp.stores.loop import LoopThread
from zrtp.stores.metrics import Meter, StoreMetrics

TIMEOUT: Final = 3.0
"""Seconds after which a method gives up: about as long as a phone's retransmissions let a call wait."""

WRITE_TIMEOUT: Final = 10.0
"""Seconds after which a change gives up. Nobody waits for it, and one that is lost may cost a later call its secret."""

CONNECTIONS: Final = 4
"""How many connections a cache opens at most."""

T = TypeVar("T")
Connection: TypeAlias = AsyncConnection[Any]
PostgresRow: TypeAlias = tuple[Any, ...]


class PostgresCache:
    """The `SecretCache` in a database that many hosts share; every thread of a process may use it.

    `address` is a postgresql:// URL as libpq takes it. The tables are made where the user's search_path points. Every
    method raises CacheError after `timeout` seconds, a change after `write_timeout`; whether it was stored is then not
    known, and it may be tried again. After a change that failed, records are read only once the database takes changes
    again: two calls that cannot store their secrets would make the third one an alarm. A forked child opens its own.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = TIMEOUT,
        write_timeout: float = WRITE_TIMEOUT,
        connections: int = CONNECTIONS,
    ) -> None:
        need_text("address", address)
        need_number("timeout", timeout)
        need_number("write_timeout", write_timeout)
        need_whole("connections", connections, 1)
        self._name, conninfo = _understood(address, timeout)
        self._timeout = timeout
        self._write_timeout = write_timeout
        self._takes_changes = True
        self._closed = False
        self._meter = Meter()
        self._loop = LoopThread("zrtp-postgres")
        self.in_coroutines = AsyncPostgresCache(self)
        """The same cache for event loops."""
        try:
            with self._explained(timeout):
                self._pool = self._loop.run(_open_pool(conninfo, timeout, connections), timeout)
        except BaseException:
            self._loop.close()
            raise
        atexit.register(self.close)

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        check_own_zid(make, label, renew)
        return self._run(self._own_zid(make, label, renew), self._timeout)

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        return self._run(self._load(key_of(own_zid, peer_zid)), self._timeout)

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        check_change(change)
        return self._run(self._update(key_of(own_zid, peer_zid), change), self._write_timeout)

    def peers(self) -> list[PeerEntry]:
        """Every record. Read in pages, held in memory together: `page` is for whoever has very many."""
        found: list[PeerEntry] = []
        read = self.page()
        while read:
            found += read
            read = self.page(read[-1].zids)
        return in_order(found)

    def page(self, after: tuple[bytes, bytes] | None = None, size: int = PAGE) -> list[PeerEntry]:
        """Up to `size` records in the order of their two ZIDs, those behind `after`, or the first ones."""
        return self._run(self._page(page_start(after, size), size), self._timeout)

    def named(self, name: str) -> list[PeerEntry]:
        """Every record of this name, whatever the case of its letters."""
        return self._run(self._named(need_text("name", name)), self._timeout)

    def beginning(self, digits: str) -> list[PeerEntry]:
        """Every record whose peer's ZID begins with these hexadecimal digits."""
        return self._run(self._beginning(need_text("digits", digits)), self._timeout)

    @property
    def metrics(self) -> StoreMetrics:
        """What happened so far, and what goes on now."""
        meter, pool = self._meter, self._pool.get_stats()
        return StoreMetrics(
            operations_total=meter.operations,
            failed_total=meter.failed,
            overtaken_total=meter.overtaken,
            seconds_total=meter.seconds,
            slowest_seconds=meter.slowest,
            waiting=meter.waiting,
            connections=pool.get("pool_size", 0),
            connections_idle=pool.get("pool_available", 0),
            connections_lost_total=pool.get("connections_lost", 0) + pool.get("connections_errors", 0),
        )

    def close(self) -> None:
        """Close the connections; the database stays. May be called again."""
        if not self._closed:
            self._closed = True
            atexit.unregister(self.close)
            try:
                self._loop.run(self._pool.close(timeout=self._timeout), self._timeout)
            except (TimeoutError, ApiMisuse):
                pass  # the database stands still, or this is a forked child: the connections end with their process
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

    # For callers in other threads and loops.

    def _run(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        """What it returns, in time. Raises CacheError."""
        self._refuse_a_closed_one(coroutine)
        with self._meter.operation(), self._explained(timeout):
            return self._loop.run(coroutine, timeout)

    async def _wait(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        """As `_run`, in the caller's event loop."""
        self._refuse_a_closed_one(coroutine)
        with self._meter.operation(), self._explained(timeout):
            return await self._loop.wait(coroutine, timeout)

    def _refuse_a_closed_one(self, coroutine: Coroutine[Any, Any, T]) -> None:
        if self._closed:
            coroutine.close()
            raise ApiMisuse("The cache is closed: open it again to use it.")

    @contextmanager
    def _explained(self, timeout: float) -> Iterator[None]:
        """Turns failures into CacheError; the causes may quote a row or an address, and are left out."""
        try:
            yield
        except (TimeoutError, psycopg.OperationalError) as error:
            raise CacheError(
                f"The database {self._name} did not answer within {timeout:g} seconds or refused the connection"
                f"{_reason(error)}: check that it runs, and the address and the user of the cache."
            ) from None
        except psycopg.Error as error:
            raise CacheError(f"The database {self._name} cannot be used{_reason(error)}.") from None

    # In the loop of the connections.

    async def _own_zid(self, make: Callable[[], bytes], label: str, renew: bool) -> bytes:
        found = await self._do(lambda connection: _select_zid(connection, label))
        if found is not None and not renew:
            return self._read(schema.to_zid, (label, *found))
        zid = made_zid(make)
        row = schema.from_zid(label, zid)
        stored = await self._do(lambda connection: _insert_zid(connection, row, renew))
        return self._read(schema.to_zid, (label, *stored))

    async def _load(self, key: tuple[bytes, bytes]) -> PeerRecord | None:
        if not self._takes_changes:
            await self._do(_change_nothing)
            self._takes_changes = True
        row = await self._do(lambda connection: _select(connection, key))
        return None if row is None else self._read(schema.to_entry, row).record

    async def _update(self, key: tuple[bytes, bytes], change: RecordUpdate) -> PeerRecord | None:
        try:
            while True:
                row = await self._do(lambda connection: _select(connection, key))
                done, stored = await self._try(key, row, change)
                if done:
                    return stored
                self._meter.overtake()
        except BaseException:  # also when the time is over
            self._takes_changes = False
            raise

    async def _try(
        self, key: tuple[bytes, bytes], row: PostgresRow | None, change: RecordUpdate
    ) -> tuple[bool, PeerRecord | None]:
        """Write what a change makes of this row; whether the row was still the same, and what is stored now."""
        old = None if row is None else self._read(schema.to_entry, row).record
        given = None if old is None else old.copy()
        try:
            new = change(given)
            if new is None:
                return row is None or await self._do(lambda connection: _delete(connection, row)), None
            if new == old:
                return True, new.copy()
            new = new.successor_of(old)
            values = schema.from_record(*key, new)
            return await self._do(lambda connection: _write(connection, row, values)), new
        finally:
            for record in (given, old):
                if record is not None:
                    record.wipe()

    async def _page(self, start: tuple[bytes, bytes], size: int) -> list[PeerEntry]:
        rows = await self._do(lambda connection: _select_page(connection, start, size))
        return [self._read(schema.to_entry, row) for row in rows]

    async def _named(self, name: str) -> list[PeerEntry]:
        rows = await self._do(_select_named)
        return in_order(entry for entry in (self._read(schema.to_entry, row) for row in rows) if has_name(entry, name))

    async def _beginning(self, digits: str) -> list[PeerEntry]:
        rows = await self._do(lambda connection: _select_between(connection, zids_beginning(digits)))
        return in_order(self._read(schema.to_entry, row) for row in rows)

    async def _do(self, action: Callable[[Connection], Awaitable[T]]) -> T:
        """What an action on a connection returns."""
        async with self._pool.connection(self._write_timeout) as connection:
            return await action(connection)

    def _read(self, convert: Callable[[PostgresRow], T], row: PostgresRow) -> T:
        try:
            return convert(row)
        except schema.Damaged as error:
            raise CacheError(
                f"A record in the database {self._name} is damaged: {error}. Restore it from a backup, or delete it "
                "and compare the SAS again."
            ) from error


class AsyncPostgresCache:
    """The `AsyncSecretCache` of a `PostgresCache`, which is its `in_coroutines`. May be awaited in any event loop."""

    def __init__(self, cache: PostgresCache) -> None:
        self._cache = cache

    async def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        """As `PostgresCache.load`."""
        return await self._cache._wait(self._cache._load(key_of(own_zid, peer_zid)), self._cache._timeout)

    async def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        """As `PostgresCache.update`; `change` runs in the thread of the connections."""
        check_change(change)
        key = key_of(own_zid, peer_zid)
        return await self._cache._wait(self._cache._update(key, change), self._cache._write_timeout)

    async def named(self, name: str) -> list[PeerEntry]:
        """As `PostgresCache.named`."""
        return await self._cache._wait(self._cache._named(need_text("name", name)), self._cache._timeout)

    def __repr__(self) -> str:
        return f"{self._cache!r}.in_coroutines"


def _understood(address: str, timeout: float) -> tuple[str, str]:
    """The name of a database as people may see it, without the password; and what libpq connects to."""
    try:
        known = conninfo_to_dict(address)
        usual = {
            "connect_timeout": str(max(2, round(timeout))),  # libpq takes no shorter time
            "tcp_user_timeout": str(round(timeout * 1000)),  # a host that vanished answers nothing at all
            "target_session_attrs": "read-write",  # a standby would take no changes
        }
        conninfo = make_conninfo(address, **{name: usual[name] for name in usual.keys() - known.keys()})
    except psycopg.Error:
        raise CacheError(
            "The address of the database is not one: write it as postgresql://USER@HOST/DATABASE."
        ) from None
    return f"{known.get('dbname', '')} at {known.get('host', 'this computer')}".strip(), conninfo


async def _open_pool(conninfo: str, timeout: float, connections: int) -> AsyncConnectionPool[Connection]:
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
_SELECT_NAMED = f"SELECT {_NAMES} FROM zrtp_peers WHERE name <> ''".encode()  # noqa: S608
_SELECT_BETWEEN = f"SELECT {_NAMES} FROM zrtp_peers WHERE peer_zid BETWEEN %s AND %s".encode()  # noqa: S608
_INSERT = f"INSERT INTO zrtp_peers ({_NAMES}) VALUES ({_MARKS}) ON CONFLICT DO NOTHING".encode()  # noqa: S608
_UPDATE = f"UPDATE zrtp_peers SET ({_NAMES}) = ROW ({_MARKS}) WHERE {_SAME_ROW}".encode()  # noqa: S608
_DELETE = f"DELETE FROM zrtp_peers WHERE {_SAME_ROW}".encode()  # noqa: S608


async def _select(connection: Connection, key: tuple[bytes, bytes]) -> PostgresRow | None:
    return await (await connection.execute(_SELECT, key)).fetchone()


async def _change_nothing(connection: Connection) -> None:
    """Fails as long as the database takes no changes: a standby, a full disk."""
    await connection.execute(b"UPDATE zrtp_own_zids SET zid = zid WHERE label = ''")


async def _select_page(connection: Connection, start: tuple[bytes, bytes], size: int) -> list[PostgresRow]:
    return await (await connection.execute(_SELECT_PAGE, (*start, size))).fetchall()


async def _select_named(connection: Connection) -> list[PostgresRow]:
    return await (await connection.execute(_SELECT_NAMED)).fetchall()


async def _select_between(connection: Connection, zids: tuple[bytes, bytes]) -> list[PostgresRow]:
    return await (await connection.execute(_SELECT_BETWEEN, zids)).fetchall()


async def _write(connection: Connection, row: PostgresRow | None, values: schema.SqliteRow) -> bool:
    """Whether it was written: not if another host came first."""
    if row is None:
        cursor = await connection.execute(_INSERT, values)
    else:
        cursor = await connection.execute(_UPDATE, (*values, *_identity(row)))
    return cursor.rowcount == 1


async def _delete(connection: Connection, row: PostgresRow) -> bool:
    """Whether it was deleted: not if another host came first."""
    return (await connection.execute(_DELETE, _identity(row))).rowcount == 1


def _identity(row: PostgresRow) -> PostgresRow:
    """Both ZIDs and the checksum."""
    return row[0], row[1], row[-1]


async def _select_zid(connection: Connection, label: str) -> PostgresRow | None:
    """ZID and checksum of an own ZID."""
    cursor = await connection.execute("SELECT zid, checksum FROM zrtp_own_zids WHERE label = %s", (label.encode(),))
    return await cursor.fetchone()


async def _insert_zid(connection: Connection, row: schema.SqliteRow, renew: bool) -> PostgresRow:
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
