"""How the command ends, and how it says that it cannot go on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Final

_END_OF_PROBLEM: Final = re.compile(r"[.;] ")


class Exit(IntEnum):
    """Exit codes that scripts rely on."""

    ENDED = 0
    """The call ended normally."""
    USAGE = 2
    """The command line is wrong."""
    SAS_MISMATCH = 3
    """The user, or --verify, said that the words differ."""
    NO_PEER = 4
    """Nobody answers ZRTP, or not in time."""
    NOT_AGREED = 5
    """The key agreement failed or was refused."""
    LOCAL = 6
    """A port, file, device, cache or standard output of this computer cannot be used."""
    GONE = 7
    """The peer vanished in mid-call."""
    NOT_THROUGH = 8
    """Sound came, and none of it ever verified."""
    NO_WAY = 9
    """There is no way to the other side: a wrong or used code, routers, no relay."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandError(Exception):
    """The command cannot go on. Shown as `zrtp: error: ...` and, if there is advice, `zrtp: hint: ...`."""

    def __init__(self, text: str, hint: str = "", *, code: Exit = Exit.LOCAL) -> None:
        super().__init__(text)
        self.hint = hint
        self.code = code

    @classmethod
    def from_sentences(
        cls, text: str, *, code: Exit = Exit.LOCAL, whole: Iterable[str | Path | None] = ()
    ) -> CommandError:
        """From the message of a library error: what follows the first sentence, or semicolon, is advice.

        A full stop in one of `whole`, such as the path of a file, does not end a sentence.
        """
        kept = [found.span() for each in whole if each is not None for found in re.finditer(re.escape(str(each)), text)]
        for mark in _END_OF_PROBLEM.finditer(text):
            if not any(start <= mark.start() < end for start, end in kept):
                return cls(text[: mark.start()], text[mark.end() :], code=code)
        return cls(text, code=code)


def as_line(text: str) -> str:
    """A sentence in the manner of the command's lines: lower case at the start, no full stop at the end."""
    text = text.strip().removesuffix(".")
    second = text[1:2]
    return text if second.isupper() or second.isdigit() else text[:1].lower() + text[1:]
