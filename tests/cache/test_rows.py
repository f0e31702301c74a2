"""A record as columns: the fields stand once, in the record, and everything else follows from them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import zrtp
from tests.cache.test_interface import FULL, OWN, PEER
from zrtp.cache import rows, schema
from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.secret import Secret

LAYOUT_3 = """
    rs1 BLOB, rs1_expires REAL, rs2 BLOB, rs2_expires REAL, pbxsecret BLOB, interval INTEGER NOT NULL,
    verified INTEGER NOT NULL, verified_at REAL, differed_at REAL, name TEXT NOT NULL, provisional INTEGER NOT NULL,
    trusted_lineage INTEGER NOT NULL, preshared_count INTEGER NOT NULL, first_seen REAL NOT NULL,
    last_seen REAL NOT NULL, generation INTEGER NOT NULL
"""
"""As it is in the files that exist. Who changes the record changes the version of the layout too."""


def test_the_columns_are_those_of_the_files_that_exist() -> None:
    assert [column.declaration for column in rows.COLUMNS] == " ".join(LAYOUT_3.split()).split(", ")


def test_a_record_comes_back_as_it_was_with_secrets_of_its_own() -> None:
    columns = [bytes(value) if isinstance(value, bytearray) else value for value in rows.to_columns(FULL)]
    record = rows.from_columns(columns)
    assert record == FULL
    assert record.rs1 is not FULL.rs1
    assert rows.from_columns(rows.to_columns(PeerRecord())) == PeerRecord()


def test_columns_share_the_octets_of_the_secrets_so_that_wiping_reaches_them() -> None:
    record = PeerRecord(rs1=Secret(b"1" * 32))
    octets = rows.to_columns(record)[0]
    record.wipe()
    assert bytes(octets) == bytes(32)


def test_numbers_are_what_a_database_gives_back() -> None:
    columns = dict(zip(rows.NAMES, rows.to_columns(replace(FULL, verified_at=-0.0, last_seen=5)), strict=True))
    assert repr(columns["verified_at"]) == "0.0"
    assert repr(columns["last_seen"]) == "5.0"
    assert columns["verified"] is not True and columns["verified"] == 1


@pytest.mark.parametrize(
    "change", [lambda columns: columns[:-1], lambda columns: [*columns, 0]], ids=["too few", "too many"]
)
def test_another_number_of_columns_is_no_record(change: Callable[[list[object]], list[object]]) -> None:
    with pytest.raises(ValueError, match="zip"):
        rows.from_columns(change(rows.to_columns(FULL)))


@pytest.mark.long
def test_a_new_field_is_one_line_and_its_migration(tmp_path: Path) -> None:
    """In a copy of the package: the field, the number of the layout, and what old peers have in it."""
    with SqliteCache(tmp_path / "cache" / "peers.db") as cache:
        cache.own_zid(lambda: OWN)
        cache.update(OWN, PEER, lambda _: FULL)
    package = tmp_path / "copy" / "zrtp"
    shutil.copytree(Path(zrtp.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in (
        ("record.py", "    generation: int = 0\n", '    generation: int = 0\n    remark: str = ""\n'),
        ("schema.py", f"VERSION = {schema.VERSION}\n", f"VERSION = {schema.VERSION + 1}\n"),
        (
            "schema.py",
            "_ADDED: dict[int, dict[str, object]] = {\n",
            f'_ADDED: dict[int, dict[str, object]] = {{\n    {schema.VERSION}: {{"remark": "from before"}},\n',
        ),
    ):
        path = package / "cache" / name
        text = path.read_text("utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), "utf-8")
    program = """
import sys
from dataclasses import replace
from zrtp.cache.sqlite import SqliteCache
cache = SqliteCache(sys.argv[1])
(entry,) = cache.peers()
print(entry.record.name, entry.record.remark, entry.record.rs1.octets.hex(), entry.record.generation, sep="|")
cache.update(entry.own_zid, entry.peer_zid, lambda old: replace(old, remark="a friend"))
(entry,) = SqliteCache(sys.argv[1]).peers()
print(entry.record.copy().remark, entry.record.generation, sep="|")
"""
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program, str(tmp_path / "cache" / "peers.db")],
        cwd=package.parent,
        env={"PYTHONPATH": str(package.parent), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{FULL.name}|from before|{'01' * 32}|1", "a friend|2"]
