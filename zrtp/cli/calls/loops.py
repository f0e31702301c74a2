"""The event loop of the command, on every system."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in a loop that serves UDP and can end at any time."""
    with asyncio.Runner(loop_factory=CommandLoop) as runner:
        return runner.run(main)


class CommandLoop(asyncio.SelectorEventLoop):
    """A loop that selects, on Windows too, and does not wait for a name server when it ends.

    The usual loop of Windows stops receiving on a UDP socket after the first ICMP "port unreachable", which comes
    whenever somebody calls before the other side listens. The threads in which loops usually look up names are waited
    for at the end, and no signal reaches them.
    """

    async def getaddrinfo(self, host: Any, port: Any, **options: int) -> Any:
        """What `socket.getaddrinfo` finds. Raises OSError."""
        found: asyncio.Future[Any] = self.create_future()

        def look_up() -> None:
            try:
                tell: Callable[[], None] = partial(found.set_result, socket.getaddrinfo(host, port, **options))
            except Exception as error:
                tell = partial(found.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.call_soon_threadsafe(lambda: None if found.done() else tell())

        threading.Thread(target=look_up, name="zrtp names", daemon=True).start()
        return await found
