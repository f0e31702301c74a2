"""The tone of waiting: short, repeated, and over when nobody waits."""

from __future__ import annotations

from tests.proxy.stage import Clock
from tests.support.pair import seeded
from zrtp.media.rtp import FRAME_SECONDS, RtpPacket
from zrtp.media.sound.sources import is_test_tone
from zrtp.proxy.tone import AFTER, EVERY, FRAMES, WaitingTone


class Stage:
    def __init__(self) -> None:
        self.clock = Clock()
        self.waiting = True
        self.heard: list[tuple[float, RtpPacket]] = []
        self.tone = WaitingTone(self.clock, wanted=lambda: self.waiting, send=self._hear, random=seeded(1))

    def _hear(self, packet: bytes) -> None:
        self.heard.append((self.clock.now, RtpPacket.decode(packet)))


def test_a_short_tone_comes_again_and_again_at_the_pace_of_sound() -> None:
    stage = Stage()
    stage.tone.begin()
    stage.tone.begin()
    stage.clock.run(AFTER + 2 * EVERY - 0.1)

    begun = stage.heard[0][0], stage.heard[FRAMES][0]
    assert len(stage.heard) == 2 * FRAMES
    assert begun == (AFTER, AFTER + EVERY)
    packets = [packet for _, packet in stage.heard]
    assert all(is_test_tone(packet.payload) and packet.payload_type == 0 for packet in packets)
    assert len({packet.ssrc for packet in packets}) == 1
    assert [packet.marker for packet in packets] == ([True] + [False] * (FRAMES - 1)) * 2
    for (at, packet), (later, following) in zip(stage.heard, stage.heard[1:], strict=False):
        assert (following.sequence - packet.sequence) & 0xFFFF == 1
        assert round((later - at) / FRAME_SECONDS) * 160 == (following.timestamp - packet.timestamp) & 0xFFFFFFFF


def test_it_stops_when_nobody_waits_and_begins_anew() -> None:
    stage = Stage()
    stage.tone.begin()
    stage.clock.run(AFTER + 0.05)
    stage.waiting = False
    stage.clock.run(60)
    assert len(stage.heard) == 3

    stage.waiting = True
    stage.tone.begin()
    stage.clock.run(AFTER + 0.01)
    stage.tone.end()
    stage.tone.end()
    stage.clock.run(60)
    assert len(stage.heard) == 4
