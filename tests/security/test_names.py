"""Names belong to keys: whoever claims a ZID, which everybody can read, is shown under nobody's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.support.actor import Actor
from tests.support.friends import FAST, Friends, hear_each_other
from tests.support.inside import call_of
from tests.support.pair import Pair, Side
from tests.support.pbx import PBX
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse
from zrtp.protocol.events import Assurance, Continuity, PeerDetected, SasReady, Secured, SecurityWarning, WarningCode
from zrtp.secret import Secret


def acquainted() -> Friends:
    """Alice has compared with Bob, and calls him so; what they retain is good for an hour."""
    friends = Friends(replace(FAST, cache_interval=3600), FAST)
    pair = friends.call()
    pair.alice.session.sas_matched("Bob")
    pair.bob.session.sas_matched("Alice")
    hang_up(pair)
    return friends


def hang_up(pair: Pair) -> None:
    for side in pair.sides:
        side.session.close(pair.network.now)


@contextmanager
def somebody_elses(friends: Friends) -> Iterator[None]:
    """In Bob's place is somebody with his ZID and nothing else; what the true Bob has stays with him."""
    bob, (zid, _) = friends.caches["bob"], friends.zids("bob")
    stranger = friends.caches["bob"] = MemoryCache()
    stranger.own_zid(lambda: zid)
    yield
    friends.caches["bob"] = bob


def call_of_stranger(friends: Friends) -> Pair:
    with somebody_elses(friends):
        return friends.call()


def warnings(side: Side) -> list[WarningCode]:
    return [event.code for event in side.seen(SecurityWarning)]


def record(friends: Friends) -> PeerRecord:
    known = friends.record("alice")
    assert known is not None
    return known


@pytest.mark.attack("CCH-21")
def test_a_stranger_with_the_zid_of_a_friend_is_shown_without_name_after_the_secret_has_expired() -> None:
    friends = acquainted()
    friends.clock.now += 7200
    for _ in range(2):  # the second call does not match either
        alice = call_of_stranger(friends).alice
        (secured,) = alice.seen(Secured)
        (sas,) = alice.seen(SasReady)
        assert (secured.peer_name, secured.verified, secured.verified_at) == (None, False, None)
        assert (sas.continuity, sas.verified) == (Continuity.FIRST_CALL, False)
        assert (alice.session.peer.name, alice.session.peer.verified_at) == (None, None)
        assert warnings(alice) == [WarningCode.NAME_NOT_PROVED]


@pytest.mark.attack("CCH-21")
def test_the_record_of_the_friend_stays_so_that_the_friend_is_known_and_causes_no_alarm() -> None:
    friends = acquainted()
    friends.clock.now += 7200
    before = record(friends)
    hang_up(call_of_stranger(friends))
    assert record(friends) == before

    alice = friends.call().alice
    assert alice.session.continuity is Continuity.CONTINUED
    assert alice.session.peer.name == "Bob" and alice.session.peer.verified
    assert warnings(alice) == []


@pytest.mark.attack("CCH-21")
@pytest.mark.attack("CCH-01")
def test_before_the_secret_expires_the_stranger_is_a_mismatch_and_has_no_name_either() -> None:
    friends = acquainted()
    alice = call_of_stranger(friends).alice
    assert alice.seen(Secured)[0].peer_name is None and alice.session.peer.name is None
    assert alice.session.assurance is Assurance.MISMATCH
    assert warnings(alice) == [WarningCode.CACHE_MISMATCH]


@pytest.mark.attack("CCH-21")
def test_a_friend_whose_secrets_are_lost_here_has_no_name_before_the_words_are_compared() -> None:
    friends = acquainted()
    friends.change("alice", rs1=None, rs2=None)
    pair = friends.call()
    assert warnings(pair.alice) == [WarningCode.NAME_NOT_PROVED]
    assert record(friends).rs1 is None

    pair.alice.session.sas_matched()
    pair.bob.session.sas_matched()
    assert pair.alice.session.peer.name == "Bob" and record(friends).verified
    hang_up(pair)
    alice = friends.call().alice
    assert alice.seen(Secured)[0].peer_name == "Bob" and alice.session.peer.verified


