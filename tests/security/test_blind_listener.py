"""A stray message of a stranger blocks nobody who listens, and no two who call each other."""

from __future__ import annotations

import random
from itertools import product

import pytest

from tests.security.blind import SINGLES, Kinds
from tests.security.blind_calls import CALLED, CALLER, MOMENTS, UNDISTURBED, Stray, held_up, is_right

pytestmark = pytest.mark.usefixtures("quiet_log")

CLAIM = ("Hello, ZID of the peer",)
"""Left out from an address of its own: while a listener waits for the store, it answers the one who came first."""

TO = ((CALLED,), (CALLER,), (CALLER, CALLED))


def strays(kinds: list[Kinds], *, both_call: bool = False) -> list[Stray]:
    """What can get in: whoever calls an address hears that address alone, so that there the source has to be forged."""
    own = [] if both_call else [Stray(said, moment) for said, moment in product(kinds, MOMENTS)]
    forged = [Stray(said, moment, to, forged=True) for said, moment, to in product(kinds, MOMENTS, TO)]
    return [stray for stray in own if stray.kinds != CLAIM] + forged


def sample(chosen: list[Stray], count: int) -> list[Stray]:
    return random.Random(5).sample(chosen, count)


def right(chosen: list[Stray], *, both_call: bool = False) -> str:
    outcomes = [(stray, held_up(stray, both_call=both_call)) for stray in chosen]
    wrong = [f"{stray}: {seconds}" for stray, seconds in outcomes if not is_right(seconds)]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(chosen)} calls:", *wrong[:20]])
    return (
        f"{len(chosen)} disturbed calls, the latest secure after {max(seconds or 0 for _, seconds in outcomes):.2f} s"
    )


BOTH = pytest.mark.parametrize("both_call", [False, True], ids=["one listens", "both call"])


@BOTH
def test_undisturbed_it_takes_no_time(both_call: bool) -> None:
    seconds = held_up(None, both_call=both_call)
    assert seconds is not None and seconds <= UNDISTURBED


@pytest.mark.attack("DOS-23")
@BOTH
def test_a_sample_of_strays(both_call: bool) -> None:
    right(sample(strays(SINGLES, both_call=both_call), 25), both_call=both_call)


@pytest.mark.attack("DOS-23")
@pytest.mark.long
@BOTH
def test_strays(both_call: bool, capsys: pytest.CaptureFixture[str]) -> None:
    report = right(strays(SINGLES, both_call=both_call), both_call=both_call)
    with capsys.disabled():
        print(f"\n{'both call' if both_call else 'one listens'}: {report}", end="")
