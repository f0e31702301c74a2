"""Every test in this folder runs with a transition table that checks its handlers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.transitions import checked_table


@pytest.fixture(scope="package", autouse=True)
def transitions_are_checked() -> Iterator[None]:
    """A handler that ends in a state which the table does not name fails the test that called it."""
    with checked_table():
        yield
