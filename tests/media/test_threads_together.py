"""Several secure sockets of one Endpoint, each with threads of its own: what they share, they use in turn."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.media.test_threads import FAST, Phone
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.protocol.endpoint import Endpoint


@contextmanager
def calls(count: int, server: Endpoint) -> Iterator[list[Phone]]:
    """The sockets of a server, each with a caller of its own."""
    with ExitStack() as over:
        answering: list[Phone] = []
        for _ in range(count):
            for phone in (called := Phone(endpoint=server)), (caller := Phone()):
                over.callback(phone.close)
            called.call(None)
            caller.call(called)
            answering.append(called)
        yield answering


class Turnstile:
    """A source of randomness that notices when a thread comes while another one is in."""

    def __init__(self) -> None:
        self.met: list[str] = []
        self._inside: list[str] = []
        self._second = threading.Event()

    def __call__(self, length: int) -> bytes:
        name = threading.current_thread().name
        self._inside.append(name)
        if len(self._inside) > 1:
            self.met.append(" and ".join(self._inside))
            self._second.set()
        self._second.wait(0.001)  # time for a second one
        self._inside.remove(name)
        return os.urandom(length)


def test_the_engine_of_an_endpoint_works_for_one_thread_at_a_time() -> None:
    random = Turnstile()
    with calls(6, Endpoint(FAST, random=random)) as phones:
        for phone in phones:
            phone.socket.secured(timeout=5.0)
    assert random.met == []


class Stuck(MemoryCache):
    """Says that it never waits, and waits when it is first asked for a peer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.free = threading.Event(), threading.Event()

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        if not self.asked.is_set():
            self.asked.set()
            self.free.wait(5.0)
        return super().load(own_zid, peer_zid)


def test_while_the_store_holds_up_one_call_the_others_go_on() -> None:
    cache = Stuck()
    server = Endpoint(FAST, cache)
    with calls(1, server) as (held_up,):
        assert cache.asked.wait(5.0)
        with calls(1, server) as (other,):
            other.socket.secured(timeout=5.0)
            cache.free.set()
        held_up.socket.secured(timeout=5.0)


def test_while_the_program_decides_something_no_other_thread_is_in_the_call() -> None:
    cache = MemoryCache()
    alice, bob = Phone(endpoint=Endpoint(FAST, cache)), Phone(endpoint=Endpoint(FAST, MemoryCache()))
    bob.call(alice)
    alice.call(bob)
    for phone in (alice, bob):
        phone.socket.secured(timeout=5.0)
    other = threading.Thread(target=alice.socket.settle)
    with alice.socket.locked() as session:
        other.start()
        other.join(0.05)
        assert other.is_alive()
        session.sas_matched("Bob")
    other.join(5.0)
    assert not other.is_alive()
    alice.close()
    bob.close()
    (entry,) = cache.peers()
    assert entry.record.name == "Bob"
