"""Two endpoints over a bad network end in the same keys or in a stated failure, as often as the schedule allows.

A request and its answer have eleven tries, each of which succeeds with (1 - p)^2 if the loss is p in each direction.
Commit, DHPart2 and Confirm2 are such requests; Multistream and Preshared mode have no DHPart2, and what travels in
fragments needs all of them. The product bounds completion from below; duplicates lift the result above it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod, sqrt

import pytest

from tests.bench.loss import fragments_of, request_bound
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.inside import cache_of
from tests.support.pair import Netem, Network, Pair
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ErrorCode
from zrtp.protocol.config import Config
from zrtp.protocol.events import Failed, Mode, NoPeer, SecurityWarning, Sending, WarningCode
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream

FAST = Config(key_agreements=(b"X255", b"Mult"))
PRESHARED = Config(key_agreements=(b"X255", b"Prsh"), preshared=True)
FRAGMENTED = Config(key_agreements=(b"X1M2",), mtu=600)
LOSSES = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
LIMIT = 90.0
RUNS = 3000
"""Of each kind at each rate of loss, in the long tests."""


def netem(loss: float, seed: int, corrupt: float = 0.0) -> Netem:
    """30 to 40 ms each way, one packet in ten twice."""
    return Netem(loss=loss, duplicate=0.1, corrupt=corrupt, delay=0.03, jitter=0.01, seed=seed)


class Attempt:
    """One key agreement over a bad network: the two streams that it is about."""

    def __init__(self, pair: Pair, mode: Mode, streams: tuple[Stream, Stream] | None = None) -> None:
        self.pair = pair
        self.mode = mode
        self.streams = streams if streams is not None else (pair.alice.stream, pair.bob.stream)

    @property
    def secure(self) -> bool:
        return all(stream.state is State.SECURE for stream in self.streams)

    def check_outcome(self) -> bool:
        """Whether it completed; it has to end in equal keys or a stated failure, and nothing may be left running."""
        assert not self.pair.network._queue
        for side, stream in zip(self.pair.sides, self.streams, strict=True):
            assert stream.next_timer() is None
            assert stream.state in (State.SECURE, State.FAILED, State.QUIET)
            failures = [event.code for event in side.seen(Failed) if event.ssrc == stream.ssrc]
            assert failures == [ErrorCode.PROTOCOL_TIMEOUT] * (stream.state is State.FAILED)
            if stream.state is State.QUIET:
                assert any(event.ssrc == stream.ssrc for event in side.seen(NoPeer))
            told = {event.code for event in side.seen(SecurityWarning)}
            assert told <= ({WarningCode.PEER_ERROR} if not self.secure else set()), "a false alarm"
        if self.secure:
            alice, bob = self.streams
            assert alice.mode is bob.mode is self.mode
            assert self.pair.keys_agree_on(alice.ssrc, bob.ssrc)
            self._check_memory()
        return self.secure

    def _check_memory(self) -> None:
        """Both show the same SAS, and remember the same secret."""
        alice, bob = (side.session.sas for side in self.pair.sides)
        assert alice is not None and bob is not None and alice.sashash == bob.sashash
        records = [cache_of(side.endpoint).peers()[0].record for side in self.pair.sides]
        assert records[0].rs1 == records[1].rs1


def call(
    loss: float, seed: int, *, config: Config = FAST, mode: Mode = Mode.DH, srtp: bool = False, corrupt: float = 0.0
) -> Attempt:
    """A first call; with `srtp`, whoever is secure sends a packet every 20 ms, as lossy as the rest."""
    network = netem(loss, seed, corrupt)
    pair = Pair(config, config, net=network, seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache())
    return Attempt(talk(pair, loss) if srtp else pair.run(LIMIT), mode)


def talk(pair: Pair, loss: float) -> Pair:
    """Run a call in which SRTP flows as soon as it may."""
    pair.start()
    network = pair.network
    tick = 0.0
    while tick < LIMIT and not pair.secure:
        tick += 0.02
        network.run(tick)
        network.now = tick
        for sender, receiver in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
            if sender.stream.sending is Sending.SRTP and network.dice.random() >= loss:
                receiver.stream.srtp_verified(tick)
        network.flush()
        if not any(side.stream.next_timer() for side in pair.sides):
            break
    return pair.run(LIMIT)


def fragmented(loss: float, seed: int, *, corrupt: float = 0.0) -> Attempt:
    """A first call by X25519 with ML-KEM-768, where no datagram may be longer than 600 octets."""
    return call(loss, seed, config=FRAGMENTED, mode=Mode.KEM, corrupt=corrupt)


def further_stream(loss: float, seed: int, *, corrupt: float = 0.0) -> Attempt:
    """A second stream of a call whose first one is secure."""
    pair = Pair(FAST, FAST, seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
    assert pair.secure
    pair.network.impair(netem(loss, seed, corrupt))
    streams = pair.add_streams(0xA11CE001, 0xB0B00001)
    pair.run(pair.network.now + LIMIT)
    return Attempt(pair, Mode.MULTISTREAM, streams)


def friends_who_verified() -> Friends:
    """Two who compared the SAS in an earlier call."""
    friends = Friends(PRESHARED, PRESHARED)
    pair = friends.call()
    for side in pair.sides:
        side.session.sas_matched()
        side.session.close(LIMIT)
    return friends


FRIENDS = friends_who_verified()


def second_call(loss: float, seed: int, *, corrupt: float = 0.0) -> Attempt:
    """A later call between two who compared the SAS before: Preshared mode."""
    caches = FRIENDS.copied_caches()
    pair = Pair(
        PRESHARED,
        PRESHARED,
        net=netem(loss, seed, corrupt),
        seed=seed + 1_000_000,
        alice_cache=caches["alice"],
        bob_cache=caches["bob"],
        clock=FRIENDS.clock,
    )
    return Attempt(pair.run(LIMIT), Mode.PRESHARED)


MODES: dict[str, tuple[Callable[..., Attempt], list[tuple[int, int]]]] = {
    "DH": (call, [(1, 1), (1, 1), (1, 1)]),
    "Multistream": (further_stream, [(1, 1), (1, 1)]),
    "Preshared": (second_call, [(1, 1), (1, 1)]),
    "hybrid in fragments": (fragmented, [fragments_of(b"X1M2", 600), (1, 1), (1, 1)]),
}
"""How each mode is tried, and of how many datagrams its requests and their answers are."""

EVERY_MODE = pytest.mark.parametrize("mode", MODES)


def bound(mode: str, loss: float) -> float:
    """What the schedules of the RFC can reach without duplicates."""
    _, requests = MODES[mode]
    return prod(request_bound(loss, request, answer) for request, answer in requests)


def enough(completed: int, runs: int, expected: float) -> bool:
    """Whether so many are not fewer than expected, by three standard deviations."""
    return completed >= runs * expected - 3 * sqrt(runs * expected * (1 - expected))


@every("loss", LOSSES)
def test_the_bound_of_diffie_hellman_is_a_closed_formula(loss: float) -> None:
    assert bound("DH", loss) == pytest.approx((1 - (1 - (1 - loss) ** 2) ** 11) ** 3)


@pytest.mark.attack("NET-10")
@pytest.mark.attack("NET-07")
@pytest.mark.rfc("R-6-08", "R-6-12", "R-6-17")
@pytest.mark.parametrize("runs", [3, pytest.param(40, marks=pytest.mark.long)])
@EVERY_MODE
def test_every_key_agreement_ends_in_equal_keys_or_a_stated_failure(mode: str, runs: int) -> None:
    attempt, _ = MODES[mode]
    for loss in LOSSES:
        completed = sum(attempt(loss, seed).check_outcome() for seed in range(runs))
        assert enough(completed + 1, runs, bound(mode, loss)), f"{completed} of {runs} with a loss of {loss:.0%}"


@pytest.mark.attack("NET-12")
@pytest.mark.parametrize("runs", [6, pytest.param(30, marks=pytest.mark.long)])
@EVERY_MODE
def test_a_third_of_all_packets_damaged_is_like_losing_them_and_no_alarm(mode: str, runs: int) -> None:
    attempt, _ = MODES[mode]
    completed = sum(attempt(0.0, 1000 + seed, corrupt=0.3).check_outcome() for seed in range(runs))
    assert enough(completed + 1, runs, bound(mode, 0.3))


@pytest.mark.attack("NET-06")
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_with_srtp_flowing_a_lost_conf2ack_does_not_matter(loss: float) -> None:
    for seed in range(10):
        assert call(loss, seed, srtp=True).check_outcome()


@pytest.mark.attack("NET-10")
def test_the_time_to_secure_is_that_of_a_few_round_trips_without_loss_and_seconds_with_it() -> None:
    def median(loss: float) -> float:
        times = []
        for seed in range(31):
            pair = call(loss, seed).pair
            times.append(max(moment for moment, _, _ in pair.network.log) if pair.secure else LIMIT)
        return sorted(times)[15]

    assert median(0.0) < 0.4
    assert median(0.2) < 1.0
    assert median(0.4) < 4.0


@pytest.mark.attack("CCH-04")
@pytest.mark.attack("NET-07")
@every("seed", range(10))
def test_call_after_call_with_heavy_loss_never_raises_a_false_alarm(seed: int) -> None:
    """Each call may be left half finished; what the two remember still fits in the next one."""
    friends = Friends(seed=seed)
    for number in range(12):
        pair = friends.pair(("alice", "bob")[number * seed % 2], net=netem(0.45, 100 * seed + number)).run(LIMIT)
        if any(side.stream.state is State.SECURE for side in pair.sides):
            assert not any("no longer has the key" in record for record in warnings_of(pair)), (seed, number)
        for side in pair.sides:
            side.session.close(LIMIT)


def warnings_of(pair: Pair) -> list[str]:
    return [getattr(event, "text", "") for side in pair.sides for event in side.seen(object)]


@pytest.mark.attack("NET-11")
@every("seed", range(10))
def test_a_network_that_is_gone_for_two_seconds_delays_a_call(seed: int) -> None:
    pair = Pair(FAST, FAST, seed=seed)
    start = 0.02 * seed
    pair.network.filter = lambda _, datagram: None if start <= pair.network.now < start + 2.0 else datagram
    pair.run(LIMIT)
    assert check_outcome_without_cache(pair)


def check_outcome_without_cache(pair: Pair) -> bool:
    assert all(side.stream.next_timer() is None for side in pair.sides)
    return pair.secure and pair.keys_agree


@pytest.mark.rfc("R-6-03")
@pytest.mark.attack("DOS-07")
@pytest.mark.parametrize("loss", [0.0, 0.3, 0.6])
def test_zrtp_never_takes_more_than_the_bandwidth_of_a_telephone_call(loss: float) -> None:
    """G.711 needs 64 kbit/s; the longest messages of the RFC are those of DH3k."""
    config = Config(key_agreements=(b"DH3k", b"Mult"))
    for seed in range(5):
        pair = Pair(config, config, net=netem(loss, seed), seed=seed).run(LIMIT)
        for name in ("alice", "bob"):
            sent = [(moment, len(datagram) + 28) for moment, sender, datagram in pair.network.log if sender == name]
            for start, _ in sent:
                assert sum(octets for moment, octets in sent if start <= moment < start + 1.0) <= 64_000 // 8


def only_from(deaf: str, sender: str, datagram: bytes) -> bytes | None:
    """Nothing reaches the deaf side."""
    return datagram if sender == deaf else None


def test_one_way_loss_of_everything_is_a_stated_failure_at_both_ends() -> None:
    for deaf in ("alice", "bob"):
        pair = Pair(FAST, FAST)
        pair.network.filter = partial(only_from, deaf)
        pair.run(LIMIT)
        assert {side.stream.state for side in pair.sides} <= {State.QUIET, State.FAILED}
        assert all(side.seen(NoPeer) or side.seen(Failed) for side in pair.sides)


def test_the_network_of_these_tests_loses_what_it_is_told_to() -> None:
    network = Network(Netem(loss=0.3, duplicate=0.1, seed=5))
    stream = Pair(FAST, FAST).alice.stream
    for _ in range(2000):
        network.send(stream, b"")
    assert len(network._queue) == pytest.approx(2000 * 0.7 * 1.1, rel=0.05)


# Thousands of calls


@pytest.mark.long
@pytest.mark.attack("NET-10")
@EVERY_MODE
@pytest.mark.parametrize("loss", LOSSES)
def test_completion_reaches_the_bound_of_the_schedule(loss: float, mode: str) -> None:
    attempt, _ = MODES[mode]
    completed = sum(attempt(loss, 10_000 + seed).check_outcome() for seed in range(RUNS))
    print(f"\n{mode}, {loss:.0%} lost: {completed} of {RUNS} complete, bound {bound(mode, loss):.3%}", end="")
    assert enough(completed, RUNS, bound(mode, loss))


@pytest.mark.long
@pytest.mark.attack("NET-10")
@pytest.mark.parametrize("loss", LOSSES)
def test_completion_where_srtp_counts_as_conf2ack(loss: float) -> None:
    runs = RUNS // 3
    completed = sum(call(loss, 20_000 + seed, srtp=True).check_outcome() for seed in range(runs))
    assert enough(completed, runs, bound("DH", loss))


@pytest.mark.long
@pytest.mark.attack("NET-12")
@EVERY_MODE
def test_damage_raises_no_alarm_in_thousands_of_runs(mode: str) -> None:
    attempt, _ = MODES[mode]
    completed = sum(attempt(0.0, 30_000 + seed, corrupt=0.3).check_outcome() for seed in range(RUNS))
    assert enough(completed, RUNS, bound(mode, 0.3))
