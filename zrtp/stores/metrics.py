"""What a store in a database has done since it was opened, and what it is doing: numbers for whoever watches a host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from zrtp.errors import CacheError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMetrics:
    """The state of one cache at one moment; `zrtp.metrics.as_text` prints it. Those that end in _total only grow."""

    operations_total: int
    """Methods that were called and are over."""
    failed_total: int
    """Those of them that raised CacheError."""
    overtaken_total: int
    """Changes that began again with the newer record, since another host came first."""
    seconds_total: float
    """Seconds that all of them took together."""
    slowest_seconds: float
    """Seconds that the slowest of them took."""
    waiting: int
    """Methods that wait for the database now."""
    connections: int
    """Connections that are open, or being opened."""
    connections_idle: int
    """Those of them that nobody uses."""
    connections_lost_total: int
    """Connections that were found broken, or could not be made."""


class Meter:
    """Counts, in any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.operations = self.failed = self.overtaken = self.waiting = 0
        self.seconds = self.slowest = 0.0

    @contextmanager
    def operation(self) -> Iterator[None]:
        """One method, from its call to its answer."""
        began, failed = time.monotonic(), False
        with self._lock:
            self.waiting += 1
        try:
            yield
        except CacheError:
            failed = True
            raise
        finally:
            took = time.monotonic() - began
            with self._lock:
                self.waiting -= 1
                self.operations += 1
                self.failed += failed
                self.seconds += took
                self.slowest = max(self.slowest, took)

    def overtake(self) -> None:
        """A change begins again."""
        with self._lock:
            self.overtaken += 1
