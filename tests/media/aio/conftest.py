"""Every test in this folder runs with a store that must not be used on the event loop."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def store_beside_the_loop(store: None) -> None:
    """See `store` in the folder above."""