@pytest.mark.attack("CCH-21")
def test_words_that_differ_leave_the_secrets_of_the_friend() -> None:
    friends = acquainted()
    friends.clock.now += 7200
    before = record(friends)
    pair = call_of_stranger(friends)
    pair.alice.session.sas_mismatched()
    hang_up(pair)
    assert (record(friends).rs1, record(friends).name) == (before.rs1, "Bob")


def test_nobody_renames_a_friend_by_way_of_a_stranger() -> None:
    friends = acquainted()
    friends.clock.now += 7200
    alice = call_of_stranger(friends).alice
    with pytest.raises(ApiMisuse, match="compare the SAS first"):
        alice.session.peer.rename("Carol")
    assert record(friends).name == "Bob" and record(friends).verified


def test_a_peer_without_a_name_is_remembered_as_before_once_its_secret_has_expired() -> None:
    friends = Friends(replace(FAST, cache_interval=3600), FAST)
    hang_up(friends.call())
    friends.clock.now += 7200
    friends.forget("bob")
    pair = friends.call()
    assert warnings(pair.alice) == []
    hang_up(pair)
    assert friends.call().alice.session.continuity is Continuity.CONTINUED


@pytest.mark.attack("SAS-08")
def test_a_stranger_who_said_hello_first_is_not_the_peer_of_the_secure_call() -> None:
    pair = Pair(FAST, FAST).start()
    stranger = Actor(pair.alice.stream, zid=b"a stranger's", ssrc=0x3A3A3A3A)
    pair.alice.stream.receive_datagram(stranger.packet(stranger.own_hello.raw), 0.0)
    pair.run()

    assert pair.secure
    first, second = pair.alice.seen(PeerDetected)
    (secured,) = pair.alice.seen(Secured)
    assert first.zid == b"a stranger's"
    assert (second.zid, second.client_id) == (pair.bob.endpoint.zid, secured.client_id)
    assert secured.zid == pair.bob.endpoint.zid == pair.alice.session.peer.zid
    assert pair.alice.events.index(second) < pair.alice.events.index(pair.alice.seen(SasReady)[0])
    assert len(pair.bob.seen(PeerDetected)) == 1


# The enrolment number of a PBX


class EnrolmentNumber:
    """A PBX at Alice's place, and a phone that it has enrolled at Bob's."""

    def __init__(self) -> None:
        self.friends = Friends(PBX, replace(FAST, key_agreements=(b"X255",)))
        self.call(accept=True)

    def call(self, *, accept: bool = False) -> Side:
        """The phone calls the number; how the PBX has seen it."""
        pair = self.friends.pair("bob")
        call_of(pair.alice.session).enrol = True
        pair.run()
        assert pair.secure
        hear_each_other(pair)
        if accept:
            pair.bob.session.pbx.accept_enrolment(despite_unverified=True)
        return pair.alice

    def call_of_stranger(self) -> Side:
        """Somebody else with the ZID of the phone does so."""
        with somebody_elses(self.friends):
            return self.call()

    @property
    def pbxsecret(self) -> Secret | None:
        return record(self.friends).pbxsecret

    @property
    def trusted(self) -> bool:
        """The phone, when it calls again, finds the PBX that its user trusts."""
        pair = self.friends.call("bob")
        return pair.bob.session.pbx.matched and not warnings(pair.bob)


@pytest.mark.attack("SAR-10")
@pytest.mark.parametrize("secrets", [{}, {"rs1": None, "rs2": None}], ids=["s1", "s3"])
def test_a_stranger_with_the_zid_of_a_phone_does_not_end_its_enrolment(secrets: dict[str, None]) -> None:
    number = EnrolmentNumber()
    number.friends.change("alice", **secrets)
    before = number.pbxsecret
    number.call_of_stranger()
    assert before is not None and number.pbxsecret == before
    assert number.trusted == (not secrets)


def test_an_enrolment_that_was_held_back_is_kept_once_somebody_has_compared() -> None:
    number = EnrolmentNumber()
    before = number.pbxsecret
    number.friends.forget("bob")
    pbx = number.call(accept=True)
    assert number.pbxsecret == before
    pbx.session.sas_matched()
    assert number.pbxsecret != before
    assert number.trusted


def test_a_phone_that_is_known_is_enrolled_again_even_if_its_user_said_no_before() -> None:
    number = EnrolmentNumber()
    number.friends.change("bob", pbxsecret=None)
    number.call(accept=True)
    assert number.trusted
