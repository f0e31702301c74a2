"""Two endpoints in virtual time over a seeded network: the stage for most tests of the engine."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from zrtp.cache.interface import SecretCache
from zrtp.crypto.signatures import SignatureVerifier, Signer
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Event, KeysReady, SrtpKeys
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream, core_of
from zrtp.system import RandomSource

E = TypeVar("E")

ALICE_SSRC = 0xA11CE000
BOB_SSRC = 0xB0B00000


def seeded(seed: int) -> RandomSource:
    """A repeatable source of randomness."""
    return random.Random(seed).randbytes


class Clock:
    """Wall clock time that a test moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Side:
    """One end of a call: its session, and what its application has seen."""

    name: str
    endpoint: Endpoint
    session: Session
    events: list[Event] = field(default_factory=list)

    @property
    def stream(self) -> Stream:
        return self.session.streams[0]

    def seen(self, kind: type[E]) -> list[E]:
        """The events of one type so far."""
        self.drain()
        return [event for event in self.events if isinstance(event, kind)]

    def drain(self) -> None:
        while (event := self.session.next_event()) is not None:
            self.events.append(event)

    def keys(self, ssrc: int | None = None) -> KeysReady:
        wanted = self.stream.ssrc if ssrc is None else ssrc
        (keys,) = [event for event in self.seen(KeysReady) if event.ssrc == wanted]
        return keys


