"""Questions, and what counts as an answer."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

import pytest

from tests.cli.stage import SAS, Stream
from tests.support.cases import every
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.keyboard import END_OF_INPUT, RESUMED, TypedLines
from zrtp.cli.screen.terminal import Terminal


def asked(answers: str, question: str = "", *, width: int = 100) -> tuple[Verdict, str]:
    screen: TextIO = Stream()

    async def test() -> Verdict:
        terminal = Terminal(out=screen, err=screen, width=width)
        return await Dialogue(terminal, TypedLines(io.StringIO(answers))).verdict(SAS, question)

    return asyncio.run(test()), screen.getvalue()  # type: ignore[attr-defined]


@every(
    ("answers", "verdict"),
    [
        ("y\n", Verdict.MATCH),
        ("No\n", Verdict.MISMATCH),
        ("later\n", Verdict.LATER),
        ("what?\ny\n", Verdict.MATCH),
        ("", Verdict.LATER),
        ("maybe\n", Verdict.LATER),
    ],
)
def test_only_a_clear_answer_is_a_verdict(answers: str, verdict: Verdict) -> None:
    assert asked(answers)[0] is verdict


def test_the_question_and_its_answers() -> None:
    assert asked("x\ny\n")[1] == (
        " Read the words aloud. Does the other person see the same?\n"
        "  [y] they match   [n] they differ   [l] later  \n"
        "  y, n or l? \n"
    )


def test_a_narrow_question_has_one_answer_a_line() -> None:
    assert asked("y\n", "Same?", width=30)[1] == " Same?\n  [y] they match\n  [n] they differ\n  [l] later\n  \n"


def test_an_answer_that_does_not_fit_behind_the_question_stands_below_it() -> None:
    screen = Stream(terminal=True)

    async def test() -> Verdict:
        return await Dialogue(Terminal(out=screen, err=screen, plain=True, width=50), Keys(["l"])).verdict(SAS, "Same?")

    assert asyncio.run(test()) is Verdict.LATER
    assert screen.getvalue() == " Same?\n  [y] they match   [n] they differ   [l] later  \n  later\n"


@pytest.mark.parametrize(("answer", "name"), [("Bob\n", "Bob"), ("\n", "192.0.2.1"), ("", None)])
def test_a_name_is_suggested(answer: str, name: str | None) -> None:
    screen = Stream()

    async def test() -> str | None:
        dialogue = Dialogue(Terminal(out=screen, err=screen), TypedLines(io.StringIO(answer)))
        return await dialogue.name("192.0.2.1")

    assert asyncio.run(test()) == name
    assert screen.getvalue() == " what should this peer be called? [192.0.2.1] \n"


@pytest.mark.parametrize(("answers", "answered"), [("a\n", True), ("x\na\n", True), ("x\n", False), ("", False)])
def test_a_call_is_answered_by_one_key_only(answers: str, answered: bool) -> None:
    screen = Stream()

    async def test() -> bool:
        dialogue = Dialogue(Terminal(out=screen, err=screen), TypedLines(io.StringIO(answers)))
        return await dialogue.answers("Bob calls.")

    assert asyncio.run(test()) is answered
    assert ("  a? \n" in screen.getvalue()) is ("x" in answers)


class Keys:
    """Single keys and lines that were typed in advance; then the end of input."""

    single_keys = True

    def __init__(self, typed: Sequence[str]) -> None:
        self._typed = list(typed)

    async def key(self) -> str:
        return self._typed.pop(0) if self._typed else END_OF_INPUT

    async def line(self) -> str | None:
        return self._typed.pop(0) if self._typed else None

    def forget_typed(self) -> None:
        pass


class HungUp(Exception):
    pass


def hang_up() -> None:
    raise HungUp


def pressed(*typed: str) -> str:
    """What is on the screen after a question about the words and these keys."""
    screen = Stream(terminal=True)

    async def test() -> None:
        terminal = Terminal(out=screen, err=screen, plain=True, width=100)
        with suppress(HungUp):
            await Dialogue(terminal, Keys(typed), hang_up).verdict(SAS, "Same?")

    asyncio.run(test())
    return screen.getvalue()


CHOICES = "  [y] they match   [n] they differ   [l] later  "


def test_an_unknown_key_repeats_the_choices() -> None:
    assert pressed("x", "y") == f" Same?\n{CHOICES}\n{CHOICES}they match\n"


def test_a_process_that_comes_back_repeats_the_question() -> None:
    assert pressed(RESUMED, "l") == f" Same?\n{CHOICES}\n Same?\n{CHOICES}later\n"


def test_hanging_up_is_an_answer_to_every_question() -> None:
    assert pressed("q", "y") == f" Same?\n{CHOICES}quit\n"


@pytest.mark.parametrize(("typed", "name"), [([RESUMED, "bob"], "bob"), ([""], None), ([], None)])
def test_a_name_may_be_left_out_and_is_asked_for_again_after_a_pause(typed: list[str], name: str | None) -> None:
    screen = Stream()

    async def test() -> str | None:
        return await Dialogue(Terminal(out=screen, err=screen), Keys(typed)).name("")

    assert asyncio.run(test()) == name
    assert screen.getvalue().count("what should this peer be called? [Enter: no name]") == (
        2 if RESUMED in typed else 1
    )
