"""A stranger off the path who says Hello and sends a Commit that fails a check ends no call and holds none up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.actor import Actor
from tests.support.cases import every
from tests.support.inside import core_of
from tests.support.pair import BOB_SSRC, Pair, Side
from zrtp.protocol.config import Config
from zrtp.protocol.events import Failed, SecurityWarning, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import HELLO_ACK, Message

STRANGER = 0x3A3A3A3A
FAST = Config(key_agreements=(b"X255", b"Mult"))
LIMIT = 2.0
"""Seconds within which the call is secure all the same."""

COMMITS: dict[str, Callable[[Actor], Message]] = {
    "Multistream without a session": lambda stranger: stranger.multistream_commit(Secret(bytes(32))),
    "a hash that is never offered": lambda stranger: stranger.commit(hash=b"XXXX"),
    "a key agreement that is not offered": lambda stranger: stranger.commit(key_agreement=b"EC52"),
    "another ZID than its Hello": lambda stranger: stranger.commit(zid=b"another ZID!"),
    "a Hello whose MAC is wrong": lambda stranger: stranger.commit(),
}


def blind(stream_of: Side, name: str, *, acknowledge: bool) -> list[bytes]:
    """What the stranger sends: Hello, perhaps HelloACK, and the Commit. Nothing of the call is needed for it."""
    stranger = Actor(stream_of.stream, seed=77, ssrc=STRANGER)
    if name == "a Hello whose MAC is wrong":
        stranger.own_hello = stranger.hello(mac=lambda _: bytes(8))
    acknowledgement = [HELLO_ACK] if acknowledge else []
    messages = [stranger.own_hello, *acknowledgement, COMMITS[name](stranger)]
    return [stranger.packet(message.raw) for message in messages]


def deliver(side: Side, packets: list[bytes], now: float) -> None:
    for packet in packets:
        side.stream.receive_datagram(packet, now)


def secure_in_time(pair: Pair, began: float) -> None:
    pair.network.run(began + LIMIT, stop=lambda: pair.secure)
    assert pair.secure and pair.keys_agree, [side.stream.state for side in pair.sides]
    for side in pair.sides:
        assert not side.seen(Failed)
        assert {event.code for event in side.seen(SecurityWarning)} <= {WarningCode.PEER_ERROR}, "said, but not proved"


@pytest.mark.attack("DOS-21")
@every("name", COMMITS)
def test_before_the_hello_of_the_peer(name: str) -> None:
    pair = Pair(FAST, FAST, seed=3).start()
    deliver(pair.alice, blind(pair.alice, name, acknowledge=False), pair.network.now)
    secure_in_time(pair, pair.network.now)


@pytest.mark.attack("DOS-21")
@every("name", COMMITS)
def test_at_both_ends(name: str) -> None:
    pair = Pair(FAST, FAST, seed=4).start()
    for side in pair.sides:
        deliver(side, blind(side, name, acknowledge=False), pair.network.now)
    secure_in_time(pair, pair.network.now)


@pytest.mark.attack("DOS-21")
@every("name", COMMITS)
def test_after_our_commit(name: str) -> None:
    pair = Pair(FAST, FAST, seed=5).start()
    pair.network.run(5.0, stop=lambda: any(side.stream.state is State.COMMIT_SENT for side in pair.sides))
    victim = next(side for side in pair.sides if side.stream.state is State.COMMIT_SENT)
    packets = blind(victim, name, acknowledge=True)
    deliver(victim, packets, pair.network.now)
    secure_in_time(pair, pair.network.now)


@pytest.mark.attack("DOS-21")
@every("name", COMMITS)
def test_again_and_again(name: str) -> None:
    """A hundred a second, at one end: at most one Error a second goes back."""
    pair = Pair(FAST, FAST, seed=6).start()
    packets = blind(pair.bob, name, acknowledge=False)
    for moment in range(round(100 * LIMIT)):
        deliver(pair.bob, packets, moment / 100)
        pair.network.run((moment + 1) / 100, stop=lambda: pair.secure)
    assert pair.secure and pair.keys_agree
    assert sum(datagram[16:24] == b"Error   " for _, _, datagram in pair.network.log) <= 1 + LIMIT
    assert not pair.bob.seen(Failed)


@pytest.mark.attack("DOS-21")
def test_our_commit_that_went_to_the_stranger_turns_to_the_peer() -> None:
    """The stranger's Hello and HelloACK drew it; his refused Commit shows who he is. Had the peer answered the first
    one, it would not take a second.
    """
    pair = Pair(FAST, Config(key_agreements=(b"X255", b"Mult"), passive=True), seed=7).start()
    pair.network.run(5.0, stop=lambda: bool(core_of(pair.alice.stream).candidates))
    packets = blind(pair.alice, "a hash that is never offered", acknowledge=True)
    deliver(pair.alice, packets[:2], pair.network.now)
    assert pair.alice.stream.state is State.COMMIT_SENT
    assert pair.alice.stream.datagrams_to_send(), "what is lost: the Commit to the stranger"
    deliver(pair.alice, packets[2:], pair.network.now)
    assert present(core_of(pair.alice.stream).exchange).peer.ssrc == BOB_SSRC
    secure_in_time(pair, pair.network.now)
