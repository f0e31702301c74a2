"""A phone that calls a fleet: hosts with one database behind them, each with its own connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, product

import pytest

from tests.support.friends import FAST
from tests.support.pair import Clock, Pair
from tests.support.storekeeper import Storekeeper
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.events import Continuity
from zrtp.protocol.store import Write

pytest.importorskip("psycopg_pool", reason="psycopg is missing: pip install 'zrtp[postgres]'")

from zrtp.stores.postgres import PostgresCache

pytestmark = pytest.mark.long


class Fleet:
    """Three hosts and a phone."""

    def __init__(self, hosts: list[PostgresCache]) -> None:
        self.hosts = hosts
        self.phone = MemoryCache()
        self.clock = Clock()
        self._seeds = count(1)

    def call(self, host: int) -> list[Continuity]:
        """A whole call; what it says at the phone and at the host."""
        self.clock.now += 60.0
        pair = Pair(
            FAST, FAST, seed=next(self._seeds), alice_cache=self.phone, bob_cache=self.hosts[host], clock=self.clock
        ).run()
        assert pair.secure and pair.keys_agree
        said = [side.session.continuity for side in pair.sides]
        for side in pair.sides:
            side.session.close(30.0)
        return said

    def open_call(self, host: int) -> tuple[Pair, Storekeeper]:
        """A call that is secure, and whose host has not yet written anything."""
        pair = Pair(
            FAST,
            FAST,
            seed=next(self._seeds),
            alice_cache=self.phone,
            bob_cache=self.hosts[host],
            clock=self.clock,
            deferred={"bob"},
        )
        return pair.start(), Storekeeper(pair.bob)


@pytest.fixture
def fleet(address: str) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet([stack.enter_context(PostgresCache(address)) for _ in range(3)])


def test_every_later_call_is_recognised_whichever_host_it_reaches(fleet: Fleet) -> None:
    assert fleet.call(0) == [Continuity.FIRST_CALL] * 2
    for host in (1, 2, 0, 0, 2, 1):
        assert fleet.call(host) == [Continuity.CONTINUED] * 2


@pytest.mark.parametrize(
    ("order", "killed"), list(product([(0, 1), (1, 0)], [None, 0, 1])), ids=lambda value: str(value).replace(" ", "")
)
def test_after_two_calls_at_a_time_a_third_host_recognises_the_phone(
    fleet: Fleet, order: tuple[int, int], killed: int | None
) -> None:
    """Both hosts read the same record; they write in either order, or one of them is killed before it has written.

    Whatever the order, the newer secret is rs1 and the other rs2.
    """
    fleet.call(2)
    calls = [fleet.open_call(0), fleet.open_call(1)]
    for pair, keeper in calls:  # both have read before any of them is secure
        pair.network.run(30.0, stop=lambda keeper=keeper: bool(keeper.look()))  # type: ignore[misc]
        assert not any(isinstance(request, Write) for request in keeper.waiting)
    brought = []  # the secret of each call, as the phone keeps it
    for number, (pair, keeper) in enumerate(calls):
        fleet.clock.now += 1.0 + number
        keeper.serve(pair.network.now)
        pair.network.run(30.0, stop=lambda keeper=keeper: bool(keeper.look()))  # type: ignore[misc]
        assert all(isinstance(request, Write) for request in keeper.waiting) and keeper.waiting
        pair.run()
        assert pair.secure and pair.keys_agree
        assert [side.session.continuity for side in pair.sides] == [Continuity.CONTINUED] * 2
        brought.append(fleet.phone.peers()[0].record.rs1)
    for number in order:
        pair, keeper = calls[number]
        if number != killed:
            keeper.serve(pair.network.now)
    if killed is None:
        (entry,) = fleet.hosts[2].peers()
        assert [entry.record.rs2, entry.record.rs1] == brought
    for host in (2, 0, 1):
        assert fleet.call(host) == [Continuity.CONTINUED] * 2
