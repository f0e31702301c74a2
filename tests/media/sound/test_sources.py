"""What can be sent without a microphone, and its pace."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.cases import every
from tests.support.tones import pitch, share, sine, write_wav
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.g711 import encode
from zrtp.media.sound.sources import Ringing, Silence, SoundSource, Tone, WavFile, is_test_tone, open_source


def heard(source: SoundSource, frames: int) -> list[int]:
    try:
        return [sample for _ in range(frames) for sample in source.frame()]
    finally:
        source.close()


def test_the_tone_is_440_hertz_without_clicks() -> None:
    samples = heard(open_source("tone"), 60)

    assert share(samples[:8000], 440) > 0.99
    assert max(abs(after - before) for before, after in pairwise(samples)) < 3000


def test_the_level_of_the_tone_leaves_room() -> None:
    assert math.isclose(max(heard(open_source("tone"), 10)), 8000, rel_tol=0.01)


def test_the_tone_is_known_by_its_packets() -> None:
    tone, other = Tone(), Tone(660)

    assert all(is_test_tone(encode(tone.frame())) for _ in range(60))
    assert not is_test_tone(encode(other.frame()))
    assert not is_test_tone(encode(Silence().frame()))
    assert not is_test_tone(b"")


def test_it_rings_for_one_second_of_three() -> None:
    ringing = Ringing()
    heard = [sample for _ in range(600) for sample in ringing.read(80)]

    assert [any(heard[second * 8000 : second * 8000 + 8000]) for second in range(6)] == [True, False, False] * 2


def test_silence_is_zeros_in_frames_of_20_ms() -> None:
    assert heard(open_source("silence"), 2) == [0] * 320


def test_a_file_at_telephone_rate_is_delivered_sample_for_sample(tmp_path: Path) -> None:
    samples = sine(300, 0.1)

    assert heard(WavFile(write_wav(tmp_path / "speech.wav", samples)), 5) == samples


def test_after_its_end_a_file_is_silence(tmp_path: Path) -> None:
    source = open_source(str(write_wav(tmp_path / "short.wav", [1000] * 100)))

    assert heard(source, 2) == [1000] * 100 + [0] * 220


@every("rate", [6000, 11025, 16000, 22050, 44100, 48000])
def test_other_rates_keep_the_pitch_and_the_level(tmp_path: Path, rate: int) -> None:
    source = open_source(str(write_wav(tmp_path / "tone.wav", sine(600, 0.5, rate), rate)))
    samples = heard(source, 25)

    assert pitch(samples) == 600
    assert max(samples) == pytest.approx(12000, rel=0.02)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"missing\.wav cannot be read: No such file or directory\."):
        open_source(str(tmp_path / "missing.wav"))


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time is what the test says."""

    now = 100.0

    def time(self) -> float:
        return self.now


def due(monkeypatch: pytest.MonkeyPatch, *, frames: int, pause_after: int, pause: float) -> list[int]:
    """When frames are due, in milliseconds, if something else takes its time once."""
    clock = Clock()

    async def sleep(delay: float) -> None:
        clock.now += max(0.0, delay)

    async def talk() -> list[int]:
        source, times = Silence(), []
        source.begin()
        for number in range(frames):
            await source.wait()
            times.append(round((clock.now - 100) * 1000))
            clock.now += pause if number == pause_after else 0
        return times

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with asyncio.Runner(loop_factory=lambda: clock) as runner:
        return runner.run(talk())


def test_a_frame_is_due_every_20_milliseconds_even_if_one_was_late(monkeypatch: pytest.MonkeyPatch) -> None:
    assert due(monkeypatch, frames=6, pause_after=2, pause=0.03) == [0, 20, 40, 70, 80, 100]


def test_after_the_computer_slept_nothing_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert due(monkeypatch, frames=4, pause_after=1, pause=60) == [0, 20, 60020, 60040]
