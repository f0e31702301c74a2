"""Floods of strangers: they cost neither memory nor public-key operations, and get less back than would be worth it.

Each flood is measured packet by packet at one stream: at most one answer to each, never more than four times the
octets, no public-key operation before the cheap checks have passed, memory as before. Then a real call completes.
"""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import pytest

from tests.security.toy import TOY, toy_config
from tests.support.actor import SUITE, WAITING, Actor
from tests.support.counting import CountingKeyAgreement
from tests.support.inside import call_of, core_of, running_exchanges
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Clock, Netem, Network, Pair, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.key_agreements.montgomery import X255
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.wire.messages import CONF2ACK, HELLO_ACK, Error, Ping
from zrtp.wire.packet import encode_packet

FAST = Config(key_agreements=(b"X255", b"Mult"))
TOY_SUITE = replace(SUITE, key_agreement=b"TOY1")
AMPLIFICATION = 4

pytestmark = pytest.mark.usefixtures("quiet_log")


@dataclass
class Toll:
    """What a flood brought about."""

    packets: int = 0
    octets_in: int = 0
    answers: int = 0
    octets_out: int = 0
    grown: int = 0
    """Octets of memory."""


class Target:
    """One stream that waits for its peer, and counts what it computes."""

    def __init__(self) -> None:
        self.agreement = CountingKeyAgreement(X255)
        self.config = Config(key_agreements=(b"X255", b"Mult"), algorithms=DEFAULT.extended(self.agreement))
        self.endpoint = Endpoint(self.config, MemoryCache(), random=seeded(1), wall_clock=Clock())
        self.session = self.endpoint.session()
        self.stream = self.session.add_stream(ALICE_SSRC)
        self.stream.start(0.0)
        self.stream.datagrams_to_send()
        self.now = 0.0

    def endure(self, flood: Iterable[bytes], interval: float = 0.001) -> Toll:
        """Every packet of the flood; the first tenth fills the bounded tables before memory is measured."""
        packets = list(flood)
        toll = Toll()
        tracemalloc.start()
        try:
            for number, packet in enumerate(packets):
                if number == len(packets) // 10:
                    gc.collect()
                    toll.grown -= tracemalloc.get_traced_memory()[0]
                self._one(packet, toll)
                self.now += interval
            gc.collect()
            toll.grown += tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        return toll

    def _one(self, packet: bytes, toll: Toll) -> None:
        self.stream.receive_datagram(packet, self.now)
        answers = self.stream.datagrams_to_send()
        assert len(answers) <= 2
        size = sum(map(len, answers))
        assert size <= AMPLIFICATION * len(packet)
        toll.packets += 1
        toll.octets_in += len(packet)
        toll.answers += len(answers)
        toll.octets_out += size

    def call_completes(self) -> None:
        """The real peer comes after the flood."""
        peer = Endpoint(self.config, MemoryCache(), random=seeded(2), wall_clock=Clock())
        other = peer.session().add_stream(BOB_SSRC)
        network = Network()
        network.now = self.now
        network.connect("alice", self.stream, "bob", other)
        other.start(self.now)
        network.run(self.now + 30.0)
        assert (self.stream.state, other.state) == (State.SECURE, State.SECURE)


def hellos(victim: Stream, count: int) -> Iterator[bytes]:
    """Another SSRC, ZID and H3 in each."""
    for number in range(count):
        actor = Actor(victim, seed=number, ssrc=0x50000000 + number)
        yield encode_packet(number & 0xFFFF, actor.ssrc, actor.own_hello.raw)


def commits(victim: Stream, count: int) -> Iterator[bytes]:
    """Another SSRC, ZID and H2 in each, and no Hello before."""
    template = Actor(victim, config=WAITING).commit()
    dice = random.Random(3)
    for number in range(count):
        raw = template.raw[:12] + dice.randbytes(44) + template.raw[56:]
        yield encode_packet(number & 0xFFFF, 0x60000000 + number, raw)


def pings(_: Stream, count: int) -> Iterator[bytes]:
    dice = random.Random(4)
    for number in range(count):
        ping = Ping.make(version=b"1.10", endpoint_hash=dice.randbytes(8))
        yield encode_packet(number & 0xFFFF, dice.getrandbits(32), ping.raw)


def errors(_: Stream, count: int) -> Iterator[bytes]:
    dice = random.Random(5)
    for number in range(count):
        error = Error.make(code=dice.choice((0x20, 0x30, 0x63, 0x70, 0xB0, 0, 0xFFFFFFFF)))
        yield encode_packet(number & 0xFFFF, dice.getrandbits(32), error.raw)


def acknowledgements(_: Stream, count: int) -> Iterator[bytes]:
    dice = random.Random(6)
    for number in range(count):
        yield encode_packet(number & 0xFFFF, dice.getrandbits(32), dice.choice((HELLO_ACK, CONF2ACK)).raw)


Flood = Callable[[Stream, int], Iterator[bytes]]

EVERY_FLOOD = pytest.mark.parametrize(
    "flood",
    [
        pytest.param(hellos, marks=pytest.mark.attack("DOS-01")),
        pytest.param(commits, marks=pytest.mark.attack("DOS-02")),
        pytest.param(pings, marks=pytest.mark.attack("DOS-06")),
        pytest.param(errors, marks=pytest.mark.attack("DOS-10", "DOS-11")),
        pytest.param(acknowledgements, marks=pytest.mark.attack("DOS-16")),
    ],
    ids=lambda flood: flood.__name__,
)


