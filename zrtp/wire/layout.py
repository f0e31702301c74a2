"""A message's layout: declared with `construct`, walked once when the module is loaded, and read in one step.

construct interprets a declaration anew for every message, which made up a sixth of a handshake's time outside OpenSSL.
The figures of RFC 6189 are simpler than what it can do: fields of fixed size, the last of which may take all that is
left. So the declaration stays the description, field by field with the RFC's names, and what does the work at run time
is one check of the length and one `struct` call. A test shows that both read the same.
"""

from __future__ import annotations

import struct
from typing import Any

from construct import Construct, GreedyBytes, Int32ub, Struct, Terminated

from zrtp.errors import MalformedPacket


class Layout:
    """Fields in order: `Bytes`, `Int32ub`, and at the end perhaps `GreedyBytes`. Without it, nothing may be left."""

    def __init__(self, *fields: Construct) -> None:
        self.fields = fields
        self._open_ended = fields[-1].subcon is GreedyBytes
        fixed = fields[:-1] if self._open_ended else fields
        self._fixed = struct.Struct(">" + "".join(map(_format, fixed)))

    @property
    def construct(self) -> Construct:
        """The same layout as construct would read it."""
        return Struct(*self.fields, Terminated)

    def read(self, what: str, octets: bytes) -> tuple[Any, ...]:
        """The values of the fields in order; raises MalformedPacket, about `what`, if the length does not fit them."""
        size = self._fixed.size
        if len(octets) < size or (len(octets) > size and not self._open_ended):
            raise MalformedPacket(f"The length of {what} does not fit its fields: {len(octets)} octets for {size}.")
        values = self._fixed.unpack_from(octets)
        return (*values, octets[size:]) if self._open_ended else values


def _format(field: Construct) -> str:
    return "I" if field.subcon is Int32ub else f"{field.sizeof()}s"
