"""IP fragments put together, within fixed bounds (RFC 791 section 3.2, RFC 8200 section 4.5)."""

from __future__ import annotations

from typing import Final

MOST_DATAGRAMS: Final = 256
"""Datagrams that are incomplete at the same time; beyond, the oldest is given up."""

MOST_PARTS: Final = 128
LONGEST: Final = 0xFFFF
"""Octets of the longest datagram."""

PATIENCE: Final = 30.0
"""Seconds in which all fragments of a datagram have to come."""


class Defragmenter:
    """The incomplete datagrams of a capture, by addresses, protocol and identification."""

    def __init__(self) -> None:
        self._incomplete: dict[bytes, _Incomplete] = {}

    def __len__(self) -> int:
        return len(self._incomplete)

    def add(self, time: float, identity: bytes, offset: int, more: bool, data: bytes) -> bytes | None:
        """Take a fragment; the octets of the datagram if it was the last one missing.

        A fragment that is no multiple of 8 octets, reaches too far, or is one too many, is left out; where two
        fragments overlap, the datagram never becomes complete (RFC 5722).
        """
        if not data or (more and len(data) % 8) or offset + len(data) > LONGEST:
            return None
        incomplete = self._incomplete.get(identity)
        if incomplete is None or time - incomplete.started > PATIENCE:
            if incomplete is None and len(self._incomplete) >= MOST_DATAGRAMS:
                del self._incomplete[next(iter(self._incomplete))]
            self._incomplete.pop(identity, None)
            incomplete = self._incomplete[identity] = _Incomplete(time)
        if len(incomplete.parts) < MOST_PARTS:
            incomplete.parts.setdefault(offset, data)
        if not more:
            incomplete.length = offset + len(data)
        whole = incomplete.joined()
        if whole is not None:
            del self._incomplete[identity]
        return whole


class _Incomplete:
    __slots__ = ("length", "parts", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.parts: dict[int, bytes] = {}
        self.length: int | None = None

    def joined(self) -> bytes | None:
        if self.length is None or sum(map(len, self.parts.values())) < self.length:
            return None
        end = 0
        for offset in sorted(self.parts):
            if offset != end:
                return None
            end += len(self.parts[offset])
        return b"".join(self.parts[offset] for offset in sorted(self.parts)) if end == self.length else None
