"""Text in columns of a terminal: emoji and most East Asian characters take two of them, marks take none.

`len`, `str.ljust` and `textwrap` count characters, which is right for ASCII only.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_WORDS: Final = re.compile(r"(\s*)(\S+)")


def width(text: str) -> int:
    """How many columns the text takes on one line."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, columns: int) -> str:
    """The text with spaces behind it."""
    return text + " " * (columns - width(text))


def cut(text: str, columns: int) -> str:
    """As much of the text as fits."""
    while width(text) > columns:
        text = text[:-1]
    return text


def shortened(text: str, columns: int) -> str:
    """The text if it fits, otherwise as much of it as leaves room for an ellipsis."""
    return text if width(text) <= columns else cut(text, columns - 3) + "..."


def wrapped(text: str, columns: int, *, first: str = "", rest: str = "", whole_words: bool = False) -> list[str]:
    """Lines that fit, broken between words; `first` and `rest` begin them.

    A word that is too long for a line is broken as well, unless `whole_words` asks for text that can be copied.
    """
    lines: list[str] = []
    line, empty = first, True
    for gap, word in _WORDS.findall(text):
        gap = "" if empty else gap
        if not empty and width(line + gap + word) > columns:
            lines.append(line)
            line, gap, empty = rest, "", True
        while not whole_words and width(line + gap + word) > columns:
            piece = cut(word, max(2, columns - width(line)))
            lines.append(line + piece)
            line, word = rest, word[len(piece) :]
        line, empty = line + gap + word, empty and not word
    return lines if empty and lines else [*lines, line]


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
