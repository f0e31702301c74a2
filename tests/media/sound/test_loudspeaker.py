"""The loudspeaker, with a sound system that is driven by the test."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.support.cases import every
from tests.support.sound_devices import install, streams
from tests.support.tones import sine
from zrtp.media.rtp import Packetizer
from zrtp.media.sound import g711
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.loudspeaker import Loudspeaker, silence


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return install(monkeypatch)


pytestmark = pytest.mark.usefixtures("sounddevice")


def test_it_pulls_what_came_and_otherwise_plays_silence() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.open()
    packetizer = Packetizer(1)
    assert not any(streams[0].plays(2))
    for _ in range(5):
        loudspeaker.put(packetizer.packet(g711.encode(sine(400, 0.02))))
    heard = streams[0].plays(12)

    assert not any(heard[:160])
    assert heard[180:960].tolist() == list(g711.decode(g711.encode(sine(400, 0.02)))) * 4 + list(heard[820:960])
    loudspeaker.close()
    assert streams[0].closed


def test_it_can_be_told_to_play_something_else() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.open()
    packetizer = Packetizer(1)
    for _ in range(5):
        loudspeaker.put(packetizer.packet(g711.encode(sine(400, 0.02))))
    streams[0].plays(4)
    loudspeaker.instead = silence

    assert not any(streams[0].plays(2))
    loudspeaker.instead = None
    assert any(streams[0].plays(2))
    loudspeaker.close()


@every("how", ["finished", "silent"])
def test_a_loudspeaker_that_is_gone_is_a_sentence(how: str) -> None:
    streams.clear()
    loudspeaker = Loudspeaker()
    loudspeaker.open()
    loudspeaker.check()
    streams[0].plays(1)
    loudspeaker.check()
    if how == "finished":
        streams[0].plays(1)
        streams[0].finished()

    with pytest.raises(AudioError, match=r"^The loudspeaker HDMI is gone\.$"):
        loudspeaker.check()
    loudspeaker.close()
