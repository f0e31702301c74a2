"""Secrets that outlive a call: IDs, matching, and what each call leaves in the cache."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from tests.support import wire
from tests.support.actor import FAST, WAITING, Actor, alone
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.inside import call_of, core_of
from tests.support.pair import Pair, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.crypto.hashes import S256, S384
from zrtp.protocol.config import Config
from zrtp.protocol.events import Assurance, Continuity, Role, SasReady, Secured, SecurityWarning, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.retained_secrets import (
    KnownSecrets,
    Matched,
    SecretIds,
    match,
    own_ids,
)
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import CONF2ACK, DHPart1, DHPart2, Kind, kind_of

H3_I, H3_R = b"i" * 32, b"r" * 32
X, Y, Z = (Secret(bytes([octet]) * 32) for octet in b"XYZ")

BOTH = pytest.mark.parametrize("initiator", ["alice", "bob"])


def dhpart(kind: type[DHPart1] | type[DHPart2], ids: SecretIds) -> DHPart1 | DHPart2:
    return kind.make(
        h1=bytes(32),
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=bytes(32),
        mac=wire.fixed_mac(bytes(8)),
    )


def both_ends(initiator: KnownSecrets, responder: KnownSecrets, seed: int = 0) -> tuple[Matched, Matched]:
    """What the initiator and the responder find that they share."""
    random = seeded(seed)
    ids_i = own_ids(S256, initiator, Role.INITIATOR, H3_I, random)
    ids_r = own_ids(S256, responder, Role.RESPONDER, H3_R, random)
    return (
        match(S256, initiator, dhpart(DHPart1, ids_r), Role.RESPONDER, H3_R),
        match(S256, responder, dhpart(DHPart2, ids_i), Role.INITIATOR, H3_I),
    )


def continuities(pair: Pair) -> tuple[Continuity, Continuity]:
    return pair.alice.session.continuity, pair.bob.session.continuity


def warnings(side: Side) -> list[WarningCode]:
    return [event.code for event in side.seen(SecurityWarning)]


# IDs


@pytest.mark.rfc("R-4.3.1-01", "R-4.3.1-02", "R-4.3.1-03", "R-4.3.1-04")
def test_ids_are_macs_of_the_secrets_truncated_to_64_bits() -> None:
    known = KnownSecrets(rs1=X, rs2=Y, aux=Z, pbx=Secret(b"pbx"))
    for role, label, h3 in ((Role.INITIATOR, b"Initiator", H3_I), (Role.RESPONDER, b"Responder", H3_R)):
        ids = own_ids(S384, known, role, h3, seeded(1))
        assert ids.rs1 == S384.mac(X.octets, label)[:8]
        assert ids.rs2 == S384.mac(Y.octets, label)[:8]
        assert ids.aux == S384.mac(Z.octets, h3)[:8]
        assert ids.pbx == S384.mac(b"pbx", label)[:8]


@pytest.mark.attack("CCH-06")
@pytest.mark.rfc("R-4.3-02")
def test_missing_secrets_get_fresh_random_ids_that_never_match() -> None:
    random = seeded(2)
    seen: set[bytes] = set()
    for _ in range(50):
        ids = own_ids(S256, KnownSecrets(), Role.INITIATOR, H3_I, random)
        seen |= {ids.rs1, ids.rs2, ids.aux, ids.pbx}
    assert len(seen) == 200
    assert bytes(8) not in seen
    assert all(len(octets) == 8 for octets in seen)


@pytest.mark.attack("SID-03")
def test_a_dhpart_has_the_same_shape_whatever_is_known() -> None:
    for known in (KnownSecrets(), KnownSecrets(rs1=X), KnownSecrets(rs1=X, rs2=Y, aux=Z, pbx=Z)):
        ids = own_ids(S256, known, Role.RESPONDER, H3_R, seeded(3))
        assert len(dhpart(DHPart1, ids).raw) == 84 + 32
        assert len({ids.rs1, ids.rs2, ids.aux, ids.pbx}) == 4


# Matching


@pytest.mark.attack("CCH-03")
@pytest.mark.rfc("R-4.3-04", "R-4.3-05", "R-4.3-06", "R-4.3-07", "R-4.3.1-06")
@every("held", list(product((None, X, Y, Z), repeat=4)), ids=lambda _: "")
def test_s1_is_the_initiators_rs1_or_else_its_rs2_at_both_ends(held: tuple[Secret | None, ...]) -> None:
    rs1_i, rs2_i, rs1_r, rs2_r = held
    of_responder = [secret for secret in (rs1_r, rs2_r) if secret is not None]
    expected = next((secret for secret in (rs1_i, rs2_i) if secret is not None and secret in of_responder), None)
    found = both_ends(KnownSecrets(rs1=rs1_i, rs2=rs2_i), KnownSecrets(rs1=rs1_r, rs2=rs2_r))
    assert found[0].s1 == expected
    assert found[1].s1 == expected


@pytest.mark.rfc("R-4.3-08", "R-4.3-09", "R-4.3-10", "R-4.3-11", "R-4.3.1-07", "R-4.3.2-11")
@pytest.mark.attack("DWN-18")
@every("ours", [None, X])
@every("theirs", [None, X, Y])
def test_s2_and_s3_are_what_both_have_and_null_otherwise(ours: Secret | None, theirs: Secret | None) -> None:
    expected = ours if ours is not None and ours == theirs else None
    aux = both_ends(KnownSecrets(aux=ours), KnownSecrets(aux=theirs))
    pbx = both_ends(KnownSecrets(pbx=ours), KnownSecrets(pbx=theirs))
    assert [found.s2 for found in aux] == [expected, expected]
    assert [found.s3 for found in pbx] == [expected, expected]
    missing = [ours is not None and expected is None, theirs is not None and expected is None]
    assert [found.aux_mismatch for found in aux] == missing
    assert [found.pbx_mismatch for found in pbx] == missing
    assert [found.s1 for found in (*aux, *pbx)] == [None] * 4


def test_a_secret_of_one_kind_does_not_match_another_kind() -> None:
    found = both_ends(KnownSecrets(rs1=X, pbx=Y), KnownSecrets(aux=X, rs1=Y))
    for end in found:
        assert (end.s1, end.s2, end.s3) == (None, None, None)


@pytest.mark.rfc("R-4.3.1-04")
def test_an_id_reflected_to_its_sender_does_not_match() -> None:
    """IDs of rs depend on the role, those of auxsecret on H3: a copy of our own proves nothing."""
    known = KnownSecrets(rs1=X, rs2=Y, aux=Z, pbx=X)
    reflected = dhpart(DHPart1, own_ids(S256, known, Role.INITIATOR, H3_I, seeded(4)))
    found = match(S256, known, reflected, Role.RESPONDER, H3_R)
    assert (found.s1, found.s2, found.s3) == (None, None, None)


@pytest.mark.rfc("R-4.3.2-01", "R-4.3.2-02", "R-4.3.2-14")
def test_a_mismatch_is_rs1_here_and_no_match_and_auxsecret_does_not_excuse_it() -> None:
    expecting = KnownSecrets(rs1=X, rs2=Y, aux=Z, rs1_expected=True)
    assert both_ends(expecting, KnownSecrets(aux=Z))[0].continuity is Continuity.MISMATCH
    assert both_ends(expecting, KnownSecrets(rs2=Y))[0].continuity is Continuity.CONTINUED
    assert both_ends(KnownSecrets(aux=Z), expecting)[0].continuity is Continuity.FIRST_CALL


# Calls in a row


@BOTH
@pytest.mark.rfc("R-4.3-01", "R-4.1-03", "R-4.3.1-05", "R-4.6.1-05")
def test_each_call_brings_a_new_secret_that_both_share_and_the_next_call_matches(initiator: str) -> None:
    friends = Friends()
    assert continuities(friends.call(initiator)) == (Continuity.FIRST_CALL, Continuity.FIRST_CALL)
    seen = []
    for _ in range(5):
        before = friends.record("alice")
        assert continuities(friends.call(initiator)) == (Continuity.CONTINUED, Continuity.CONTINUED)
        alice, bob = friends.record("alice"), friends.record("bob")
        assert alice is not None and bob is not None and before is not None
        assert alice.rs1 == bob.rs1
        assert alice.rs2 == bob.rs2 == before.rs1
        assert alice.rs1 not in seen
        seen.append(alice.rs1)


@pytest.mark.attack("CCH-04")
@pytest.mark.attack("NET-07")
@pytest.mark.interop("I-31")
@every("halves", [1, 2, 3, 5])
@every("roles", ["same", "swapped"])
def test_half_finished_calls_in_a_row_raise_no_false_alarm(halves: int, roles: str) -> None:
    friends = Friends()
    friends.call("alice")
    for number in range(halves):
        pair = friends.half_finished_call("alice" if roles == "same" or number % 2 == 0 else "bob")
        assert {side.stream.state for side in pair.sides} == {State.CLOSED}
        assert not any(WarningCode.CACHE_MISMATCH in warnings(side) for side in pair.sides)
    for initiator in ("alice", "bob"):
        pair = friends.call(initiator)
        assert continuities(pair) == (Continuity.CONTINUED, Continuity.CONTINUED)
        assert warnings(pair.alice) == warnings(pair.bob) == []


@BOTH
@pytest.mark.attack("CCH-05")
@pytest.mark.parametrize("next_initiator", ["alice", "bob"])
def test_a_first_call_that_only_the_responder_finished_is_a_first_call_again(
    initiator: str, next_initiator: str
) -> None:
    friends = Friends()
    responder = "bob" if initiator == "alice" else "alice"
    friends.half_finished_call(initiator)
    record = friends.record(responder)
    assert record is not None and record.provisional
    assert friends.record(initiator) is None
    pair = friends.call(next_initiator)
    assert continuities(pair) == (Continuity.FIRST_CALL, Continuity.FIRST_CALL)
    assert warnings(pair.alice) == warnings(pair.bob) == []


@pytest.mark.attack("CCH-05")
def test_srtp_of_the_initiator_makes_a_provisional_record_firm() -> None:
    friends = Friends()
    pair = friends.pair("alice").run()
    record = friends.record("bob")
    assert record is not None and record.provisional
    pair.bob.stream.srtp_verified(10.0)
    record = friends.record("bob")
    assert record is not None and not record.provisional
    friends.forget("alice")
    pair = friends.call("alice")
    assert pair.bob.session.continuity is Continuity.MISMATCH


@pytest.mark.attack("CCH-05")
def test_the_next_match_makes_a_provisional_record_firm() -> None:
    friends = Friends()
    friends.call("alice")
    friends.call("alice")
    record = friends.record("bob")
    assert record is not None and not record.provisional


# When the cache is written


@BOTH
@pytest.mark.attack("CCH-19")
@pytest.mark.rfc("R-4.6.1-03", "R-4.6.1-04")
def test_the_responder_writes_after_confirm2_and_the_initiator_after_conf2ack(initiator: str) -> None:
    friends = Friends()
    pair = friends.pair(initiator).start()
    responder = "bob" if initiator == "alice" else "alice"
    streams = {side.name: side.stream for side in pair.sides}
    while not pair.secure:
        pair.network.run(30.0, stop=pair.network.moved_on())
        for name in (initiator, responder):
            assert (friends.record(name) is not None) == (streams[name].state is State.SECURE)
        if streams[initiator].state is State.SECURE:
            assert streams[responder].state is State.SECURE


@pytest.mark.attack("NET-06")
@pytest.mark.rfc("R-4.6.1-04")
def test_valid_srtp_lets_the_initiator_write_when_conf2ack_is_lost() -> None:
    friends = Friends()
    pair = friends.pair("alice")
    pair.network.filter = lambda _, datagram: None if kind_of(datagram[12:]) is Kind.CONF2ACK else datagram
    pair.run(2.0)
    assert pair.bob.stream.state is State.SECURE
    assert friends.record("alice") is None
    pair.alice.stream.srtp_verified(2.0)
    assert pair.secure
    alice, bob = friends.record("alice"), friends.record("bob")
    assert alice is not None and bob is not None and alice.rs1 == bob.rs1


class CountingCache(MemoryCache):
    """Counts transactions."""

    updates = 0

    def update(self, own_zid: bytes, peer_zid: bytes, change: object) -> PeerRecord | None:
        self.updates += 1
        return super().update(own_zid, peer_zid, change)  # type: ignore[arg-type]


def test_a_call_is_one_transaction_at_each_end_and_each_verdict_one_more() -> None:
    friends = Friends()
    caches = friends.caches = {"alice": CountingCache(), "bob": CountingCache()}
    pair = friends.pair().run()
    counts = {name: cache.updates for name, cache in caches.items() if isinstance(cache, CountingCache)}
    assert counts == {"alice": 1, "bob": 1}
    pair.alice.session.sas_matched("Bob")
    assert caches["alice"].updates == 2  # type: ignore[attr-defined]


@pytest.mark.rfc("R-4.6.1-01", "R-4.6.1-08", "R-4.4.3-02")
@pytest.mark.attack("CCH-17")
def test_further_streams_never_touch_the_cache() -> None:
    friends = Friends()
    pair = friends.call()
    before = friends.record("alice"), friends.record("bob")
    alice, bob = pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 5.0)
    assert alice.state is bob.state is State.SECURE
    assert (friends.record("alice"), friends.record("bob")) == before


# Mismatch


@BOTH
@pytest.mark.attack("CCH-01")
@pytest.mark.attack("ZID-03")
@pytest.mark.rfc("R-4.3.2-01", "R-4.3.2-03", "R-4.3.2-04", "R-4.3.2-06", "R-4.3.2-07", "R-4.3.2-09", "R-4.3.2-10")
@pytest.mark.rfc("R-4.6.1.1-03", "R-4.6.1.1-04")
def test_a_mismatch_alarms_on_every_call_and_leaves_the_secrets_until_the_sas_is_compared(initiator: str) -> None:
    friends = Friends()
    friends.call("bob").alice.session.sas_matched("Bob")
    friends.call("bob")
    before = friends.record("alice")
    for _ in range(3):
        friends.forget("bob")
        pair = friends.call(initiator)
        assert continuities(pair) == (Continuity.MISMATCH, Continuity.FIRST_CALL)
        assert warnings(pair.alice) == [WarningCode.CACHE_MISMATCH]
        assert warnings(pair.bob) == []
        assert pair.alice.session.assurance is Assurance.MISMATCH
        (ready,) = pair.alice.seen(SasReady)
        assert (ready.continuity, ready.verified) == (Continuity.MISMATCH, False)
        (secured,) = pair.alice.seen(Secured)
        assert not secured.verified
        for side in pair.sides:
            side.session.close(60.0)
        after_call = friends.record("alice")
        assert after_call is not None and before is not None
        assert (after_call.rs1, after_call.rs2) == (before.rs1, before.rs2)


@BOTH
@pytest.mark.attack("CCH-01")
@pytest.mark.rfc("R-4.6.1.1-03", "R-4.6.1.1-05")
def test_after_a_mismatch_they_match_stores_the_new_secret_and_the_next_call_is_clean(initiator: str) -> None:
    friends = Friends()
    friends.call()
    friends.call()
    friends.forget("bob")
    pair = friends.call(initiator)
    pair.alice.session.sas_matched("Bob")
    assert pair.alice.session.assurance is Assurance.VERIFIED
    alice, bob = friends.record("alice"), friends.record("bob")
    assert alice is not None and bob is not None
    assert alice.rs1 == bob.rs1 and alice.verified and alice.name == "Bob"
    assert continuities(friends.call(initiator)) == (Continuity.CONTINUED, Continuity.CONTINUED)


@pytest.mark.attack("CCH-16")
@pytest.mark.attack("CCH-18")
@pytest.mark.rfc("R-7.1-06")
def test_after_a_mismatch_they_differ_keeps_the_old_secrets_and_clears_v() -> None:
    friends = Friends()
    friends.call().alice.session.sas_matched("Bob")
    friends.call()
    before = friends.record("alice")
    friends.forget("bob")
    pair = friends.call()
    pair.alice.session.sas_mismatched()
    record = friends.record("alice")
    assert record is not None and before is not None and before.verified
    assert (record.rs1, record.rs2, record.verified) == (before.rs1, before.rs2, False)
    assert call_of(pair.alice.session).compromised


@pytest.mark.rfc("R-4.6.1.1-01")
def test_protected_signalling_mitigates_a_mismatch() -> None:
    config = replace(FAST, signalling_protected=True)
    friends = Friends(config, config)
    friends.call(bind=True).alice.session.sas_matched("Bob")
    friends.call(bind=True)
    friends.forget("bob")
    pair = friends.call(bind=True)
    assert continuities(pair) == (Continuity.MISMATCH, Continuity.FIRST_CALL)
    assert WarningCode.CACHE_MISMATCH in warnings(pair.alice)
    assert pair.alice.session.assurance is Assurance.SIGNALLING
    alice, bob = friends.record("alice"), friends.record("bob")
    assert alice is not None and bob is not None and alice.rs1 == bob.rs1
    assert not alice.verified  # the SAS of those secrets has not been compared
    pair = friends.call(bind=True)
    assert continuities(pair) == (Continuity.CONTINUED, Continuity.CONTINUED)
    assert not pair.alice.session.peer.verified


@pytest.mark.attack("CCH-24")
@pytest.mark.parametrize("how", ["signalling", "a signature"])
def test_whoever_is_authenticated_under_a_name_of_his_own_does_not_get_the_name_of_another(how: str) -> None:
    """Signalling, and a trusted signature, prove who somebody is: not that he is the one who has this name here."""
    config = replace(FAST, signalling_protected=how == "signalling")
    friends = Friends(config, config)
    friends.call().alice.session.sas_matched("Bob")
    friends.call()
    friends.forget("bob")
    pair = friends.call(bind=how == "signalling")
    if how == "a signature":
        call_of(pair.alice.session).retention.trust_signer()
        pair.alice.session.close(pair.network.now)
    pair = friends.call()
    assert pair.alice.session.continuity is Continuity.CONTINUED
    assert pair.alice.session.peer.name is None
    assert [event.peer_name for event in pair.alice.seen(Secured)] == [None]
    present(friends.record("alice"))
    pair.alice.session.sas_matched("Carol")
    assert present(friends.record("alice")).name == "Carol"


@pytest.mark.attack("CCH-02")
def test_forged_secret_ids_never_pass_for_a_lost_cache() -> None:
    """Whoever changes the IDs on the way changes total_hash: no key fits any more."""
    friends = Friends()
    friends.call()
    friends.call()
    before = friends.record("alice"), friends.record("bob")
    pair = friends.pair()

    def change_ids(_: str, datagram: bytes) -> bytes:
        if kind_of(datagram[12:]) in (Kind.DHPART1, Kind.DHPART2):
            return wire.reseal(datagram[:56] + bytes(32) + datagram[88:])
        return datagram

    pair.network.filter = change_ids
    pair.run(60.0)
    assert not any(side.stream.state is State.SECURE for side in pair.sides)
    assert (friends.record("alice"), friends.record("bob")) == before


# Expiry


@pytest.mark.attack("CCH-08")
@pytest.mark.interop("I-30")
@pytest.mark.rfc("R-4.9-09", "R-4.9-14")
def test_the_shorter_interval_counts_and_after_it_a_missing_secret_is_no_alarm() -> None:
    friends = Friends(replace(FAST, cache_interval=1000), replace(FAST, cache_interval=2000))
    pair = friends.call()
    pair.bob.stream.srtp_verified(1.0)
    for owner in ("alice", "bob"):
        record = friends.record(owner)
        assert record is not None
        assert (record.interval, record.rs1_expires) == (1000, friends.clock.now + 1000)
    friends.clock.now += 999
    friends.forget("bob")
    pair = friends.call()
    assert pair.alice.session.continuity is Continuity.MISMATCH
    pair.alice.session.close(60.0)
    friends.forget("bob")
    friends.clock.now += 2
    pair = friends.call()
    assert pair.alice.session.continuity is Continuity.FIRST_CALL
    assert warnings(pair.alice) == []


@pytest.mark.rfc("R-4.9-14")
def test_expired_secrets_still_match() -> None:
    friends = Friends(replace(FAST, cache_interval=1000), FAST)
    friends.call()
    friends.clock.now += 1_000_000
    assert continuities(friends.call()) == (Continuity.CONTINUED, Continuity.CONTINUED)


@pytest.mark.attack("CCH-08")
@pytest.mark.parametrize("now", [999_999.0, 10.0, -86_400.0], ids=["a second", "to 1970", "before 1970"])
def test_a_clock_that_is_set_back_costs_neither_secret_nor_verdict_and_hides_no_mismatch(now: float) -> None:
    friends = Friends(replace(FAST, cache_interval=1000), FAST)
    pair = friends.call()
    for side in pair.sides:
        side.session.sas_matched()
    friends.clock.now = now
    pair = friends.call()
    assert continuities(pair) == (Continuity.CONTINUED, Continuity.CONTINUED)
    assert all(side.session.peer.verified and warnings(side) == [] for side in pair.sides)
    for owner in ("alice", "bob"):
        record = friends.record(owner)
        assert record is not None
        assert (record.last_seen, record.rs1_expires) == (now, now + 1000)
    friends.forget("bob")
    assert friends.call().alice.session.continuity is Continuity.MISMATCH


@pytest.mark.attack("CCH-08")
def test_a_clock_that_was_ahead_for_one_call_is_put_right_by_the_next() -> None:
    friends = Friends(replace(FAST, cache_interval=1000), FAST)
    friends.call()
    right = friends.clock.now
    friends.clock.now += 1e9
    assert continuities(friends.call()) == (Continuity.CONTINUED, Continuity.CONTINUED)
    friends.clock.now = right + 1
    assert continuities(friends.call()) == (Continuity.CONTINUED, Continuity.CONTINUED)
    for owner in ("alice", "bob"):
        record = friends.record(owner)
        assert record is not None and record.rs1_expires == right + 1001


@pytest.mark.attack("CCH-16")
def test_after_expiry_a_peer_without_the_secret_is_not_verified_now_nor_later() -> None:
    friends = Friends(replace(FAST, cache_interval=1000), FAST)
    friends.call().alice.session.sas_matched("Bob")
    friends.change("bob", verified=True)
    friends.clock.now += 2000
    friends.forget("bob")
    for _ in range(2):
        pair = friends.call()
        assert pair.alice.session.continuity is Continuity.FIRST_CALL
        assert not pair.alice.session.peer.verified
        friends.forget("bob")
        friends.change("bob", verified=True)  # whoever took Bob's place says V = 1


@pytest.mark.attack("CCH-07")
@pytest.mark.rfc("R-4.9-10", "R-4.9-11", "R-4.6.1-02")
def test_a_peer_that_keeps_nothing_ends_the_validity_of_our_secret() -> None:
    friends = Friends()
    friends.call()
    friends.call()
    friends.configs["bob"] = replace(FAST, cache_interval=0)
    before = friends.record("alice")
    friends.call()
    record = friends.record("alice")
    assert record is not None and before is not None
    assert (record.rs1, record.rs2, record.interval) == (before.rs1, before.rs2, 0)
    friends.forget("bob")
    assert friends.call().alice.session.continuity is Continuity.FIRST_CALL


@pytest.mark.attack("CCH-09")
@pytest.mark.rfc("R-4.9.1-01", "R-4.9.1-02", "R-4.9.1-03", "R-4.9.1-04")
def test_a_cacheless_endpoint_says_so_and_is_asked_to_compare_on_every_call() -> None:
    cache = MemoryCache()
    zids = set()
    for seed in range(3):
        alice = alone(WAITING, cache, seed=seed)
        peer = Actor(alice.stream, seed=100 + seed)  # a new ZID for each call
        peer.discover()
        peer.initiate(cache_interval=0)
        assert alice.session.continuity is Continuity.FIRST_CALL
        assert cache.peers() == []
        cacheless = alone(WAITING, None, seed=seed)
        peer = Actor(cacheless.stream)
        peer.discover()
        plain = peer.initiate(verified=True)
        assert (plain.cache_interval, plain.verified) == (0, False)
        assert cacheless.session.continuity is Continuity.NONE
        assert not cacheless.session.peer.verified
        zids.add(call_of(cacheless.session).zid)
    assert len(zids) == 3


# The V flag


@pytest.mark.attack("CCH-15")
@pytest.mark.rfc("R-7.1-02", "R-7.1-01", "R-7.1-03")
@pytest.mark.parametrize("alice_says", [False, True])
@pytest.mark.parametrize("bob_says", [False, True])
def test_verified_is_shown_only_if_both_remember_it(alice_says: bool, bob_says: bool) -> None:
    friends = Friends()
    pair = friends.call()
    for side, says in ((pair.alice, alice_says), (pair.bob, bob_says)):
        if says:
            side.session.sas_matched()
        assert side.session.peer.verified == says
        assert call_of(side.session).peer_plain is not None and not present(call_of(side.session).peer_plain).verified
    pair = friends.call()
    for side in pair.sides:
        assert side.session.peer.verified == (alice_says and bob_says)
        assert [event.verified for event in side.seen(SasReady)] == [alice_says and bob_says]
    told = [WarningCode.PEER_NOT_VERIFIED]
    assert warnings(pair.alice) == (told if alice_says and not bob_says else [])
    assert warnings(pair.bob) == (told if bob_says and not alice_says else [])


@pytest.mark.attack("CCH-15")
def test_a_received_v_0_does_not_clear_what_the_local_user_said() -> None:
    friends = Friends()
    friends.call().alice.session.sas_matched("Bob")
    for _ in range(3):
        friends.call()
        record = friends.record("alice")
        assert record is not None and record.verified
    assert not friends.call().alice.session.peer.verified


# auxsecret


@pytest.mark.attack("DWN-18")
@pytest.mark.attack("CCH-20")
@pytest.mark.rfc("R-4.3.2-11", "R-4.3.2-12", "R-4.3.2-13", "R-4.3-03")
@every(
    ("alice_aux", "bob_aux", "warned"),
    [
        (b"a" * 32, b"a" * 32, (False, False)),
        (b"a" * 32, None, (True, False)),
        (None, b"b" * 5, (False, True)),
        (b"a" * 32, b"b" * 32, (True, True)),
        (b"short", b"short", (False, False)),
    ],
)
def test_auxsecret_is_mixed_in_if_both_have_it_and_a_mismatch_is_visible_and_no_end(
    alice_aux: bytes | None, bob_aux: bytes | None, warned: tuple[bool, bool]
) -> None:
    pair = Friends().call(alice_aux=alice_aux, bob_aux=bob_aux)
    for side, expected in zip(pair.sides, warned, strict=True):
        assert warnings(side) == ([WarningCode.AUX_MISMATCH] if expected else [])
        exchange = core_of(side.stream).exchange
        assert exchange is not None
        assert (exchange.matched.s2 is not None) == (alice_aux == bob_aux)


@pytest.mark.attack("DWN-18")
@pytest.mark.rfc("R-4.3.2-14")
def test_a_matching_auxsecret_does_not_excuse_a_cache_mismatch() -> None:
    friends = Friends()
    friends.call()
    friends.call()
    friends.forget("bob")
    pair = friends.call(alice_aux=b"a" * 32, bob_aux=b"a" * 32)
    assert warnings(pair.alice) == [WarningCode.CACHE_MISMATCH]
    assert pair.alice.session.assurance is Assurance.MISMATCH


# Confusions


@pytest.mark.attack("ZID-04")
def test_a_new_zid_of_a_known_contact_is_a_first_contact_and_not_a_mismatch() -> None:
    friends = Friends()
    friends.call().alice.session.sas_matched("Bob")
    friends.caches["bob"] = MemoryCache()
    pair = friends.call()
    assert continuities(pair) == (Continuity.FIRST_CALL, Continuity.FIRST_CALL)
    assert warnings(pair.alice) == []
    assert not pair.alice.session.peer.verified
    assert pair.alice.session.peer.name is None


@pytest.mark.attack("ZID-02")
@pytest.mark.parametrize("zid", [bytes(12), b"\xff" * 12])
def test_a_zid_of_zeros_or_ones_is_a_zid_like_any_other(zid: bytes) -> None:
    cache = MemoryCache()
    peer_record = None
    for seed in (1, 2):
        bob = alone(WAITING, cache, seed=seed)
        known = KnownSecrets() if peer_record is None else KnownSecrets(rs1=peer_record)
        peer = Actor(bob.stream, seed=seed + 10, zid=zid, known=known)
        peer.discover()
        peer.initiate()
        assert bob.session.continuity is (Continuity.FIRST_CALL if seed == 1 else Continuity.CONTINUED)
        assert peer.secrets is not None
        peer_record = peer.secrets.new_rs1
    (entry,) = cache.peers()
    assert entry.peer_zid == zid


@pytest.mark.attack("ZID-06")
def test_two_copies_of_one_installation_end_in_an_alarm() -> None:
    friends = Friends()
    friends.call().bob.stream.srtp_verified(1.0)
    clone = Friends()
    clone.caches["bob"] = friends.caches["bob"]
    clone.caches["alice"] = MemoryCache()
    alice, bob = friends.zids("alice")
    clone.caches["alice"].own_zid(lambda: alice)
    record = friends.record("alice")
    clone.caches["alice"].update(alice, bob, lambda _: record)
    for _ in range(3):
        friends.call()
    pair = clone.call()
    assert Continuity.MISMATCH in continuities(pair)


def test_a_config_without_cache_interval_keeps_for_ever() -> None:
    assert Config().cache_interval == FOREVER
    assert CONF2ACK.kind is Kind.CONF2ACK
