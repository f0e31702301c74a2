"""How the command ends, and how it says that it cannot go on."""

from __future__ import annotations

from enum import IntEnum


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
    """A port, file, device or cache of this computer cannot be used."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandError(Exception):
    """The command cannot go on. Shown as `zrtp: error: ...` and, if there is advice, `zrtp: hint: ...`."""

    def __init__(self, text: str, hint: str = "", *, code: Exit = Exit.LOCAL) -> None:
        super().__init__(text)
        self.hint = hint
        self.code = code

    @classmethod
    def from_sentences(cls, text: str, *, code: Exit = Exit.LOCAL) -> CommandError:
        """From the message of a library error: what follows the first sentence, or semicolon, is advice."""
        for mark in (". ", "; "):
            problem, found, advice = text.partition(mark)
            if found:
                return cls(problem, advice, code=code)
        return cls(text, code=code)


def as_line(text: str) -> str:
    """A sentence in the manner of the command's lines: lower case at the start, no full stop at the end."""
    text = text.strip().removesuffix(".")
    second = text[1:2]
    return text if second.isupper() or second.isdigit() else text[:1].lower() + text[1:]
