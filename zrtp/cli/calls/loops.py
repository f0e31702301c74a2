"""The event loop of a call, on every system."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in a loop that serves UDP."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


def loop_factory(platform: str = sys.platform) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop; None for the usual one.

    The usual one of Windows stops receiving on a UDP socket after the first ICMP "port unreachable", which comes
    whenever somebody calls before the other side listens. A loop that selects goes on.
    """
    return asyncio.SelectorEventLoop if platform == "win32" else None
