"""Layouts of the file: an older one is brought up to date, a later one is left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from itertools import count
from pathlib import Path

import pytest

from tests.cache.processes import killed_at
from tests.cache.test_interface import FULL, OTHER, OWN, PEER
from zrtp.cache import rows, schema
from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import CacheError
from zrtp.secret import Secret

VERSION_1 = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE own_zids (label TEXT NOT NULL PRIMARY KEY, zid BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE peers (
        own_zid BLOB NOT NULL, peer_zid BLOB NOT NULL,
        rs1 BLOB, rs1_expires REAL, rs2 BLOB, rs2_expires REAL, pbxsecret BLOB,
        interval INTEGER NOT NULL, verified INTEGER NOT NULL, verified_at REAL, name TEXT NOT NULL,
        first_seen REAL NOT NULL, last_seen REAL NOT NULL,
        PRIMARY KEY (own_zid, peer_zid)
    ) WITHOUT ROWID;
    PRAGMA application_id = 0x5A525450;
    PRAGMA user_version = 1;
"""

BOB = PeerRecord(
    rs1=Secret(b"\x01" * 32),
    rs1_expires=2_000_000_000.5,
    rs2=Secret(b"\x02" * 32),
    interval=3600,
    verified=True,
    verified_at=1_700_000_000.0,
    name="bob",
    first_seen=1_600_000_000.0,
    last_seen=1_700_000_000.0,
)
NAMELESS = PeerRecord(rs1=Secret(b"\x05" * 32), pbxsecret=Secret(b"\x06" * 32), interval=FOREVER)


def write_version_1(path: Path) -> None:
    """A cache as the first layout had it, with two peers."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(VERSION_1)
        connection.execute("INSERT INTO own_zids VALUES ('', ?)", (OWN,))
        for peer_zid, record in ((PEER, BOB), (OTHER, NAMELESS)):
            rs1, rs2, pbxsecret = (s and bytes(s.octets) for s in (record.rs1, record.rs2, record.pbxsecret))
            connection.execute(
                "INSERT INTO peers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    OWN,
                    peer_zid,
                    rs1,
                    record.rs1_expires,
                    rs2,
                    record.rs2_expires,
                    pbxsecret,
                    record.interval,
                    record.verified,
                    record.verified_at,
                    record.name,
                    record.first_seen,
                    record.last_seen,
                ),
            )


VERSION_2 = (
    schema._TABLES["peers"].replace("differed_at REAL,\n        ", ""),
    f"PRAGMA application_id = {schema.APPLICATION_ID}",
    "PRAGMA user_version = 2",
)


def write_version_2(path: Path) -> None:
    """A cache as the second layout had it, with the same two peers."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for text in (schema._TABLES["own_zids"], *VERSION_2):
            connection.execute(text)
        schema.insert(connection, "own_zids", schema.from_zid("", OWN))
        for peer_zid, record in ((PEER, BOB), (OTHER, NAMELESS)):
            columns = list(schema.from_record(OWN, peer_zid, replace(record, generation=1)))[:-1]
            del columns[2 + rows.NAMES.index("differed_at")]
            schema.insert(connection, "peers", schema._with_checksum(columns))


def is_up_to_date(path: Path) -> bool:
    with SqliteCache(path) as cache:
        return (
            cache.own_zid(lambda: bytes(12)) == OWN
            and cache.load(OWN, PEER) == replace(BOB, generation=1)
            and cache.load(OWN, OTHER) == replace(NAMELESS, generation=1)
            and len(cache.peers()) == 2
        )


@pytest.mark.parametrize("write", [write_version_1, write_version_2])
def test_an_old_version_is_brought_up_to_date_with_nothing_lost(write: Callable[[Path], None], path: Path) -> None:
    write(path)

    assert is_up_to_date(path)
    assert is_up_to_date(path)


@pytest.mark.parametrize("write", [write_version_1, write_version_2])
def test_after_the_migration_the_tables_are_those_of_a_new_file(
    write: Callable[[Path], None], path: Path, tmp_path: Path
) -> None:
    write(path)
    SqliteCache(path)
    SqliteCache(tmp_path / "new.db")

    def layout(file: Path) -> list[object]:
        with closing(sqlite3.connect(file)) as connection:
            tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
            return [*tables, *connection.execute("PRAGMA user_version")]

    assert layout(path) == layout(tmp_path / "new.db")


@pytest.mark.attack("CCH-10")
@pytest.mark.parametrize("stride", [211, pytest.param(1, marks=pytest.mark.long)])
def test_a_migration_killed_at_any_system_call_is_done_by_the_next_start(path: Path, stride: int) -> None:
    for position in count(step=stride):
        write_version_1(path)
        killed = killed_at(position, lambda: SqliteCache(path))
        assert is_up_to_date(path)
        if not killed:
            return
        path.unlink()


@pytest.mark.attack("CCH-13")
def test_a_later_layout_is_refused_and_left_where_it_is(path: Path) -> None:
    SqliteCache(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()

    for _ in range(2):
        with pytest.raises(CacheError, match="later version of this program") as caught:
            SqliteCache(path)
        assert f"format {schema.VERSION + 1}, here {schema.VERSION}" in str(caught.value)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_later_program_may_take_over_while_this_one_runs(path: Path) -> None:
    cache = SqliteCache(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")

    with pytest.raises(CacheError, match="later version of this program"):
        cache.update(OWN, PEER, lambda _: BOB)


def test_every_field_of_a_record_has_a_column_of_its_name() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        schema.lay_out(connection)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(peers)")]

    assert set(columns) == {field.name for field in fields(PeerRecord)} | {"own_zid", "peer_zid", "checksum"}


CHANGES: dict[str, Callable[[object], object]] = {
    "nothing instead": lambda value: None if value is not None else 0,
    "one bit": lambda value: bytes([value[0] ^ 1, *value[1:]]) if isinstance(value, bytes) else b"\x01",
    "text for octets": lambda value: repr(value),
}


@pytest.mark.attack("CCH-13")
@pytest.mark.parametrize("change", CHANGES)
def test_a_row_with_any_column_changed_is_damaged(change: str) -> None:
    row = [bytes(v) if isinstance(v, bytearray) else v for v in schema.from_record(OWN, PEER, FULL)]
    assert schema.to_entry(row).record == FULL

    for column in range(len(row)):
        broken = [*row]
        broken[column] = CHANGES[change](row[column])
        with pytest.raises(schema.Damaged):
            schema.to_entry(broken)


def test_columns_that_trade_octets_or_types_do_not_share_a_checksum() -> None:
    row = [*schema.from_record(OWN, PEER, FULL)]
    traded = [OWN + PEER[:1], PEER[1:], *row[2:]]
    retyped = [*row[:10], repr(FULL.name).encode(), *row[11:]]

    for broken in (traded, retyped):
        with pytest.raises(schema.Damaged):
            schema.to_entry(broken)
