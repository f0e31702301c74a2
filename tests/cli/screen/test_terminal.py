"""What is written where, and how it is decorated."""

from __future__ import annotations

import io

import pytest

from tests.cli.stage import Stream, visible
from tests.support.cases import every
from zrtp.cli.errors import CommandError, Exit, as_line
from zrtp.cli.screen.terminal import Terminal


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "COLUMNS", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)


def test_results_go_to_standard_output_and_everything_else_to_standard_error() -> None:
    out, err = Stream(), Stream()
    terminal = Terminal(out=out, err=err)
    terminal.result(" the words")
    terminal.note("going on")
    terminal.error("It broke.", "Mend it.")

    assert out.getvalue() == " the words\n"
    assert err.getvalue() == "zrtp: going on\nzrtp: error: it broke\nzrtp: hint: mend it\n"


def test_with_json_standard_output_is_left_to_machines(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal.of_process(json=True).result("for people")

    assert capsys.readouterr() == ("", "for people\n")


@every("plain", [True, False])
def test_words_from_elsewhere_are_shown_and_not_obeyed(plain: bool) -> None:
    out, err = Stream(terminal=True), Stream(terminal=True)
    terminal = Terminal(out=out, err=err, plain=plain, width=200)
    name = "a\x1b]0;title\x07b\x1b[2Jc\x9b1md\x7f"
    shown = r"a\x1b]0;title\x07b\x1b[2Jc\x9b1md\x7f"
    terminal.error(f"{name} cannot be read", f"try {name}")
    terminal.note("\r\x1b[Kzrtp: \x1b[31mall is well")
    terminal.result(f" {name}")
    terminal.question(name)
    terminal.ask(name)

    assert err.getvalue().count(shown) == 2
    assert out.getvalue() == f" {shown}\n {shown}\n{shown}"
    assert visible(err.getvalue()).endswith(r"zrtp: \x0d\x1b[Kzrtp: \x1b[31mall is well" + "\n")


def test_only_a_stream_that_is_a_terminal_is_decorated() -> None:
    out, err = Stream(), Stream(terminal=True)
    terminal = Terminal(out=out, err=err)
    terminal.result("words", "bold")
    terminal.note("careful", "yellow")

    assert out.getvalue() == "words\n"
    assert err.getvalue() == "\x1b[33mzrtp: careful\x1b[0m\n"


def test_a_growing_line_is_whole_where_it_cannot_grow() -> None:
    err = Stream()
    terminal = Terminal(out=Stream(), err=err)
    terminal.begin("looking ...")
    assert err.getvalue() == ""
    terminal.finish(" found")
    terminal.finish(" twice")

    assert err.getvalue() == "zrtp: looking ... found\n"


def test_a_growing_line_grows_on_a_terminal() -> None:
    err = Stream(terminal=True)
    terminal = Terminal(out=Stream(), err=err, width=80)
    terminal.begin("looking ...")
    assert err.getvalue() == "zrtp: looking ..."
    terminal.finish(" found")

    assert err.getvalue() == "zrtp: looking ... found\n"


def test_other_output_does_not_end_up_in_a_growing_line() -> None:
    screen = Stream(terminal=True)
    terminal = Terminal(out=screen, err=screen, width=80)
    terminal.begin("looking ...")
    terminal.result(" meanwhile")
    terminal.finish(" found")

    assert screen.getvalue() == "zrtp: looking ...\n meanwhile\nzrtp: looking ... found\n"


def test_the_line_at_the_bottom_is_cut_to_the_width() -> None:
    screen = Stream(terminal=True)
    Terminal(out=screen, err=screen, width=24).status("x" * 60)

    assert visible(screen.getvalue()) == "\r\x1b[K" + "x" * 23


def test_the_line_at_the_bottom_is_the_first_that_fits() -> None:
    screen = Stream(terminal=True)
    Terminal(out=screen, err=screen, width=24).status("x" * 24, "x" * 23, "x" * 5)

    assert visible(screen.getvalue()) == "\r\x1b[K" + "x" * 23


def test_without_a_terminal_there_is_no_line_at_the_bottom() -> None:
    out, err = Stream(), Stream()
    Terminal(out=out, err=err).status("secure")

    assert out.getvalue() + err.getvalue() == ""


def test_a_long_note_continues_under_its_text() -> None:
    err = Stream(terminal=True)
    Terminal(out=Stream(), err=err, width=30).note("one two three four five six seven")

    assert err.getvalue() == "zrtp: one two three four five\n      six seven\n"


def test_a_long_note_stays_one_line_for_a_file() -> None:
    err = Stream()
    Terminal(out=Stream(), err=err, width=30).note("one two three four five six seven")

    assert err.getvalue() == "zrtp: one two three four five six seven\n"


def test_a_question_appears_where_the_terminal_is() -> None:
    out, err = Stream(), Stream(terminal=True)
    terminal = Terminal(out=out, err=err)
    terminal.question("Well?")
    terminal.ask("  [y] or [n]  ")
    terminal.end_question("yes")

    assert (out.getvalue(), err.getvalue()) == ("", " Well?\n  [y] or [n]  yes\n")


def test_a_question_without_a_terminal_is_a_line() -> None:
    out = Stream()
    terminal = Terminal(out=out, err=Stream())
    terminal.ask("  [y] or [n]")
    terminal.end_question()

    assert out.getvalue() == "  [y] or [n]\n"


@pytest.mark.parametrize(("columns", "width"), [("100", 100), ("10", 24), ("wide", 80), ("0", 80)])
def test_the_width_follows_the_environment(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)

    assert Terminal(out=Stream(), err=Stream()).width == width


def test_a_stream_that_cannot_show_a_character_shows_its_number() -> None:
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, encoding="ascii")
    Terminal(out=stream, err=Stream()).result("\U0001f601")

    assert octets.getvalue() == b"\\U0001f601\n"


