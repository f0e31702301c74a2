"""Text is measured in columns, not in characters."""

from __future__ import annotations

from tests.support.cases import every
from zrtp.cli.screen import columns

CAT = "\U0001f63a"
TOKYO = "\u6771\u4eac"
ACCENTED = "e\u0301"


@every(("text", "width"), [("", 0), ("bob", 3), (CAT, 2), (TOKYO, 4), (ACCENTED, 1), ("\u00e9", 1)])
def test_the_width_of_text(text: str, width: int) -> None:
    assert columns.width(text) == width


def test_columns_line_up() -> None:
    assert [columns.padded(text, 5) + "|" for text in ("bob", CAT, TOKYO)] == ["bob  |", f"{CAT}   |", f"{TOKYO} |"]


def test_what_is_cut_never_takes_more_than_there_is() -> None:
    assert columns.cut("abc" + CAT, 4) == "abc"
    assert columns.cut(CAT * 3, 6) == CAT * 3


def test_what_is_left_out_is_told_by_an_ellipsis() -> None:
    assert columns.shortened("bob", 3) == "bob"
    assert columns.shortened("a very long name", 8) == "a ver..."
    assert columns.shortened(TOKYO * 4, 8) == TOKYO + "..."


def test_lines_are_broken_between_words() -> None:
    assert columns.wrapped(" one  two three ", 10, first="> ", rest="  ") == ["> one  two", "  three"]
    assert columns.wrapped(f"{CAT} {CAT} {CAT}", 5) == [f"{CAT} {CAT}", CAT]
    assert columns.wrapped("", 9, first="> ") == ["> "]


def test_a_word_longer_than_a_line_is_broken_unless_somebody_may_copy_it() -> None:
    assert columns.wrapped("of abcdefgh ij", 5, first=" ", rest=" ") == [" of", " abcd", " efgh", " ij"]
    assert columns.wrapped("of abcdefgh ij", 5, first=" ", rest=" ", whole_words=True) == [" of", " abcdefgh", " ij"]
    assert columns.wrapped("abcdefgh", 4) == ["abcd", "efgh"]
    assert columns.wrapped(TOKYO, 1) == list(TOKYO), "at least one character a line"
