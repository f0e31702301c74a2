"""Two endpoints over a bad network end in the same keys or in a stated failure, as often as the schedule allows.

With independent loss p in each direction one try of a request and its answer succeeds with (1 - p)^2. There are eleven
tries and three such steps (Commit, DHPart2, Confirm2), so that completion is bounded from below by
(1 - (1 - (1 - p)^2)^11)^3; duplicates lift the result above it.
"""

from __future__ import annotations

from functools import partial
from math import sqrt

import pytest

from tests.support.friends import Friends
from tests.support.pair import Netem, Network, Pair
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ErrorCode
from zrtp.protocol.config import Config
from zrtp.protocol.events import Failed, NoPeer, Sending
from zrtp.protocol.states import State

FAST = Config(key_agreements=(b"X255", b"Mult"))
LOSSES = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
LIMIT = 90.0


def bound(loss: float) -> float:
    """What the schedules of the RFC can reach without duplicates."""
    return float((1 - (1 - (1 - loss) ** 2) ** 11) ** 3)


def netem(loss: float, seed: int) -> Netem:
    """30 to 40 ms each way, one packet in ten twice."""
    return Netem(loss=loss, duplicate=0.1, delay=0.03, jitter=0.01, seed=seed)


def call(loss: float, seed: int, *, srtp: bool = False) -> Pair:
    """One call to its end; with `srtp`, whoever is secure sends a packet every 20 ms, as lossy as the rest."""
    pair = Pair(FAST, FAST, net=netem(loss, seed), seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache())
    if not srtp:
        return pair.run(LIMIT)
    pair.start()
    network = pair.network
    tick = 0.0
    while tick < LIMIT and not pair.secure:
        tick += 0.02
        network.run(tick)
        network.now = tick
        for sender, receiver in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
            if sender.stream.sending is Sending.SRTP and network._random.random() >= loss:
                receiver.stream.srtp_verified(tick)
        network.flush()
        if not any(side.stream.next_timer() for side in pair.sides):
            break
    return pair.run(LIMIT)


def check_outcome(pair: Pair) -> bool:
    """Whether the call completed; it has to end in equal keys or a stated failure, and nothing may be left running."""
    network = pair.network
    assert not network._queue
    for side in pair.sides:
        assert side.stream.next_timer() is None
        assert side.stream.state in (State.SECURE, State.FAILED, State.QUIET)
        if side.stream.state is State.FAILED:
            (failed,) = side.seen(Failed)
            assert failed.code == ErrorCode.PROTOCOL_TIMEOUT
        if side.stream.state is State.QUIET:
            assert side.seen(NoPeer)
    if pair.secure:
        assert pair.keys_agree
        alice, bob = pair.alice.session.sas, pair.bob.session.sas
        assert alice is not None and bob is not None and alice.sashash == bob.sashash
        records = [side.endpoint.cache.peers()[0].record for side in pair.sides]
        assert records[0].rs1 == records[1].rs1
    return pair.secure


@pytest.mark.attack("NET-10")
@pytest.mark.attack("NET-07")
@pytest.mark.rfc("R-6-08", "R-6-12", "R-6-17")
@pytest.mark.parametrize("loss", LOSSES)
def test_every_call_ends_in_equal_keys_or_a_stated_failure(loss: float) -> None:
    completed = sum(check_outcome(call(loss, seed)) for seed in range(40))
    assert completed >= 40 * bound(loss) - 3 * sqrt(40 * bound(loss) * (1 - bound(loss))) - 1


@pytest.mark.attack("NET-06")
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_with_srtp_flowing_a_lost_conf2ack_does_not_matter(loss: float) -> None:
    for seed in range(10):
        assert check_outcome(call(loss, seed, srtp=True))


@pytest.mark.attack("NET-10")
def test_the_time_to_secure_is_that_of_a_few_round_trips_without_loss_and_seconds_with_it() -> None:
    def median(loss: float) -> float:
        times = []
        for seed in range(31):
            pair = call(loss, seed)
            times.append(max(moment for moment, _, _ in pair.network.log) if pair.secure else LIMIT)
        return sorted(times)[15]

    assert median(0.0) < 0.4
    assert median(0.2) < 1.0
    assert median(0.4) < 4.0


@pytest.mark.attack("CCH-04")
@pytest.mark.attack("NET-07")
@pytest.mark.parametrize("seed", range(10))
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
@pytest.mark.parametrize("seed", range(10))
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
@pytest.mark.parametrize("srtp", [False, True], ids=["Conf2ACK only", "SRTP counts too"])
@pytest.mark.parametrize("loss", LOSSES)
def test_completion_reaches_the_bound_of_the_schedule(loss: float, srtp: bool) -> None:
    runs = 1000 if srtp else 3000
    completed = sum(check_outcome(call(loss, 10_000 + seed, srtp=srtp)) for seed in range(runs))
    expected = bound(loss)
    assert completed >= runs * expected - 3 * sqrt(runs * expected * (1 - expected))