@pytest.mark.parametrize(
    ("encoding", "variable", "value", "shown"),
    [
        ("utf-8", "TERM", "xterm", True),
        ("latin-1", "TERM", "xterm", False),
        ("utf-8", "LC_ALL", "C", False),
        ("utf-8", "LC_ALL", "C.UTF-8", True),
    ],
)
def test_whether_pictures_can_be_shown(
    monkeypatch: pytest.MonkeyPatch, encoding: str, variable: str, value: str, shown: bool
) -> None:
    monkeypatch.setenv(variable, value)
    terminal = Terminal(out=io.TextIOWrapper(io.BytesIO(), encoding=encoding), err=Stream())

    assert terminal.shows("\U0001f601") is shown
    assert terminal.shows("letters")


def test_the_console_of_linux_shows_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")

    assert not Terminal(out=Stream(terminal=True), err=Stream()).shows("\U0001f601")
    assert Terminal(out=Stream(), err=Stream()).shows("\U0001f601"), "a file is read elsewhere"


def test_a_wide_name_in_the_line_at_the_bottom_is_cut_to_the_width() -> None:
    screen = Stream(terminal=True)
    Terminal(out=screen, err=screen, width=24).status("\u6771" * 20)

    assert visible(screen.getvalue()) == "\r\x1b[K" + "\u6771" * 11


@pytest.mark.parametrize(
    ("sentence", "line"),
    [
        ("The port is in use.", "the port is in use"),
        ("SRTP is odd.", "SRTP is odd"),
        ("X255 is missing.", "X255 is missing"),
        ("", ""),
    ],
)
def test_sentences_become_lines(sentence: str, line: str) -> None:
    assert as_line(sentence) == line


def test_advice_in_a_message_becomes_the_hint() -> None:
    for message in ("It broke. Mend it.", "It broke; mend it."):
        error = CommandError.from_sentences(message, code=Exit.LOCAL)
        assert (str(error), error.hint.lower()) == ("It broke", "mend it.")
    assert CommandError.from_sentences("It broke.").hint == ""


def test_an_aside_stands_above_the_line_that_is_growing() -> None:
    screen = Stream(terminal=True)
    terminal = Terminal(out=screen, err=screen, width=60)
    terminal.begin("looking ...")
    terminal.aside("by the way")
    terminal.finish(" found")

    assert screen.getvalue() == "zrtp: looking ...\r\x1b[Kzrtp: by the way\nzrtp: looking ... found\n"


def test_an_aside_without_such_a_line_is_a_note() -> None:
    screen = Stream()
    Terminal(out=screen, err=screen).aside("by the way")

    assert screen.getvalue() == "zrtp: by the way\n"
