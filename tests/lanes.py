"""The lanes of tests, from the shortest to the longest.

    python -m pytest -m quick       while editing
    python -m pytest                before a commit
    python -m pytest -m long        what the default run leaves out
    python -m pytest -m hypothesis --hypothesis-profile=thorough    many more examples for each property
    python -m pytest -m ""          everything

A test that is marked `long` is in the long lane only, and a file whose `pytestmark` says so is imported there only.
Every other test is in the default run, and in the quick lane too unless it stands below one of the paths of
`LEFT_OUT_OF_QUICK`, whose files a quick run does not import either.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

LEFT_OUT_OF_QUICK = (
    "bench",
    "cache/test_schema.py",
    "cache/test_sqlite.py",
    "cache/test_under_fire.py",
    "cli",
    "conformance",
    "crypto/test_passphrase.py",
    "hosts",
    "inspection",
    "interop",
    "media",
    "protocol/test_reliability.py",
    "protocol/test_tampering.py",
    "protocol/test_whole_calls.py",
    "proxy",
    "reach",
    "security",
    "stores",
    "test_architecture.py",
    "test_documents.py",
    "test_readme.py",
)
"""Below tests/: all that is not the core, its killed processes, its whole calls over bad networks, and tables."""


ALL_LONG = re.compile(r"^pytestmark = (\[[^\]]*)?pytest\.mark\.long\b", re.MULTILINE)


def is_left_out(path: Path) -> bool:
    """Whether a file or folder has no quick test."""
    try:
        place = path.relative_to(TESTS).as_posix()
    except ValueError:
        return False
    return any(place == left_out or place.startswith(left_out + "/") for left_out in LEFT_OUT_OF_QUICK)


def is_long(path: Path) -> bool:
    """Whether a file says that all of its tests are long."""
    return path.suffix == ".py" and ALL_LONG.search(path.read_text("utf-8")) is not None


settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=10)
settings.register_profile("quick", settings.get_profile("repeatable"), max_examples=10)
settings.register_profile("thorough", settings.get_profile("repeatable"), max_examples=200)


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis tries the same examples in every run, and has no time limit of its own."""
    if config.getoption("--hypothesis-profile") is None:
        settings.load_profile("quick" if config.option.markexpr == "quick" else "repeatable")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collecting makes a lot and throws little away: the garbage collector would take as long as all the rest of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """The tests stay to the end."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Pytest looks several times for what was left open, at what the last tests made."""
    keep_what_there_is()


def keep_what_there_is() -> None:
    """What is no garbage now stays to the end: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    lane = config.option.markexpr
    if lane == "quick" and is_left_out(collection_path):
        return True
    return True if lane in ("quick", "not long") and is_long(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") is None and not is_left_out(item.path):
            item.add_marker("quick")
