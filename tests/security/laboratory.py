"""Run tests against the package with one module changed, without touching a file.

Each change lives in a forked process of its own, where an import hook hands out the changed source. What all of them
need, pytest and the libraries, is imported once before, and compiled tests are kept for the whole run.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import selectors
import signal
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Generic, TypeVar

import pytest

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0
"""A change after which one test takes so many seconds on the clock counts as noticed: it may never end."""

ALIVE = b"."
"""What a child tells after each test."""

NEEDED_BY_ALL = ("hypothesis", "cryptography.hazmat.primitives.asymmetric.ec", "construct", "asyncio", "sqlite3")

BROKEN = "broken: "
"""Marks what a child tells if not the tests but their run failed."""

SECRET = ROOT / "zrtp" / "secret.py"
"""Stands for the package as it is."""

OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-W", "ignore::pytest.PytestAssertRewriteWarning")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """A changed module, and the tests that should notice."""

    what: T
    path: Path
    """The module's file, below `ROOT`."""
    source: str
    stages: tuple[tuple[str, ...], ...]
    """What pytest runs, one after the other, until something fails."""


@dataclass(slots=True)
class _Child:
    change: Change[object]
    process: int
    ends: float
    told: bytes = b""


def failures(changes: Iterable[Change[T]], workers: int = 2) -> Iterator[tuple[T, str | None]]:
    """The first test that fails with each change, as they come to their ends; None where all pass.

    Raises:
        RuntimeError: this process has imported the package already, so that nothing of it can be changed.
        AssertionError: a test fails without any change.
    """
    if "zrtp" in sys.modules:
        raise RuntimeError("The package is imported already: changes are tried in a process of its own.")
    changes = list(changes)
    every_stage = sorted({stage for change in changes for stage in change.stages})
    unchanged = [Change("nothing", SECRET, SECRET.read_text("utf-8"), (stage,)) for stage in every_stage]
    broken = [failed for _, failed in _tried(unchanged, workers) if failed is not None]
    assert not broken, f"Tests fail without any change: {', '.join(broken)}"
    yield from _tried(changes, workers)


def _tried(changes: Iterable[Change[T]], workers: int) -> Iterator[tuple[T, str | None]]:
    for name in NEEDED_BY_ALL:
        importlib.import_module(name)
    waiting = iter(changes)
    children: dict[int, _Child] = {}
    with tempfile.TemporaryDirectory(prefix="zrtp-compiled-") as folder, selectors.DefaultSelector() as pipes:
        while True:
            while len(children) < workers and (change := next(waiting, None)) is not None:
                pipe, child = _start(change, folder)
                children[pipe] = child
                pipes.register(pipe, selectors.EVENT_READ)
            if not children:
                return
            for key, _ in pipes.select(1.0):
                octets = os.read(key.fd, 4096)
                children[key.fd].told += octets
                children[key.fd].ends = time.monotonic() + PATIENCE if octets else 0.0
            for pipe, child in list(children.items()):
                if child.ends < time.monotonic():
                    pipes.unregister(pipe)
                    del children[pipe]
                    yield child.change.what, _outcome(pipe, child)  # type: ignore[misc]


def _start(change: Change[T], folder: str) -> tuple[int, _Child]:
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.setpgid(0, 0)
        os.close(reading)
        _run(change, folder, writing)
    os.close(writing)
    return reading, _Child(change, process, time.monotonic() + PATIENCE)  # type: ignore[arg-type]


def _outcome(pipe: int, child: _Child) -> str | None:
    """What a child told before it ended, or was ended."""
    os.close(pipe)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process, signal.SIGKILL)
    os.waitpid(child.process, 0)
    told = child.told.lstrip(ALIVE).decode("utf-8", "replace")
    if not told.endswith("\n"):
        return f"{child.change.stages[0][0]} (did not end)"
    if told.startswith(BROKEN):
        raise RuntimeError(f"The tests could not run: {told.removeprefix(BROKEN)}")
    return told.strip() or None


# In the child


def _run(change: Change[T], folder: str, writing: int) -> None:
    """Never returns."""
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        sys.dont_write_bytecode, sys.pycache_prefix = False, folder
        sys.meta_path.insert(0, _Changed(change.path, change.source))
        os.chdir(ROOT)
        told = _first_failure(change.stages, writing) or ""
    except BaseException:
        told = BROKEN + traceback.format_exc()
    os.write(writing, told.encode() + b"\n")
    os._exit(0)


def _first_failure(stages: Sequence[Sequence[str]], writing: int) -> str | None:
    for stage in stages:
        watch = _Watch(writing)
        try:
            code = pytest.main([*OPTIONS, *stage], plugins=[watch])
        except pytest.PytestUnraisableExceptionWarning:  # pytest's own end: a test that failed did not clean up either
            watch.failed.append(f"{stage[0]} (left something open)")
        if watch.failed:
            return watch.failed[0]
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return f"{stage[0]} (exit code {int(code)})"
    return None


@dataclass(slots=True, eq=False)
class _Watch:
    writing: int
    failed: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        os.write(self.writing, ALIVE)
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(f"{report.nodeid} (cannot be imported)")


class _Changed(MetaPathFinder, Loader):
    """Hands out one module with another source."""

    def __init__(self, path: Path, source: str) -> None:
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        self._name = name.removesuffix(".__init__")
        self._path = path
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        places = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=self, submodule_search_locations=places
        )

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(self._source, str(self._path), "exec"), vars(module))  # noqa: S102
