"""What a call writes into the record of its peer: each change alone, and changes that cross."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from tests.support.cases import every
from tests.support.vault import reachable
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.protocol.changes import (
    AfterCall,
    AfterMatch,
    AfterMismatch,
    AfterTrust,
    CallOutcome,
    Change,
    Enrolled,
    Forgotten,
    PeerFinished,
    Renamed,
    Unverified,
)
from zrtp.protocol.events import Mode, Role
from zrtp.secret import Secret

X, Y, Z = (Secret(bytes([octet]) * 32) for octet in b"XYZ")

# One call after another


def outcome(**changes: object) -> CallOutcome:
    values: dict[str, object] = {
        "new_rs1": Z,
        "s1": None,
        "mode": Mode.DH,
        "role": Role.INITIATOR,
        "interval": FOREVER,
        "authenticated": False,
    }
    return CallOutcome(**values | changes)  # type: ignore[arg-type]


def after(old: PeerRecord | None, now: float = 1000.0, **changes: object) -> PeerRecord:
    record = AfterCall(outcome=outcome(**changes), version=0 if old is None else old.generation, at=now).apply(old)
    assert record is not None
    return record


@pytest.mark.rfc("R-4.6.1-05", "R-4.6.1.1-06", "R-4.9-07")
def test_a_first_call_stores_its_secret_without_waiting_for_anything() -> None:
    record = after(None)
    assert (record.rs1, record.rs2, record.verified) == (Z, None, False)
    assert (record.first_seen, record.last_seen) == (1000.0, 1000.0)


@pytest.mark.rfc("R-4.6.1-05")
def test_rs2_becomes_the_secret_that_matched() -> None:
    assert after(PeerRecord(rs1=X, rs2=Y), s1=X).rs2 == X
    assert after(PeerRecord(rs1=X, rs2=Y), s1=Y).rs2 == Y  # what matched comes second
    assert after(PeerRecord(rs1=X, rs2=Y, rs1_expires=1.0)).rs2 == X
    assert after(PeerRecord(rs1=X, rs2=Y), s1=X).rs1 == Z


@pytest.mark.rfc("R-4.6.1-06")
def test_preshared_mode_keeps_what_carried_it_until_the_peer_has_finished() -> None:
    record = after(PeerRecord(rs1=X, rs2=Y, rs2_expires=7.0, preshared_count=3), s1=X, mode=Mode.PRESHARED)
    assert (record.rs1, record.rs2, record.preshared_count) == (Z, X, 4)
    assert record.unsure
    sure = PeerFinished().apply(record)
    assert sure is not None
    assert (sure.rs1, sure.rs2, sure.unsure) == (Z, None, False)
    assert after(record, s1=Z).preshared_count == 0


@pytest.mark.attack("CCH-07")
@pytest.mark.rfc("R-4.9-10", "R-4.9-11", "R-4.6.1-02")
def test_an_interval_of_zero_stores_nothing_and_ends_the_validity_of_what_is_there() -> None:
    assert AfterCall(outcome=outcome(interval=0), version=0, at=1.0).apply(None) is None
    old = PeerRecord(rs1=X, rs2=Y, interval=FOREVER)
    assert after(old, interval=0) == replace(old, interval=0)


@pytest.mark.attack("CCH-08")
@pytest.mark.rfc("R-4.9-08", "R-4.9-12")
def test_expiry_is_relative_to_the_call_and_cannot_overflow() -> None:
    assert after(None, interval=100).rs1_expires == 1100.0
    assert after(None, interval=FOREVER).rs1_expires is None
    assert after(None, now=4e9, interval=FOREVER - 1).rs1_expires == 4e9 + FOREVER - 1


@pytest.mark.attack("CCH-05")
def test_only_the_first_record_is_provisional_of_either_role() -> None:
    assert after(None, role=Role.RESPONDER).provisional
    assert after(None, role=Role.INITIATOR).provisional  # anybody can send a Conf2ACK
    assert not after(PeerRecord(rs1=X, rs1_expires=1.0), role=Role.RESPONDER).provisional
    provisional = PeerRecord(rs1=X, provisional=True)
    assert after(provisional, role=Role.RESPONDER).provisional
    assert not after(provisional, role=Role.RESPONDER, s1=X).provisional


def test_lineage_is_trusted_through_matches_only() -> None:
    trusted = PeerRecord(rs1=X, trusted_lineage=True, rs1_expires=1.0)
    assert after(trusted, s1=X).trusted_lineage
    assert not after(trusted).trusted_lineage
    assert after(None, authenticated=True).trusted_lineage


@pytest.mark.attack("CCH-16")
def test_a_verification_does_not_survive_a_call_without_a_match() -> None:
    """The SAS that was compared belongs to secrets that this peer does not have."""
    verified = PeerRecord(rs1=X, rs1_expires=1.0, verified=True, verified_at=5.0, name="Bob")
    assert after(verified, s1=X).verified
    lost = after(verified)
    assert (lost.verified, lost.verified_at, lost.name) == (False, None, "")
    mitigated = after(replace(verified, rs1_expires=None), authenticated=True)
    assert (mitigated.verified, mitigated.trusted_lineage) == (False, True)


@pytest.mark.rfc("R-7.1-01", "R-4.6.1.1-03")
def test_they_match_verifies_and_stores_what_was_held_back() -> None:
    old = PeerRecord(rs1=X, rs2=Y)
    held_back = AfterMatch(held_back=AfterCall(outcome=outcome(), version=0, at=9.0), name="Bob", at=9.0).apply(old)
    assert held_back is not None
    assert (held_back.rs1, held_back.rs2, held_back.verified, held_back.name) == (Z, X, True, "Bob")
    stored_before = AfterMatch(held_back=None, name=None, at=9.0).apply(PeerRecord(rs1=Z, provisional=True))
    assert stored_before is not None
    assert (stored_before.rs1, stored_before.verified, stored_before.provisional) == (Z, True, False)
    assert AfterMatch(held_back=None, name=None, at=9.0).apply(None) is None


@pytest.mark.attack("CCH-18")
@pytest.mark.rfc("R-7.1-06")
def test_they_differ_takes_this_calls_secret_back_and_clears_v() -> None:
    before = PeerRecord(rs1=X, rs2=Y, verified=True, verified_at=1.0)
    stored = PeerRecord(rs1=Z, rs2=X, verified=True, verified_at=1.0)
    assert AfterMismatch(before=before, new_rs1=Z, at=9.0).apply(stored) == before.as_different(9.0)
    assert AfterMismatch(before=before, new_rs1=Z, at=9.0).apply(before) == before.as_different(9.0)
    for old in (stored, None):  # after a first call
        left = AfterMismatch(before=None, new_rs1=Z, at=9.0).apply(old)
        assert left == PeerRecord(first_seen=9.0, differed_at=9.0)
    other_call = PeerRecord(rs1=Y, rs2=X)
    assert AfterMismatch(before=before, new_rs1=Z, at=9.0).apply(other_call) == other_call.as_different(9.0)


# Two calls at a time: the record has moved on since this one read it


def crossing(*, late_at: float, **changes: object) -> PeerRecord:
    """A call that began with generation 1 (rs1 is X) writes after another one, which wrote Y at 2000."""
    other = PeerRecord(rs1=Y, rs2=X, last_seen=2000.0, generation=2, interval=FOREVER)
    record = AfterCall(outcome=outcome(s1=X, **changes), version=1, at=late_at).apply(other)
    assert record is not None
    return record


def test_the_newer_secret_of_two_calls_is_rs1_and_the_other_rs2_whichever_is_written_last() -> None:
    later, earlier = crossing(late_at=2001.0), crossing(late_at=1999.0)
    assert (later.rs1, later.rs2, later.last_seen) == (Z, Y, 2001.0)
    assert (earlier.rs1, earlier.rs2, earlier.last_seen) == (Y, Z, 2000.0)


def test_two_calls_leave_the_same_secrets_in_either_order() -> None:
    """Through a cache, which counts the generations."""
    own, peer = b"own ZID here", b"peer's ZID.."
    left = []
    for order in permutations([(Y, 1000.0), (Z, 1001.0)]):
        cache = MemoryCache()
        cache.update(own, peer, lambda _: PeerRecord(rs1=X))
        for secret, at in order:
            change = AfterCall(outcome=outcome(new_rs1=secret, s1=X), version=1, at=at)
            cache.update(own, peer, change.apply)
        record = cache.load(own, peer)
        assert record is not None
        assert record.generation == 3
        left.append((record.rs1, record.rs2, record.last_seen))
    assert left == [(Z, Y, 1001.0)] * 2


@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_call_that_is_written_again_after_a_lost_answer_does_not_push_its_own_secret_back(meanwhile: bool) -> None:
    """Whether another call has written its own in between, or not."""
    change = AfterCall(outcome=outcome(s1=X), version=1, at=1000.0)
    stored = change.apply(PeerRecord(rs1=X, generation=1))
    assert stored is not None and (stored.rs1, stored.rs2) == (Z, X)
    if meanwhile:
        stored = replace(stored, rs1=Y, rs2=Z)
    stored = replace(stored, generation=2)
    assert change.apply(stored) == stored


def test_each_secret_of_two_calls_keeps_the_expiry_of_its_own() -> None:
    other = PeerRecord(rs1=Y, rs1_expires=2500.0, rs2=X, last_seen=2000.0, generation=2, interval=500)
    for at, expected in (
        (2100.0, (Z, 2200.0, Y, 2500.0, 100)),
        (1900.0, (Y, 2500.0, Z, 2000.0, 500)),
    ):
        record = AfterCall(outcome=outcome(s1=X, interval=100), version=1, at=at).apply(other)
        assert record is not None
        assert (record.rs1, record.rs1_expires, record.rs2, record.rs2_expires, record.interval) == expected


@pytest.mark.attack("CCH-16")
@pytest.mark.parametrize("late_at", [1999.0, 2001.0])
def test_beside_another_call_one_without_a_match_takes_the_verification_away(late_at: float) -> None:
    other = PeerRecord(
        rs1=Y, rs2=X, last_seen=2000.0, generation=2, verified=True, verified_at=5.0, trusted_lineage=True, name="Bob"
    )
    matched = AfterCall(outcome=outcome(s1=X), version=1, at=late_at).apply(other)
    stranger = AfterCall(outcome=outcome(s1=None), version=1, at=late_at).apply(other)
    assert matched is not None and stranger is not None
    assert (matched.verified, matched.trusted_lineage) == (True, True)
    assert (stranger.verified, stranger.trusted_lineage, stranger.name) == (False, False, "")


def test_a_lineage_is_trusted_only_if_that_of_both_calls_is() -> None:
    trusted = PeerRecord(rs1=Y, rs2=X, last_seen=2000.0, generation=2, trusted_lineage=True)
    for s1, authenticated, expected in ((X, False, True), (None, True, False), (None, False, False)):
        change = AfterCall(outcome=outcome(s1=s1, authenticated=authenticated), version=1, at=2001.0)
        record = change.apply(trusted)
        assert record is not None and record.trusted_lineage == expected
    untrusted = replace(trusted, trusted_lineage=False)
    record = AfterCall(outcome=outcome(s1=X, authenticated=True), version=1, at=2001.0).apply(untrusted)
    assert record is not None and not record.trusted_lineage


def test_beside_another_call_preshared_calls_are_counted_together() -> None:
    other = PeerRecord(rs1=Y, rs2=X, last_seen=2000.0, generation=2, preshared_count=4)
    for mode, count in ((Mode.PRESHARED, 5), (Mode.DH, 4)):
        record = AfterCall(outcome=outcome(s1=X, mode=mode), version=1, at=2001.0).apply(other)
        assert record is not None and record.preshared_count == count


def test_a_record_is_provisional_only_if_both_calls_left_it_so() -> None:
    for before in (True, False):
        other = PeerRecord(rs1=Y, last_seen=2000.0, generation=2, provisional=before)
        for s1, role, alone in (
            (None, Role.RESPONDER, True),
            (None, Role.INITIATOR, True),
            (X, Role.RESPONDER, False),
        ):
            record = AfterCall(outcome=outcome(s1=s1, role=role), version=1, at=2001.0).apply(other)
            assert record is not None and record.provisional == (before and alone)


def test_a_peer_that_was_forgotten_meanwhile_is_a_new_one() -> None:
    record = AfterCall(outcome=outcome(s1=X), version=3, at=9.0).apply(None)
    assert record is not None
    assert (record.rs1, record.rs2, record.first_seen, record.verified) == (Z, X, 9.0, False)


def test_a_peer_that_keeps_nothing_ends_the_validity_whatever_happened_meanwhile() -> None:
    other = PeerRecord(rs1=Y, rs2=X, last_seen=2000.0, generation=2)
    record = AfterCall(outcome=outcome(s1=X, interval=0), version=1, at=2001.0).apply(other)
    assert record == replace(other, interval=0)


def test_what_was_held_back_is_stored_beside_what_came_meanwhile() -> None:
    other = PeerRecord(rs1=Y, rs2=X, last_seen=2000.0, generation=2, name="Bob")
    held_back = AfterCall(outcome=outcome(), version=1, at=2001.0)
    record = AfterMatch(held_back=held_back, name=None, at=2002.0).apply(other)
    assert record is not None
    assert (record.rs1, record.rs2, record.verified, record.name) == (Z, Y, True, "Bob")


@pytest.mark.attack("CCH-18")
def test_they_differ_takes_the_secret_back_that_another_call_has_written_beside() -> None:
    """Whoever sat in between must not be recognised by it in a later call."""
    own, peer = b"own ZID here", b"peer's ZID.."
    for mine, others in ((1001.0, 1000.0), (1000.0, 1001.0)):
        cache = MemoryCache()
        before = cache.update(own, peer, lambda _: PeerRecord(rs1=X))
        assert before is not None
        cache.update(own, peer, AfterCall(outcome=outcome(new_rs1=Y, s1=X), version=1, at=others).apply)
        cache.update(own, peer, AfterCall(outcome=outcome(new_rs1=Z), version=1, at=mine).apply)
        cache.update(own, peer, AfterMismatch(before=before, new_rs1=Z, at=9.0).apply)
        left = cache.load(own, peer)
        assert left is not None
        assert Z not in (left.rs1, left.rs2), (mine, others)
        assert not left.verified


# The other changes

OLD = PeerRecord(
    rs1=X, rs2=Y, verified=True, verified_at=5.0, name="Bob", provisional=True, trusted_lineage=True, interval=FOREVER
)


def test_a_signer_who_is_trusted_vouches_for_the_secret_of_this_call_only() -> None:
    own = replace(OLD, rs1=Z, trusted_lineage=False)
    vouched = AfterTrust(new_rs1=Z).apply(own)
    assert vouched == replace(own, trusted_lineage=True)
    another = replace(own, rs1=X)
    assert AfterTrust(new_rs1=Z).apply(another) == another
    assert AfterTrust(new_rs1=Z).apply(None) is None


def test_the_small_changes_touch_what_their_names_say() -> None:
    assert PeerFinished().apply(OLD) == replace(OLD, provisional=False)
    assert Unverified().apply(OLD) == replace(OLD, verified=False, verified_at=None, trusted_lineage=False)
    assert Renamed(name="Bob").apply(OLD) == OLD
    assert Renamed(name="Eve").apply(OLD) == replace(OLD.as_unverified(), name="Eve")
    assert Enrolled(pbxsecret=Z, at=7.0).apply(OLD) == replace(OLD, pbxsecret=Z)
    assert Enrolled(pbxsecret=Z, at=7.0).apply(None) == PeerRecord(pbxsecret=Z, first_seen=7.0)
    assert Forgotten().apply(OLD) is None


EVERY: list[Change] = [
    AfterCall(outcome=outcome(), version=0, at=9.0),
    AfterMatch(held_back=AfterCall(outcome=outcome(), version=0, at=9.0), name="Bob", at=9.0),
    AfterMismatch(before=OLD, new_rs1=Z, at=9.0),
    AfterTrust(new_rs1=Z),
    PeerFinished(),
    Unverified(),
    Renamed(name="Eve"),
    Enrolled(pbxsecret=Z, at=9.0),
    Forgotten(),
]


@every("change", EVERY, ids=lambda change: type(change).__name__)
@every("old", [None, OLD], ids=["unknown", "known"])
def test_a_change_is_pure_and_may_be_applied_again(change: Change, old: PeerRecord | None) -> None:
    before = None if old is None else old.copy()
    assert change.apply(old) == change.apply(old)
    assert old == before


@every(
    ("change", "secrets"),
    [
        (AfterMismatch(before=None, new_rs1=Z.copy(), at=9.0), 1),
        (AfterCall(outcome=outcome(new_rs1=Z.copy(), s1=X.copy()), version=0, at=9.0), 2),
        (
            AfterMatch(held_back=AfterCall(outcome=outcome(new_rs1=Z.copy()), version=0, at=9.0), name=None, at=9.0),
            1,
        ),
        (AfterMismatch(before=OLD.copy(), new_rs1=Z.copy(), at=9.0), 3),
        (AfterTrust(new_rs1=Z.copy()), 1),
        (Enrolled(pbxsecret=Z.copy(), at=9.0), 1),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else "",
)
def test_after_it_is_stored_a_change_is_wiped(change: Change, secrets: int) -> None:
    held = [thing for thing in reachable([change]) if isinstance(thing, Secret)]
    assert len(held) == secrets
    change.wipe()
    assert all(secret.wiped for secret in held)
