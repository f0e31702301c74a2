"""The store of retained secrets as the skins have to treat it: it may wait, so it is used beside the program."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.elsewhere import STORE_THREADS, Elsewhere
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.endpoint import Endpoint


@pytest.fixture(params=["elsewhere", pytest.param("as given", marks=pytest.mark.long)])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every endpoint has a cache that raises when it is called on a thread of the engine; the long tests run each test
    once more with what it gives to its endpoints itself.
    """
    if request.param == "as given":
        yield
        return
    make = Endpoint.__init__
    misuses: list[str] = []

    def make_elsewhere(self: Endpoint, config: Any = None, cache: Any = None, **options: Any) -> None:
        strict = Elsewhere(cache if cache is not None else MemoryCache(), misuses)
        failures: list[Exception] = []

        def work() -> None:
            try:
                make(self, config, strict, **options)
            except Exception as error:
                failures.append(error)

        maker = threading.Thread(target=work, name=f"{STORE_THREADS[0]} of a test")
        maker.start()
        maker.join()
        for error in failures:
            raise error

    monkeypatch.setattr(Endpoint, "__init__", make_elsewhere)
    yield
    assert misuses == []
