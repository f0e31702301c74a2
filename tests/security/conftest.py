"""What tests under fire share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """What hostile input makes the package log is not interesting here, and costs time."""
    logger = logging.getLogger("zrtp")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(before)
