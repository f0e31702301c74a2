"""What is made up for lost packets, judged by ear, which here is STOI: how well speech is understood, 0 to 1."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.media.sound.needs import missing, spoken
from tests.support.tones import sine
from zrtp.media.rtp import FRAME_SAMPLES
from zrtp.media.sound import g711
from zrtp.media.sound.concealment import _LONGEST, Concealment, _pitch_period

Lost = list[bool]
Repair = Callable[["list[array[int]]", Lost], "array[int]"]


def concealed(frames: list[array[int]], lost: Lost) -> array[int]:
    """As a playout buffer does it whose packets come 10 ms early: for the second half of a hole it has the next one."""
    concealment, out = Concealment(), array("h")
    for number, (frame, gone) in enumerate(zip(frames, lost, strict=True)):
        if not gone:
            out += concealment.pass_on(frame)
            continue
        there = number + 1 < len(frames) and not lost[number + 1]
        out += concealment.make_up(80)
        out += concealment.make_up(80, left=80, following=frames[number + 1] if there else None)
    return out


def repeated(frames: list[array[int]], lost: Lost) -> array[int]:
    """The last packet once more: what is simplest."""
    out, last = array("h"), array("h", bytes(2 * FRAME_SAMPLES))
    for frame, gone in zip(frames, lost, strict=True):
        last = last if gone else frame
        out += last
    return out


def split(samples: array[int]) -> list[array[int]]:
    return [samples[at : at + FRAME_SAMPLES] for at in range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES)]


def test_without_loss_nothing_is_touched() -> None:
    frames = split(array("h", sine(300, 1)))

    assert concealed(frames, [False] * len(frames)) == array("h", sine(300, 1))


def test_a_steady_tone_goes_on_as_if_nothing_had_happened() -> None:
    frames = split(array("h", sine(200, 0.4)))
    lost = [number == 10 for number in range(len(frames))]
    out = concealed(frames, lost)

    assert max(abs(made - real) for made, real in zip(out, sine(200, 0.4), strict=True)) < 1300


def test_a_long_hole_fades_to_silence_in_a_tenth_of_a_second() -> None:
    concealment = Concealment()
    concealment.pass_on(array("h", sine(200, 0.1)))
    made = concealment.make_up(1600)
    peaks = [max(map(abs, made[at : at + 40])) for at in range(0, 1600, 40)]

    assert peaks[0] > 11000
    assert peaks == sorted(peaks, reverse=True)
    assert not any(made[720:])


def test_what_was_passes_into_what_comes() -> None:
    """From a loud low tone to a soft high one, without a step at either edge."""
    before, after = array("h", sine(200, 0.1)), array("h", (sample // 4 for sample in sine(250, 0.02)))
    concealment = Concealment()
    concealment.pass_on(before)
    made = concealment.make_up(160, left=160, following=after)
    joined = before + made + concealment.pass_on(after)
    steps = [abs(right - left) for left, right in pairwise(joined)]

    assert max(made[:40]) > 9000
    assert max(map(abs, made[-40:])) < 5000
    assert max(steps[len(before) - 2 :]) < 1.2 * max(steps[: len(before) - 2])
    assert joined[-160:] == after


def test_a_hole_that_becomes_longer_is_filled_all_the_same() -> None:
    concealment = Concealment()
    concealment.pass_on(array("h", sine(200, 0.1)))
    following = array("h", sine(200, 0.02))
    made = concealment.make_up(80, left=100, following=following)
    made += concealment.make_up(80, left=300, following=following)
    made += concealment.make_up(80)
    made += concealment.make_up(80, left=40, following=following)

    assert len(made) == 320
    assert max(map(abs, made)) <= 12000


def test_before_any_sound_there_is_silence() -> None:
    assert not any(Concealment().make_up(320))


def test_no_pitch_is_looked_for_below_that_of_the_deepest_voice() -> None:
    source = random.Random(1)
    drone = [source.randrange(-8000, 8000) for _ in range(_LONGEST + 1)]
    assert _pitch_period(array("h", drone * 3)) <= _LONGEST


def test_a_hole_in_pieces_is_the_same_hole() -> None:
    whole, pieces = Concealment(), Concealment()
    for concealment in (whole, pieces):
        concealment.pass_on(array("h", sine(170, 0.1)))

    assert pieces.make_up(37) + pieces.make_up(83) + pieces.make_up(200) == whole.make_up(320)


# Speech


VOICES = {"a man": ["-v", "en-us", "-s", "150"], "a woman": ["-v", "en-us+f3", "-s", "160"]}

SEEDS = range(4)


def understood(original: array[int], heard: array[int]) -> float:
    try:
        import numpy
        import pystoi
    except ImportError as error:
        missing(str(error.name), "pip install pystoi")
    return float(pystoi.stoi(numpy.array(original, float), numpy.array(heard, float), g711.RATE))


def scores(repair: Repair, frames: list[array[int]], loss: float) -> list[float]:
    original = array("h")
    for frame in frames:
        original += frame
    out = []
    for seed in SEEDS:
        dice = random.Random(seed)
        out.append(understood(original, repair(frames, [dice.random() < loss for _ in frames])))
    return out


@pytest.mark.long
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(("loss", "bound"), [(0.1, 0.96), (0.2, 0.93)])
def test_speech_is_understood_in_spite_of_loss(voice: str, loss: float, bound: float, tmp_path: Path) -> None:
    said = spoken(tmp_path / "voice.wav", *VOICES[voice])
    frames = split(g711.decode(g711.encode(said)))
    ours, simplest = scores(concealed, frames, loss), scores(repeated, frames, loss)

    assert sum(ours) / len(ours) >= bound
    assert all(made >= last for made, last in zip(ours, simplest, strict=True))
