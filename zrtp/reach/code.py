"""The code that two people tell each other: a number and words, `7-virus-revival`.

The number is the place at the mailbox server, the words are the password of SPAKE2. Each word stands for eight
random bits of the PGP word list, words of two and three syllables in turn, so that a swapped or missing one is
noticed before anything is sent.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final

from zrtp.crypto.pgp_words import EVEN, ODD
from zrtp.reach.errors import BadCode
from zrtp.system import RandomSource, system_random

FEWEST_WORDS: Final = 2
MOST_WORDS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A number and words; `str()` is what people say and type, the repr keeps the words to itself."""

    number: str
    """The place at the mailbox server, digits."""
    words: tuple[str, ...]
    """In lower case."""

    def __str__(self) -> str:
        return "-".join((self.number, *self.words))

    def __repr__(self) -> str:
        return f"Code({self.number}, {len(self.words)} words)"

    @classmethod
    def parse(cls, text: str) -> Code:
        """The code that somebody typed, in any case, with hyphens or spaces. Raises BadCode."""
        number, *words = _parts(text) or [""]
        if not _NUMBER.fullmatch(number) or not FEWEST_WORDS <= len(words) <= MOST_WORDS:
            raise BadCode("A code is a number and two to four words, like 7-virus-revival.")
        for place, word in enumerate(words):
            _check(word, place)
        return cls(number=number, words=tuple(words))


def looks_like_code(text: str) -> bool:
    """Whether a text wants to be a code rather than an address: a number, then words, no colon."""
    parts = _parts(text)
    return (
        len(parts) > FEWEST_WORDS
        and bool(_NUMBER.fullmatch(parts[0]))
        and all(part.isalpha() for part in parts[1:])
        and not set(text) & set(":.[]")
    )


def random_words(count: int, random: RandomSource = system_random) -> tuple[str, ...]:
    """That many words in lower case, eight random bits each."""
    return tuple(_LISTS[place % 2][octet] for place, octet in enumerate(random(count)))


def is_number(text: str) -> bool:
    """Whether a mailbox server's name of a place can be part of a code."""
    return bool(_NUMBER.fullmatch(text))


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[-\s]+", text.strip().lower()) if part]


def _check(word: str, place: int) -> None:
    expected, other = _LISTS[place % 2], _LISTS[(place + 1) % 2]
    if word in expected:
        return
    if word in other:
        raise BadCode(f'"{word}" is not at its place. Is a word missing, or are two swapped?')
    close = difflib.get_close_matches(word, expected, n=1)
    advice = f'Is "{close[0]}" meant?' if close else "Ask the other person to spell it."
    raise BadCode(f'"{word}" is not in the word list. {advice}')


_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_LISTS: Final = tuple(tuple(word.lower() for word in words) for words in (EVEN, ODD))
