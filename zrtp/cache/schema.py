"""The tables in the file of a cache: their text, their versions, and how a record becomes a row and back.

Every row carries a checksum over itself. SQLite notices a broken structure but not a changed octet in a secret, and
a changed secret would look like a wiretapper, not like a bad disk.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from zrtp.cache.interface import PeerEntry
from zrtp.cache.record import PeerRecord
from zrtp.secret import Secret

VERSION = 2
"""Version of the layout, in `PRAGMA user_version`.

1: without provisional, trusted_lineage, preshared_count, generation and checksums.
2: as below.
"""

APPLICATION_ID = int.from_bytes(b"ZRTP")
"""Marks the file as ours, in `PRAGMA application_id`."""

_TABLES = {
    "own_zids": """CREATE TABLE own_zids (
        label TEXT NOT NULL PRIMARY KEY,
        zid BLOB NOT NULL,
        checksum BLOB NOT NULL
    ) WITHOUT ROWID""",
    "peers": """CREATE TABLE peers (
        own_zid BLOB NOT NULL,
        peer_zid BLOB NOT NULL,
        rs1 BLOB,
        rs1_expires REAL,
        rs2 BLOB,
        rs2_expires REAL,
        pbxsecret BLOB,
        interval INTEGER NOT NULL,
        verified INTEGER NOT NULL,
        verified_at REAL,
        name TEXT NOT NULL,
        provisional INTEGER NOT NULL,
        trusted_lineage INTEGER NOT NULL,
        preshared_count INTEGER NOT NULL,
        first_seen REAL NOT NULL,
        last_seen REAL NOT NULL,
        generation INTEGER NOT NULL,
        checksum BLOB NOT NULL,
        PRIMARY KEY (own_zid, peer_zid)
    ) WITHOUT ROWID""",
}

Row = Sequence[Any]
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


def version(connection: sqlite3.Connection) -> int:
    """The version of the layout; raises Damaged, or NotOurs for what another program or version wrote."""
    found = _pragma(connection, "user_version")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
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
    """Bring an older layout up to date, inside the caller's transaction."""
    for step in range(version(connection), VERSION):
        _MIGRATIONS[step](connection)
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


def from_zid(label: str, zid: bytes) -> Row:
    """The row of table own_zids for a ZID."""
    return _with_checksum([label, zid])


def to_zid(row: Row) -> bytes:
    """The ZID in a row; raises Damaged."""
    _label, zid = _without_checksum(row)
    return bytes(zid)


def from_record(own_zid: bytes, peer_zid: bytes, record: PeerRecord) -> Row:
    """The row of table peers for a record. Shares the octets of its secrets."""
    return _with_checksum(
        [
            own_zid,
            peer_zid,
            _octets(record.rs1),
            _time(record.rs1_expires),
            _octets(record.rs2),
            _time(record.rs2_expires),
            _octets(record.pbxsecret),
            record.interval,
            int(record.verified),
            _time(record.verified_at),
            record.name,
            int(record.provisional),
            int(record.trusted_lineage),
            record.preshared_count,
            _time(record.first_seen),
            _time(record.last_seen),
            record.generation,
        ]
    )


def to_entry(row: Row) -> PeerEntry:
    """The record in a row, with its ZIDs; raises Damaged."""
    (
        own_zid,
        peer_zid,
        rs1,
        rs1_expires,
        rs2,
        rs2_expires,
        pbxsecret,
        interval,
        verified,
        verified_at,
        name,
        provisional,
        trusted_lineage,
        preshared_count,
        first_seen,
        last_seen,
        generation,
    ) = _without_checksum(row)
    record = PeerRecord(
        rs1=_secret(rs1),
        rs1_expires=rs1_expires,
        rs2=_secret(rs2),
        rs2_expires=rs2_expires,
        pbxsecret=_secret(pbxsecret),
        interval=interval,
        verified=bool(verified),
        verified_at=verified_at,
        name=name,
        provisional=bool(provisional),
        trusted_lineage=bool(trusted_lineage),
        preshared_count=preshared_count,
        first_seen=first_seen,
        last_seen=last_seen,
        generation=generation,
    )
    return PeerEntry(own_zid=own_zid, peer_zid=peer_zid, record=record)


def insert(connection: sqlite3.Connection, table: str, row: Row) -> None:
    """Write a row, in place of the one with the same key."""
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608 (our own names)


def _from_1_to_2(connection: sqlite3.Connection) -> None:
    """Add lineage, counters and checksums. Nothing is known of the past: no lineage, no counts."""
    for table, text in _TABLES.items():
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
        connection.execute(text)
    for label, zid in connection.execute("SELECT label, zid FROM own_zids_1"):
        insert(connection, "own_zids", from_zid(label, zid))
    old = connection.execute(
        "SELECT own_zid, peer_zid, rs1, rs1_expires, rs2, rs2_expires, pbxsecret, interval, verified,"
        " verified_at, name, 0, 0, 0, first_seen, last_seen, 1 FROM peers_1"
    )
    for row in old:
        insert(connection, "peers", _with_checksum(list(row)))
    for table in _TABLES:
        connection.execute(f"DROP TABLE {table}_1")


_MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1_to_2}
"""From which version, by which step to the next."""


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    [(value,)] = connection.execute(f"PRAGMA {name}")
    return int(value)


def _with_checksum(columns: list[Any]) -> Row:
    return [*columns, _checksum(columns)]


def _without_checksum(row: Row) -> Row:
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


def _octets(secret: Secret | None) -> bytearray | None:
    return None if secret is None else secret.octets


def _secret(octets: bytes | None) -> Secret | None:
    return None if octets is None else Secret(octets)


def _time(seconds: float | None) -> float | None:
    """As SQLite gives it back: a float, and never a negative zero."""
    return None if seconds is None else seconds + 0.0
