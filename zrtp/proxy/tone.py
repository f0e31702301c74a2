"""A short tone for the phone while a call that was answered is not secure yet: silence would sound like a dead line.

It is mu-law (payload type 0 of RFC 3551), for phones that take it; the others wait in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from zrtp.media.rtp import FRAME_SAMPLES, FRAME_SECONDS, Packetizer
from zrtp.media.sound.g711 import encode
from zrtp.media.sound.sources import Tone
from zrtp.proxy.surroundings import Clock
from zrtp.system import RandomSource, system_random

FORMAT: Final = "0"
"""The payload type, as a session description lists it."""
AFTER: Final = 0.5
"""Seconds of waiting before the first tone: most calls are secure by then."""
EVERY: Final = 1.5
"""Seconds from one tone to the next."""
FRAMES: Final = 10
"""Packets of one tone: 0.2 seconds."""


class WaitingTone:
    """Sends the tone from `begin` on, as long as it is `wanted`."""

    def __init__(
        self,
        clock: Clock,
        *,
        wanted: Callable[[], bool],
        send: Callable[[bytes], None],
        random: RandomSource = system_random,
    ) -> None:
        self._clock = clock
        self._wanted = wanted
        self._send = send
        self._packetizer = Packetizer(int.from_bytes(random(4), "big"), random=random)
        self._frame = 0
        self._timer: Any = None

    def begin(self) -> None:
        """There is something to wait for; nothing changes if that was known."""
        if self._timer is None:
            self._frame = 0
            self._next_after(AFTER)

    def end(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next_after(self, seconds: float) -> None:
        self._timer = self._clock.call_at(self._clock.time() + seconds, self._next)

    def _next(self) -> None:
        if not self._wanted():
            self._timer = None
            return
        self._send(self._packetizer.packet(_frames()[self._frame], marker=self._frame == 0).encode())
        self._frame = (self._frame + 1) % FRAMES
        if self._frame:
            self._next_after(FRAME_SECONDS)
        else:
            pause = EVERY - (FRAMES - 1) * FRAME_SECONDS
            self._packetizer.skip(round(pause / FRAME_SECONDS - 1) * FRAME_SAMPLES)
            self._next_after(pause)


@cache
def _frames() -> tuple[bytes, ...]:
    tone = Tone()
    return tuple(encode(tone.frame()) for _ in range(FRAMES))