@dataclass(frozen=True)
class Netem:
    """Impairments of each direction: probabilities, and seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    delay: float = 0.02
    jitter: float = 0.0
    """Up to so many seconds more; with it datagrams overtake each other."""
    seed: int = 0


@dataclass(frozen=True)
class Signing:
    """What an endpoint signs the SAS with, and checks."""

    signer: Signer | Sequence[Signer] | None = None
    verifiers: Sequence[SignatureVerifier] = ()


Filter = Callable[[str, bytes], bytes | None]
"""Sees (sender's name, datagram); returns what goes on, or None to lose it."""


class Network:
    """Delivers datagrams between streams, and fires timers, in the order of virtual time."""

    def __init__(self, netem: Netem | None = None) -> None:
        self.netem = netem if netem is not None else Netem()
        self.now = 0.0
        self.log: list[tuple[float, str, bytes]] = []
        self.filter: Filter = lambda _sender, datagram: datagram
        self.dice = random.Random(self.netem.seed)
        self._queue: list[tuple[float, int, Stream, bytes]] = []
        self._order = itertools.count()
        self._links: list[tuple[str, Stream, Stream]] = []

    def impair(self, netem: Netem) -> None:
        """From now on the network is as bad as this."""
        self.netem = netem
        self.dice = random.Random(netem.seed)

    def connect(self, name: str, stream: Stream, peer_name: str, peer: Stream) -> None:
        """What one stream sends arrives at the other."""
        self._links.append((name, stream, peer))
        self._links.append((peer_name, peer, stream))

    def flush(self) -> None:
        """Put everything that the streams want to send on the wire."""
        for name, sender, receiver in self._links:
            for datagram in sender.datagrams_to_send():
                self.log.append((self.now, name, datagram))
                passed = self.filter(name, datagram)
                if passed is not None:
                    self.send(receiver, passed)

    def send(self, receiver: Stream, datagram: bytes) -> None:
        """One datagram under way, with the impairments of the link."""
        netem, dice = self.netem, self.dice
        if dice.random() < netem.loss:
            return
        if dice.random() < netem.corrupt:
            position = dice.randrange(len(datagram))
            flipped = datagram[position] ^ 1 << dice.randrange(8)
            datagram = datagram[:position] + bytes([flipped]) + datagram[position + 1 :]
        for _ in range(2 if dice.random() < netem.duplicate else 1):
            arrival = self.now + netem.delay + dice.random() * netem.jitter
            heapq.heappush(self._queue, (arrival, next(self._order), receiver, datagram))

    def moved_on(self) -> Callable[[], bool]:
        """A reason to stop: virtual time has passed since now."""
        start = self.now
        return lambda: self.now > start

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> float:
        """Go on until that time, until nothing is pending, or until `stop` says so."""
        self.flush()
        while not stop():
            timers = [timer for _, stream, _ in self._links if (timer := stream.next_timer()) is not None]
            arrival = self._queue[0][0] if self._queue else None
            moments = timers if arrival is None else [*timers, arrival]
            if not moments or min(moments) > until:
                break
            self.now = max(self.now, min(moments))
            if arrival is not None and arrival <= self.now:
                _, _, receiver, datagram = heapq.heappop(self._queue)
                receiver.receive_datagram(datagram, self.now)
            else:
                for _, stream, _ in self._links:
                    timer = stream.next_timer()
                    if timer is not None and timer <= self.now:
                        stream.handle_timer(self.now)
            self.flush()
        return self.now


class Pair:
    """Alice and Bob in one call with one stream each; everything about them can be chosen.

    What those who are `deferred` ask of their caches waits for a `tests.support.storekeeper.Storekeeper`.
    """

    def __init__(
        self,
        alice: Config | None = None,
        bob: Config | None = None,
        *,
        net: Netem | None = None,
        seed: int = 0,
        alice_cache: SecretCache | None = None,
        bob_cache: SecretCache | None = None,
        alice_aux: bytes | None = None,
        bob_aux: bytes | None = None,
        alice_signing: Signing | None = None,
        bob_signing: Signing | None = None,
        clock: Clock | None = None,
        bind: bool = False,
        deferred: Container[str] = (),
        alice_expects: str | bytes | None = None,
    ) -> None:
        self.clock = clock if clock is not None else Clock()
        self.network = Network(net)
        self._deferred = deferred
        self._expectations = {"alice": alice_expects}
        self.alice = self._side("alice", alice, alice_cache, seed * 2 + 1, alice_aux, alice_signing)
        self.bob = self._side("bob", bob, bob_cache, seed * 2 + 2, bob_aux, bob_signing)
        alice_stream = self.alice.session.add_stream(ALICE_SSRC)
        expected = bytes.fromhex(alice_stream.hello_hash.split()[1]) if bind else None
        bob_stream = self.bob.session.add_stream(BOB_SSRC, peer_hello_hash=expected)
        if bind:
            core_of(alice_stream).peer_hello_hash = bytes.fromhex(bob_stream.hello_hash.split()[1])
        self.network.connect("alice", alice_stream, "bob", bob_stream)

    def _side(
        self,
        name: str,
        config: Config | None,
        cache: SecretCache | None,
        seed: int,
        aux: bytes | None,
        signing: Signing | None,
    ) -> Side:
        chosen = signing if signing is not None else Signing()
        endpoint = Endpoint(
            config,
            cache,
            random=seeded(seed),
            wall_clock=self.clock,
            signer=chosen.signer,
            verifiers=chosen.verifiers,
        )
        store: Literal["at once", "deferred"] = "deferred" if name in self._deferred else "at once"
        return Side(name, endpoint, endpoint.session(aux_secret=aux, store=store, expect=self._expectations.get(name)))

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.alice, self.bob

    def add_streams(self, alice_ssrc: int, bob_ssrc: int) -> tuple[Stream, Stream]:
        """A further stream of the same call at both ends, started."""
        alice = self.alice.session.add_stream(alice_ssrc)
        bob = self.bob.session.add_stream(bob_ssrc)
        self.network.connect("alice", alice, "bob", bob)
        alice.start(self.network.now)
        bob.start(self.network.now)
        return alice, bob

    def start(self) -> Pair:
        for side in self.sides:
            side.stream.start(self.network.now)
        return self

    def run(self, until: float = 30.0) -> Pair:
        """Start if need be, and run until that virtual time or until nothing is pending."""
        if self.alice.stream.state is State.IDLE and self.bob.stream.state is State.IDLE:
            self.start()
        self.network.run(until)
        for side in self.sides:
            side.drain()
        return self

    @property
    def secure(self) -> bool:
        return all(side.stream.state is State.SECURE for side in self.sides)

    @property
    def keys_agree(self) -> bool:
        """Both ends hold the same SRTP keys, each direction at its place."""
        return self.keys_agree_on(self.alice.stream.ssrc, self.bob.stream.ssrc)

    def keys_agree_on(self, alice_ssrc: int, bob_ssrc: int) -> bool:
        """The same for any stream of the call."""
        alice, bob = self.alice.keys(alice_ssrc), self.bob.keys(bob_ssrc)
        return same_keys(alice.send, bob.receive) and same_keys(alice.receive, bob.send)

    def transcript(self) -> list[str]:
        """The message types on the wire in order, with the sender: "alice Hello"."""
        return [f"{name} {datagram[16:24].decode().strip()}" for _, name, datagram in self.network.log]


def same_keys(one: SrtpKeys, other: SrtpKeys) -> bool:
    return (
        (one.cipher, one.auth_tag) == (other.cipher, other.auth_tag) and one.key == other.key and one.salt == other.salt
    )
