"""The sound of a call: when a microphone is open, what is sent instead, and what is said about it."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from tests.cli.commands import CLEARABLE, OPTIONS, Call, Meeting, meet
from tests.support.cases import every
from tests.support.sound_devices import FakeStream, install, loudspeaker, microphones, streams
from tests.support.tones import pitch, read_wav
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls.notices import SoundNote
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import Exit
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.sound import Accept
from zrtp.cli.options.verdict import Verdict
from zrtp.errors import BackendUnavailable
from zrtp.media.aio import SecureStream
from zrtp.media.rtp import Packetizer, RtpPacket
from zrtp.media.sound import g711
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.sources import Silence, Tone
from zrtp.protocol.endpoint import Endpoint

TALK = replace(OPTIONS, audio=None)
"""What a call does unless it is told otherwise."""


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return install(monkeypatch)


def microphone() -> FakeStream:
    return microphones()[0]


class Wire:
    """Stands for a stream: what is sent, and what comes."""

    def __init__(self, *arriving: RtpPacket) -> None:
        self.media = self
        self.may_send = True
        self.sent: list[array[int]] = []
        self._arriving = [*arriving, None]

    def send(self, payload: bytes) -> None:
        self.sent.append(g711.decode(payload))

    async def receive(self) -> RtpPacket | None:
        return self._arriving.pop(0)

    @property
    def stream(self) -> SecureStream:
        return cast(SecureStream, self)


def talking(sound: Sound, course: Callable[[Wire], Coroutine[Any, Any, None]]) -> list[array[int]]:
    """What is sent while something happens."""

    async def held() -> list[array[int]]:
        wire = Wire()
        sending = asyncio.ensure_future(sound.talk(wire.stream))
        await asyncio.sleep(0)
        await course(wire)
        wire.may_send = False
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        sound.close()
        return wire.sent

    return asyncio.run(held())


async def until(wire: Wire, count: int) -> None:
    while len(wire.sent) < count:
        await asyncio.sleep(0.001)


def said(value: int) -> array[int]:
    return array("h", [value] * 160)


LOUD = g711.decode(g711.encode([8000]))[0]


# What there is


@pytest.mark.usefixtures("devices")
def test_a_call_talks_where_there_are_microphone_and_loudspeaker() -> None:
    sound = Sound.of(TALK)

    assert sound.talks
    assert (len(streams), sound.missing) == (2, "")
    sound.close()
    assert all(stream.closed for stream in streams)


def test_without_devices_a_tone_is_sent_and_that_is_said() -> None:
    sound = Sound.of(TALK)

    assert not sound.talks
    assert "need the package sounddevice" in sound.missing
    sound.close()


@every(
    "settings",
    [replace(TALK, audio="mic"), replace(TALK, input="headset"), replace(TALK, output="headset")],
    ids=["audio", "input", "output"],
)
def test_a_device_that_was_asked_for_must_be_there(settings: CallSettings) -> None:
    with pytest.raises(BackendUnavailable):
        Sound.of(settings)


def test_if_the_loudspeaker_does_not_open_nothing_stays_open(devices: ModuleType) -> None:
    class Broken(FakeStream):
        def start(self) -> None:
            raise RuntimeError("no sound today")

    vars(devices)["RawOutputStream"] = Broken

    with pytest.raises(AudioError, match="The loudspeaker HDMI cannot be opened"):
        Sound.of(replace(TALK, audio="mic"))
    assert all(stream.closed for stream in streams if stream.started)


def test_at_the_side_without_devices_one_line_says_what_is_sent() -> None:
    async def held() -> list[str]:
        call = Call(alice=replace(TALK, seconds=0.05), sound=Sound.of(TALK))
        await call.hold()
        return [news.text for news in call.heard["alice"].news if isinstance(news, SoundNote)]

    (line,) = asyncio.run(held())
    assert line.startswith("a test tone is sent; to talk: python -m pip install")


# The microphone


@pytest.mark.usefixtures("devices")
def test_what_was_said_before_the_call_was_secure_is_not_sent() -> None:
    sound = Sound.of(TALK)
    microphone().hears(said(LOUD))

    async def course(wire: Wire) -> None:
        microphone().hears(said(0))
        await until(wire, 1)

    assert talking(sound, course) == [said(0)]


@pytest.mark.usefixtures("devices")
def test_muted_it_sends_silence_and_shows_no_level() -> None:
    sound = Sound.of(TALK)

    async def course(wire: Wire) -> None:
        microphone().hears(said(LOUD))
        await until(wire, 1)
        assert sound.level == 6
        sound.muted = True
        microphone().hears(said(LOUD))
        await until(wire, 2)
        assert sound.level is None

    assert talking(sound, course) == [said(LOUD), said(0)]


@pytest.mark.usefixtures("devices")
def test_a_stranger_hears_nothing_before_somebody_answers() -> None:
    sound = Sound.of(TALK, rings=True)
    assert microphones() == []

    async def course(wire: Wire) -> None:
        await until(wire, 2)
        await sound.answer()
        count = len(wire.sent)
        for _ in range(3):
            microphone().hears(said(LOUD))
            await until(wire, count := count + 1)

    sent = talking(sound, course)
    assert sent[:2] == [said(0)] * 2
    assert said(LOUD) in sent


@pytest.mark.usefixtures("devices")
def test_it_rings_until_somebody_answers() -> None:
    sound = Sound.of(TALK, rings=True)
    sound.ring()
    rings = loudspeaker().plays(10)
    asyncio.run(sound.answer())

    assert any(rings)
    assert not any(loudspeaker().plays(10))
    sound.close()


def test_if_it_does_not_open_a_sentence_says_so_and_the_call_goes_on(devices: ModuleType) -> None:
    class Broken(FakeStream):
        def start(self) -> None:
            raise RuntimeError("in use")

    vars(devices)["RawInputStream"] = Broken
    sound = Sound.of(TALK, rings=True)
    told: list[str] = []
    sound.note = told.append

    async def course(wire: Wire) -> None:
        assert not await sound.answer()
        await until(wire, len(wire.sent) + 2)

    assert not any(any(frame) for frame in talking(sound, course))
    (line,) = told
    assert line.startswith("the microphone HDA Intel: front cannot be opened: in use - the call goes on")


@pytest.mark.usefixtures("devices")
def test_when_it_is_unplugged_a_sentence_says_so_and_the_call_goes_on() -> None:
    sound = Sound.of(TALK)
    told: list[str] = []
    sound.note = told.append

    async def course(wire: Wire) -> None:
        microphone().finished()
        await until(wire, 3)

    assert talking(sound, course)[:3] == [said(0)] * 3
    assert told == ["the microphone HDA Intel: front is gone - the call goes on, and you are not heard"]


# What is heard


def hear(sound: Sound, *packets: RtpPacket) -> None:
    asyncio.run(sound.hear(Wire(*packets).stream))


def packets(count: int, source: Tone | Silence) -> list[RtpPacket]:
    packetizer = Packetizer(1)
    return [packetizer.packet(g711.encode(source.frame())) for _ in range(count)]


@pytest.mark.usefixtures("devices")
def test_what_arrives_is_played_and_recorded(tmp_path: Path) -> None:
    sound = Sound.of(replace(TALK, record=tmp_path / "heard.wav"))
    hear(sound, *packets(50, Tone(660)))
    played = loudspeaker().plays(60)
    sound.close()

    assert pitch(played) == 660
    assert read_wav(tmp_path / "heard.wav")[0] == list(g711.decode(g711.encode(sine_of(50))))


class FullDisk:
    """A sink that can take nothing more."""

    closed = False

    def play(self, samples: array[int]) -> None:
        raise AudioError("The disk is full.")

    def close(self) -> None:
        self.closed = True


@pytest.mark.usefixtures("devices")
def test_a_recording_that_fails_at_its_end_leaves_nothing_open() -> None:
    streams.clear()
    disk = FullDisk()
    with_devices = Sound.of(TALK)
    sound = Sound(with_devices._source, [disk], with_devices._loudspeaker)
    hear(sound, *packets(5, Tone()))

    with pytest.raises(AudioError, match="The disk is full"):
        sound.close()
    assert disk.closed
    assert all(stream.closed for stream in streams)


def sine_of(frames: int) -> list[int]:
    tone = Tone(660)
    return [sample for _ in range(frames) for sample in tone.frame()]


@pytest.mark.usefixtures("devices")
def test_whoever_is_deaf_hears_nothing_more() -> None:
    sound = Sound.of(TALK)
    sound.deaf = True
    hear(sound, *packets(50, Tone()))

    assert not any(loudspeaker().plays(60))
    sound.close()


@pytest.mark.usefixtures("devices")
def test_when_the_loudspeaker_is_gone_a_sentence_says_so_once() -> None:
    sound = Sound.of(TALK)
    told: list[str] = []
    sound.note = told.append
    loudspeaker().finished()
    hear(sound, *packets(3, Silence()))
    sound.close()

    assert told == ["the loudspeaker HDMI is gone - the call goes on, and you hear nothing"]


@pytest.mark.usefixtures("devices")
@every(("source", "count", "lines"), [(Tone(), 80, 1), (Tone(), 24, 0), (Tone(660), 80, 0), (Silence(), 80, 0)])
def test_a_test_tone_from_the_other_side_is_said_once(source: Tone | Silence, count: int, lines: int) -> None:
    streams.clear()
    sound = Sound.of(TALK)
    told: list[str] = []
    sound.note = told.append
    hear(sound, *packets(count, source))
    sound.close()

    assert len(told) == lines
    assert all("the other side sends a test tone" in line for line in told)


# The person


async def answered(meeting: Meeting) -> None:
    assert microphones() == []
    await meeting.typist.answer("Somebody is calling", "y")
    await meeting.typist.answer("[a] answer", "a")
    await meeting.typist.see("use headphones")
    assert microphone().started
    await meeting.typist.answer("[l] later", "l")


@pytest.mark.usefixtures("devices")
def test_whoever_is_called_answers_with_a_key_and_with_no_other() -> None:
    async def script(meeting: Meeting) -> None:
        await answered(meeting)
        meeting.call.alice.hang_up(Exit.ENDED, "done")

    meet(script, lambda: Meeting(sound=Sound.of(TALK, rings=True)))


@pytest.mark.usefixtures("devices")
def test_m_switches_the_microphone_off_and_on() -> None:
    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "l")
        await meeting.typist.answer("", "m")
        await meeting.typist.answer("your microphone is off", "m")
        await meeting.typist.see("your microphone is on")
        meeting.call.alice.hang_up(Exit.ENDED, "done")

    meet(script, lambda: Meeting(sound=Sound.of(TALK)))


def known() -> tuple[Endpoint, SecretCache]:
    """Bob, and what Alice keeps about him once the words were compared."""
    bob = Endpoint(CLEARABLE.config, MemoryCache())
    cache = MemoryCache()

    async def first() -> None:
        call = Call(alice_cache=cache, bob_endpoint=bob)

        async def attend() -> None:
            await call.alice.secured
            await call.bob.secured
            call.alice.decisions.match("Bob")
            call.bob.decisions.match("Alice")
            call.alice.hang_up(Exit.ENDED, "done")

        await call.hold(attend)

    asyncio.run(first())
    return bob, cache


@pytest.mark.usefixtures("devices")
@every(("accept", "verified", "opens"), [("known", True, True), ("known", False, False), ("key", True, False)])
def test_without_a_terminal_the_microphone_opens_for_whom_accept_says(accept: str, verified: bool, opens: bool) -> None:
    streams.clear()
    bob, cache = known() if verified else (Endpoint(CLEARABLE.config, MemoryCache()), MemoryCache())

    async def held() -> list[str]:
        settings = replace(TALK, accept=Accept(accept), verdict=Verdict.LATER, seconds=0.3)
        call = Call(alice=settings, alice_cache=cache, bob_endpoint=bob, sound=Sound.of(settings, rings=True))
        await call.hold()
        return [news.text for news in call.heard["alice"].news if isinstance(news, SoundNote)]

    told = asyncio.run(held())
    assert bool(microphones()) == opens
    assert any("your microphone stays closed" in line for line in told) != opens
