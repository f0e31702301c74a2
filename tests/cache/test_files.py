"""A cache file is private from its first moment, and others cannot slip one in."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cache.processes import at_every_system_call
from zrtp.cache import files
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import CacheError

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="owners and permissions are those of POSIX"),
    pytest.mark.attack("CCH-13"),
]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.mark.attack("CCH-14")
@pytest.mark.usefixtures("open_umask")
def test_folder_and_file_are_private_whatever_the_umask(path: Path) -> None:
    deep = path.parent / "deeper" / path.name
    SqliteCache(deep)

    assert mode(deep) == 0o600
    assert mode(deep.parent) == mode(path.parent) == 0o700
    assert os.listdir(deep.parent) == [deep.name]


@pytest.mark.attack("CCH-14")
@pytest.mark.usefixtures("open_umask")
def test_there_is_no_moment_in_which_others_can_read(path: Path) -> None:
    seen: set[str] = set()

    def nothing_is_open() -> bool:
        if path.parent.exists():
            assert mode(path.parent) == 0o700
            for entry in os.scandir(path.parent):
                seen.add(entry.name.removeprefix(path.name))
                assert entry.stat(follow_symlinks=False).st_mode & 0o077 == 0, entry.name
        return True

    def first_use() -> None:
        SqliteCache(path).own_zid(lambda: bytes(12))

    assert at_every_system_call(first_use, nothing_is_open) == 0
    assert {"", "-wal", "-shm"} <= seen


def test_a_symbolic_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.db"
    SqliteCache(target)
    path.parent.mkdir(mode=0o700)
    path.symlink_to(target)

    with pytest.raises(CacheError, match="symbolic link"):
        SqliteCache(path)


def test_a_dangling_link_is_not_followed_either(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.symlink_to(tmp_path / "nowhere.db")

    with pytest.raises(CacheError, match="symbolic link"):
        SqliteCache(path)
    assert not (tmp_path / "nowhere.db").exists()


@pytest.mark.parametrize("ending", files.SIDECARS)
def test_a_link_in_place_of_the_journal_is_refused(path: Path, tmp_path: Path, ending: str) -> None:
    cache = SqliteCache(path)
    path.with_name(path.name + ending).symlink_to(tmp_path / "catch")

    with pytest.raises(CacheError, match="symbolic link"):
        cache.peers()
    assert not (tmp_path / "catch").exists()


def test_a_link_to_the_folder_is_fine(path: Path, tmp_path: Path) -> None:
    SqliteCache(path).own_zid(lambda: b"0" * 12)
    (tmp_path / "link").symlink_to(path.parent)

    assert SqliteCache(tmp_path / "link" / path.name).own_zid(lambda: b"1" * 12) == b"0" * 12


@pytest.mark.parametrize(
    ("make", "sentence"),
    [(Path.mkdir, "is a folder: name a file in it"), (os.mkfifo, "is not a plain file: name another one")],
    ids=["folder", "pipe"],
)
def test_only_a_plain_file_will_do(path: Path, make: Callable[[Path], None], sentence: str) -> None:
    path.parent.mkdir(mode=0o700)
    make(path)

    with pytest.raises(CacheError, match=sentence):
        SqliteCache(path)


@pytest.mark.attack("CCH-14")
@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_helps(path: Path, permissions: int) -> None:
    SqliteCache(path)
    path.chmod(permissions)

    with pytest.raises(CacheError, match=f'run "chmod 600 {path}"'):
        SqliteCache(path)


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteCache(path)
    owner = os.geteuid()
    monkeypatch.setattr(files, "prepare_folder", lambda folder: None)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(CacheError, match=f"belongs to user {owner}"):
        SqliteCache(path)


def test_a_folder_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(path.parent, 1234, 1234)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: path.parent.stat().st_uid + 1)

    with pytest.raises(CacheError, match="belongs to another user"):
        files.prepare_folder(path.parent)


def test_a_folder_in_which_others_can_swap_the_file_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o770)

    with pytest.raises(CacheError, match=f'run "chmod 700 {path.parent}"'):
        SqliteCache(path)


def test_a_shared_folder_in_which_only_owners_remove_files_is_fine(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o1777)

    SqliteCache(path)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CacheError, match="is not a folder"):
        SqliteCache(tmp_path / "file" / "secrets.db")
    with pytest.raises(CacheError, match="cannot be used for a cache: Not a directory"):
        SqliteCache(tmp_path / "file" / "deeper" / "secrets.db")


def test_two_that_make_the_same_file_agree_on_the_first(path: Path) -> None:
    path.parent.mkdir(mode=0o700)

    def overtaken(draft: Path) -> None:
        draft.write_text("second")
        path.write_text("first")

    files.create(path, overtaken)

    assert path.read_text() == "first"
    assert os.listdir(path.parent) == [path.name]


def test_the_name_of_a_new_file_reaches_the_disk_before_it_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite sees to the contents; without the folder a power cut could still lose the whole file."""
    synced: list[int] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        assert path.exists()
        synced.append(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    SqliteCache(path)
    assert synced == [path.parent.stat().st_ino]


def test_a_failure_on_the_way_leaves_no_file_behind(path: Path) -> None:
    path.parent.mkdir(mode=0o700)

    def broken(draft: Path) -> None:
        draft.with_name(draft.name + "-wal").touch()
        raise OSError(28, "No space left on device")

    with pytest.raises(CacheError, match="cannot be made: No space left on device"):
        files.create(path, broken)
    assert os.listdir(path.parent) == []


def test_moving_aside_never_replaces_what_was_moved_before(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    moved = []
    for content in ("one", "two"):
        path.write_text(content)
        path.chmod(0o600)
        path.with_name(path.name + "-wal").write_text(content + " wal")
        path.with_name(path.name + "-wal").chmod(0o600)
        moved.append(files.set_aside(path, files.check(path)))

    assert [name and name.name for name in moved] == ["secrets.db.damaged-1", "secrets.db.damaged-2"]
    assert {name: (path.parent / name).read_text() for name in os.listdir(path.parent)} == {
        "secrets.db.damaged-1": "one",
        "secrets.db.damaged-1-wal": "one wal",
        "secrets.db.damaged-2": "two",
        "secrets.db.damaged-2-wal": "two wal",
    }


def test_what_is_left_of_an_earlier_damage_keeps_its_number(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    for name in (path.name + "-wal", path.name + ".damaged-1-wal"):
        path.with_name(name).touch(mode=0o600)

    assert files.set_aside(path, files.check(path)) == path.with_name(path.name + ".damaged-2")
    assert sorted(os.listdir(path.parent)) == [
        "secrets.db.damaged-1-wal",
        "secrets.db.damaged-2",
        "secrets.db.damaged-2-wal",
    ]


def test_another_file_of_the_same_name_is_not_moved_aside(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    damaged = files.check(path)
    path.with_name("other").touch(mode=0o600)
    path.with_name("other").replace(path)

    assert files.set_aside(path, damaged) is None
    path.unlink()
    assert files.set_aside(path, damaged) is None


def test_a_file_that_cannot_be_reached_is_explained(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("no folder")
    with pytest.raises(CacheError, match=r"^The cache .*/plain/secrets\.db cannot be reached: Not a directory\.$"):
        files.check(tmp_path / "plain" / "secrets.db")
