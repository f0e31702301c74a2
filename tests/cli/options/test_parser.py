"""Complaints about the command line, and guesses at what was meant."""

from __future__ import annotations

import argparse

import pytest

from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.parser import Parser, one_of


def complaint(*arguments: str) -> CommandError:
    parser = Parser(prog="zrtp call")
    parser.add_argument("--record")
    parser.add_argument("--seconds", type=int)
    with pytest.raises(CommandError) as caught:
        parser.parse_args(arguments)
    assert caught.value.code is Exit.USAGE
    return caught.value


@pytest.mark.parametrize("given", [["--recrod", "x.wav"], ["--recrod=x.wav"], ["--RECORD"]])
def test_a_misspelt_option_is_guessed(given: list[str]) -> None:
    error = complaint(*given)

    assert str(error).startswith("there is no option --")
    assert error.hint == "did you mean --record? zrtp call --help shows every option"


def test_a_misspelt_option_is_told_before_what_its_value_is_taken_for() -> None:
    parser = Parser(prog="zrtp call")
    parser.add_argument("number", type=int)
    parser.add_argument("--record")

    with pytest.raises(CommandError, match="there is no option --recrod"):
        parser.parse_args(["--recrod", "x.wav"])
    assert parser.parse_args(["--record", "x.wav", "--", "7"]).number == 7


def test_options_of_a_sub_command_are_its_own() -> None:
    parser = Parser(prog="zrtp proxy")
    parser.add_subparsers(dest="kind", parser_class=Parser).add_parser("sip").add_argument("--upstream")

    assert parser.parse_args(["sip", "--upstream", "x"]).upstream == "x"
    with pytest.raises(CommandError, match="there is no option --upstraem"):
        parser.parse_args(["sip", "--upstraem", "x"])


def test_an_option_that_resembles_none_is_not() -> None:
    for option in ("--frobnicate", "--roc"):
        error = complaint(option)
        assert (str(error), error.hint) == (f"there is no option {option}", "zrtp call --help shows every option")


def test_other_complaints_stay_as_they_are() -> None:
    assert str(complaint("--seconds", "soon")) == "argument --seconds: invalid int value: 'soon'"
    assert str(complaint("word")) == "unrecognized arguments: word"


def test_a_choice_is_guessed_by_its_letters_or_by_its_meaning() -> None:
    parse = one_of(("list", "forget"), {"delete": "forget"})

    assert parse("forget") == "forget"
    for given, said in [
        ("forgt", "did you mean forget?"),
        ("delete", "did you mean forget?"),
        ("x", "known are list,"),
    ]:
        with pytest.raises(argparse.ArgumentTypeError, match=said.replace("?", r"\?")):
            parse(given)
