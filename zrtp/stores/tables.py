"""The tables in a PostgreSQL database: their text and their versions. The columns are those of the SQLite file.

Labels are stored as octets, because PostgreSQL has no text with a zero in it. Every row has the checksum that rows of
the file have, and the checksum is what a write compares: a row that anybody changed since it was read has another one.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import AsyncConnection

from zrtp.cache import rows
from zrtp.errors import CacheError

VERSION: Final = 1
"""Version of the layout, in table zrtp_layout. 1: as below."""

COLUMNS: Final = ("own_zid", "peer_zid", *rows.NAMES, "checksum")
"""Of table zrtp_peers, in the order of `zrtp.cache.schema.from_record`."""

_TYPES: Final = {"BLOB": "BYTEA", "REAL": "DOUBLE PRECISION", "INTEGER": "BIGINT", "TEXT": "TEXT"}
"""What SQLite calls them -> what PostgreSQL does."""

_LOCK: Final = int.from_bytes(b"ZRTP")
"""Names the lock of the hosts that lay out the tables: one at a time."""


async def lay_out(connection: AsyncConnection[Any]) -> None:
    """Make the tables, or bring older ones up to date, in one transaction.

    Many hosts may do so at once. Raises CacheError for tables of a later version.
    """
    if await _version(connection) == VERSION:
        return  # without the rights to make tables
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        found = await _version(connection)
        if found > VERSION:
            raise CacheError(
                f"The tables were written by a later version of this program (format {found}, here {VERSION}): "
                "update this program, or choose another database. Nothing was changed."
            )
        for step in range(found, VERSION):
            for statement in _STEPS[step]:
                await connection.execute(statement.encode())
        await connection.execute("DELETE FROM zrtp_layout")
        await connection.execute("INSERT INTO zrtp_layout VALUES (%s)", (VERSION,))


async def _version(connection: AsyncConnection[Any]) -> int:
    """0: there are no tables yet."""
    # A scan of the catalogue: to_regclass may answer from before the lock was there.
    cursor = await connection.execute(
        "SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'zrtp_layout' AND pg_catalog.pg_table_is_visible(oid)"
    )
    if await cursor.fetchone() is None:
        return 0
    cursor = await connection.execute("SELECT version FROM zrtp_layout")
    row = await cursor.fetchone()
    if row is None:
        raise CacheError("The table zrtp_layout is empty: restore the database from a backup, or choose another one.")
    return int(row[0])


def _declaration(column: rows.Column) -> str:
    kind, *rest = column.kind.declaration.split(" ", 1)
    return " ".join((column.name, _TYPES[kind], *rest))


_PEER = ", ".join(_declaration(column) for column in rows.COLUMNS)

_STEPS: Final[dict[int, tuple[str, ...]]] = {
    0: (
        "CREATE TABLE zrtp_layout (version INTEGER NOT NULL)",
        "CREATE TABLE zrtp_own_zids (label BYTEA PRIMARY KEY, zid BYTEA NOT NULL, checksum BYTEA NOT NULL)",
        f"CREATE TABLE zrtp_peers (own_zid BYTEA NOT NULL, peer_zid BYTEA NOT NULL, {_PEER}, "
        "checksum BYTEA NOT NULL, PRIMARY KEY (own_zid, peer_zid))",
    ),
}
"""Version -> what leads to the next one."""
