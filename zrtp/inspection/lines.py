"""Lines of text with a style, drawn within a width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Line(NamedTuple):
    """One line; the style is a name such as "bold", "dim", "red", or empty."""

    text: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Pen:
    """How lines are drawn."""

    width: int = 80
    ascii: bool = False
    """Without characters for drawing."""

    @property
    def across(self) -> str:
        return "-" if self.ascii else "\u2500"

    @property
    def down(self) -> str:
        return "|" if self.ascii else "\u2502"

    def shown(self, text: str) -> str:
        """Text from a capture, without what a terminal would obey."""
        return "".join(each if each.isprintable() else "?" for each in text)

    def wrapped(self, text: str, indent: str, *, style: str = "") -> Iterator[Line]:
        """A paragraph; further lines stand below the beginning of the text."""
        room = max(20, self.width - len(indent))
        for number, part in enumerate(textwrap.wrap(text, room, break_on_hyphens=False) or [""]):
            yield Line((indent if number == 0 else " " * len(indent)) + part, style)
