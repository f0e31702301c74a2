"""A server for the tests of the stores, and addresses of empty databases in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stores.server import Server, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def address(server: Server) -> str:
    """Where there are no tables yet."""
    return server.empty_address()
