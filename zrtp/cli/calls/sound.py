"""The sound of one call: from a source to the other side, from there to the loudspeaker and a recording."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, Protocol

from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.sound import MICROPHONE
from zrtp.cli.screen import wording
from zrtp.errors import BackendUnavailable
from zrtp.media.rtp import FRAME_SAMPLES, PCMU, RtpPacket
from zrtp.media.secure import SecureMedia
from zrtp.media.sound import g711
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.loudspeaker import Loudspeaker, silence
from zrtp.media.sound.microphone import Microphone
from zrtp.media.sound.recording import InOrder, Sink, WavRecorder
from zrtp.media.sound.sources import Ringing, Silence, SoundSource, Tone, is_test_tone, open_source

_CHECKED: Final = 1.0
"""Seconds between two looks at whether the loudspeaker still plays."""

_TONE_PACKETS: Final = 25
"""Packets at the beginning that are all part of the test tone if nobody talks at the other end."""


class Voice(Protocol):
    """A stream of the call that carries a voice; `SecureStream` is one."""

    @property
    def media(self) -> SecureMedia: ...
    def send(self, payload: bytes) -> bool: ...
    async def receive(self) -> RtpPacket | None: ...


class Sound:
    """A source, sinks that take what arrived, and a loudspeaker; closing it closes all of them.

    `closed` says that the microphone stays closed until `answer`; until then silence is sent.
    """

    def __init__(
        self,
        source: SoundSource,
        sinks: Sequence[Sink],
        loudspeaker: Loudspeaker | None = None,
        *,
        closed: bool = False,
        missing: str = "",
    ) -> None:
        self._source = source
        self._sent: SoundSource = Silence() if closed else source
        self.sinks = sinks
        self._loudspeaker = loudspeaker
        self._in_order = InOrder()
        self._deaf = False
        self._tones = 0  # packets of the test tone that came; below zero once it is known that it is none
        self._checked_at = 0.0
        self.note: Callable[[str], None] = lambda words: None
        """Told in a sentence what the person should know about the sound."""
        self.closed = closed
        """The microphone waits for `answer`."""
        self.muted = False
        """Silence is sent instead of what the microphone hears."""
        self.missing = missing
        """Why a tone is sent instead of what a microphone hears; empty if that is not so."""

    @classmethod
    def of(cls, settings: CallSettings, *, rings: bool = False) -> Sound:
        """What the settings ask for; with `rings` a microphone stays closed until `answer`.

        Raises AudioError or BackendUnavailable, and leaves nothing open then.
        """
        with ExitStack() as opened:
            sinks = [WavRecorder(settings.record)] if settings.record is not None else []
            source, loudspeaker, missing = _ends(settings)
            opened.callback(source.close)
            if loudspeaker is not None:
                opened.callback(loudspeaker.close)
                loudspeaker.open()
            closed = rings and isinstance(source, Microphone)
            if isinstance(source, Microphone) and not closed:
                source.open()
            opened.pop_all()
        return cls(source, sinks, loudspeaker, closed=closed, missing=missing)

    @property
    def talks(self) -> bool:
        """Whether what a person says here is sent, now or once the microphone is open."""
        return isinstance(self._source, Microphone)

    @property
    def level(self) -> int | None:
        """How loud it was at the microphone since the last look, 0 to 8 steps; None if it is not heard."""
        if isinstance(self._sent, Microphone) and not self.muted:
            return self._sent.level.take()
        return None

    @property
    def deaf(self) -> bool:
        """Nothing more is played: the user found that somebody is in between."""
        return self._deaf

    @deaf.setter
    def deaf(self, deaf: bool) -> None:
        self._deaf = deaf
        if self._loudspeaker is not None:
            self._loudspeaker.instead = silence if deaf else None

    def ring(self) -> None:
        """Somebody calls, and the microphone is closed: the loudspeaker rings until `answer`."""
        if self._loudspeaker is not None:
            self._loudspeaker.instead = Ringing().read

    async def answer(self) -> bool:
        """Open the microphone; False if it does not open, which is told."""
        self.closed = False
        if self._loudspeaker is not None and not self._deaf:
            self._loudspeaker.instead = None
        if isinstance(self._source, Microphone):
            try:
                await asyncio.to_thread(self._source.open)
                self._source.begin()
                self._sent = self._source
            except AudioError as error:
                self.note(wording.without_microphone(str(error)))
        return self._sent is self._source

    async def talk(self, stream: Voice) -> None:
        """Send a frame whenever one is due, for as long as the gate for media is open. Raises AudioError."""
        self._sent.begin()
        while stream.media.may_send:
            try:
                await self._sent.wait()
            except AudioError as error:  # the microphone was unplugged, or the sound server ended
                self.note(wording.without_microphone(str(error)))
                self._sent = Silence()
                self._sent.begin()
                continue
            frame = self._sent.frame()
            stream.send(g711.encode(silence(FRAME_SAMPLES) if self.muted else frame))

    async def hear(self, stream: Voice) -> None:
        """Play what arrives until the peer says goodbye; raises AudioError if it cannot be recorded."""
        clock = asyncio.get_running_loop().time
        while (packet := await stream.receive()) is not None:
            if packet.payload_type != PCMU or self.deaf:
                continue
            self._notice_tone(packet)
            self._play(packet, clock())
            if self.sinks:
                self._keep(self._in_order.put(packet, clock()))

    def close(self) -> None:
        """Give the sinks what is held back, and let go of files and devices. Raises AudioError."""
        with ExitStack() as stack:
            for sink in self.sinks:
                stack.callback(sink.close)
            if self._loudspeaker is not None:
                stack.callback(self._loudspeaker.close)
            stack.callback(self._source.close)
            self._keep(self._in_order.flush())

    def _play(self, packet: RtpPacket, now: float) -> None:
        if self._loudspeaker is None:
            return
        self._loudspeaker.put(packet)
        if now - self._checked_at < _CHECKED:
            return
        self._checked_at = now
        try:
            self._loudspeaker.check()
        except AudioError as error:
            self.note(wording.without_loudspeaker(str(error)))
            self._loudspeaker.close()
            self._loudspeaker = None

    def _notice_tone(self, packet: RtpPacket) -> None:
        """Say once, where somebody would talk, that there is nobody to talk to."""
        if not 0 <= self._tones < _TONE_PACKETS:
            return
        self._tones = self._tones + 1 if is_test_tone(packet.payload) else -1
        if self._tones == _TONE_PACKETS and self.talks:
            self.note(wording.TONE_THERE)

    def _keep(self, octets: bytes) -> None:
        if octets and not self.deaf:
            samples = g711.decode(octets)
            for sink in self.sinks:
                sink.play(samples)


def _ends(settings: CallSettings) -> tuple[SoundSource, Loudspeaker | None, str]:
    """Source and loudspeaker, and why the source is a tone although nobody asked for one."""
    if settings.audio is not None and settings.audio != MICROPHONE:
        loudspeaker = None if settings.output is None else Loudspeaker(settings.output)
        return open_source(settings.audio), loudspeaker, ""
    try:
        return Microphone(settings.input), Loudspeaker(settings.output), ""
    except (AudioError, BackendUnavailable) as error:
        if settings.audio == MICROPHONE or settings.input is not None or settings.output is not None:
            raise
        return Tone(), None, str(error)
