"""A message field by field, for people: names, offsets and values, down to single bits and the entries of lists.

The layouts that the engine reads by, read by `construct` itself. That is slow (some hundred microseconds a message),
and nothing in the engine needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from zrtp.errors import MalformedPacket
from zrtp.wire.layout import Layout
from zrtp.wire.messages import Kind, UnknownMessage, kind_of, layouts_of, plain_layout_of
from zrtp.wire.packet import MESSAGE_HEADER, check_frame

Value: TypeAlias = bytes | int | bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it came."""

    name: str
    """As in the message's type; entries of a list are numbered from 0."""
    offset: int
    """Of its first octet, from the preamble of the message; for bits, of the octet that holds the first one."""
    length: int
    """Octets that it takes up; for bits, those in which they are."""
    value: Value
    """Octets, a number, or a flag. A field of fields is given by its octets."""
    nested: tuple[Field, ...] = ()
    """The fields that it consists of."""


def fields_of(message: bytes) -> tuple[Field, ...]:
    """The fields of a whole message, from its preamble to its MAC.

    Raises UnknownMessage for a type block that is not in Kind, MalformedPacket for lengths that do not fit the type.
    What those checks let through is shown whatever its values are.
    """
    check_frame(message)
    kind = kind_of(message)
    if kind is None:
        raise UnknownMessage(f"There is no message of the type {message[4:MESSAGE_HEADER]!r}.")
    found: list[Field] = []
    offset = 0
    for layout, octets in layouts_of(kind, message):
        found += _read(kind, layout, octets, offset)
        offset += len(octets)
    return tuple(found)


def plain_fields_of(kind: Kind, octets: bytes) -> tuple[Field, ...]:
    """The fields of the decrypted part of a Confirm or SASrelay, with offsets from its first octet.

    Raises MalformedPacket for a length that does not fit, KeyError for a kind that has no encrypted part.
    """
    return _read(kind, plain_layout_of(kind), octets, 0)


def _read(kind: Kind, layout: Layout, octets: bytes, offset: int) -> tuple[Field, ...]:
    from construct import ConstructError

    declared = layout.construct
    try:
        values = declared.parse(octets)
    except ConstructError as error:
        raise MalformedPacket(f"The fields of {kind.text} do not fit its length: {error}") from error
    return _Walk(octets, offset).struct(declared, values)


class _Walk:
    """Goes through a declaration and what was read by it, side by side, and keeps count of the bits."""

    def __init__(self, octets: bytes, offset: int) -> None:
        self._octets = octets
        self._offset = offset
        self._bit = 0
        self._unit = 8
        """Bits in what construct's sizes count: octets, and bits within a BitStruct."""

    def struct(self, declared: Any, values: Any) -> tuple[Field, ...]:
        named = (each for each in declared.subcons if each.name)
        return tuple(self._field(each.name, each.subcon, values[each.name]) for each in named)

    def _field(self, name: str, declared: Any, value: Any) -> Field:
        start = self._bit
        nested = self._nested(declared, value)
        if not nested:
            self._bit += 8 * len(value) if isinstance(value, bytes) else self._unit * _size(declared, value)
        first, end = start // 8, -(-self._bit // 8)
        whole = self._octets[first:end] if nested or value is None or isinstance(value, list) else value
        return Field(name, self._offset + first, end - first, whole, nested)

    def _nested(self, declared: Any, value: Any) -> tuple[Field, ...]:
        if isinstance(value, list):
            return tuple(self._field(str(at), declared.subcon, each) for at, each in enumerate(value))
        if not isinstance(value, dict):
            return ()
        if hasattr(declared, "thensubcon"):
            declared = declared.thensubcon
        if hasattr(declared, "subcons"):
            return self.struct(declared, value)
        self._unit = 1
        try:
            return self.struct(declared.subcon, value)
        finally:
            self._unit = 8


def _size(declared: Any, value: Any) -> int:
    """Of a number or flag, by its declaration; nothing for a list without entries and a field that is not there."""
    return 0 if value is None or isinstance(value, list) else declared.sizeof()
