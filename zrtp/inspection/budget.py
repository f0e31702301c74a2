"""How much of a capture is kept in memory, whatever its size."""

from __future__ import annotations

from typing import Final

KEPT: Final = 64 << 20
"""Octets of packets that one inspection keeps at most; everything beyond is counted only."""


class Budget:
    """What may still be kept. One for a whole inspection."""

    __slots__ = ("left", "refused")

    def __init__(self, octets: int = KEPT) -> None:
        self.left = octets
        self.refused = 0
        """Packets that would have been kept if there had been room."""

    def take(self, octets: int) -> bool:
        """Whether something of this size may be kept; from then on it counts."""
        if octets > self.left:
            self.refused += 1
            return False
        self.left -= octets
        return True
