"""What a person may want to know while the other side is being found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from zrtp.reach.code import Code


@dataclass(frozen=True, slots=True)
class CodeMade:
    """There is a number: tell this code to the other person."""

    code: Code


@dataclass(frozen=True, slots=True)
class LineMade:
    """This line goes to the other person."""

    line: str


@dataclass(frozen=True, slots=True)
class SomebodyThere:
    """Somebody came with this number; the next that is heard is whether the code fits."""


@dataclass(frozen=True, slots=True)
class CodeFits:
    """The other side knows the code, and its description is here."""


@dataclass(frozen=True, slots=True)
class LineRefused:
    """What was pasted is not the other side's line; another one is waited for."""

    why: str


@dataclass(frozen=True, slots=True)
class MailboxBroken:
    """The connection to the mailbox server broke and is made again."""

    why: str


MeetingStep: TypeAlias = CodeMade | LineMade | SomebodyThere | CodeFits | LineRefused | MailboxBroken
Told: TypeAlias = Callable[[MeetingStep], None]
