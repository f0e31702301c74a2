"""Discovery is in clear: whatever a stranger says meanwhile, two honest endpoints still find each other."""

from __future__ import annotations

from functools import partial
from operator import itemgetter

import pytest

from tests.support import wire
from tests.support.actor import Actor
from tests.support.cases import every
from tests.support.inside import core_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Netem, Pair, seeded
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import NoPeer
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.wire.messages import HELLO_ACK, Hello
from zrtp.wire.packet import encode_packet

FAST = Config(key_agreements=(b"X255",))
ON_REQUEST = Config(key_agreements=(b"X255",), auto_secure=False)

STRANGER = 0x3A3A3A3A


def inject(stream: Stream, message: bytes, now: float, ssrc: int = STRANGER) -> list[bytes]:
    """What the stream answers to one forged packet."""
    stream.receive_datagram(encode_packet(1, ssrc, message), now)
    return stream.datagrams_to_send()


def forgery(victim: Stream) -> Actor:
    """Somebody off the path, who knows where the victim listens and nothing else."""
    return Actor(victim, seed=99, ssrc=STRANGER)


@pytest.mark.attack("DOS-15")
@every("loss", [0.0, 0.1])
@every("victims", [("alice",), ("bob",), ("alice", "bob")], ids="+".join)
@every("moment", [0.001, 0.03, 0.101, 0.115, 0.13, 0.2])
@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 10), marks=pytest.mark.long)], ids=len)
def test_one_forged_hello_at_any_moment_ends_no_call(
    moment: float, victims: tuple[str, ...], loss: float, seeds: range
) -> None:
    """Bob answers the call a tenth of a second after Alice begins to say Hello."""
    for seed in seeds:
        pair = Pair(FAST, FAST, net=Netem(loss=loss, jitter=0.01, seed=seed), seed=seed)
        pair.alice.stream.start(0.0)
        happenings = [(0.1, pair.bob.stream.start)]
        for side in pair.sides:
            if side.name in victims:
                actor = forgery(side.stream)
                packet = encode_packet(1, actor.ssrc, actor.own_hello.raw)
                happenings.append((moment, partial(side.stream.receive_datagram, packet)))
        for when, happening in sorted(happenings, key=itemgetter(0)):
            pair.network.run(when)
            pair.network.now = when
            happening(when)
        pair.run(60.0)
        assert pair.secure and pair.keys_agree, seed


def quiet_stream(config: Config = FAST) -> Stream:
    stream = Endpoint(config, random=seeded(1)).session().add_stream(ALICE_SSRC)
    stream.start(0.0)
    while (timer := stream.next_timer()) is not None:
        stream.handle_timer(timer)
        stream.datagrams_to_send()
    assert stream.state is State.QUIET
    return stream


def test_forged_hello_ack_does_not_keep_our_hello_from_a_peer_that_comes_later() -> None:
    pair = Pair(FAST, FAST)
    pair.alice.stream.start(0.0)
    inject(pair.alice.stream, HELLO_ACK.raw, 0.0)
    assert pair.alice.stream.state is State.HELLO_ACKED
    pair.network.now = 1.0
    pair.bob.stream.start(1.0)
    pair.run(10.0)
    assert pair.secure and pair.keys_agree


def test_forged_hello_ack_after_the_peers_hello_does_not_stop_our_hello() -> None:
    pair = Pair(FAST, FAST)
    alice = pair.alice.stream
    alice.start(0.0)
    inject(alice, core_of(pair.bob.stream).hello.raw, 0.0, BOB_SSRC)
    assert inject(alice, HELLO_ACK.raw, 0.0) == []
    assert alice.state is State.HELLO_RECEIVED
    pair.network.now = 1.0
    pair.bob.stream.start(1.0)
    pair.run(10.0)
    assert pair.secure and pair.keys_agree


def test_forged_hello_ack_when_discovery_is_over_does_not_block_a_late_peer() -> None:
    pair = Pair(FAST, FAST)
    alice = pair.alice.stream
    alice.start(0.0)
    inject(alice, HELLO_ACK.raw, 0.0)
    pair.network.run(60.0)
    assert alice.state is State.QUIET
    pair.bob.stream.start(pair.network.now)
    pair.run(90.0)
    assert pair.secure and pair.keys_agree


@pytest.mark.parametrize("repeated", [False, True])
def test_a_stream_that_waits_for_its_user_waits_for_ever(repeated: bool) -> None:
    """A Hello that comes once more must not start a deadline after which `go_secure` does nothing."""
    pair = Pair(ON_REQUEST, ON_REQUEST, net=Netem(duplicate=0.5 if repeated else 0.0, seed=4)).run(100.0)
    if repeated:
        inject(pair.alice.stream, core_of(pair.bob.stream).hello.raw, 100.0, BOB_SSRC)
        pair.network.run(200.0)
    assert pair.alice.stream.state is State.DISCOVERED
    assert not pair.alice.seen(NoPeer)
    pair.network.now = max(pair.network.now, 200.0)
    pair.alice.session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    assert pair.secure and pair.keys_agree


@pytest.mark.attack("DOS-01")
@pytest.mark.attack("DOS-07")
@pytest.mark.parametrize(
    "hello",
    [wire.hello(version=b"2.00"), wire.hello(version=b"1.00"), wire.hello(version=b"abcd")],
    ids=lambda hello: hello.version.decode(),
)
def test_hellos_that_cannot_be_the_peers_bring_no_hello_out_of_a_quiet_stream(hello: Hello) -> None:
    stream = quiet_stream()
    sent = [datagram for _ in range(200) for datagram in inject(stream, hello.raw, 100.0)]
    assert {datagram[16:24] for datagram in sent} <= {b"HelloACK", b"Error   "}
    assert len(sent) <= 40  # the burst of the rate limit


@pytest.mark.attack("ZID-01")
def test_our_own_zid_brings_no_hello_out_of_a_quiet_stream() -> None:
    stream = quiet_stream()
    hello = wire.hello(zid=core_of(stream).call.zid)
    sent = [datagram for _ in range(200) for datagram in inject(stream, hello.raw, 100.0)]
    assert [datagram[16:24] for datagram in sent] == [b"Error   "]
