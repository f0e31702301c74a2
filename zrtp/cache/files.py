"""The file of a cache: made for its owner alone, checked before every use, moved aside when damaged.

This module knows files and their owners, and nothing of what is in them. It never opens an existing cache file, unless
it is certain to be no database: closing it again would drop the locks that SQLite holds on it for other threads of this
process.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from zrtp.errors import CacheError

SIDECARS = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database."""

Identity = tuple[int, int]
"""Device and number of a file: another file under the same name has another one."""


def prepare_folder(folder: Path) -> None:
    """Make the folder of a cache, open to its owner alone; refuse one in which others could swap files.

    A folder of the system that anybody may write to is fine if only owners can remove files there (/tmp).
    """
    try:
        _make(folder)
        status = os.stat(folder)
    except OSError as error:
        raise CacheError(f"The folder {folder} cannot be used for a cache: {_reason(error)}.") from error
    if not stat.S_ISDIR(status.st_mode):
        raise CacheError(f"{folder} is not a folder: a cache needs a file in a folder of your own.")
    if os.name != "posix":
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise CacheError(f"The folder {folder} belongs to another user: choose a folder of your own.")
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise CacheError(f'Others can replace files in the folder {folder}: run "chmod 700 {folder}".')


def create(path: Path, fill: Callable[[Path], None]) -> None:
    """Put a complete new file at `path`, unless there is one already.

    `fill` works on a file of another name, so that nobody ever meets a half-made or an empty cache: a file
    without octets is a damaged one.
    """
    leftover = [other for other in _sidecars(path) if os.path.lexists(other)]
    if leftover and not os.path.lexists(path):
        aside = set_aside(path, None)
        raise CacheError(
            f"The cache {path} is gone, but parts of it are left. They were moved to {aside}-*; "
            "start again for a new, empty cache, and compare the SAS with everybody again."
        )
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        draft = Path(name)
        try:
            fill(draft)
            _move(draft, path)
            _sync_folder(path.parent)
        except FileExistsError:
            pass  # somebody else made one in the meantime: that one counts
        finally:
            for remains in (draft, *_sidecars(draft)):
                remains.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(
            f"The cache {path} cannot be made: {_reason(error)}. Choose a folder of your own on a local disk."
        ) from error


def check(path: Path) -> Identity:
    """Refuse a cache file that is no plain file, or that others own or can read; return which file it is."""
    try:
        status = os.lstat(path)
    except FileNotFoundError as error:
        raise CacheError(
            f"The cache {path} has disappeared while it was in use. Put it back, or start again for a new, "
            "empty cache, and compare the SAS with everybody again."
        ) from error
    except OSError as error:
        raise CacheError(f"The cache {path} cannot be reached: {_reason(error)}.") from error
    _check_private(path, status)
    for other in _sidecars(path):
        try:
            _check_private(other, os.lstat(other))
        except OSError:
            continue  # SQLite makes and removes them as needed
    return status.st_dev, status.st_ino


def is_same(path: Path, identity: Identity) -> bool:
    """Whether the file of this name is still the one that `check` saw. Raises FileNotFoundError."""
    status = os.lstat(path)
    return (status.st_dev, status.st_ino) == identity


def is_plain(path: Path) -> bool:
    """Whether a plain file is there, and no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def beginning(path: Path, size: int) -> bytes:
    """The first octets of a file that SQLite finds broken, so that no transaction of other threads runs in it."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise CacheError(f"The cache {path} cannot be read: {_reason(error)}.") from error


def set_aside(path: Path, identity: Identity | None) -> Path | None:
    """Rename a damaged cache and what lies beside it; return the new name.

    None: `path` is not the file of this identity any more, so somebody else has dealt with it.
    """
    for number in count(1):
        target = path.with_name(f"{path.name}.damaged-{number}")
        if any(os.path.lexists(other) for other in (target, *_sidecars(target))):
            continue
        try:
            if identity is not None:
                if not is_same(path, identity):
                    return None
                _move(path, target)
            for source, destination in zip(_sidecars(path), _sidecars(target), strict=True):
                if os.path.lexists(source):
                    _move(source, destination)
        except FileExistsError:
            continue
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CacheError(
                f"The cache {path} is damaged and cannot be moved aside: {_reason(error)}. Do so by hand."
            ) from error
        return target
    raise AssertionError("count() does not end")


def _make(folder: Path) -> None:
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _sidecars(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in SIDECARS]


def _check_private(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise CacheError(f"The cache {path} is a symbolic link, which is not followed: name the file itself.")
    if stat.S_ISDIR(status.st_mode):
        raise CacheError(f"The cache {path} is a folder: name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise CacheError(f"The cache {path} is not a plain file: name another one.")
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        raise CacheError(f"The cache {path} belongs to user {status.st_uid}: run as that user, or choose another file.")
    if status.st_mode & 0o077:
        raise CacheError(f'Others can read the secrets in {path}: run "chmod 600 {path}".')


def _move(source: Path, target: Path) -> None:
    """Rename without ever replacing another file: raises FileExistsError."""
    if os.name == "posix":
        os.link(source, target)
        os.unlink(source)
    else:
        os.rename(source, target)


def _sync_folder(folder: Path) -> None:
    """Let the new name outlive a power cut."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
