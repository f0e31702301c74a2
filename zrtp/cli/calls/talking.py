"""What the other side hears of us: from when the gate is open, and from a microphone once somebody answers."""

from __future__ import annotations

import asyncio
from functools import partial

from zrtp.cli.calls.ending import Ending
from zrtp.cli.calls.sound import Sound
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.sound import Accept
from zrtp.cli.screen import wording
from zrtp.media.aio import SecureStream
from zrtp.protocol.events import Secured


class Talking:
    """Sends what the source of sound says, as far as it may."""

    def __init__(self, sound: Sound, settings: CallSettings, ending: Ending) -> None:
        self._sound = sound
        self._settings = settings
        self._ending = ending
        self._talking: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[None] | None = None

    def open_gate(self, stream: SecureStream) -> None:
        """Talk, if the call lets us and nobody talks yet."""
        if stream.media.may_send and (self._talking is None or self._talking.done()):
            self._talking = asyncio.ensure_future(self._ending.guard(partial(self._sound.talk, stream)))

    def begin(self, secured: Secured) -> None:
        """The call is secure for the first time."""
        if self._sound.closed:
            self._ring(secured)
        elif self._sound.talks:
            self._sound.note(wording.HEADPHONES)

    async def answer(self) -> None:
        """Somebody is there and talks: open the microphone."""
        if await self._sound.answer():
            self._sound.note(wording.HEADPHONES)

    def fall_silent(self) -> None:
        """Not a word more."""
        if self._talking is not None:
            self._talking.cancel()

    def stop(self) -> None:
        """The call is over."""
        for task in filter(None, (self._talking, self._answering)):
            task.cancel()

    def _ring(self, secured: Secured) -> None:
        """A stranger who dials must not hear the room: the microphone opens when somebody answers."""
        if self._settings.accept is Accept.KNOWN and secured.verified:
            self._answering = asyncio.ensure_future(self._ending.guard(self.answer))
        elif self._settings.verdict is None:
            self._sound.ring()
        else:
            self._sound.note(wording.STAYS_CLOSED)
