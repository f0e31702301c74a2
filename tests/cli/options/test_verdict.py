"""Who gives the verdict: a person at a terminal, or the command line."""

from __future__ import annotations

import io

import pytest

from tests.cli.stage import Stream
from zrtp.cli.options import verdict
from zrtp.cli.options.verdict import Verdict, decided


@pytest.mark.parametrize(
    ("given", "decision"),
    [("ask", None), ("match", Verdict.MATCH), ("mismatch", Verdict.MISMATCH), ("later", Verdict.LATER)],
)
def test_what_is_given_is_decided(given: str, decision: Verdict | None) -> None:
    assert decided(given) is decision


@pytest.mark.parametrize(("typing", "reading"), [(True, True), (True, False), (False, True), (False, False)])
def test_by_default_whoever_can_read_and_answer_is_asked(
    typing: bool, reading: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "is_foreground_terminal", lambda _: typing)
    monkeypatch.setattr("sys.stdout", Stream(terminal=reading))
    monkeypatch.setattr("sys.stderr", io.StringIO())

    assert decided(None) is (None if typing and reading else Verdict.LATER)
