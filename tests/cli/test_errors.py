"""Sentences of libraries as lines of the command."""

from __future__ import annotations

import pytest

from zrtp.cli.errors import CommandError, Exit, as_line


@pytest.mark.parametrize(
    ("sentences", "problem", "advice"),
    [
        ("The cache is damaged. Move it away.", "The cache is damaged", "Move it away."),
        ("The cache is damaged; move it away.", "The cache is damaged", "move it away."),
        ("The cache is damaged.", "The cache is damaged.", ""),
    ],
)
def test_what_follows_the_first_sentence_is_advice(sentences: str, problem: str, advice: str) -> None:
    error = CommandError.from_sentences(sentences)

    assert (str(error), error.hint, error.code) == (problem, advice, Exit.LOCAL)


def test_a_path_with_a_full_stop_and_a_space_in_it_ends_no_sentence() -> None:
    path = "/home/Dr. No/calls; old/a. wav"
    error = CommandError.from_sentences(f"The file {path} cannot be read. Choose another one.", whole=[None, path])

    assert (str(error), error.hint) == (f"The file {path} cannot be read", "Choose another one.")


@pytest.mark.parametrize(
    ("sentence", "line"),
    [("The port is taken.", "the port is taken"), ("X255 is unknown.", "X255 is unknown"), ("ZRTP.", "ZRTP")],
)
def test_a_line_begins_in_lower_case_unless_a_name_does(sentence: str, line: str) -> None:
    assert as_line(sentence) == line
