"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import io
import sys

import pytest

from tests.cli.stage import Stream
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.screen import streams
from zrtp.cli.screen.streams import Output


class Failing(Stream):
    """Fails as the operating system says."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error
        self.attempts = 0

    def flush(self) -> None:
        self.attempts += 1
        raise self._error


@pytest.mark.parametrize(("name", "said"), [("stdin", "standard input is closed"), ("stdout", "output is closed")])
def test_a_closed_one_is_said_and_replaced(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, name, None)

    with pytest.raises(CommandError, match=said) as caught:
        streams.check()

    assert caught.value.code is Exit.LOCAL
    assert "/dev/null" in caught.value.hint
    with getattr(sys, name):
        pass


def test_without_standard_error_nothing_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    streams.check()

    with sys.stderr:
        print("nobody reads this", file=sys.stderr)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (BrokenPipeError(32, "Broken pipe"), "whoever read it has gone"),
        (ValueError("I/O operation on closed file."), "I/O operation on closed file."),
    ],
)
def test_a_failure_is_told_once(error: Exception, reason: str) -> None:
    stream = Failing(error)
    output = Output(stream)

    with pytest.raises(CommandError) as caught:
        output.write("first\n")
    output.write("second\n")

    assert str(caught.value) == f"standard output cannot be written: {reason}"
    assert stream.attempts == 1


def test_characters_that_a_stream_does_not_have_are_written_as_numbers() -> None:
    octets = io.BytesIO()
    with io.TextIOWrapper(octets, encoding="ascii") as stream:
        Output(stream).write("caf\u00e9\n")
        assert octets.getvalue() == b"caf\\xe9\n"
