"""Whoever carries out what a session asks of its cache, when the test says so: sessions with a deferred store."""

from __future__ import annotations

from tests.support.inside import cache_of
from tests.support.pair import Pair, Side
from zrtp.errors import CacheError
from zrtp.protocol.store import Read, Request, Search, Write


class Storekeeper:
    """The requests of one side, in the order in which they were handed out."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.asked: list[Request] = []
        """Everything that was ever asked."""
        self.waiting: list[Request] = []
        """What was asked and has no answer yet."""

    def look(self) -> list[Request]:
        """Take what the session hands out; everything that waits."""
        while (request := self.side.session.store_to_do()) is not None:
            self.asked.append(request)
            self.waiting.append(request)
        return self.waiting

    def serve(self, now: float, *, only: bytes | None = None) -> None:
        """Carry out whatever waits, and what follows from that; `only` the requests about this peer."""
        while wanted := [request for request in self.look() if only is None or _is_about(request, only)]:
            for request in wanted:
                request.run(cache_of(self.side.endpoint))
                self._done(request, now)

    def fail(self, now: float, text: str = "The disk is gone.", *, only: bytes | None = None) -> None:
        """Whatever waits cannot be carried out; `only` the requests about this peer."""
        for request in [request for request in self.look() if only is None or _is_about(request, only)]:
            request.fail(CacheError(text))
            self._done(request, now)

    @property
    def reads(self) -> list[bytes]:
        """The ZIDs of the peers whose records were asked for."""
        self.look()
        return [request.peer_zid for request in self.asked if isinstance(request, Read)]

    @property
    def writes(self) -> list[str]:
        """What was to be changed, by the names of the changes."""
        self.look()
        return [type(request.change).__name__ for request in self.asked if isinstance(request, Write)]

    def _done(self, request: Request, now: float) -> None:
        self.waiting.remove(request)
        self.side.session.store_done(request, now)


def _is_about(request: Request, peer_zid: bytes) -> bool:
    return not isinstance(request, Search) and request.peer_zid == peer_zid


def run_served(pair: Pair, *keepers: Storekeeper, until: float = 30.0) -> Pair:
    """Run a call whose requests are carried out as soon as they are made."""
    network = pair.network
    pair.run(network.now)
    for _ in range(1000):
        before = network.now
        for keeper in keepers:
            keeper.serve(network.now)
        network.run(until, stop=network.moved_on())
        if network.now == before:
            break
    return pair.run(network.now)
