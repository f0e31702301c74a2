"""A call that ends in the middle of its key agreement leads to no alarm and no lock-out in the calls that follow."""

from __future__ import annotations

import pytest

from tests.security.toy import toy_config
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.pair import BOB_SSRC, Pair
from zrtp.protocol.events import Continuity, Mode, Secured, SecurityWarning
from zrtp.wire.messages import CONF2ACK, Kind, kind_of
from zrtp.wire.packet import encode_packet

CONFIG = toy_config(key_agreements=(b"TOY1", b"Mult", b"Prsh"), preshared=True)
ROLES = ("alice", "bob")
INTERRUPTIONS = range(13)
"""So many datagrams arrive, and no more; a whole Preshared call has twelve."""


def known(*, verified: bool) -> Friends:
    """Two people who have called each other once."""
    friends = Friends(CONFIG, CONFIG)
    pair = friends.call()
    for side in pair.sides:
        if verified:
            side.session.sas_matched("a friend")
        side.stream.srtp_verified(pair.network.now)
    hang_up(pair)
    return friends


def hang_up(pair: Pair) -> None:
    for side in pair.sides:
        side.session.close(pair.network.now)


def interrupted_call(friends: Friends, initiator: str, arrive: int) -> None:
    """After so many datagrams nothing arrives any more, and both give up."""
    pair = friends.pair(initiator)
    left = arrive

    def cut(_: str, datagram: bytes) -> bytes | None:
        nonlocal left
        left -= 1
        return datagram if left >= 0 else None

    pair.network.filter = cut
    pair.run(90.0)
    hang_up(pair)


def call_without_alarm(friends: Friends, initiator: str) -> Pair:
    pair = friends.call(initiator)
    for side in pair.sides:
        assert side.session.continuity is Continuity.CONTINUED
        assert not side.seen(SecurityWarning)
        side.stream.srtp_verified(pair.network.now)
    hang_up(pair)
    return pair


@pytest.mark.attack("CCH-22")
@every("initiator", ROLES)
@every("next_initiator", ROLES)
@every("arrive", INTERRUPTIONS)
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.long)])
def test_an_interrupted_preshared_call_raises_no_alarm(
    initiator: str, next_initiator: str, arrive: int, times: int
) -> None:
    friends = known(verified=True)
    for _ in range(times):
        interrupted_call(friends, initiator, arrive)
    call_without_alarm(friends, next_initiator)
    call_without_alarm(friends, initiator)


def test_what_is_interrupted_here_is_preshared() -> None:
    pair = call_without_alarm(known(verified=True), "alice")
    assert {event.mode for side in pair.sides for event in side.seen(Secured)} == {Mode.PRESHARED}
    assert len(pair.network.log) == INTERRUPTIONS[-1]


def call_with_forged_conf2ack(friends: Friends) -> None:
    """Somebody on the path keeps Alice's Confirm2 and answers it himself, which takes no key."""
    pair = friends.pair("alice")

    def forge(_: str, datagram: bytes) -> bytes | None:
        if kind_of(datagram[12:]) is not Kind.CONFIRM2:
            return datagram
        pair.network.send(pair.alice.stream, encode_packet(9, BOB_SSRC, CONF2ACK.raw))
        return None

    pair.network.filter = forge
    pair.run(90.0)
    hang_up(pair)


@pytest.mark.attack("CCH-23")
@every("calls_before", [0, 1])
@every("next_initiator", ROLES)
def test_a_forged_conf2ack_raises_no_alarm_in_the_calls_that_follow(calls_before: int, next_initiator: str) -> None:
    friends = known(verified=True) if calls_before else Friends(CONFIG, CONFIG)
    call_with_forged_conf2ack(friends)
    for initiator in (next_initiator, "alice", "bob"):
        pair = friends.call(initiator)
        assert not any(side.seen(SecurityWarning) for side in pair.sides)
        for side in pair.sides:
            side.stream.srtp_verified(pair.network.now)
        hang_up(pair)
