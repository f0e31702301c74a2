"""Complete handshakes of the engine with itself: both ends in this process, each datagram delivered at once.

Both ends start at the same moment, so that their Commits cross, as on most real paths. Ends have no cache of retained
secrets unless the scenario is about them: that is also how the C library is measured beside them.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from zrtp.cache.memory import MemoryCache
from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream

AGREEMENTS: Final = (b"DH3k", b"DH2k", b"X255", b"X448", b"EC25", b"EC38", b"X1M2", b"MLK2", b"X3M3")
"""What is measured of a full exchange."""

NEW_CALL_AFTER: Final = 20
"""Further streams of one call before the next call is made."""

_FIRST_SSRC: Final = 1000


class HandshakeFailed(Exception):
    """An exchange did not end in two secure streams: a defect, not a slow machine."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over the wire, both ways."""

    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Call:
    """Two sessions in one call, and what its last handshake sent."""

    alice: Session
    bob: Session
    traffic: Traffic
    goes_on: bool = False
    """More streams will follow."""

    def close(self) -> None:
        """End the call, unless it is still needed."""
        if not self.goes_on:
            self.alice.close(0.0)
            self.bob.close(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of handshake."""

    name: str
    """The key agreement, "Mult" or "Prsh"."""
    mode: str
    agreement: bytes | None
    """The code of the key agreement whose operations are part of it."""
    prepare: Callable[[], Callable[[], Call]]
    """Makes what lasts longer than one handshake, and returns what performs one."""


def scenarios(names: Sequence[str] = ()) -> list[Scenario]:
    """All that is available here, or those with these names."""
    known = [
        *(_full(code) for code in AGREEMENTS if DEFAULT.key_agreements[code].available),
        Scenario(name="X255", mode="known peer", agreement=b"X255", prepare=lambda: _calls(b"X255", cached=True)),
        Scenario(name="Mult", mode="multistream", agreement=None, prepare=_further_streams),
        Scenario(name="Prsh", mode="preshared", agreement=None, prepare=_preshared_calls),
    ]
    return [scenario for scenario in known if not names or scenario.name in names]


def config(agreement: bytes, *, preshared: bool = False) -> Config:
    """AES-128 and SHA-256, or the hash that the curve demands: what every stack has."""
    return Config(
        hashes=(b"S384",) if agreement == b"EC38" else (b"S256",),
        ciphers=(b"AES1",),
        auth_tags=(b"HS80",),
        key_agreements=(agreement,),
        preshared=preshared,
        preshared_limit=1_000_000,
    )


def handshake(alice: Session, bob: Session, ssrc: int = _FIRST_SSRC) -> Call:
    """One more stream of a call, from its first Hello to secure at both ends."""
    one, other = alice.add_stream(ssrc), bob.add_stream(ssrc + 1)
    one.start(0.0)
    other.start(0.0)
    traffic = deliver(one, other)
    if not one.state is other.state is State.SECURE:
        raise HandshakeFailed(f"The handshake ended in the states {one.state} and {other.state}.")
    for session in (alice, bob):
        while session.next_event() is not None:
            pass
    return Call(alice, bob, traffic)


def deliver(one: Stream, other: Stream) -> Traffic:
    """Hand every datagram over at once, until nobody has anything to say."""
    sent: list[bytes] = []
    while True:
        ones, others = one.datagrams_to_send(), other.datagrams_to_send()
        if not ones and not others:
            return Traffic(len(sent), sum(map(len, sent)))
        for datagram in ones:
            other.receive_datagram(datagram, 0.0)
        for datagram in others:
            one.receive_datagram(datagram, 0.0)
        sent += ones
        sent += others


def memory_per_session(scenario: Scenario, sessions: int = 100) -> int:
    """Octets that one end of a secure call keeps, as Python's allocator counts them, after the garbage is collected."""
    run = scenario.prepare()
    for _ in range(3):
        run().close()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        held = [run() for _ in range(sessions // 2)]
        gc.collect()
        octets = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return octets // (2 * len(held))


def _full(agreement: bytes) -> Scenario:
    mode = "kem" if DEFAULT.key_agreements[agreement].is_kem else "dh"
    return Scenario(
        name=codes.name(agreement), mode=mode, agreement=agreement, prepare=lambda: _calls(agreement, cached=False)
    )


def _calls(agreement: bytes, *, cached: bool) -> Callable[[], Call]:
    alice, bob = (Endpoint(config(agreement), MemoryCache() if cached else None) for _ in range(2))
    return lambda: handshake(alice.session(), bob.session())


def _further_streams() -> Callable[[], Call]:
    """Each run is one more stream of a call that is secure already."""
    alice, bob = Endpoint(config(b"X255")), Endpoint(config(b"X255"))
    call = handshake(alice.session(), bob.session())
    streams = 0

    def run() -> Call:
        nonlocal call, streams
        streams += 1
        if streams % NEW_CALL_AFTER == 0:
            call = handshake(alice.session(), bob.session())
        return replace(handshake(call.alice, call.bob, _FIRST_SSRC + 2 * streams), goes_on=True)

    return run


def _preshared_calls() -> Callable[[], Call]:
    """Each run is a call in Preshared mode between two ends that compared the SAS once."""
    alice, bob = (Endpoint(config(b"X255", preshared=True), MemoryCache()) for _ in range(2))
    first = handshake(alice.session(), bob.session())
    first.alice.sas_matched()
    first.bob.sas_matched()

    def run() -> Call:
        call = handshake(alice.session(), bob.session())
        for session in (call.alice, call.bob):  # or the next call would not be sure of the new secret
            session.streams[0].srtp_verified(0.0)
        return call

    return run
