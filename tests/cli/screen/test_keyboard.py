"""Keys and lines, typed on pseudo-terminals and piped from elsewhere."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import termios
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.support.loops import run
from zrtp.cli.screen.keyboard import (
    END_OF_INPUT,
    RESUMED,
    Keyboard,
    TerminalKeys,
    TypedLines,
    is_foreground_terminal,
    keyboard,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    """(the end of the person, the end of the program)"""
    master, slave = os.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


def test_a_key_counts_without_enter_and_in_lower_case(pty: tuple[int, int]) -> None:
    master, slave = pty

    async def test() -> None:
        with TerminalKeys(slave) as keys:
            os.write(master, b"Yn")
            assert [await keys.key(), await keys.key()] == ["y", "n"]

    run(test())


def test_the_terminal_is_given_back_as_it_was(pty: tuple[int, int]) -> None:
    _, slave = pty
    before = termios.tcgetattr(slave)

    async def test() -> None:
        with TerminalKeys(slave) as keys:
            assert termios.tcgetattr(slave) != before
            keys.restore()
            assert termios.tcgetattr(slave) == before

    run(test())

    assert termios.tcgetattr(slave) == before


def test_enter_ends_a_line_that_was_typed_before_it_was_asked_for(pty: tuple[int, int]) -> None:
    """A terminal sends a carriage return; whoever reads keys must still get it as the end of a line."""
    master, slave = pty

    async def test() -> None:
        with TerminalKeys(slave) as keys:
            os.write(master, b"bob\r")
            assert await keys.line() == "bob"
            os.write(master, b"\r")
            assert await keys.key() == "\n"

    run(test())


def test_a_line_is_edited_as_usual(pty: tuple[int, int]) -> None:
    master, slave = pty
    before = termios.tcgetattr(slave)

    async def test() -> None:
        with TerminalKeys(slave) as keys:
            line = asyncio.ensure_future(keys.line())
            await asyncio.sleep(0)
            assert termios.tcgetattr(slave) == before
            os.write(master, b"bop\x7fb\n")
            assert await line == "bob"
            os.write(master, b"y")
            assert await keys.key() == "y"

    run(test())


def test_control_d_instead_of_a_line_is_no_line(pty: tuple[int, int]) -> None:
    master, slave = pty

    async def test() -> None:
        with TerminalKeys(slave) as keys:
            line = asyncio.ensure_future(keys.line())
            await asyncio.sleep(0)
            os.write(master, b"\x04")
            assert await line is None

    run(test())


def test_what_was_typed_before_is_forgotten(pty: tuple[int, int]) -> None:
    master, slave = pty

    async def test() -> None:
        with TerminalKeys(slave) as keys:
            os.write(master, b"yyy")
            await asyncio.sleep(0.02)
            os.write(master, b"y")
            keys.forget_typed()
            os.write(master, b"n")
            assert await keys.key() == "n"

    run(test())


def test_in_the_background_the_terminal_is_left_alone_until_it_is_given_back(
    pty: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that reads or sets it meanwhile would be stopped at once."""
    master, slave = pty
    before = termios.tcgetattr(slave)
    monkeypatch.setattr("zrtp.cli.screen.keyboard.LOOK", 0.005)

    async def test() -> None:
        with TerminalKeys(slave) as keys:
            taken_over = termios.tcgetattr(slave)
            keys.restore()
            monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
            os.kill(os.getpid(), signal.SIGCONT)
            await asyncio.sleep(0.02)
            os.write(master, b"for the shell\n")
            keys.forget_typed()
            assert os.read(slave, 99) == b"for the shell\n"
            assert termios.tcgetattr(slave) == before

            monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
            assert await keys.key() == RESUMED
            assert termios.tcgetattr(slave) == taken_over
            os.write(master, b"y")
            assert await keys.key() == "y"

    run(test())
    assert termios.tcgetattr(slave) == before


def test_a_terminal_of_somebody_else_is_none_of_ours(pty: tuple[int, int]) -> None:
    _, slave = pty

    with open(slave, closefd=False) as stream:
        assert not is_foreground_terminal(stream)
    assert not is_foreground_terminal(io.StringIO())


def piped(text: str, ask: Callable[[Keyboard], Coroutine[Any, Any, None]]) -> None:
    async def test() -> None:
        with keyboard(io.StringIO(text)) as keys:
            assert isinstance(keys, TypedLines)
            await ask(keys)

    run(test())


def test_elsewhere_lines_are_read() -> None:
    async def ask(keys: Keyboard) -> None:
        assert await keys.key() == "y"
        assert await keys.line() == "Bob B."
        keys.forget_typed()
        assert await keys.key() == "\n"
        assert await keys.key() == END_OF_INPUT
        assert await keys.line() is None

    piped(" Yes\nBob B.\n\n", ask)


def test_an_input_that_fails_has_ended() -> None:
    closed = io.StringIO("never read\n")
    closed.close()

    async def test() -> None:
        assert await TypedLines(closed).line() is None

    run(test())
