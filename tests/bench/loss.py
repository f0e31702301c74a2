"""How often a handshake completes when datagrams get lost, above all one whose messages travel in fragments.

Beside it stands the bound: what the retry schedule of RFC 6189 section 6 allows to anybody, reckoned from nothing but
the copies and fragments of Commit and DHPart1, DHPart2 and Confirm1, Confirm2 and Conf2ACK. Everything happens in
virtual time, and the dice are seeded.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Final

from tests.bench.handshakes import config
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.protocol.timers import T2
from zrtp.wire.packet import CRC, FRAGMENT_HEADER, HEADER

RATES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Share of datagrams lost, each way."""

SUITES: Final = ((b"X255", 1452), (b"X3M3", 1452), (b"X1M2", 1452), (b"X1M2", 600))
"""Key agreements, and the longest datagram in octets."""

DELAY: Final = 0.03
"""Seconds for which a datagram is under way."""

JITTER: Final = 0.01
"""Up to so many seconds more, so that datagrams overtake each other."""

PATIENCE: Final = 60.0
"""Seconds of virtual time after which all schedules are over."""

_COMMIT: Final = 116
_DHPART1: Final = 84
"""Octets of these messages around what the key agreement puts into them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """Handshakes of one kind at one rate of loss."""

    agreement: bytes
    mtu: int
    fragments: tuple[int, int]
    """Datagrams for one Commit, and for one DHPart1."""
    loss: float
    runs: int
    completed: int
    bound: float
    """The share that the retry schedule allows."""
    seconds: float | None
    """Virtual time to secure, median of the completed ones."""


def suites() -> list[tuple[bytes, int]]:
    """What of SUITES is available here."""
    return [(code, mtu) for code, mtu in SUITES if DEFAULT.key_agreements[code].available]


def point(agreement: bytes, mtu: int, loss: float, runs: int) -> LossPoint:
    """Try so many handshakes."""
    durations = [time for run in range(runs) if (time := _secure_after(agreement, mtu, loss, seed=run)) is not None]
    fragments = fragments_of(agreement, mtu)
    return LossPoint(
        agreement=agreement,
        mtu=mtu,
        fragments=fragments,
        loss=loss,
        runs=runs,
        completed=len(durations),
        bound=bound(loss, fragments),
        seconds=sorted(durations)[len(durations) // 2] if durations else None,
    )


def fragments_of(agreement: bytes, mtu: int) -> tuple[int, int]:
    """Datagrams for one Commit, and for one DHPart1."""
    algorithm = DEFAULT.key_agreements[agreement]
    commit = _datagrams(_COMMIT + algorithm.commit_length, mtu)
    return commit, _datagrams(_DHPART1 + algorithm.dhpart1_length, mtu)


def bound(loss: float, fragments: tuple[int, int]) -> float:
    """The share of exchanges that can complete: three requests, each answered, within their copies."""
    whole = (1, 1)
    return request_bound(loss, *fragments) * request_bound(loss, *whole) ** 2


def request_bound(loss: float, request: int, answer: int, copies: int = T2.retransmissions + 1) -> float:
    """The probability that a request in so many fragments is answered, in so many fragments.

    Fragments that arrived are kept, so that a later copy has to bring only what is missing. A request is answered when
    it is complete, and again whenever a further copy brings any part of it.
    """
    states = {(request, answer): 1.0}
    success = 0.0
    for _ in range(copies):
        following: dict[tuple[int, int], float] = {}
        for (requests_missing, answers_missing), probability in states.items():
            if requests_missing:
                arrivals = [(left, chance, left == 0) for left, chance in _still_missing(requests_missing, loss)]
            else:
                arrivals = [(0, 1 - loss**request, True), (0, loss**request, False)]
            for left, chance, answered in arrivals:
                for still, arrival in _still_missing(answers_missing, loss) if answered else [(answers_missing, 1.0)]:
                    share = following.get((left, still), 0.0)
                    following[left, still] = share + probability * chance * arrival
        success += sum(following.pop(state) for state in [state for state in following if state[1] == 0])
        states = following
    return success


def _still_missing(missing: int, loss: float) -> list[tuple[int, float]]:
    """How many of these fragments are missing after one more copy of each, with the probabilities."""
    return [(left, comb(missing, left) * loss**left * (1 - loss) ** (missing - left)) for left in range(missing + 1)]


def _datagrams(octets: int, mtu: int) -> int:
    if octets + HEADER + CRC <= mtu:
        return 1
    return -(-octets // (mtu - FRAGMENT_HEADER - CRC))


def _secure_after(agreement: bytes, mtu: int, loss: float, seed: int) -> float | None:
    """Seconds of virtual time until both ends are secure; None if that does not happen."""
    dice = random.Random(seed)
    settings = replace(config(agreement), mtu=mtu)
    one, other = (Endpoint(settings, random=dice.randbytes).session().add_stream(ssrc) for ssrc in (1, 2))
    now = 0.0
    order = itertools.count()
    under_way: list[tuple[float, int, Stream, bytes]] = []
    one.start(now)
    other.start(now)
    while not one.state is other.state is State.SECURE:
        for sender, receiver in ((one, other), (other, one)):
            for datagram in sender.datagrams_to_send():
                if dice.random() >= loss:
                    arrival = now + DELAY + JITTER * dice.random()
                    heapq.heappush(under_way, (arrival, next(order), receiver, datagram))
        due = _earliest([one, other])
        if under_way and (due is None or under_way[0][0] <= due):
            now, _, receiver, datagram = heapq.heappop(under_way)
            receiver.receive_datagram(datagram, now)
        elif due is None or due > PATIENCE:
            return None
        else:
            now = due
            one.handle_timer(now)
            other.handle_timer(now)
    return now


def _earliest(streams: Sequence[Stream]) -> float | None:
    return min((timer for stream in streams if (timer := stream.next_timer()) is not None), default=None)
