"""A PostgreSQL server for tests: Debian's own, in a private folder, on a Unix socket. Nobody else's is touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

_USER = "postgres"


class Server:
    """A server and the folder with its data and its socket."""

    def __init__(self, programs: Path, folder: Path, *, safe: bool) -> None:
        self._programs, self.folder, self._safe = programs, folder, safe
        self._numbers = count(1)

    def make(self) -> None:
        """Lay out the data folder, once."""
        options = ["-A", "trust", "-N", "-U", _USER, "-E", "UTF8", "--no-locale"]
        _run([self._programs / "initdb", "-D", self._data, *options])

    def start(self) -> None:
        """Start it, and wait until it answers."""
        fsync = "on" if self._safe else "off"
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync={fsync}"
        log = self.folder / "log"
        _run([self._programs / "pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start"])

    def stop(self, mode: str = "immediate") -> None:
        """End it; "immediate" is as a crash."""
        _run([self._programs / "pg_ctl", "-D", self._data, "-w", "-m", mode, "stop"])

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Every process of it is stopped, and goes on afterwards."""
        everybody = self._processes()
        for process in everybody:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in everybody:
                os.kill(process, signal.SIGCONT)

    def cpu(self) -> float:
        """Seconds of CPU that all its processes have taken so far, those that are gone as well."""
        first, *children = (Path(f"/proc/{process}/stat").read_text() for process in self._processes())
        fields = [text.rpartition(")")[2].split() for text in (first, *children)]  # from field 3 on, see proc(5)
        ticks = sum(int(own[11]) + int(own[12]) for own in fields) + int(fields[0][13]) + int(fields[0][14])
        return ticks / os.sysconf("SC_CLK_TCK")

    def empty_address(self) -> str:
        """The address of a schema without tables, another one each time."""
        name = f"test_{next(self._numbers)}"
        self.command(f"CREATE SCHEMA {name}")
        return f"postgresql://{_USER}@/postgres?host={self.folder}&options=-csearch_path%3D{name}"

    def command(self, statement: str, address: str | None = None) -> list[tuple[object, ...]]:
        """Have a statement carried out, and return its rows."""
        import psycopg

        with psycopg.connect(address or f"postgresql://{_USER}@/postgres?host={self.folder}", autocommit=True) as link:
            cursor = link.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _processes(self) -> list[int]:
        """The first one, and its children."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]

    @property
    def _data(self) -> Path:
        return self.folder / "data"


@contextmanager
def running(*, safe: bool = False) -> Iterator[Server]:
    """A server of one's own, if it is to be `safe` with fsync; skips the test where PostgreSQL is missing."""
    pytest.importorskip("psycopg_pool", reason="psycopg is missing: pip install 'zrtp[postgres]'")
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is missing: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="zrtp-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        server = Server(programs, folder, safe=safe)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    """Where Debian keeps initdb, of the latest version, or where it is found."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    other = shutil.which("initdb")
    return found[-1].parent if found else Path(other).parent if other else None


def _run(command: Sequence[str | Path]) -> None:
    """Run a program, as another user than root, who may not run a server."""
    prefix = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *map(str, command)], cwd="/", check=True, stdout=subprocess.DEVNULL)  # noqa: S603
