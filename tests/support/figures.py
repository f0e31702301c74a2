"""What is measured on the clock: printed at the end of a run, each figure beside its target. None fails a test.

How fast a computer is, and what else it does, is no fault of the code: a target that was missed is for people to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pytest


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement."""

    test: str
    what: str
    value: float
    unit: str
    target: float
    """Not to be exceeded."""

    def __str__(self) -> str:
        judgement = "missed" if self.value > self.target else "met"
        return f"{self.value:9.3f} {self.unit:2} (target: {self.target:g}, {judgement})  {self.test}: {self.what}"


FIGURES = pytest.StashKey[list[Figure]]()


class Note(Protocol):
    """Writes a figure down."""

    def __call__(self, what: str, value: float, unit: str, *, target: float) -> None: ...


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Note:
    """`figure("both connected", seconds, "s", target=1)`."""

    def note(what: str, value: float, unit: str, *, target: float) -> None:
        request.config.stash[FIGURES].append(Figure(request.node.name, what, value, unit, target))

    return note


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[FIGURES]:
        terminalreporter.section("figures beside their targets")
        for each in config.stash[FIGURES]:
            terminalreporter.line(str(each))
