"""Somebody who looks at a call once a second: what is waited for, how the sound gets through, who is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from zrtp.cli.calls.notices import Media, News, Waiting
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import Exit
from zrtp.cli.screen import wording
from zrtp.media.aio import SecureStream
from zrtp.media.events import Trouble
from zrtp.protocol.events import Sending

_LOOK: Final = 1.0
"""Seconds between two looks at the call. A wait that is longer is explained."""
_GONE: Final = 30.0
"""Seconds without a verified packet after which the other side is taken to be gone."""
_TRY_AGAIN: Final = 4.0
"""Seconds after which our Hello is not repeated any more (T1); from then on a Ping wakes a listener who comes late."""


class Vigil:
    """Tells what it sees by `show`, and ends a call in which nobody is left by `hang_up`."""

    def __init__(
        self,
        sound: Sound,
        show: Callable[[News], None],
        hang_up: Callable[[Exit, str, str], None],
        *,
        stage: str,
        patience: float | None,
    ) -> None:
        self._sound = sound
        self._show = show
        self._hang_up = hang_up
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self.secure_since: float | None = None
        """When the call became secure."""
        self.trouble: Trouble | None = None
        """With what arrives, as long as it lasts."""
        self._heard, self._heard_at = 0, 0.0  # packets, and when the last one came
        self.enter(stage)

    def enter(self, stage: str) -> None:
        """What is waited for from now on; empty for nothing that would have to be explained."""
        self._stage, self._stage_since, self._explained = stage, self._loop.time(), False

    def begin(self) -> None:
        """The call is secure: from now on somebody should be heard."""
        self.secure_since = self._heard_at = self._loop.time()

    async def watch(self, stream: SecureStream) -> None:
        """Look, until this is cancelled."""
        while True:
            await asyncio.sleep(_LOOK - self._loop.time() % _LOOK if self.secure_since is None else _LOOK)
            if self.secure_since is None:
                self._explain_wait(stream)
            else:
                self._listen_for_life(stream)
                self.report(stream)

    def report(self, stream: SecureStream, *, final: bool = False) -> None:
        """How the sound gets through."""
        self._show(
            Media(
                counters=stream.media.counters,
                seconds=self._loop.time() - (self.secure_since or 0.0),
                silent=self.trouble is not None,
                level=self._sound.level,
                muted=self._sound.muted if self._sound.talks else None,
                final=final,
            )
        )

    def _explain_wait(self, stream: SecureStream) -> None:
        """What is waited for, and for how long by now; and wake a listener who comes late."""
        waited = self._loop.time() - self._stage_since
        if not self._stage or waited < _LOOK:
            return
        calling = self._stage == wording.WAITING_FOR_ANSWER
        words = self._stage
        if calling and stream.layer.told_busy:
            words = wording.BUSY
        elif calling and stream.unreachable:
            words = wording.NOBODY_LISTENS
        patience = self._patience if calling else None
        self._show(Waiting(text=words, since=waited if self._explained else None, patience=patience))
        self._explained = True
        if calling and waited >= _TRY_AGAIN:
            stream.media.stream.ping(self._loop.time())
            stream.settle()

    def _listen_for_life(self, stream: SecureStream) -> None:
        now, counters = self._loop.time(), stream.media.counters
        heard = counters.received if stream.media.stream.sending is Sending.CLEAR else counters.verified
        if heard != self._heard:
            self._heard, self._heard_at = heard, now
        elif now - self._heard_at > _GONE:
            self._hang_up(Exit.GONE, f"the other side is gone: nothing was heard for {_GONE:g} seconds", "call again")
