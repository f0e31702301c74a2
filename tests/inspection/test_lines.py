"""Lines within a width."""

from __future__ import annotations

import pytest

from zrtp.inspection.lines import Line, Pen


def test_a_paragraph_hangs_below_its_beginning() -> None:
    lines = list(Pen(width=30).wrapped("some words that do not fit one line", "  odd: ", style="red"))
    assert lines == [Line("  odd: some words that do not", "red"), Line("       fit one line", "red")]


@pytest.mark.parametrize("text", ["x" * 500, "alice -> " + "?" * 200, "a " * 300])
def test_nothing_is_wider_than_the_terminal(text: str) -> None:
    assert max(len(line.text) for line in Pen(width=40).wrapped(text, "CALL  ")) <= 40


def test_a_line_without_text_is_a_line() -> None:
    assert [line.text for line in Pen().wrapped("", "  - ")] == ["  - "]


def test_what_a_terminal_would_obey_is_shown_as_a_question_mark() -> None:
    assert Pen().shown("a\x1b[2J\u202eb\nc") == "a?[2J?b?c"
