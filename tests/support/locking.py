"""Another program that holds the file of a cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
connection.execute(f"PRAGMA locking_mode = {sys.argv[2]}")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("UPDATE own_zids SET label = label")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked(path: Path, *, against_readers: bool = False) -> Iterator[Callable[[], None]]:
    """A process that holds the file until the function that this gives is called, or the block ends: against writers,
    as anybody does who writes; `against_readers` too, as a backup or a broken file system may.
    """
    mode = "EXCLUSIVE" if against_readers else "NORMAL"
    with subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-c", _HOLD, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"

        def release() -> None:
            if holder.stdin is not None and not holder.stdin.closed:
                holder.stdin.close()
            holder.wait()

        try:
            yield release
        finally:
            release()
