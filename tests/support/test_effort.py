"""Work is counted the same each time, in functions that are called too."""

from __future__ import annotations

import pytest

from tests.support.effort import instructions


def add_up(count: int) -> int:
    return sum(square(number) for number in range(count))


def square(number: int) -> int:
    return number * number


def refuse() -> None:
    raise ValueError("no")


def test_twice_as_much_is_twice_as_many() -> None:
    once, more, most = (instructions(add_up, count) for count in (10, 110, 210))

    assert once == instructions(add_up, 10)
    assert most - more == more - once > 500


def test_what_is_raised_passes_on() -> None:
    with pytest.raises(ValueError, match="no"):
        instructions(refuse)
