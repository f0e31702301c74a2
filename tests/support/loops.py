"""Scenes in an event loop of the system: sockets on loopback, with a limit in case something never happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

LIMIT = 30.0
"""Seconds after which a scene has failed."""


def run(scene: Coroutine[Any, Any, None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(LIMIT):
            await scene

    asyncio.run(in_time())


async def until(condition: Callable[[], bool]) -> None:
    """The event loop goes on until that is so; the limit of the scene ends a wait in vain."""
    while not condition():
        await asyncio.sleep(0.005)
