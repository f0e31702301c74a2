"""One process, many calls, one after the other: memory stays where it was, and nothing is left over."""

from __future__ import annotations

import gc
import resource
import tracemalloc

import pytest

from tests.support.pair import ALICE_SSRC, BOB_SSRC, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State

CONFIG = Config(key_agreements=(b"X255",))


def one_call(alice: Endpoint, bob: Endpoint, now: float) -> None:
    """From the first Hello to the end, with datagrams handed over at once."""
    sessions = alice.session(), bob.session()
    one, other = sessions[0].add_stream(ALICE_SSRC), sessions[1].add_stream(BOB_SSRC)
    one.start(now)
    other.start(now)
    moving = True
    while moving:
        moving = False
        for sender, receiver in ((one, other), (other, one)):
            for datagram in sender.datagrams_to_send():
                receiver.receive_datagram(datagram, now)
                moving = True
    assert one.state is other.state is State.SECURE
    for session in sessions:
        session.close(now)
        while session.next_event() is not None:
            pass
    assert one.next_timer() is other.next_timer() is None


def endpoints() -> tuple[Endpoint, Endpoint]:
    return (
        Endpoint(CONFIG, MemoryCache(), random=seeded(1)),
        Endpoint(CONFIG, MemoryCache(), random=seeded(2)),
    )


def live(calls: int, alice: Endpoint, bob: Endpoint, start: float) -> None:
    """That many calls; then nothing of them is left at either end but one record."""
    for number in range(calls):
        one_call(alice, bob, start + number)
    gc.collect()
    for endpoint in (alice, bob):
        assert not endpoint._running and not endpoint._pairs and not endpoint._half_open
        assert len(endpoint.cache.peers()) == 1


@pytest.mark.attack("DOS-04", "DOS-16")
def test_two_hundred_calls_leave_nothing_behind() -> None:
    alice, bob = endpoints()
    tracemalloc.start()
    try:
        live(50, alice, bob, 0.0)
        before = tracemalloc.get_traced_memory()[0]
        live(200, alice, bob, 50.0)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000


@pytest.mark.long
def test_a_hundred_thousand_calls_leave_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    alice, bob = endpoints()
    live(5_000, alice, bob, 0.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    live(100_000, alice, bob, 5_000.0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    with capsys.disabled():
        print(f"\n100,000 calls in one process: the most memory ever used grew by {grown} KiB", end=" ")
    assert grown < 2048, "20 octets a call are the allocator's noise; a leaked stream would be 900 MiB"
