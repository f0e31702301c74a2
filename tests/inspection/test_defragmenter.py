"""IP fragments, and what hostile ones can make of the memory: nothing."""

from __future__ import annotations

import pytest

from zrtp.inspection.defragmenter import LONGEST, MOST_DATAGRAMS, MOST_PARTS, PATIENCE, Defragmenter

ONE, OTHER = b"one", b"other"


def test_a_datagram_is_whole_when_the_last_gap_closes() -> None:
    fragments = Defragmenter()
    assert fragments.add(0, ONE, 8, True, b"b" * 8) is None
    assert fragments.add(0, ONE, 16, False, b"c") is None
    assert fragments.add(0, ONE, 0, True, b"a" * 8) == b"a" * 8 + b"b" * 8 + b"c"
    assert len(fragments) == 0


def test_datagrams_are_told_apart() -> None:
    fragments = Defragmenter()
    fragments.add(0, ONE, 0, True, b"a" * 8)
    assert fragments.add(0, OTHER, 8, False, b"x") is None
    assert fragments.add(0, ONE, 8, False, b"b") == b"a" * 8 + b"b"


def test_repetitions_change_nothing() -> None:
    fragments = Defragmenter()
    fragments.add(0, ONE, 0, True, b"a" * 8)
    fragments.add(0, ONE, 0, True, b"A" * 8)
    assert fragments.add(0, ONE, 8, False, b"b") == b"a" * 8 + b"b"


def test_overlapping_fragments_never_become_a_datagram() -> None:
    fragments = Defragmenter()
    fragments.add(0, ONE, 0, True, b"a" * 16)
    assert fragments.add(0, ONE, 8, False, b"b" * 8) is None


def test_what_took_too_long_is_begun_anew() -> None:
    fragments = Defragmenter()
    fragments.add(0, ONE, 0, True, b"a" * 8)
    assert fragments.add(PATIENCE + 1, ONE, 8, False, b"b") is None
    assert len(fragments) == 1


@pytest.mark.parametrize(
    ("offset", "more", "data"),
    [(0, True, b"seven.."), (0, False, b""), (LONGEST, False, b"x")],
    ids=["no multiple of 8", "empty", "beyond the longest datagram"],
)
def test_impossible_fragments_are_left_out(offset: int, more: bool, data: bytes) -> None:
    fragments = Defragmenter()
    assert fragments.add(0, ONE, offset, more, data) is None
    assert len(fragments) == 0


def test_the_number_of_datagrams_and_of_their_parts_is_bounded() -> None:
    fragments = Defragmenter()
    for number in range(2 * MOST_DATAGRAMS):
        fragments.add(0, number.to_bytes(4, "big"), 0, True, bytes(8))
    assert len(fragments) == MOST_DATAGRAMS

    for number in range(2 * MOST_PARTS):
        fragments.add(0, ONE, 8 * number, True, bytes(8))
    assert fragments.add(0, ONE, 16 * MOST_PARTS, False, b"end") is None
