"""What tests under fire share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.lanes import keep_what_there_is
from tests.support.transitions import checked_table


@pytest.fixture(scope="package", autouse=True)
def transitions_are_checked() -> Iterator[None]:
    """A handler that ends in a state which the transition table does not name fails the test that called it."""
    with checked_table():
        yield


@pytest.fixture(scope="package", autouse=True)
def memory_is_counted_from_here() -> None:
    """Tests in this folder look for garbage again and again, of their own only."""
    keep_what_there_is()


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """What hostile input makes the package log is not interesting here, and costs time."""
    logger = logging.getLogger("zrtp")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(before)
