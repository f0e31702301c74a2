"""Exchanges that strangers began and that are not finished: how many there are, and which one makes room.

Anybody can begin one, under any ZID. An exchange whose other side has shown that it heard our Hello, by a DHPart2 that
opens hvi or a Confirm that verifies, is never given up for one that has not. Among the others, whoever had time to
answer and did not goes first, the oldest before the rest. If nobody has had time yet, the newcomer is turned away and
has to try again.

A quarter of the room is kept for those who are known to hear us (`zrtp.protocol.hearing`): who sends blindly, under
addresses and ZIDs of others, cannot take it.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from zrtp.protocol.exchange import Exchange
from zrtp.protocol.limits import TIME_TO_ANSWER

S = TypeVar("S")


class HalfOpen(Generic[S]):
    """The half-open exchanges of one installation, each with the stream that it runs on."""

    __slots__ = ("_limit", "_limit_of_zid", "_streams")

    def __init__(self, limit: int, limit_of_zid: int) -> None:
        """At most `limit` in all, and `limit_of_zid` with the same peer's ZID, which anybody can claim."""
        self._limit = limit
        self._limit_of_zid = limit_of_zid
        self._streams: dict[Exchange, S] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def make_room(self, peer_zid: bytes, now: float, *, heard: bool = False) -> tuple[bool, S | None]:
        """Whether one more may begin now, and the stream whose exchange is given up for it, if one is. `heard` says
        that the other side is known to hear us.
        """
        crowd = [exchange for exchange in self._streams if exchange.peer.hello.zid == peer_zid]
        if _has_room(crowd, self._limit_of_zid, heard=heard):
            crowd = list(self._streams)
            if _has_room(crowd, self._limit, heard=heard):
                return True, None
        for exchange in sorted(crowd, key=lambda one: one.heard):
            had_time = now - exchange.begun >= TIME_TO_ANSWER
            if had_time and not exchange.proved and heard >= exchange.heard:
                exchange.crowded_out = True
                return True, self._streams.pop(exchange)
        return False, None

    def add(self, exchange: Exchange, stream: S) -> None:
        """This one has begun."""
        self._streams[exchange] = stream

    def remove(self, exchange: Exchange) -> None:
        """This one is over, one way or the other."""
        self._streams.pop(exchange, None)

    def clear(self) -> None:
        """Forget all."""
        self._streams.clear()


def _has_room(crowd: list[Exchange], limit: int, *, heard: bool) -> bool:
    if not heard and sum(not exchange.heard for exchange in crowd) >= limit - limit // 4:
        return False
    return len(crowd) < limit
