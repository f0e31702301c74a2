"""A message's layout, declared in the words of `construct`: the engine reads by it in one step, construct for people.

The layouts follow the figures of RFC 6189 field by field, down to bits and lists. construct could read messages by
them, but it interprets the declaration anew for every message, which made up a sixth of a handshake's time outside
OpenSSL, and it takes 30 ms to import. So the engine makes one `struct` call out of each layout: fields of fixed size,
the last of which may take all that is left. Bits and lists within a field are one value there. Whoever wants to see
each of them asks for `construct`, as `zrtp.wire.fields` does; nothing else loads it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from zrtp.errors import MalformedPacket

Argument: TypeAlias = "int | Word | Callable[[Any], int]"
"""A number, a declaration, or a function from construct's context to a number."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of construct, what it is applied to, and the name of the field that it declares."""

    word: str
    arguments: tuple[Argument, ...] | None = None
    name: str = ""

    def __call__(self, *arguments: Argument) -> Word:
        return replace(self, arguments=arguments)

    def __rtruediv__(self, name: str) -> Word:
        return replace(self, name=name)

    @property
    def construct(self) -> Any:
        """The same declaration as an object of construct."""
        import construct

        made = getattr(construct, self.word)
        if self.arguments is not None:
            made = made(*(each.construct if isinstance(each, Word) else each for each in self.arguments))
        return self.name / made if self.name else made

    @property
    def format(self) -> str | None:
        """The field for `struct`; None if its size depends on the message."""
        match self.word, self.arguments:
            case "Int16ub", None:
                return "H"
            case (("Int32ub" | "BitStruct"), _):
                return "I"  # all of the RFC's bit fields are one word
            case "Bytes", (int(size),):
                return f"{size}s"
            case "Struct", tuple(fields):
                formats = [each.format for each in fields if isinstance(each, Word)]
                return None if None in formats else f"{struct.calcsize('>' + ''.join(filter(None, formats)))}s"
        return None


Array = Word("Array")
BitsInteger = Word("BitsInteger")
BitStruct = Word("BitStruct")
Bytes = Word("Bytes")
Flag = Word("Flag")
GreedyBytes = Word("GreedyBytes")
If = Word("If")
Int16ub = Word("Int16ub")
Int32ub = Word("Int32ub")
Struct = Word("Struct")
Terminated = Word("Terminated")


class Layout:
    """Fields in order. Only the last one may be of any size; if it is not, nothing may be left behind it."""

    def __init__(self, *fields: Word) -> None:
        self.fields = fields
        self._open_ended = bool(fields) and fields[-1].format is None
        fixed = fields[:-1] if self._open_ended else fields
        self._fixed = struct.Struct(">" + "".join(field.format or "" for field in fixed))

    @property
    def construct(self) -> Any:
        """The layout as an object of construct, which refuses what it does not fit."""
        return Struct(*self.fields, Terminated).construct

    def read(self, what: str, octets: bytes) -> tuple[Any, ...]:
        """The values of the fields in order; raises MalformedPacket, about `what`, if the length does not fit them.

        Integers and bits come as one number, everything else as octets.
        """
        size = self._fixed.size
        if len(octets) < size or (len(octets) > size and not self._open_ended):
            raise MalformedPacket(f"The length of {what} does not fit its fields: {len(octets)} octets for {size}.")
        values = self._fixed.unpack_from(octets)
        return (*values, octets[size:]) if self._open_ended else values
