"""`pytest --cpu`: what a run costs in CPU time, which files cost most, and whether the lane keeps to its bound.

Seconds of one computer say little on another one, or an hour later, so the bounds are in units: the time in which the
same Python compiles the modules of its standard library, again and again between the tests of the same run. Processes
that tests start count too.
"""

from __future__ import annotations

import gc
import resource
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

BEFORE_0_2 = 215.0
"""Units that the default run took before 0.2.0."""

SPREAD = 1.6
"""A run beside others on a busy computer takes so much more than one alone."""

BOUNDS = {"not long": 0.4 * BEFORE_0_2 * SPREAD, "quick": 0.15 * BEFORE_0_2 * SPREAD}
"""Units at most for the default run and for the quick lane, also without bytecode from an earlier run."""

SHOWN = 10
"""Files that are named."""

SAMPLES = 10
"""How often the unit is measured in a run."""


class Spent:
    """CPU time of this process and its children, by test file."""

    def __init__(self, lane: str) -> None:
        self._bound = BOUNDS.get(lane)
        self._files: Counter[str] = Counter()
        self._lines: list[str] = []
        self._units: list[float] = []
        self._tests = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self._tests % (len(item.session.items) // SAMPLES + 1) == 0:
            self._units.append(unit())
        self._tests += 1
        before = seconds()
        try:
            return (yield)
        finally:
            self._files[item.location[0]] += seconds() - before  # type: ignore[assignment]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        total = seconds() - sum(self._units)
        units = total / mean(self._units or [unit()])
        self._lines = [f"{spent:6.2f} s  {file}" for file, spent in self._files.most_common(SHOWN)]
        self._lines.append(f"{total:6.2f} s  in all, {units:.0f} times what it takes to compile Python's own library")
        if self._bound is None:
            return
        self._lines[-1] += f" (bound: {self._bound:.0f})"
        if units > self._bound and session.exitstatus == pytest.ExitCode.OK:
            self._lines.append("That is too much: the longest tests belong in the long lane, or have to do less here.")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("CPU time")
        for line in self._lines:
            terminalreporter.line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu", action="store_true", help="what the run costs in CPU time, and whether that is too much")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--cpu"):
        config.pluginmanager.register(Spent(config.option.markexpr))


def seconds() -> float:
    """CPU time of this process since it began, and of all children that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def unit() -> float:
    """Seconds that it takes to compile the modules of the standard library."""
    sources = [path.read_bytes() for path in Path(sysconfig.get_path("stdlib")).glob("*.py")]
    was_enabled = gc.isenabled()
    gc.disable()
    before = time.process_time()
    for source in sources:
        compile(source, "module", "exec")
    spent = time.process_time() - before
    if was_enabled:
        gc.enable()
    return spent
