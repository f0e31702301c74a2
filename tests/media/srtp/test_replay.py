"""An index is guessed right as long as the network is sane, and is never used twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from zrtp.media.srtp.errors import SrtpReplayed
from zrtp.media.srtp.replay import WINDOW, PacketHistory


def history_at(index: int) -> PacketHistory:
    history = PacketHistory()
    history.record(index)
    return history


@every(
    ("highest", "sequence", "index"),
    [
        (-1, 0, 0),
        (-1, 65535, 65535),
        (65535, 0, 65536),
        (65535, 32766, 65536 + 32766),
        (65536, 65535, 65535),
        (65536 + 10, 9, 65536 + 9),
        (3 * 65536 + 5, 65530, 3 * 65536 - 6),
        (3 * 65536 + 65530, 5, 4 * 65536 + 5),
        (3 * 65536 + 100, 100 + 32767, 3 * 65536 + 100 + 32767),
        (3 * 65536 + 60000, 60000 - 32767, 3 * 65536 + 60000 - 32767),
        # Exactly 2^15 apart both are as near: the rollover counter stays (RFC 3711 appendix A).
        (3 * 65536 + 100, 100 + 32768, 3 * 65536 + 100 + 32768),
        (3 * 65536 + 60000, 60000 - 32768, 3 * 65536 + 60000 - 32768),
    ],
)
def test_the_index_nearest_to_the_highest_is_meant(highest: int, sequence: int, index: int) -> None:
    history = PacketHistory()
    if highest >= 0:
        history.record(highest)
    assert history.estimate(sequence) == index


def test_there_is_no_index_below_zero() -> None:
    assert history_at(2).estimate(65535) == 65535


@given(st.integers(0, 2**48 - 1), st.integers(-0x7FFF, 0x7FFF))
def test_any_shift_below_half_the_sequence_space_is_found(highest: int, shift: int) -> None:
    index = highest + shift
    if index >= 0:
        assert history_at(highest).estimate(index & 0xFFFF) == index


def test_an_index_is_used_once() -> None:
    history = history_at(7)
    with pytest.raises(SrtpReplayed, match="already used"):
        history.check(7)
    history.check(6)
    history.check(8)


def test_the_window_has_a_sharp_edge() -> None:
    history = history_at(1000)
    oldest = 1000 - WINDOW + 1
    history.check(oldest)
    with pytest.raises(SrtpReplayed, match="behind"):
        history.check(oldest - 1)
    history.record(oldest)
    with pytest.raises(SrtpReplayed, match="already used"):
        history.check(oldest)
    history.record(1001)
    with pytest.raises(SrtpReplayed, match="behind"):
        history.check(oldest)


@pytest.mark.parametrize("jump", [WINDOW - 1, WINDOW, WINDOW + 1, 2**40])
def test_a_jump_forgets_what_it_passed_and_nothing_else(jump: int) -> None:
    history = history_at(5)
    history.record(5 + jump)
    with pytest.raises(SrtpReplayed):
        history.check(5)
    with pytest.raises(SrtpReplayed):
        history.check(5 + jump)
    history.check(5 + jump - 1)


@given(st.lists(st.integers(0, 400), max_size=200))
def test_it_equals_a_set_with_a_lower_bound(indexes: list[int]) -> None:
    history, used = PacketHistory(), set[int]()
    for index in indexes:
        allowed = index not in used and index > max(used, default=-1) - WINDOW
        try:
            history.check(index)
        except SrtpReplayed:
            assert not allowed
        else:
            assert allowed
            history.record(index)
            used.add(index)