@pytest.mark.parametrize("packets", [50, pytest.param(2_000, marks=pytest.mark.long)])
@EVERY_FLOOD
def test_a_flood_costs_no_memory_and_no_public_key_operation_and_a_call_follows(flood: Flood, packets: int) -> None:
    target = Target()
    toll = target.endure(flood(target.stream, packets))
    assert toll.packets == packets
    assert target.agreement.total == 0
    assert toll.grown < 30_000, toll
    assert toll.answers <= limits.ANSWER_BURST + limits.ANSWER_RATE * target.now + 1
    assert toll.octets_out <= toll.octets_in
    assert len(core_of(target.stream).candidates) <= limits.CANDIDATES
    assert len(call_of(target.session).events) < limits.EVENTS
    assert len(target.stream.counters) < 20
    assert running_exchanges(target.endpoint) == 0
    target.call_completes()


@pytest.mark.parametrize("rate", [100, *(pytest.param(rate, marks=pytest.mark.long) for rate in (20, 1000))])
@EVERY_FLOOD
def test_a_call_completes_while_both_ends_are_flooded(flood: Flood, rate: int) -> None:
    """So many packets a second at each end, from before the call until it is secure."""
    pair = Pair(FAST, FAST, net=Netem(jitter=0.01, seed=rate), seed=rate)
    floods = [(side.stream, flood(side.stream, 10 * rate)) for side in pair.sides]
    pair.alice.stream.start(0.0)
    for number in range(10 * rate):
        now = number / rate
        pair.network.run(now)
        pair.network.now = now
        if number == rate // 4:
            pair.bob.stream.start(now)
        for stream, packets in floods:
            stream.receive_datagram(next(packets), now)
        pair.network.flush()
        if pair.secure:
            break
    assert pair.secure and pair.keys_agree


@pytest.mark.attack("DOS-08")
def test_errors_under_the_ssrc_of_the_peer_do_not_stop_an_exchange_that_goes_on() -> None:
    pair = Pair(WAITING, Config(key_agreements=(b"X255",)))
    codes = random.Random(7)

    def forge(sender: str, datagram: bytes) -> bytes:
        receiver, ssrc = (pair.bob, ALICE_SSRC) if sender == "alice" else (pair.alice, BOB_SSRC)
        for number in range(20 if core_of(receiver.stream).exchange is not None else 0):
            packet = encode_packet(number, ssrc, Error.make(code=codes.getrandbits(8)).raw)
            receiver.stream.receive_datagram(packet, pair.network.now)
        return datagram

    pair.network.filter = forge
    pair.start()
    pair.network.run(1.0, stop=lambda: pair.secure)
    answers = sum(datagram[16:24] == b"ErrorACK" for _, _, datagram in pair.network.log)
    assert pair.secure and pair.keys_agree
    assert not any(side.seen(Failed) for side in pair.sides)
    assert 0 < answers <= 2 * (limits.ANSWER_BURST + limits.ANSWER_RATE)


@pytest.mark.attack("DOS-03", "DOS-04")
@pytest.mark.parametrize(("count", "limit"), [(60, 8), pytest.param(3_000, 64, marks=pytest.mark.long)])
def test_half_open_exchanges_on_one_endpoint_make_room_and_leave_nothing(count: int, limit: int) -> None:
    agreement = CountingKeyAgreement(TOY)
    config = toy_config(auto_secure=False, half_open_limit=limit, algorithms=DEFAULT.extended(agreement))
    endpoint = Endpoint(config, MemoryCache(), random=seeded(1), wall_clock=Clock())
    before, sent = 0, [0, 0]
    not_answered = 0
    suite_config = toy_config()
    sessions = []
    tracemalloc.start()
    try:
        for number in range(count):
            session, now = endpoint.session(), number * 0.001
            stream = session.add_stream(ALICE_SSRC)
            stream.start(now)
            stream.datagrams_to_send()
            actor = Actor(stream, seed=number, config=suite_config, suite=TOY_SUITE)
            for message in (actor.own_hello, actor.commit()):
                packet = actor.packet(message.raw)
                stream.receive_datagram(packet, now)
                answers = stream.datagrams_to_send()
                assert len(answers) <= 2
                sent[0] += len(packet)
                sent[1] += sum(map(len, answers))
                assert sum(map(len, answers)) <= AMPLIFICATION * len(packet)
            assert running_exchanges(endpoint) <= limit
            not_answered += stream.counters["too many exchanges"]
            sessions.append(session)
            if len(sessions) > 2 * limit:
                sessions.pop(0).close(now)
            if number == count // 2:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 100_000
    assert agreement.operations["key pair"] == count - not_answered
    assert agreement.operations["wiped"] >= count - not_answered - limit
    assert agreement.operations["shared secret"] == 0
    assert sent[1] <= sent[0]
    for session in sessions:
        (stream,) = session.streams
        stream.datagrams_to_send()
        while (timer := stream.next_timer()) is not None:
            stream.handle_timer(timer)
            stream.datagrams_to_send()
        assert core_of(stream).exchange is None or stream.state in (State.FAILED, State.QUIET)
    assert running_exchanges(endpoint) == 0
