"""Sources and sinks of sound, devices replaced by small fakes."""

from __future__ import annotations

import math
import sys
import wave
from array import array
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.tones import pitch, read_wav, share, sine, write_wav
from zrtp.errors import BackendUnavailable
from zrtp.media.sound.audio import (
    AudioError,
    Loudspeaker,
    Microphone,
    Resampled,
    Sink,
    Source,
    WavFile,
    WavRecorder,
    open_source,
)


def heard(source: Source, frames: int) -> list[int]:
    return [sample for _ in range(frames) for sample in source.frame()]


def test_the_tone_is_440_hertz_without_clicks() -> None:
    samples = heard(open_source("tone"), 60)

    assert share(samples[:8000], 440) > 0.99
    assert max(abs(after - before) for before, after in pairwise(samples)) < 3000


def test_silence_is_zeros_in_frames_of_20_ms() -> None:
    assert heard(open_source("silence"), 2) == [0] * 320


def test_a_file_at_telephone_rate_is_delivered_sample_for_sample(tmp_path: Path) -> None:
    samples = sine(300, 0.1)
    source = WavFile(write_wav(tmp_path / "speech.wav", samples))

    assert heard(source, 5) == samples
    assert source.ended


def test_after_its_end_a_file_is_silence(tmp_path: Path) -> None:
    source = open_source(str(write_wav(tmp_path / "short.wav", [1000] * 100)))

    assert heard(source, 2) == [1000] * 100 + [0] * 220


@pytest.mark.parametrize("rate", [6000, 11025, 16000, 22050, 44100, 48000])
def test_other_rates_keep_the_pitch_and_the_level(tmp_path: Path, rate: int) -> None:
    source = open_source(str(write_wav(tmp_path / "tone.wav", sine(600, 0.5, rate), rate)))
    samples = heard(source, 25)

    assert pitch(samples) == 600
    assert max(samples) == pytest.approx(12000, rel=0.02)


@pytest.mark.parametrize("hertz", [1000, 3000])
def test_the_telephone_band_passes(hertz: int) -> None:
    out = Resampled(array("h", sine(hertz, 0.2, 48000)), 48000)[:]

    assert share(out[200:-200], hertz) > 0.99
    assert max(out) == pytest.approx(12000, rel=0.05)


def test_what_does_not_fit_the_telephone_band_does_not_come_back_as_another_tone() -> None:
    out = Resampled(array("h", sine(6000, 0.2, 48000)), 48000)[:]

    assert max(map(abs, out[200:-200])) < 60


def test_a_loud_sound_is_clipped_not_wrapped() -> None:
    square = array("h", ([32767] * 20 + [-32768] * 20) * 40)

    out = Resampled(square, 16000)[:]

    assert max(out) == 32767
    assert min(out) == -32768


def write_frames(path: Path, octets: bytes, *, channels: int, width: int) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((channels, width, 8000, 0, "NONE", ""))
        out.writeframes(octets)
    return path


def test_stereo_is_mixed(tmp_path: Path) -> None:
    octets = array("h", [1000, 3000] * 160).tobytes()
    source = WavFile(write_frames(tmp_path / "stereo.wav", octets, channels=2, width=2))

    assert heard(source, 1) == [2000] * 160


def test_eight_bits_become_sixteen(tmp_path: Path) -> None:
    source = WavFile(write_frames(tmp_path / "old.wav", bytes([0, 128, 255]), channels=1, width=1))

    assert heard(source, 1)[:3] == [-32768, 0, 32512]


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"missing\.wav cannot be read: No such file or directory\."):
        open_source(str(tmp_path / "missing.wav"))


@pytest.mark.parametrize(
    ("octets", "sentence"),
    [
        pytest.param(b"", "ffmpeg", id="empty"),
        pytest.param(b"ID3\x03 this is an mp3", "ffmpeg", id="another format"),
    ],
)
def test_a_file_that_is_no_wav_file_says_how_to_convert_it(tmp_path: Path, octets: bytes, sentence: str) -> None:
    (tmp_path / "song").write_bytes(octets)

    with pytest.raises(AudioError, match=sentence):
        WavFile(tmp_path / "song")


