"""The tables in the file of a cache: their text, their versions, and the checksum of each row.

Every row carries a checksum over itself. SQLite notices a broken structure but not a changed octet in a secret, and
a changed secret would look like a wiretapper, not like a bad disk.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from zrtp.cache import rows
from zrtp.cache.interface import PeerEntry
from zrtp.cache.record import PeerRecord

VERSION = 3
"""Version of the layout, in `PRAGMA user_version`.

1: without provisional, trusted_lineage, preshared_count, generation and checksums.
2: without differed_at.
3: as below.
"""

APPLICATION_ID = int.from_bytes(b"ZRTP")
"""Marks the file as ours, in `PRAGMA application_id`."""

_PEER = ",\n        ".join(column.declaration for column in rows.COLUMNS)

_TABLES = {
    "own_zids": """CREATE TABLE own_zids (
        label TEXT NOT NULL PRIMARY KEY,
        zid BLOB NOT NULL,
        checksum BLOB NOT NULL
    ) WITHOUT ROWID""",
    "peers": f"""CREATE TABLE peers (
        own_zid BLOB NOT NULL,
        peer_zid BLOB NOT NULL,
        {_PEER},
        checksum BLOB NOT NULL,
        PRIMARY KEY (own_zid, peer_zid)
    ) WITHOUT ROWID""",
}

_ADDED: dict[int, dict[str, object]] = {
    1: {"provisional": 0, "trusted_lineage": 0, "preshared_count": 0, "generation": 1},
    2: {"differed_at": None},
}
"""What the next version has beside this one, and what it is for peers of whom nothing else is known."""

_MAGIC = b"SQLite format 3\0"
_ID_AT = 68

HEADER = _ID_AT + 4
"""Octets at the beginning of a file in which its marks are."""

SqliteRow = Sequence[Any]
"""The columns of one row in the order of its table."""


class Damaged(Exception):
    """The file is not, or not any more, what this package wrote. The text is a clause that says so."""


class NotOurs(Exception):
    """The file is in order, but not for this program to use. The text says whose it is, and what to do."""


def lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    for text in _TABLES.values():
        connection.execute(text)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def marked(header: bytes) -> bool:
    """Whether a file that begins so can be one of ours: it has our marks, or nothing in it at all."""
    return not header or (header.startswith(_MAGIC) and header[_ID_AT:HEADER] == APPLICATION_ID.to_bytes(4))


def version(connection: sqlite3.Connection) -> int:
    """The version of the layout; raises Damaged, or NotOurs for what another program or version wrote."""
    found = _pragma(connection, "user_version")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        if _pragma(connection, "page_count"):
            raise NotOurs("is the database of another program: choose another file")
        raise Damaged("it is empty")
    if found < 1:
        raise Damaged("it has no version")
    if found > VERSION:
        raise NotOurs(
            f"was written by a later version of this program (format {found}, here {VERSION}): "
            "update this program, or choose another file"
        )
    return found


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older layout up to date, inside the caller's transaction; raises Damaged."""
    added = {name: value for step in range(version(connection), VERSION) for name, value in _ADDED[step].items()}
    for table, text in _TABLES.items():
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        connection.execute(text)
    for known in _old_rows(connection, "own_zids"):
        insert(connection, "own_zids", from_zid(known["label"], known["zid"]))
    for known in _old_rows(connection, "peers"):
        values = known | added
        insert(connection, "peers", _with_checksum([values[name] for name in ("own_zid", "peer_zid", *rows.NAMES)]))
    for table in _TABLES:
        connection.execute(f"DROP TABLE old_{table}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def verify(connection: sqlite3.Connection) -> None:
    """Read everything once; raises Damaged if structure, tables or any row are not as they were written."""
    tables = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
    if tables != _TABLES:
        raise Damaged("its tables are not those of a cache")
    [(verdict,)] = connection.execute("PRAGMA quick_check(1)")
    if verdict != "ok":
        raise Damaged("its structure is broken")
    for row in connection.execute("SELECT * FROM own_zids"):
        to_zid(row)
    for row in connection.execute("SELECT * FROM peers"):
        to_entry(row)


def from_zid(label: str, zid: bytes) -> SqliteRow:
    """The row of table own_zids for a ZID."""
    return _with_checksum([label, zid])


def to_zid(row: SqliteRow) -> bytes:
    """The ZID in a row; raises Damaged."""
    _label, zid = _without_checksum(row)
    return bytes(zid)


def from_record(own_zid: bytes, peer_zid: bytes, record: PeerRecord) -> SqliteRow:
    """The row of table peers for a record. Shares the octets of its secrets."""
    return _with_checksum([own_zid, peer_zid, *rows.to_columns(record)])


def to_entry(row: SqliteRow) -> PeerEntry:
    """The record in a row, with its ZIDs; raises Damaged."""
    own_zid, peer_zid, *columns = _without_checksum(row)
    return PeerEntry(own_zid=own_zid, peer_zid=peer_zid, record=rows.from_columns(columns))


def insert(connection: sqlite3.Connection, table: str, row: SqliteRow) -> None:
    """Write a row, in place of the one with the same key."""
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608 (our own names)


def _old_rows(connection: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table that was renamed, by the names of their columns."""
    cursor = connection.execute(f"SELECT * FROM old_{table}")  # noqa: S608 (our own names)
    names = [name for name, *_ in cursor.description]
    for row in cursor:
        known = row if "checksum" not in names else _without_checksum(row)
        yield dict(zip(names, known, strict=False))


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    [(value,)] = connection.execute(f"PRAGMA {name}")
    return int(value)


def _with_checksum(columns: list[Any]) -> SqliteRow:
    return [*columns, _checksum(columns)]


def _without_checksum(row: SqliteRow) -> SqliteRow:
    *columns, checksum = row
    if checksum != _checksum(columns):
        raise Damaged("a row does not fit its checksum")
    return columns


def _checksum(columns: Iterable[Any]) -> bytes:
    """Against accidents, not against attackers: whoever can write the file can replace it."""
    digest = hashlib.sha256()
    for column in columns:
        octets = column if isinstance(column, bytes | bytearray) else repr(column).encode()
        digest.update(f"{type(octets) is type(column)} {len(octets)} ".encode())
        digest.update(octets)
    return digest.digest()[:16]
