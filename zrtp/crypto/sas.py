"""The short authentication string: what two people read to each other (RFC 6189 sections 4.5.2 and 5.1.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from zrtp.crypto.codes import name
from zrtp.crypto.pgp_words import EVEN, ODD
from zrtp.errors import ApiMisuse

_LETTERS: Final = "ybndrfg8ejkmcpqxot1uwisza345h769"
_EMOJI: Final = (
    "\U0001f601\U0001f63a\U0001f465\U0001f332\U0001f45f\u270b\U0001f44d\U0001f435"
    "\U0001f434\U0001f40d\U0001f41f\U0001f338\U0001f310\U0001f3e0\U0001f31e\U0001f698"
    "\U0001f535\U0001f6a2\U0001f53a\U0001f42a\U0001f525\U0001f388\U0001f426\U0001f50d"
    "\U0001f4d7\U0001f4a1\U0001f536\U0001f528\U0001f55b\U0001f31f\u274e\U0001f6a9"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SasType:
    """One entry of the SAS list: a way to render a sashash for people."""

    code: bytes
    """Type block, 4 octets (RFC 6189 table 6)."""
    render: Callable[[bytes], str]
    """The text for a sashash of 32 octets."""

    def sas(self, sashash: bytes) -> Sas:
        """The SAS of this rendering for a sashash of 32 octets."""
        return Sas(sashash=sashash, code=self.code, rendered=self.render(sashash))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sas:
    """A SAS that can be shown; its repr tells only the rendering's name."""

    sashash: bytes = field(repr=False)
    """32 octets; the SAS is its first 32 bits, signatures and SASrelay carry all of it."""
    code: bytes
    """The negotiated rendering."""
    rendered: str = field(default="", repr=False)
    """In the negotiated rendering: "fm3m", "topmost:Istanbul" (the colon is display only) or four emoji."""

    def __post_init__(self) -> None:
        if not self.rendered:
            object.__setattr__(self, "rendered", _builtin(self.code).render(self.sashash))

    def letters(self) -> str:
        """B32: four letters and digits of z-base-32, the 20 leftmost bits."""
        return _letters(self.sashash)

    def words(self) -> tuple[str, str]:
        """B256: two words of the PGP word list, the 16 leftmost bits."""
        return EVEN[self.sashash[0]], ODD[self.sashash[1]]

    def emoji(self) -> str:
        """B32E: four emoji, the 20 leftmost bits."""
        return _emoji(self.sashash)


def _letters(sashash: bytes) -> str:
    one, two, three, four = _fives(sashash)
    return _LETTERS[one] + _LETTERS[two] + _LETTERS[three] + _LETTERS[four]


def _words(sashash: bytes) -> str:
    return f"{EVEN[sashash[0]]}:{ODD[sashash[1]]}"


def _emoji(sashash: bytes) -> str:
    one, two, three, four = _fives(sashash)
    return _EMOJI[one] + _EMOJI[two] + _EMOJI[three] + _EMOJI[four]


def _fives(sashash: bytes) -> tuple[int, int, int, int]:
    """The 20 leftmost bits of the sasvalue as four numbers of five bits (RFC 6189 section 5.1.6)."""
    sasvalue = int.from_bytes(sashash[:4], "big")
    return sasvalue >> 27 & 31, sasvalue >> 22 & 31, sasvalue >> 17 & 31, sasvalue >> 12 & 31


def _builtin(code: bytes) -> SasType:
    for sas_type in SAS_TYPES:
        if sas_type.code == code:
            return sas_type
    raise ApiMisuse(f"No SAS rendering {name(code)} is built in: make the Sas with SasType.sas().")


B32: Final = SasType(code=b"B32 ", render=_letters)
"""Four letters; mandatory."""
B256: Final = SasType(code=b"B256", render=_words)
"""Two words of the PGP word list."""
B32E: Final = SasType(code=b"B32E", render=_emoji)
"""Four emoji: not in the RFC, spoken by GNU ZRTP and zrtp4j."""

SAS_TYPES: Final = (B32, B256, B32E)
