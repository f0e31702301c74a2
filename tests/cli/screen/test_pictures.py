"""The pictures of B32E in words."""

from __future__ import annotations

from zrtp.cli.screen import columns, pictures
from zrtp.crypto.sas import Sas


def of_value(value: int) -> Sas:
    """The SAS that shows the same picture four times."""
    bits = sum(value << shift for shift in (27, 22, 17, 12))
    return Sas(sashash=bits.to_bytes(4, "big") + bytes(28), code=b"B32E")


def test_every_picture_has_a_name_of_its_own_in_the_order_of_the_values() -> None:
    named = [pictures.names(of_value(value)) for value in range(32)]

    assert all(len(set(names)) == 1 for names in named)
    assert [names[0] for names in named] == list(pictures.NAMES.values())
    assert len(set(pictures.NAMES.values())) == 32
    assert all(name.isascii() for name in pictures.NAMES.values())


def test_every_picture_takes_two_columns() -> None:
    assert {columns.width(picture) for picture in pictures.NAMES} == {2}