def test_samples_of_24_bits_say_how_to_convert_them(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="8 or 16 bits"):
        WavFile(write_frames(tmp_path / "studio.wav", bytes(30), channels=1, width=3))


def test_a_file_without_sound_says_so(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="holds no sound"):
        WavFile(write_wav(tmp_path / "empty.wav", []))


def test_a_recording_is_what_was_played(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "heard.wav")
    recorder.play(array("h", [1, -2, 3]))
    recorder.play(array("h", [32767, -32768]))
    recorder.close()

    assert read_wav(tmp_path / "heard.wav") == ([1, -2, 3, 32767, -32768], 8000)


def test_a_recording_without_sound_is_a_file_nevertheless(tmp_path: Path) -> None:
    WavRecorder(tmp_path / "heard.wav").close()

    assert read_wav(tmp_path / "heard.wav") == ([], 8000)


def test_a_recording_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be written: No such file or directory"):
        WavRecorder(tmp_path / "no folder" / "heard.wav")


class FakeStream:
    """A sound device that is driven by the test."""

    def __init__(self, *, callback: Callable[..., None], **options: Any) -> None:
        self.callback, self.options = callback, options
        self.started = self.closed = False
        streams.append(self)

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        self.closed = True


class BrokenStream(FakeStream):
    def start(self) -> None:
        raise ValueError("no such device")


streams: list[FakeStream] = []


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    streams.clear()
    module = ModuleType("sounddevice")
    vars(module).update(RawInputStream=FakeStream, RawOutputStream=FakeStream)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


@pytest.mark.usefixtures("sounddevice")
def test_the_microphone_delivers_what_it_hears_and_otherwise_silence() -> None:
    microphone = open_source("mic")
    (stream,) = streams
    stream.callback(array("h", [7] * 160).tobytes(), 160, None, None)

    assert stream.started
    assert stream.options == {"samplerate": 8000, "channels": 1, "dtype": "int16", "blocksize": 160}
    assert heard(microphone, 2) == [7] * 160 + [0] * 160
    microphone.close()
    assert stream.closed


@pytest.mark.usefixtures("sounddevice")
def test_the_loudspeaker_plays_in_order_and_otherwise_silence() -> None:
    loudspeaker = Loudspeaker()
    (stream,) = streams
    loudspeaker.play(array("h", [1, 2, 3]))
    out = bytearray(8)
    stream.callback(memoryview(out), 4, None, None)

    assert array("h", bytes(out)).tolist() == [1, 2, 3, 0]
    loudspeaker.close()
    assert stream.closed


@pytest.mark.usefixtures("sounddevice")
def test_sound_that_waits_too_long_is_dropped_oldest_first() -> None:
    loudspeaker: Sink = Loudspeaker()
    for index in range(100):
        loudspeaker.play(array("h", [index] * 160))
    out = bytearray(320)
    streams[0].callback(memoryview(out), 160, None, None)

    assert array("h", bytes(out)).tolist() == [75] * 160


def test_without_sounddevice_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    with pytest.raises(BackendUnavailable, match=r"python -m pip install 'zrtp\[audio\]'"):
        Microphone()


def test_without_portaudio_the_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

    with pytest.raises(BackendUnavailable, match="libportaudio2"):
        Loudspeaker()


def test_a_device_that_does_not_open_is_named(sounddevice: ModuleType) -> None:
    vars(sounddevice)["RawInputStream"] = BrokenStream

    with pytest.raises(AudioError, match="The microphone cannot be opened: no such device"):
        Microphone()


def test_the_level_of_the_tone_leaves_room() -> None:
    assert math.isclose(max(heard(open_source("tone"), 10)), 8000, rel_tol=0.01)
