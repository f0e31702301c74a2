"""The octets of TCP connections in order, as far as they are SIP, and which connections are TLS.

Signalling that runs over TCP is what matters here; a connection that starts with anything else is left alone at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from zrtp.inspection import sip

MOST_CONNECTIONS: Final = 4096
"""Directions of connections that are followed at the same time; beyond, the oldest one is forgotten."""

MOST_HELD: Final = 1 << 16
"""Octets that may wait for a missing segment before it is given up, and the longest message."""

MOST_FIRST_LINE: Final = 1024
MOST_TLS: Final = 1024

_SYN, _FIN, _RST = 2, 1, 4
_HALF: Final = 1 << 31
_TLS_RECORD: Final = (b"\x16\x03\x01", b"\x16\x03\x03", b"\x17\x03\x03")
_SIPS_PORT: Final = 5061


class Connections:
    """Takes segments, hands on whole SIP messages."""

    def __init__(self, message: Callable[[float, bytes, bytes], None]) -> None:
        """`message` takes time, key of the flow, and octets of one SIP message."""
        self._message = message
        self._directions: dict[bytes, _Direction] = {}
        self.tls: dict[bytes, float] = {}
        """Directions that carry TLS on the port of SIP, with the time of their first record."""

    def segment(self, time: float, key: bytes, octets: bytes, whole: bool) -> None:
        """Take one segment: TCP header and data."""
        start = octets[12] >> 4 << 2
        flags = octets[13]
        data = octets[start:] if whole and start >= 20 else b""
        sequence = int.from_bytes(octets[4:8], "big")
        if flags & _SYN:
            self._directions.pop(key, None)
            sequence += 1
        if data:
            direction = self._directions.get(key) or self._begin(time, key, sequence, data)
            for part in direction.add(sequence, data):
                self._message(time, key, part)
        if flags & (_FIN | _RST):
            self._directions.pop(key, None)

    def _begin(self, time: float, key: bytes, sequence: int, data: bytes) -> _Direction:
        if len(self._directions) >= MOST_CONNECTIONS:
            del self._directions[next(iter(self._directions))]
        ports = {int.from_bytes(key[-4:-2], "big"), int.from_bytes(key[-2:], "big")}
        if data[:3] in _TLS_RECORD and _SIPS_PORT in ports and len(self.tls) < MOST_TLS:
            self.tls.setdefault(key, time)
        direction = self._directions[key] = _Direction(sequence, interesting=sip.begins(data))
        return direction


class _Direction:
    """One half of a connection."""

    __slots__ = ("_buffer", "_held", "_interesting", "_next")

    def __init__(self, sequence: int, *, interesting: bool) -> None:
        self._next = sequence & 0xFFFFFFFF
        self._interesting = interesting
        self._buffer = b""
        self._held: dict[int, bytes] = {}

    def add(self, sequence: int, data: bytes) -> Iterator[bytes]:
        """Take data; the messages that are complete now."""
        if not self._interesting:
            return
        ahead = (sequence - self._next) & 0xFFFFFFFF
        if ahead >= _HALF:  # at least partly a repetition
            data = data[0x100000000 - ahead :]
            ahead = 0
        if ahead:
            self._hold(sequence & 0xFFFFFFFF, data)
        else:
            self._append(data)
            self._append_held()
        yield from self._messages()

    def _hold(self, sequence: int, data: bytes) -> None:
        self._held[sequence] = data
        if sum(map(len, self._held.values())) > MOST_HELD:  # the missing one was not recorded
            self._buffer = b""
            self._next = min(self._held, key=lambda start: (start - self._next) & 0xFFFFFFFF)
            self._append_held()

    def _append_held(self) -> None:
        while self._next in self._held:
            self._append(self._held.pop(self._next))

    def _append(self, data: bytes) -> None:
        self._next = (self._next + len(data)) & 0xFFFFFFFF
        self._buffer += data

    def _messages(self) -> Iterator[bytes]:
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            if not sip.begins(self._buffer):
                if b"\n" in self._buffer or len(self._buffer) > MOST_FIRST_LINE:
                    # After a gap: it goes on with the next segment that starts with a message.
                    self._buffer = b""
                return
            length = sip.length_in_stream(self._buffer)
            if length is None or length > len(self._buffer):
                if len(self._buffer) > MOST_HELD:
                    self._buffer = b""
                return
            yield self._buffer[:length]
            self._buffer = self._buffer[length:]
