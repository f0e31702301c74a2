"""Telling a caller that this end is in another call, and being told so.

An end in a call answers the Hello or Ping of a stranger with the Error "service unavailable" (RFC 6189 section 5.9).
Error messages are not authenticated: whoever calls takes it for a hint, and goes on trying.
"""

from __future__ import annotations

from typing import Final

from zrtp.errors import ErrorCode, ZrtpError
from zrtp.wire.messages import Error, Hello, Ping, parse
from zrtp.wire.packet import Packet, decode_packet, encode_packet

PAUSE: Final = 0.5
"""Seconds between two answers, whoever they are for."""


class Refusals:
    """Answers strangers. An answer is shorter than what it answers, so that nobody can be flooded by it."""

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._sequence = 0
        self._next = 0.0

    def answer(self, datagram: bytes, now: float) -> bytes | None:
        """The datagram that tells a caller to wait; None if this is none, or one was answered just now."""
        if now < self._next or not isinstance(_message(datagram), Hello | Ping):
            return None
        self._next = now + PAUSE
        self._sequence = self._sequence + 1 & 0xFFFF
        return encode_packet(self._sequence, self._ssrc, Error.make(code=ErrorCode.SERVICE_UNAVAILABLE).raw)


def says_busy(datagram: bytes) -> bool:
    """Whether a datagram says that the other side cannot take this call now."""
    message = _message(datagram)
    return isinstance(message, Error) and message.code == ErrorCode.SERVICE_UNAVAILABLE


def _message(datagram: bytes) -> object:
    """The whole message in a datagram; None if there is none, or it makes no sense."""
    try:
        packet = decode_packet(datagram)
        return parse(packet.message) if isinstance(packet, Packet) else None
    except ZrtpError:
        return None
