"""Something like speech: syllables with pitch, formants, hiss and pauses; made by rule, the same every time."""

from __future__ import annotations

import math
import random


def speech(seconds: float, rate: int = 8000, seed: int = 1) -> list[int]:
    """Signed 16-bit samples, mono; the first and the last are not zero, so that a shift or a cut is noticed."""
    dice = random.Random(seed)
    samples: list[int] = []
    while len(samples) < seconds * rate:
        samples += _syllable(dice, rate)
        samples += [0] * round(rate * dice.uniform(0.02, 0.06))
    samples = samples[: round(seconds * rate)]
    samples[0], samples[-1] = 4000, -4000
    return samples


def _syllable(dice: random.Random, rate: int) -> list[int]:
    length = round(rate * dice.uniform(0.08, 0.2))
    pitch = dice.uniform(90, 220)
    formants = [dice.uniform(300, 800), dice.uniform(900, 2200), dice.uniform(2300, 3200)]
    hiss = dice.choice([0, 0, 900])
    out = []
    for index in range(length):
        time = index / rate
        voice = sum(math.sin(2 * math.pi * formant * time) / (1 + number) for number, formant in enumerate(formants))
        glottis = abs(math.sin(math.pi * pitch * time)) ** 6
        envelope = math.sin(math.pi * index / length)
        out.append(round(envelope * (9000 * voice * glottis + hiss * dice.uniform(-1, 1))))
    return out
