"""The sound of one call: paced out of a source, into the loudspeaker and a recording."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.sound import MICROPHONE
from zrtp.media.aio import SecureStream
from zrtp.media.rtp import PCMU
from zrtp.media.sound import g711
from zrtp.media.sound.devices import Loudspeaker, Microphone
from zrtp.media.sound.recording import InOrder, Sink, WavRecorder
from zrtp.media.sound.sources import Source, open_source


class Sound:
    """A source, sinks that take what arrived, and a loudspeaker; closing it closes all of them."""

    def __init__(self, source: Source, sinks: Sequence[Sink], loudspeaker: Loudspeaker | None = None) -> None:
        self._source = source
        self.sinks = sinks
        self._loudspeaker = loudspeaker
        self._in_order = InOrder()
        self._deaf = False

    @classmethod
    def of(cls, settings: CallSettings) -> Sound:
        """What the settings ask for. Raises AudioError or BackendUnavailable, and leaves nothing open then."""
        with ExitStack() as opened:
            loudspeaker = None
            if settings.audio == MICROPHONE:
                microphone, loudspeaker = Microphone(), Loudspeaker()
                for device in (microphone, loudspeaker):
                    opened.callback(device.close)
                    device.open()
                source: Source = microphone
            else:
                source = open_source(settings.audio or "tone")
                opened.callback(source.close)
            sinks = [WavRecorder(settings.record)] if settings.record is not None else []
            opened.pop_all()
        return cls(source, sinks, loudspeaker)

    @property
    def deaf(self) -> bool:
        """Nothing more is played: the user found that somebody is in between."""
        return self._deaf

    @deaf.setter
    def deaf(self, deaf: bool) -> None:
        self._deaf = deaf
        if self._loudspeaker is not None:
            self._loudspeaker.silent = deaf

    async def talk(self, stream: SecureStream) -> None:
        """Send a frame whenever one is due, for as long as the gate for media is open. Raises AudioError."""
        self._source.begin()
        while stream.media.may_send:
            await self._source.ready()
            stream.send(g711.encode(self._source.frame()))

    async def hear(self, stream: SecureStream) -> None:
        """Play what arrives until the peer says goodbye; raises AudioError if it cannot be played."""
        clock = asyncio.get_running_loop().time
        while (packet := await stream.receive()) is not None:
            if packet.payload_type != PCMU or self.deaf:
                continue
            if self._loudspeaker is not None:
                self._loudspeaker.put(packet)
            if self.sinks:
                self._keep(self._in_order.put(packet, clock()))

    def finish(self) -> None:
        """Give the sinks what is held back. Raises AudioError."""
        self._keep(self._in_order.flush())

    def close(self) -> None:
        """Let go of files and devices. Raises AudioError."""
        self._source.close()
        if self._loudspeaker is not None:
            self._loudspeaker.close()
        for sink in self.sinks:
            sink.close()

    def _keep(self, octets: bytes) -> None:
        if octets and not self.deaf:
            samples = g711.decode(octets)
            for sink in self.sinks:
                sink.play(samples)
