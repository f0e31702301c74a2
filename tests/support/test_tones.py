"""The tone finder finds tones, and only tones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support import pcmu, tones

pytestmark = pytest.mark.long


@pytest.mark.parametrize("hertz", [440, 880, 1234, 3000])
def test_a_tone_is_found_also_after_mu_law(hertz: int) -> None:
    samples = tones.sine(hertz, 0.5)
    assert tones.pitch(samples) == hertz
    assert tones.pitch(pcmu.decode(pcmu.encode(samples))) == hertz


def test_a_short_tone_in_a_long_silence_is_found() -> None:
    assert tones.pitch([0] * 20000 + tones.sine(440, 0.3) + [0] * 20000) == 440


def test_silence_and_noise_are_no_tone() -> None:
    dice = random.Random(1)
    assert tones.pitch([0] * 8000) is None
    assert tones.pitch([]) is None
    assert tones.pitch([dice.randrange(-20000, 20000) for _ in range(8000)]) is None


def test_the_share_of_one_of_two_tones_is_half() -> None:
    mixed = [x + y for x, y in zip(tones.sine(440, 0.25), tones.sine(880, 0.25), strict=True)]
    assert tones.share(mixed, 440) == pytest.approx(0.5, abs=0.02)


def test_wav_files_come_back(tmp_path: Path) -> None:
    samples = tones.sine(440, 0.1)
    assert tones.read_wav(tones.write_wav(tmp_path / "x.wav", samples)) == (samples, 8000)


@pytest.mark.parametrize("sample", [0, 1, -1, 100, -100, 5000, -5000, 32124, -32124])
def test_mu_law_keeps_four_bits_of_precision(sample: int) -> None:
    (back,) = pcmu.decode(pcmu.encode([sample]))
    assert abs(back - sample) <= max(4, abs(sample) // 16)


def test_a_tone_is_heard_although_clocks_differ_a_little() -> None:
    assert tones.hears(tones.sine(879, 0.5), 880)
    assert not tones.hears(tones.sine(873, 0.5), 880)
    assert not tones.hears([0] * 8000, 880)
    assert tones.hears([0] * 8000, None)


def test_a_wav_file_whose_header_was_never_written_is_a_telephones(tmp_path: Path) -> None:
    samples = tones.sine(440, 0.1)
    path = tones.write_wav(tmp_path / "x.wav", samples)
    path.write_bytes(bytes(tones.WAV_HEADER) + path.read_bytes()[tones.WAV_HEADER :])
    assert tones.read_wav(path) == (samples, 8000)
