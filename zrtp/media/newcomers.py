"""Notices who introduces himself at a stream that is secure with somebody else.

After a transfer another phone sends its Hello to the same port, and so does a phone that was started anew. Anybody can
send one, so that it is told and nothing else: the peer's own messages go on to the engine, these do not. The engine
would acknowledge them, and a phone that was acknowledged falls silent.
"""

from __future__ import annotations

from typing import Final

from zrtp.errors import ZrtpError
from zrtp.wire.messages import Commit, Hello, Kind, kind_of, parse
from zrtp.wire.packet import Packet, decode_packet

INTERVAL: Final = 1.0
"""Seconds between two that are told, whoever they are."""

_MESSAGE: Final = slice(12, -4)  # between the header of the packet and its CRC


class Newcomers:
    """Those of one stream."""

    __slots__ = ("_next", "hello")

    def __init__(self) -> None:
        self.hello: bytes | None = None
        """The datagram with the Hello that came last."""
        self._next = 0.0

    def introduces(self, datagram: bytes, peer: Hello, own_zid: bytes) -> bytes | None:
        """The ZID of the newcomer in a datagram; None if it is the peer's or our own, or introduces nobody."""
        kind = kind_of(datagram[_MESSAGE])
        if kind not in (Kind.HELLO, Kind.COMMIT) or datagram[_MESSAGE] == peer.raw:
            return None
        try:
            packet = decode_packet(datagram)
            message = parse(packet.message) if isinstance(packet, Packet) else None
        except ZrtpError:
            return None
        if isinstance(message, Hello) and message.zid != own_zid:
            self.hello = datagram
            return message.zid
        if isinstance(message, Commit) and message.zid not in (own_zid, peer.zid):
            return message.zid
        return None

    def may_tell(self, now: float) -> bool:
        """Whether it is time to tell of one, which counts as telling."""
        if now < self._next:
            return False
        self._next = now + INTERVAL
        return True
