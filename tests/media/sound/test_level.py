"""The meter."""

from __future__ import annotations

from array import array

from tests.support.cases import every
from zrtp.media.sound.level import STEPS, Level, steps


@every(
    ("magnitude", "reached"),
    [(0, 0), (1, 0), (128, 0), (129, 1), (256, 1), (8192, 6), (16384, 7), (16385, 8), (32767, 8), (32768, 8)],
)
def test_a_step_is_six_decibels(magnitude: int, reached: int) -> None:
    assert steps(magnitude) == reached <= STEPS


def test_the_loudest_since_the_last_look_counts() -> None:
    level = Level()
    level.hear(array("h", [0, -16384, 3]))
    level.hear(array("h", [1]))

    assert (level.take(), level.take()) == (7, 0)
