"""A bounded queue that can be paused and closed, so that nobody waits for what will not come any more."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """What arrives waits here until it is fetched; when it is full, the oldest makes room."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._paused = self._closed = False
        self.dropped = 0
        """What made room and was never fetched."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Leave something, which ends a pause; after `close` it goes nowhere."""
        if self._closed:
            return
        self._paused = False
        if len(self._items) >= self._size:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._wake(1)

    def pause(self) -> None:
        """Nothing more is expected: whoever waits, now or until something comes after all, gets what is left, and then
        None."""
        self._paused = True
        self._wake(len(self._waiters))

    def close(self) -> None:
        """Nothing more comes: whoever waits now or later gets what is left, and then None."""
        self._closed = True
        self._wake(len(self._waiters))

    async def get(self) -> T | None:
        """The oldest item; None in a pause and after `close`. May be awaited by several tasks, and cancelled."""
        while not self._items:
            if self._paused or self._closed:
                return None
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                elif self._items:
                    self._wake(1)  # it was our turn: let another one have it
                raise
        return self._items.popleft()

    def _wake(self, count: int) -> None:
        while self._waiters and count:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1
