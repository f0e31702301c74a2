"""Algorithm codes: four octets inside the engine, short names for people.

RFC 6189 section 5.1 names every algorithm by a type block of four octets, padded with spaces. A received code
can hold any octets; `name` escapes them for printing.
"""

from __future__ import annotations

from typing import Final

LENGTH: Final = 4
"""Octets of a type block (RFC 6189 section 5.1)."""

MULT: Final = b"Mult"
"""Multistream mode (RFC 6189 section 4.4.3): listed among the key agreements, not one of them."""

PRSH: Final = b"Prsh"
"""Preshared mode (RFC 6189 section 4.4.2): listed among the key agreements, not one of them."""


def code(name: str) -> bytes:
    """The type block for a name: "B32" gives b"B32 ".

    Raises ValueError unless the name is one to four printable ASCII characters.
    """
    if not (1 <= len(name) <= LENGTH and name.isascii() and name.isprintable()):
        raise ValueError(f"{name!r} is not an algorithm name: one to four printable ASCII characters are needed.")
    return name.encode("ascii").ljust(LENGTH)


def name(code: bytes) -> str:
    r"""The name to show for a type block: b"B32 " gives "B32"; other octets than printable ASCII as \xNN."""
    return "".join(map(_printable, code)).rstrip(" ")


def _printable(octet: int) -> str:
    character = chr(octet)
    return character if " " <= character <= "~" and character != "\\" else f"\\x{octet:02x}"
