"""A Preshared call that ends before its Confirm2 arrives leads to no alarm and no lock-out in the calls that follow."""

from __future__ import annotations

import pytest

from tests.security.toy import toy_config
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.pair import Pair
from zrtp.protocol.events import Continuity, Mode, Secured, SecurityWarning

CONFIG = toy_config(key_agreements=(b"TOY1", b"Mult", b"Prsh"), preshared=True)
ROLES = ("alice", "bob")
INTERRUPTIONS = range(11)
"""So many datagrams arrive, and no more; the next one would be Conf2ACK."""


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
@every("times", [1, 2])
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
    assert pair.transcript()[len(INTERRUPTIONS) :] == ["bob Conf2ACK"]
