"""A console of Windows, played by a list of characters."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from zrtp.cli.screen.console import ConsoleKeys
from zrtp.cli.screen.keyboard import END_OF_INPUT

T = TypeVar("T")


class Typed:
    """What was typed and not read yet."""

    def __init__(self, text: str = "") -> None:
        self.characters = deque(text)

    def kbhit(self) -> bool:
        return bool(self.characters)

    def getwch(self) -> str:
        return self.characters.popleft()


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def test_a_key_counts_at_once_in_lower_case_and_arrows_do_not() -> None:
    async def test() -> list[str]:
        keys = ConsoleKeys(Typed("\xe0HY\0;n"), lambda text: None)
        return [await keys.key(), await keys.key()]

    assert run(test()) == ["y", "n"]


def test_what_was_typed_before_a_question_is_no_answer_to_it() -> None:
    async def test() -> str:
        typed = Typed("yyy")
        keys = ConsoleKeys(typed, lambda text: None)
        keys.forget_typed()
        waiting = asyncio.ensure_future(keys.key())
        await asyncio.sleep(0)
        typed.characters.append("n")
        return await waiting

    assert run(test()) == "n"


def test_a_line_is_shown_and_edited() -> None:
    shown: list[str] = []

    async def test() -> str | None:
        return await ConsoleKeys(Typed("\bbox\bb\r"), shown.append).line()

    assert run(test()) == "bob"
    assert "".join(shown) == "box\b \bb\n"


@pytest.mark.parametrize("end", ["\x04", "\x1a"])
def test_the_end_of_input_stays_the_end(end: str) -> None:
    async def test() -> tuple[str, str | None, str]:
        keys = ConsoleKeys(Typed(end + "y"), lambda text: None)
        return await keys.key(), await keys.line(), await keys.key()

    assert run(test()) == (END_OF_INPUT, None, END_OF_INPUT)


def test_ctrl_c_interrupts() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(ConsoleKeys(Typed("\x03"), lambda text: None).key())
