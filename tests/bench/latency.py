"""How soon both ends are secure after the later one started, beside libbzrtp with libbzrtp over the same starts.

Everything happens in virtual time, so that a figure says what timers and messages cost, and nothing about this
computer. What comes to an end before it started is lost. The dice of the network and of our ends are seeded; libbzrtp
has its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from statistics import mean, median
from typing import Final, TypeAlias

from tests.interop.bzrtp import Algorithms, Bzrtp, Channel
from tests.interop.requirements import BZRTP
from tests.interop.virtual_time import Network, Ours, Party
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream

OFFSETS: Final = (0.0, 0.02, 0.07, 0.13, 0.25, 0.333, 0.41, 0.48, 0.777, 0.95, 1.23, 2.0)
"""Seconds between the two starts."""

PATHS: Final = tuple((delay, loss) for delay in (0.005, 0.05, 0.15) for loss in (0.0, 0.1, 0.3, 0.5))
"""Seconds one way, and the share of datagrams lost each way."""

TAILS: Final = ((0.03, 0.3), (0.03, 0.4), (0.03, 0.5))
"""Paths on which so many calls are made that the slowest in a hundred show."""

TAIL_SERIES: Final = 10
"""Times as many calls on these."""

AGREEMENTS: Final = (b"X255", b"X1M2")

LIBBZRTP: Final = "libbzrtp"

PATIENCE: Final = 15.0
"""Seconds after the later start at which a call that is not secure has failed."""

STEP: Final = 0.001
"""Seconds between two looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPoint:
    """Calls of one pair of ends on one path: in each series one call for each of OFFSETS."""

    who: str
    """Our key agreement, or LIBBZRTP, which has X255."""
    delay: float
    loss: float
    series: tuple[tuple[float | None, ...], ...]
    """Seconds from the later start until both ends are secure; None for a call that failed."""

    @property
    def calls(self) -> int:
        return sum(map(len, self.series))

    @property
    def times(self) -> list[float]:
        """Of the calls that did not fail, in order."""
        return sorted(time for series in self.series for time in series if time is not None)

    @property
    def failed(self) -> int:
        return self.calls - len(self.times)

    @property
    def mean(self) -> float | None:
        return mean(self.times) if self.times else None

    @property
    def median(self) -> float | None:
        """The mean of the medians of the series: who wins a contention is the toss of a coin."""
        return self._mean_of(median)

    @property
    def worst(self) -> float | None:
        """The mean of the slowest calls of the series."""
        return self._mean_of(max)

    def within(self, share: float) -> float | None:
        """Seconds in which this share of all calls was secure; None if too many failed."""
        times, enough = self.times, ceil(share * self.calls)
        return times[enough - 1] if len(times) >= enough else None

    def _mean_of(self, figure: Callable[[list[float]], float]) -> float | None:
        secure = [[time for time in series if time is not None] for series in self.series]
        figures = [figure(times) for times in secure if times]
        return mean(figures) if figures else None


@dataclass(slots=True)
class End:
    """One end of a call, as a party that is deaf and dumb until `starts_at`."""

    party: Party
    start: Callable[[float], None]
    is_secure: Callable[[], bool]
    starts_at: float = 0.0
    started: bool = field(default=False, init=False)

    def tick(self, now: float) -> None:
        if not self.started and now >= self.starts_at:
            self.started = True
            self.start(now)
        if self.started:
            self.party.tick(now)

    def receive_datagram(self, data: bytes, now: float) -> None:
        if self.started:
            self.party.receive_datagram(data, now)

    def datagrams_to_send(self) -> list[bytes]:
        return self.party.datagrams_to_send()


Pair: TypeAlias = Callable[[int], "Iterator[tuple[End, End]]"]
"""Makes both ends of a call from a seed."""


def pairs() -> dict[str, Pair]:
    """Who can be measured here, by name."""
    known = {code.decode(): _ours(code) for code in AGREEMENTS if DEFAULT.key_agreements[code].available}
    return known if without_libbzrtp() else {**known, LIBBZRTP: _theirs}


def without_libbzrtp() -> str:
    """Why libbzrtp cannot be measured, as a sentence; empty if it can."""
    return BZRTP.missing() or BZRTP.unknown()


def point(who: str, delay: float, loss: float, series: int) -> LatencyPoint:
    """So many series of calls."""
    pair = pairs()[who]
    return LatencyPoint(
        who=who,
        delay=delay,
        loss=loss,
        series=tuple(
            tuple(
                _secure_after(pair, delay, loss, offset, seed=number * len(OFFSETS) + place)
                for place, offset in enumerate(OFFSETS)
            )
            for number in range(series)
        ),
    )


def _secure_after(pair: Pair, delay: float, loss: float, offset: float, seed: int) -> float | None:
    network = Network(loss=loss, delay=delay, seed=seed, step=STEP)
    with contextmanager(pair)(seed) as (earlier, later):
        later.starts_at = offset
        now = network.run(
            earlier, later, until=offset + PATIENCE, done=lambda: earlier.is_secure() and later.is_secure()
        )
        return now - offset if earlier.is_secure() and later.is_secure() else None


def _ours(agreement: bytes) -> Pair:
    config = Config(key_agreements=(agreement, b"Mult"))

    def end(ssrc: int, seed: int) -> End:
        stream: Stream = Endpoint(config, random=random.Random(seed).randbytes).session().add_stream(ssrc)
        return End(Ours(stream), stream.start, lambda: stream.state is State.SECURE)

    def pair(seed: int) -> Iterator[tuple[End, End]]:
        yield end(1, 2 * seed), end(2, 2 * seed + 1)

    return pair


def _theirs(_seed: int) -> Iterator[tuple[End, End]]:
    offer = Algorithms(key_agreements=["X255", "Mult"])

    def end(channel: Channel) -> End:
        return End(channel, lambda _now: channel.start(), lambda: channel.secure)

    with Bzrtp(1, offer) as one, Bzrtp(2, offer) as other:
        yield end(one), end(other)
