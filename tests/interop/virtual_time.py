"""Two parties and a bad network between them, without sockets and without waiting.

A party is either a stream of ours or a real peer in this process. Time goes in steps, because not every peer
can say when its next timer is due.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from zrtp.protocol.stream import Stream

STEP = 0.01
"""Seconds; the shortest interval of any ZRTP timer is 50 ms."""


class Party(Protocol):
    """One end of one stream. Every method takes or returns whole UDP payloads."""

    def receive_datagram(self, data: bytes, now: float) -> None: ...

    def tick(self, now: float) -> None: ...

    def datagrams_to_send(self) -> list[bytes]: ...


@dataclass(frozen=True, slots=True)
class Ours:
    """A stream of the engine under test as a party."""

    stream: Stream

    def receive_datagram(self, data: bytes, now: float) -> None:
        self.stream.receive_datagram(data, now)

    def tick(self, now: float) -> None:
        self.stream.handle_timer(now)

    def datagrams_to_send(self) -> list[bytes]:
        return self.stream.datagrams_to_send()


@dataclass(frozen=True, slots=True)
class Sent:
    """One datagram as a party sent it."""

    at: float
    sender: str
    data: bytes
    lost: bool = False

    @property
    def kind(self) -> str:
        """The message type, e.g. "DHPart1"; "?" for what is not a whole ZRTP message."""
        return self.data[16:24].decode("latin1").strip() if self.data[:2] == b"\x10\x00" else "?"

    @property
    def sequence(self) -> int:
        return int.from_bytes(self.data[2:4])

    @property
    def message(self) -> bytes:
        """The ZRTP message, without packet header and CRC."""
        return self.data[12:-4]


@dataclass(kw_only=True)
class Network:
    """Loses, delays, reorders and doubles datagrams, the same way for the same seed."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    """Up to this many seconds on top of `delay`, anew for each datagram: more than the gap reorders."""
    seed: int = 0
    step: float = STEP
    keep: Callable[[Sent], bool] | None = None
    """False loses that datagram, whatever the dice say."""
    sent: list[Sent] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _flying: list[tuple[float, int, str, bytes]] = field(default_factory=list)
    _serial: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def run(self, a: Party, b: Party, *, until: float, done: Callable[[], bool], start: float = 0.0) -> float:
        """Let both talk until `done()` holds or it is `until` o'clock; returns the time it is then."""
        parties = {"a": a, "b": b}
        for step in itertools.count():
            now = start + step * self.step
            for party in parties.values():
                party.tick(now)
            self._deliver(parties, now)
            if done() or now >= until:
                return now
        raise AssertionError

    def kinds(self, sender: str) -> list[str]:
        """The message types that one side sent so far, copies included."""
        return [datagram.kind for datagram in self.sent if datagram.sender == sender]

    def _deliver(self, parties: dict[str, Party], now: float) -> None:
        """Collect and hand over until nothing is due any more at this moment."""
        while True:
            for name, party in parties.items():
                for data in party.datagrams_to_send():
                    self._send(Sent(now, name, data))
            if not self._flying or self._flying[0][0] > now:
                return
            _, _, receiver, data = heapq.heappop(self._flying)
            parties[receiver].receive_datagram(data, now)

    def _send(self, datagram: Sent) -> None:
        lost = self._random.random() < self.loss or (self.keep is not None and not self.keep(datagram))
        self.sent.append(Sent(datagram.at, datagram.sender, datagram.data, lost))
        copies = 0 if lost else 2 if self._random.random() < self.duplicate else 1
        receiver = "b" if datagram.sender == "a" else "a"
        for _ in range(copies):
            arrival = datagram.at + self.delay + self._random.random() * self.jitter
            heapq.heappush(self._flying, (arrival, next(self._serial), receiver, datagram.data))
