"""Both ends of the demo side by side, or below each other where there is no room."""

from __future__ import annotations

import pytest

from tests.cli import stage
from tests.cli.stage import Stream, call
from zrtp.cli.calls.notices import Ended, Waiting
from zrtp.cli.errors import Exit
from zrtp.cli.screen import wording
from zrtp.cli.screen.demo_table import SIDES, DemoTable
from zrtp.cli.screen.terminal import Terminal
from zrtp.protocol.events import NoPeer


@pytest.mark.parametrize(
    ("width", "rows"),
    [
        (60, ["alice  cowbell   bottomless   (letters 8hco)", "bob    cowbell   bottomless   (letters 8hco)"]),
        (
            46,
            [
                "alice  cowbell   bottomless",
                "       (letters 8hco)",
                "bob    cowbell   bottomless",
                "       (letters 8hco)",
            ],
        ),
        (
            72,
            ["cowbell   bottomless            cowbell   bottomless", "(letters 8hco)                  (letters 8hco)"],
        ),
        (112, [f"{'cowbell   bottomless':<52}cowbell   bottomless", f"{'(letters 8hco)':<52}(letters 8hco)"]),
    ],
)
def test_the_words_of_both_sides_stand_where_they_can_be_compared(width: int, rows: list[str]) -> None:
    screen = Stream()
    table = DemoTable(Terminal(out=screen, err=screen, width=width), lambda: 0.0)
    for side in SIDES:
        table.show_sas(side, stage.SAS)

    assert screen.getvalue() == "\n" + "".join(f"{'':8}{row}\n" for row in rows) + "\n"


def test_that_nobody_answers_is_said_once() -> None:
    screen = Stream()
    alice = DemoTable(Terminal(out=screen, err=screen, width=200), lambda: 5.0).column("alice")
    nobody = NoPeer(ssrc=1, text="The other side does not answer ZRTP; this call is not encrypted.")
    alice.show(nobody)
    alice.show(Ended(code=Exit.NO_PEER, text=wording.no_peer(nobody)))

    assert screen.getvalue() == (
        " 5.000  INSECURE - no keys were agreed, so no sound was sent\n"
        " 5.000  the other side does not answer ZRTP; no call was made\n"
    )


def shown(*, width: int = 80, verbose: bool = False) -> list[str]:
    """The rows of Alice's side of a call."""
    screen = Stream()
    table = DemoTable(Terminal(out=screen, err=screen, width=width), lambda: 1.5, verbose=verbose)
    alice = table.column("alice")
    for news in (*call(), Waiting(text="waiting"), Waiting(text="waiting", since=2.0), stage.ENDED):
        alice.show(news)
    return screen.getvalue().splitlines()


def test_technology_is_for_those_who_ask() -> None:
    assert not any("X255" in row for row in shown())
    assert any("X25519 (X255)" in row for row in shown(verbose=True))


def test_a_wait_has_one_row() -> None:
    assert sum("waiting" in row for row in shown()) == 1


def test_a_demo_that_cannot_begin_is_an_error_of_its_own() -> None:
    screen = Stream()
    DemoTable(Terminal(out=screen, err=screen), lambda: 0.0).column("bob").show(
        Ended(code=Exit.LOCAL, text="the port is taken", hint="choose another one")
    )

    assert screen.getvalue() == "zrtp: error: the port is taken\nzrtp: hint: choose another one\n"
