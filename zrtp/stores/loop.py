"""One thread with an event loop of its own, for asynchronous code whose callers want an answer in time.

Callers are other threads, which block, or other event loops, which await: the connections of a database belong to one
loop, and calls come and go in many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from threading import Thread
from typing import Any, TypeVar

from zrtp.errors import ApiMisuse
from zrtp.system import process_generation

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for callers in any other thread. A forked child has no such thread, and is refused."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._generation = process_generation()
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        """What the coroutine returns or raises; TimeoutError after `timeout` seconds, and then it is cancelled."""
        self._refuse_a_child(coroutine)
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        finally:
            future.cancel()  # does nothing to one that is done

    async def wait(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        """As `run`, for the event loop of another thread, which goes on meanwhile."""
        self._refuse_a_child(coroutine)
        future = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))
        return await asyncio.wait_for(future, timeout)

    def close(self) -> None:
        """End the thread. What still runs is not waited for."""
        if self._generation == process_generation() and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _refuse_a_child(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        if self._generation != process_generation():
            coroutine.close()
            raise ApiMisuse("The cache was opened before this process was forked: open it again in the child.")
