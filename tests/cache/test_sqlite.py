"""What only the file-based cache promises: it lasts, it is honest about damage, and it forgets for good.

What it has in common with other caches is in test_interface.py, crashes and crowds are in test_under_fire.py.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cache.processes import in_child
from tests.cache.test_interface import FULL, OTHER, OWN, PEER
from zrtp.cache import schema, sqlite
from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import ApiMisuse, CacheError
from zrtp.secret import Secret

NOBODY = 65534


@pytest.mark.rfc("R-4.9-01", "R-7.1-01")
def test_zid_and_records_outlive_the_process(path: Path) -> None:
    def first_process() -> None:
        with SqliteCache(path) as cache:
            cache.own_zid(lambda: OWN)
            cache.update(OWN, PEER, lambda _: FULL)

    assert in_child(first_process) == 0
    with SqliteCache(str(path)) as cache:
        assert cache.own_zid(lambda: OTHER) == OWN
        assert cache.load(OWN, PEER) == FULL


@pytest.mark.rfc("R-4.9-01")
def test_two_installations_have_two_zids(path: Path, tmp_path: Path) -> None:
    one, two = SqliteCache(path), SqliteCache(tmp_path / "other.db")

    assert one.own_zid(lambda: os.urandom(12)) != two.own_zid(lambda: os.urandom(12))


def test_between_operations_only_the_file_itself_is_there(path: Path) -> None:
    SqliteCache(path).update(OWN, PEER, lambda _: FULL)

    assert os.listdir(path.parent) == [path.name]


def test_a_relative_path_means_the_same_file_after_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = SqliteCache("secrets.db")
    monkeypatch.chdir("/")

    assert cache.path == tmp_path.resolve() / "secrets.db"
    assert cache.peers() == []


def test_any_file_name_will_do(tmp_path: Path) -> None:
    odd = tmp_path / "100%?#&mode=ro;é .db"
    SqliteCache(odd).update(OWN, PEER, lambda _: FULL)

    assert SqliteCache(odd).load(OWN, PEER) == FULL
    assert os.listdir(tmp_path) == [odd.name]


def test_closing_is_idempotent_and_ends_the_use(path: Path) -> None:
    with SqliteCache(path) as cache:
        cache.close()
    cache.close()

    for use in (cache.peers, lambda: cache.load(OWN, PEER), lambda: cache.own_zid(lambda: OWN)):
        with pytest.raises(ApiMisuse, match="closed"):
            use()


@pytest.mark.attack("CCH-14")
def test_replaced_and_forgotten_secrets_are_overwritten_in_the_file(path: Path) -> None:
    secrets = [bytes([n]) * 5 + os.urandom(27) for n in range(3)]
    cache = SqliteCache(path)
    for zid in (PEER, OTHER):
        cache.update(OWN, zid, lambda _: PeerRecord(rs1=Secret(secrets[0]), rs2=Secret(secrets[1])))
    assert secrets[0] in path.read_bytes()

    cache.update(OWN, PEER, lambda _: PeerRecord(rs1=Secret(secrets[2])))
    cache.update(OWN, OTHER, lambda _: None)

    octets = path.read_bytes()
    assert [secret in octets for secret in secrets] == [False, False, True]


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    SqliteCache(path)
    with closing(sqlite._connect(path, 1.0)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("now", [10.0, -86_400.0], ids=["to 1970", "before 1970"])
def test_a_record_whose_clock_was_set_back_is_kept_and_read(path: Path, now: float) -> None:
    SqliteCache(path).update(OWN, PEER, lambda _: FULL)
    moved = replace(FULL, last_seen=now, verified_at=now, rs1_expires=now + 1000.0)
    SqliteCache(path).update(OWN, PEER, lambda _: moved)

    record = SqliteCache(path).load(OWN, PEER)
    assert record is not None
    assert record == replace(moved, generation=record.generation)
    assert record.first_seen > record.last_seen


@pytest.mark.attack("CCH-12")
def test_a_restored_backup_shows_in_its_generation(path: Path) -> None:
    cache = SqliteCache(path)
    cache.update(OWN, PEER, lambda _: FULL)
    backup = path.read_bytes()
    cache.update(OWN, PEER, lambda old: old and replace(old, rs2=old.rs1, rs1=Secret(b"n" * 32)))
    assert [entry.record.generation for entry in cache.peers()] == [2]

    path.write_bytes(backup)
    assert SqliteCache(path).load(OWN, PEER) == replace(FULL, generation=1)


# ---- Damage (a missing record hides an attack, so nothing is ever silently empty)


def damaged(path: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(path.parent.glob(path.name + ".damaged-?"))]


@pytest.mark.attack("CCH-13")
def test_an_empty_cache_is_moved_aside_once_and_said_so(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)

    with pytest.raises(CacheError, match=r"is damaged: it is empty. It was moved to .*secrets\.db\.damaged-1;"):
        SqliteCache(path)
    assert damaged(path) == [b""]
    assert SqliteCache(path).peers() == []


@pytest.mark.attack("CCH-13")
@pytest.mark.parametrize("permissions", [0o600, 0o644])
@pytest.mark.parametrize("content", [b"SQLite", b"SQLite format 3\0", b"a diary, or a key of SSH\n" * 300, bytes(8192)])
def test_a_file_that_was_never_a_cache_is_left_alone_whoever_can_read_it(
    path: Path, content: bytes, permissions: int
) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    path.chmod(permissions)

    with pytest.raises(CacheError, match=r"secrets\.db is not a zrtp cache\. Nothing was changed; name another file"):
        SqliteCache(path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.attack("CCH-13")
def test_a_file_that_takes_the_place_of_the_cache_is_left_alone_too(path: Path) -> None:
    cache = SqliteCache(path)
    path.write_bytes(b"a diary\n" * 300)

    with pytest.raises(CacheError, match="is not a zrtp cache"):
        cache.peers()
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.attack("CCH-13")
def test_a_cache_whose_header_is_broken_is_moved_aside(path: Path) -> None:
    SqliteCache(path)
    octets = with_broken_header(path)
    path.write_bytes(octets)

    with pytest.raises(CacheError, match=r"is damaged: .* It was moved to"):
        SqliteCache(path)
    assert damaged(path) == [octets]


@pytest.mark.attack("CCH-11")
def test_another_look_at_the_file_leaves_the_lock_of_a_transaction(path: Path) -> None:
    """A descriptor that the process closes takes all its locks on the file with it, also those of other threads."""
    cache = SqliteCache(path)
    cache.update(OWN, PEER, lambda _: FULL)

    def other_process() -> None:
        with pytest.raises(CacheError, match="locked"):
            SqliteCache(path, busy_timeout=0.01).update(OWN, PEER, lambda _: None)

    def meanwhile(record: PeerRecord | None) -> PeerRecord | None:
        SqliteCache(path)
        assert in_child(other_process) == 0
        return record

    cache.update(OWN, PEER, meanwhile)


@pytest.mark.attack("CCH-13")
@pytest.mark.parametrize("permissions", [0o600, 0o644])
@pytest.mark.parametrize("version", [0, schema.VERSION, schema.VERSION + 1])
@pytest.mark.parametrize("table", ["CREATE TABLE peers (name TEXT)", "PRAGMA journal_mode = WAL"])
def test_the_database_of_another_program_is_left_alone(path: Path, version: int, table: str, permissions: int) -> None:
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(table)
        connection.execute(f"PRAGMA user_version = {version}")
    path.chmod(permissions)
    content = path.read_bytes()

    with pytest.raises(CacheError, match="the database of another program"):
        SqliteCache(path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def with_broken_header(path: Path) -> bytes:
    """A cache that carries its marks, and says that its pages have a size that there is none of."""
    octets = bytearray(path.read_bytes())
    octets[16:18] = b"\0\7"
    return bytes(octets)


def edited(path: Path, edit: str) -> None:
    """Break a cache with SQL, past the cache itself."""
    SqliteCache(path).update(OWN, PEER, lambda _: FULL)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(edit)


@pytest.mark.attack("CCH-13")
@pytest.mark.parametrize(
    ("edit", "sign"),
    [
        ("PRAGMA user_version = 0", "it has no version"),
        ("CREATE TABLE more (name TEXT)", "its tables are not those of a cache"),
        ("ALTER TABLE peers DROP COLUMN rs2_expires", "its tables are not those of a cache"),
        ("UPDATE peers SET rs1 = zeroblob(32)", "a row does not fit its checksum"),
        ("UPDATE peers SET peer_zid = zeroblob(12)", "a row does not fit its checksum"),
    ],
)
def test_contents_that_this_program_did_not_write_are_noticed_at_the_start(path: Path, edit: str, sign: str) -> None:
    edited(path, edit)

    with pytest.raises(CacheError, match=f"is damaged: {sign}"):
        SqliteCache(path)
    assert len(damaged(path)) == 1


@pytest.mark.attack("CCH-13")
def test_a_zid_that_this_program_did_not_write_is_noticed_at_the_start(path: Path) -> None:
    SqliteCache(path).own_zid(lambda: OWN)
    edited(path, "UPDATE own_zids SET zid = zeroblob(12)")

    with pytest.raises(CacheError, match="is damaged: a row does not fit its checksum"):
        SqliteCache(path)


@pytest.mark.attack("CCH-13")
def test_a_broken_structure_is_noticed_even_where_no_record_lies(path: Path) -> None:
    SqliteCache(path)
    octets = bytearray(path.read_bytes())
    octets[36:40] = (7).to_bytes(4)  # the number of free pages in the header of SQLite
    path.write_bytes(octets)

    with pytest.raises(CacheError, match="is damaged: its structure is broken"):
        SqliteCache(path)


@pytest.mark.attack("CCH-13")
def test_a_truncated_file_is_damaged_at_any_length(path: Path) -> None:
    SqliteCache(path).update(OWN, PEER, lambda _: FULL)
    whole = path.read_bytes()

    for length in range(0, len(whole), 512):
        path.touch(mode=0o600)
        path.write_bytes(whole[:length])
        with pytest.raises(CacheError, match="is damaged"):
            SqliteCache(path)
        assert damaged(path) == [whole[:length]]
        for file in path.parent.iterdir():
            file.unlink()


def flipped_octets_are_noticed(path: Path, stride: int) -> None:
    with SqliteCache(path) as cache:
        cache.own_zid(lambda: OWN)
        for zid in (PEER, OTHER):
            cache.update(OWN, zid, lambda _: FULL)
        entries = cache.peers()
    whole = path.read_bytes()
    assert len(whole) < 20_000
    refused = 0
    positions = [*range(0, 100, min(stride, 5)), *range(100, len(whole), stride)]
    for position in positions:
        flipped = bytearray(whole)
        flipped[position] ^= 0xFF
        path.touch(mode=0o600)
        path.write_bytes(flipped)
        try:
            with SqliteCache(path) as cache:
                assert cache.own_zid(lambda: OTHER) == OWN, position
                assert cache.peers() == entries, position
        except CacheError:
            refused += 1
            kept = damaged(path) or [path.read_bytes()]
            assert kept == [bytes(flipped)], position
        for file in path.parent.iterdir():
            file.unlink()
    assert refused > len(positions) // 10


@pytest.mark.attack("CCH-13")
def test_a_changed_octet_never_changes_a_secret(path: Path) -> None:
    """Either the content is what it was, because the octet does not matter, or there is an error."""
    flipped_octets_are_noticed(path, stride=307)


@pytest.mark.long
@pytest.mark.attack("CCH-13")
def test_a_changed_octet_anywhere_never_changes_a_secret(path: Path) -> None:
    flipped_octets_are_noticed(path, stride=1)


@pytest.mark.attack("CCH-13")
def test_damage_while_in_use_is_noticed_by_the_next_operation(path: Path) -> None:
    cache = SqliteCache(path)
    cache.update(OWN, PEER, lambda _: FULL)
    assert FULL.rs1 is not None
    path.write_bytes(path.read_bytes().replace(FULL.rs1.octets, b"\x41" * 32))

    with pytest.raises(CacheError, match="a row does not fit its checksum"):
        cache.load(OWN, PEER)
    with pytest.raises(CacheError, match="has disappeared"):
        cache.update(OWN, PEER, lambda _: FULL)
    assert len(damaged(path)) == 1


@pytest.mark.attack("CCH-13")
def test_a_file_that_disappears_is_not_silently_made_again(path: Path) -> None:
    cache = SqliteCache(path)
    path.unlink()

    for _ in range(2):
        with pytest.raises(CacheError, match="has disappeared while it was in use"):
            cache.peers()
    assert not path.exists()


@pytest.mark.attack("CCH-13")
def test_a_log_without_its_file_is_not_taken_for_a_first_start(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.with_name(path.name + "-wal").write_bytes(b"last secrets")

    with pytest.raises(CacheError, match="is gone, but parts of it are left"):
        SqliteCache(path)
    assert path.with_name(path.name + ".damaged-1-wal").read_bytes() == b"last secrets"
    assert SqliteCache(path).peers() == []


# ---- Failures that a person can mend


@pytest.mark.attack("CCH-11")
def test_a_cache_that_others_keep_locked_is_explained_and_can_still_be_read(path: Path) -> None:
    cache = SqliteCache(path, busy_timeout=0.01)
    cache.update(OWN, PEER, lambda _: FULL)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheError, match=r"locked for 0\.01 seconds: end it, or try again"):
            cache.update(OWN, PEER, lambda _: None)
        assert cache.load(OWN, PEER) == FULL
        other.execute("ROLLBACK")
    assert cache.update(OWN, PEER, lambda _: None) is None


def test_a_full_disk_is_explained_and_the_old_record_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SqliteCache(path)
    cache.update(OWN, PEER, lambda _: FULL)
    connect = sqlite._connect

    def small(path: Path, busy_timeout: float) -> sqlite3.Connection:
        connection = connect(path, busy_timeout)
        connection.execute("PRAGMA max_page_count = 1")  # SQLite makes it the present size
        return connection

    monkeypatch.setattr(sqlite, "_connect", small)
    huge = replace(FULL, pbxsecret=Secret(bytes(100_000)))
    with pytest.raises(CacheError, match=r"is full, the change is lost: free some space"):
        cache.update(OWN, PEER, lambda _: huge)

    assert cache.load(OWN, PEER) == FULL
    assert SqliteCache(path).load(OWN, PEER) == FULL


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """A folder that belongs to whoever `as_nobody` acts as."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


