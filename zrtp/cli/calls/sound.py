"""The sound of one call: paced out of a source, put back in order into sinks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from zrtp.cli.options.call import CallSettings
from zrtp.media.aio import SecureStream
from zrtp.media.rtp import FRAME_SECONDS, PCMU, PlayoutBuffer
from zrtp.media.sound import g711
from zrtp.media.sound.audio import Loudspeaker, Sink, Source, WavRecorder, open_source

_TOO_LATE: Final = 0.5
"""Seconds behind the schedule after which frames are skipped, for example when the computer was asleep."""


class Sound:
    """One source and some sinks; closing it closes all of them."""

    def __init__(self, source: Source, sinks: Sequence[Sink]) -> None:
        self._source = source
        self.sinks = sinks
        self._buffer = PlayoutBuffer()
        self.deaf = False
        """Nothing more is played: the user found that somebody is in between."""

    @classmethod
    def of(cls, settings: CallSettings) -> Sound:
        """What the settings ask for. Raises AudioError or BackendUnavailable, and leaves nothing open then."""
        with ExitStack() as opened:
            source = open_source(settings.audio)
            opened.callback(source.close)
            sinks: list[Sink] = []
            if settings.record is not None:
                sinks.append(WavRecorder(settings.record))
                opened.callback(sinks[-1].close)
            if settings.audio == "mic":
                sinks.append(Loudspeaker())
            opened.pop_all()
        return cls(source, sinks)

    async def talk(self, stream: SecureStream) -> None:
        """Send a frame every 20 ms, for as long as the gate for media is open."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while stream.media.may_send:
            stream.send(g711.encode(self._source.frame()))
            due += FRAME_SECONDS
            if clock() - due > _TOO_LATE:
                due = clock()
            await asyncio.sleep(due - clock())

    async def hear(self, stream: SecureStream) -> None:
        """Play what arrives until the peer says goodbye; raises AudioError if it cannot be played."""
        while (packet := await stream.receive()) is not None:
            if packet.payload_type == PCMU:
                self._play(self._buffer.put(packet))

    def finish(self) -> None:
        """Play what is held back. Raises AudioError."""
        self._play(self._buffer.flush())

    def close(self) -> None:
        """Let go of files and devices. Raises AudioError."""
        self._source.close()
        for sink in self.sinks:
            sink.close()

    def _play(self, octets: bytes) -> None:
        if octets and not self.deaf:
            samples = g711.decode(octets)
            for sink in self.sinks:
                sink.play(samples)
