"""Names for people, four octets for the wire."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from zrtp.crypto import codes


@pytest.mark.rfc("R-5.1-01")
@pytest.mark.parametrize(("name", "code"), [("B32", b"B32 "), ("GCM", b"GCM "), ("DH3k", b"DH3k"), ("A", b"A   ")])
def test_a_name_is_padded_with_spaces_to_four_octets(name: str, code: bytes) -> None:
    assert codes.code(name) == code
    assert codes.name(code) == name


@every("name", ["", "S2566", "\u00c4ES1", "A\nES", "\u0661"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not an algorithm name"):
        codes.code(name)


@every(
    ("code", "name"),
    [
        (b"\x1b[2J", "\\x1b[2J"),
        (b"\x00\x01\xff\x7f", "\\x00\\x01\\xff\\x7f"),
        (b"a\\b ", "a\\x5cb"),
        (b" B3 ", " B3"),
        (b"    ", ""),
    ],
)
def test_a_hostile_code_cannot_steer_a_terminal(code: bytes, name: str) -> None:
    assert codes.name(code) == name
    assert codes.name(code).isprintable()


def test_the_modes_are_codes_too() -> None:
    assert codes.code("Mult") == codes.MULT
    assert codes.code("Prsh") == codes.PRSH
