"""Many calls in one process, and how much its memory grows by them: `python -m tests.security.long_life --calls N`.

A process of its own, because the most memory that a process ever used says nothing after tests that used more.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from tests.support.inside import cache_of, running_exchanges
from tests.support.pair import ALICE_SSRC, BOB_SSRC, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State

CONFIG = Config(key_agreements=(b"X255",))
WARM_UP = 5_000
"""Calls after which Python's and the allocator's own pools have their size."""


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
        assert running_exchanges(endpoint) == 0
        assert len(cache_of(endpoint).peers()) == 1


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


def most_memory() -> int:
    """KiB that this process has had in memory at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Make calls one after the other, and print by how many KiB memory grew."
    )
    parser.add_argument("--calls", type=int, default=100_000, help="how many (%(default)s)")
    calls = parser.parse_args().calls
    alice, bob = endpoints()
    live(WARM_UP, alice, bob, 0.0)
    before = most_memory()
    live(calls, alice, bob, float(WARM_UP))
    print(most_memory() - before)


if __name__ == "__main__":
    main()
