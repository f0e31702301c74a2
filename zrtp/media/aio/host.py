"""The calls of one process: counted for whoever watches it, and brought to an end before it is stopped.

::

    host = Host()
    async with listen(endpoint, address, host=host) as call: ...     # or AsyncCall(endpoint, host=host)
    ...
    await host.drain(patience=600)       # no new calls; those that are open may end by themselves for so long

Other hosts go on meanwhile: what the calls leave behind is in the store that they share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zrtp.door import need_number, need_whole
from zrtp.media.errors import HostDraining
from zrtp.media.events import CallEvent
from zrtp.protocol import limits
from zrtp.protocol.events import Continuity, Failed, NoPeer, Secured, SecurityWarning, WarningCode

if TYPE_CHECKING:
    from zrtp.media.aio.call import AsyncCall


BACKLOG: Final = 10_000
"""Calls that try again to store something after their end; what more of them leave behind is lost, and told."""


@dataclass(slots=True, kw_only=True)
class HostMetrics:
    """What the calls of a process came to; `zrtp.metrics.as_text` prints it. Those that end in _total only grow."""

    open: int = 0
    """Calls that are open, or whose changes are not stored yet."""
    lingering: int = 0
    """Those of them that are over, and try again to store what they leave behind."""
    draining: int = 0
    """1 since `Host.drain`."""
    calls_total: int = 0
    refused_total: int = 0
    """Calls that were not made, since the host is being drained."""
    secured_total: int = 0
    """Streams that became secure."""
    continued_total: int = 0
    """Those of them whose peer proved a secret of an earlier call."""
    failed_total: int = 0
    """Times that a key agreement failed, or found nobody."""
    mismatches_total: int = 0
    """Alarms: a peer who is known has no secret of an earlier call."""
    store_failed_total: int = 0
    """Warnings that the store failed, whether it was tried again or what was to be stored is lost."""


class Host:
    """The calls of one event loop that are made with `host=`.

    A change of a record that fails is tried again after the call too, as often as while it is open (about a minute), of
    up to `backlog` calls at a time; `AsyncCall.aclose` waits for that.
    """

    def __init__(self, *, backlog: int = BACKLOG) -> None:
        self.metrics = HostMetrics()
        self._backlog = need_whole("backlog", backlog, 0)
        self._calls: set[AsyncCall] = set()
        self._changed = asyncio.Event()

    async def drain(self, patience: float) -> int:
        """Take no more calls, wait up to `patience` seconds until the open ones have ended, and end the others.

        Returns, with the number of those, once everything is stored or was told to be lost: the process may stop then.
        """
        need_number("patience", patience)
        self.metrics.draining = 1
        try:
            async with asyncio.timeout(patience):
                await self._empty()
        except TimeoutError:
            pass
        left = [call for call in self._calls if not call.closed]
        for call in left:
            await call.leave()
        await self._empty()
        return len(left)

    # For the calls.

    def enter(self, call: AsyncCall) -> None:
        """A call begins. Raises HostDraining."""
        if self.metrics.draining:
            self.metrics.refused_total += 1
            raise HostDraining("This host takes no more calls, because it is going to stop: call another one.")
        self._calls.add(call)
        self.metrics.calls_total += 1
        self.metrics.open = len(self._calls)

    def saw(self, event: CallEvent, continuity: Continuity) -> None:
        """Something happened in a call whose peer is known from earlier calls so far."""
        metrics = self.metrics
        match event:
            case Secured():
                metrics.secured_total += 1
                metrics.continued_total += continuity is Continuity.CONTINUED
            case Failed() | NoPeer():
                metrics.failed_total += 1
            case SecurityWarning():
                metrics.mismatches_total += event.code is WarningCode.CACHE_MISMATCH
                metrics.store_failed_total += event.code is WarningCode.CACHE_FAILED

    def note_left(self, call: AsyncCall) -> None:
        """A call is closed, and what it leaves behind is stored or lost."""
        self._calls.discard(call)
        self.metrics.open = len(self._calls)
        self._changed.set()

    async def keep_trying(self, again: Callable[[], Awaitable[bool]]) -> None:
        """Try something that failed again and again, until it works; it may be given up."""
        if self.metrics.lingering >= self._backlog:
            return
        self.metrics.lingering += 1
        try:
            for number in range(limits.WRITES - 1):
                await asyncio.sleep(limits.WRITE_INTERVAL * 2**number)
                if await again():
                    return
        finally:
            self.metrics.lingering -= 1

    async def _empty(self) -> None:
        while self._calls:
            self._changed.clear()
            await self._changed.wait()
