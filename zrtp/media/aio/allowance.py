"""What may be sent to an address that nobody vouched for: anybody can write it on a datagram.

Whoever answers such datagrams sends its answers, and what timers repeat, to somebody who perhaps never asked. So they
stay below a multiple of what came from there. A peer says enough itself for all of a key agreement.
"""

from __future__ import annotations

from typing import Any, Final

AMPLIFICATION: Final = 16
"""Octets that may go to an address for each one that came from there."""

ADDRESSES: Final = 64
"""Addresses that are remembered; of more the first one goes."""


class Allowance:
    """Octets that may still be sent, by address."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: dict[Any, int] = {}

    def note_heard(self, address: Any, octets: int) -> None:
        """So many octets came from there."""
        left = self._left.pop(address, 0)
        while len(self._left) >= ADDRESSES:
            del self._left[next(iter(self._left))]
        self._left[address] = left + AMPLIFICATION * octets

    def spend(self, address: Any, octets: int) -> bool:
        """Whether so many octets may go there; they count from now on."""
        left = self._left.get(address, 0)
        if left < octets:
            return False
        self._left[address] = left - octets
        return True
