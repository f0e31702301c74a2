"""Key octets that cannot be printed, compare in constant time, and can be wiped.

What wiping can do in Python is limited: the octets held here are overwritten, but copies that the
interpreter, `int`, `bytes` or OpenSSL made on the way are out of reach until their memory is reused.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn

from zrtp.errors import ApiMisuse


class SecretWiped(ApiMisuse):
    """A secret was read after its end. Inside of the engine nobody but the engine can have done that."""


class Secret:
    """A fixed number of secret octets: `len()` gives the size, only `octets` reaches them."""

    __slots__ = ("_octets", "_wiped")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, octets: bytes | bytearray | memoryview) -> None:
        if not isinstance(octets, bytes | bytearray | memoryview):  # of a number `bytearray` would make zeros
            raise ApiMisuse(f"A Secret is made of octets (bytes), not of {type(octets).__name__}.")
        self._octets = bytearray(octets)
        self._wiped = False

    @classmethod
    def random(cls, length: int, random: Callable[[int], bytes]) -> Secret:
        """`length` octets from the given source of randomness."""
        return cls(random(length))

    @property
    def octets(self) -> bytearray:
        """The octets themselves, not a copy.

        Raises:
            ApiMisuse: the secret was wiped. Whoever needs it longer than its owner takes a `copy` in time.
        """
        if self._wiped:
            raise SecretWiped("This secret was wiped: take a copy before its owner lets go of it.")
        return self._octets

    @property
    def wiped(self) -> bool:
        """Whether the octets are gone."""
        return self._wiped

    def wipe(self) -> None:
        """Overwrite the octets with zeros; the length stays. They cannot be read any more. May be called again."""
        self._octets[:] = bytes(len(self._octets))
        self._wiped = True

    def copy(self) -> Secret:
        """An independent secret with the same octets, for an owner with another life time. Raises as `octets`."""
        if self._wiped:
            return Secret(self.octets)  # which raises
        return Secret(self._octets)

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.octets, other.octets)

    def __repr__(self) -> str:
        return f"Secret(<{len(self._octets)} octets>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled: store it through a SecretCache instead.")