def become_nobody() -> None:
    """Permissions do not bind the superuser: tests of them run as an ordinary one."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_read_only_cache_is_explained(folder_of_nobody: Path, locked: str) -> None:
    path = folder_of_nobody / "secrets.db"

    def ordinary_user() -> None:
        become_nobody()
        cache = SqliteCache(path)
        cache.update(OWN, PEER, lambda _: FULL)
        path.chmod(0o400)
        if locked == "folder":
            folder_of_nobody.chmod(0o500)
        with pytest.raises(CacheError, match="check the permissions of the file and of its folder"):
            cache.update(OWN, PEER, lambda _: None)
        folder_of_nobody.chmod(0o700)
        path.chmod(0o600)
        assert cache.load(OWN, PEER) == FULL

    assert in_child(ordinary_user) == 0


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_folder_without_permission_to_write_is_explained(folder_of_nobody: Path) -> None:
    def ordinary_user() -> None:
        become_nobody()
        folder_of_nobody.chmod(0o500)
        with pytest.raises(CacheError, match="cannot be made: Permission denied"):
            SqliteCache(folder_of_nobody / "secrets.db")

    assert in_child(ordinary_user) == 0


def test_a_damaged_file_in_a_read_only_folder_is_named_all_the_same(folder_of_nobody: Path) -> None:
    path = folder_of_nobody / "secrets.db"

    def ordinary_user() -> None:
        become_nobody()
        path.touch(mode=0o600)
        folder_of_nobody.chmod(0o500)
        with pytest.raises(CacheError, match="is damaged and cannot be moved aside: Permission denied"):
            SqliteCache(path)

    assert in_child(ordinary_user) == 0


def test_anything_else_that_sqlite_reports_is_a_cache_error_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SqliteCache(path)

    def broken(path: Path, busy_timeout: float) -> sqlite3.Connection:
        raise sqlite3.ProgrammingError("library routine called out of sequence")

    monkeypatch.setattr(sqlite, "_connect", broken)
    with pytest.raises(CacheError, match="cannot be used: library routine called out of sequence"):
        cache.peers()
