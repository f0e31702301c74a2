"""A call: its streams, its SAS, the verdict of its user, and its keys for other uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, only
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.inside import call_of, core_of, remembered_secrets, secrets_of
from tests.support.pair import Pair, Side
from zrtp.cache.interface import RecordUpdate
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.crypto.hashes import S256, S384
from zrtp.errors import ApiMisuse, CacheError
from zrtp.protocol import limits
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Assurance,
    Closed,
    Continuity,
    Failed,
    KeysReady,
    Mode,
    PongReceived,
    SasReady,
    Secured,
    SecurityWarning,
    Sending,
    Verified,
    WarningCode,
)
from zrtp.protocol.exchange import present
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import Commit


def warnings(side: Side) -> list[WarningCode]:
    return [event.code for event in side.seen(SecurityWarning)]


def secure_pair(**options: Any) -> Pair:
    pair = Pair(FAST, FAST, alice_cache=MemoryCache(), bob_cache=MemoryCache(), **options).run()
    assert pair.secure and pair.keys_agree
    return pair


# The verdict


@pytest.mark.attack("SAS-03")
@pytest.mark.attack("SAS-06")
@pytest.mark.rfc("R-7.1-01", "R-7.1-04", "R-7.1-05", "R-12-01", "R-12-02")
def test_they_match_verifies_the_call_names_the_peer_and_lasts() -> None:
    friends = Friends()
    pair = friends.call()
    session = pair.alice.session
    assert (session.assurance, session.peer.verified) == (Assurance.ENCRYPTED, False)
    friends.clock.now = 5_000.0
    session.sas_matched("Bob Example")
    assert (session.assurance, session.peer.verified, session.peer.name) == (Assurance.VERIFIED, True, "Bob Example")
    assert session.peer.verified_at == 5_000.0
    (event,) = pair.alice.seen(Verified)
    assert (event.verified, event.peer_name) == (True, "Bob Example")
    pair.bob.session.sas_matched()
    friends.clock.now = 9_000.0
    pair = friends.call()
    (secured,) = pair.alice.seen(Secured)
    assert (secured.verified, secured.peer_name, secured.verified_at) == (True, "Bob Example", 5_000.0)
    assert pair.alice.session.assurance is Assurance.VERIFIED


@pytest.mark.attack("CCH-05")
def test_they_match_makes_a_provisional_record_firm() -> None:
    friends = Friends()
    friends.call("alice").bob.session.sas_matched()
    record = friends.record("bob")
    assert record is not None and not record.provisional


@pytest.mark.attack("CCH-18")
@pytest.mark.attack("SAS-01")
@pytest.mark.rfc("R-7.1-06", "R-7-05")
@pytest.mark.parametrize("calls_before", [0, 1, 2])
def test_they_differ_discards_this_calls_secret_and_marks_the_call_for_its_whole_life(calls_before: int) -> None:
    friends = Friends()
    for _ in range(calls_before):
        friends.call().alice.session.sas_matched("Bob")
    before = friends.record("alice")
    pair = friends.call()
    session = pair.alice.session
    session.sas_mismatched()
    after = friends.record("alice")
    if before is None:
        assert after is not None and (after.rs1, after.rs2, after.differed_at) == (None, None, friends.clock.now)
    else:
        assert after is not None
        assert (after.rs1, after.rs2, after.verified, after.name) == (before.rs1, before.rs2, False, "Bob")
    assert call_of(session).compromised
    assert (session.assurance, session.peer.verified) == (Assurance.MISMATCH, False)
    assert pair.alice.seen(Verified)[-1].verified is False
    with pytest.raises(ApiMisuse, match="only a new call"):
        session.sas_matched()
    assert session.assurance is Assurance.MISMATCH


def test_they_differ_after_they_match_counts_too() -> None:
    friends = Friends()
    pair = friends.call()
    pair.alice.session.sas_matched("Bob")
    pair.alice.session.sas_mismatched()
    left = friends.record("alice")
    assert left is not None and (left.rs1, left.rs2, left.name, left.verified) == (None, None, "", False)
    assert pair.alice.session.assurance is Assurance.MISMATCH


@pytest.mark.attack("SAS-03")
def test_later_changes_nothing() -> None:
    friends = Friends()
    friends.call()
    before = friends.record("alice")
    assert before is not None and not before.verified
    friends.call().alice.session.close(60.0)
    after = friends.record("alice")
    assert after is not None and not after.verified
    assert after.rs2 == before.rs1


@pytest.mark.attack("SAS-03")
def test_a_verification_can_be_taken_back_and_the_secrets_stay() -> None:
    friends = Friends()
    pair = friends.call()
    pair.alice.session.sas_matched("Bob")
    before = friends.record("alice")
    pair.alice.session.take_back_verdict()
    after = friends.record("alice")
    assert after is not None and before is not None
    assert (after.rs1, after.verified, after.verified_at) == (before.rs1, False, None)
    assert not pair.alice.session.peer.verified
    pair.alice.session.sas_matched()
    assert pair.alice.session.peer.verified


@pytest.mark.parametrize(
    "ask",
    [
        Session.sas_matched,
        Session.sas_mismatched,
        Session.take_back_verdict,
        lambda session: session.peer.rename("Bob"),
    ],
    ids=["match", "mismatch", "forget", "rename"],
)
def test_there_is_nothing_to_say_about_a_sas_before_it_is_there_nor_after_the_call(
    ask: Callable[[Session], None],
) -> None:
    """After the call neither "they match" could store its secret, nor "not a match" take it back."""
    bob = alone(FAST)
    with pytest.raises(ApiMisuse, match="wait for SasReady"):
        ask(bob.session)
    friends = Friends()
    friends.call()
    friends.call()
    friends.forget("bob")
    pair = friends.call()
    before = friends.record("alice")
    pair.alice.session.close(60.0)
    with pytest.raises(ApiMisuse, match="compare the SAS before"):
        ask(pair.alice.session)
    assert friends.record("alice") == before


# Names


@pytest.mark.attack("ZID-05")
def test_another_name_clears_the_verification_until_the_sas_is_compared_again() -> None:
    friends = Friends()
    pair = friends.call()
    pair.alice.session.sas_matched("Bob")
    pair.alice.session.peer.rename("Mallory")
    record = friends.record("alice")
    assert record is not None and (record.name, record.verified) == ("Mallory", False)
    assert not pair.alice.session.peer.verified
    assert pair.alice.seen(Verified)[-1] == Verified(ssrc=pair.alice.stream.ssrc, verified=False, peer_name="Mallory")


def test_the_same_name_again_changes_nothing() -> None:
    friends = Friends()
    pair = friends.call()
    pair.alice.session.sas_matched("Bob")
    pair.alice.session.peer.rename(" Bob ")
    record = friends.record("alice")
    assert record is not None and record.verified
    assert pair.alice.session.peer.verified


@pytest.mark.attack("ZID-05")
def test_the_stored_name_is_shown_whoever_the_signalling_says_is_calling() -> None:
    friends = Friends()
    friends.call().alice.session.sas_matched("Mallory")
    (secured,) = friends.call().alice.seen(Secured)
    assert secured.peer_name == "Mallory"


@pytest.mark.attack("SID-05")
def test_names_are_kept_without_what_could_mislead_a_reader() -> None:
    friends = Friends()
    pair = friends.call()
    pair.alice.session.sas_matched("Bob\x1b[31m\u202e evil\n")
    assert pair.alice.session.peer.name == "Bob[31m evil"


# Assurance


@pytest.mark.rfc("R-8.1.1-01", "R-1-02")
@every(
    ("protected", "bind", "verify", "expected"),
    [
        (False, False, False, Assurance.ENCRYPTED),
        (False, True, False, Assurance.ENCRYPTED),
        (True, False, False, Assurance.ENCRYPTED),
        (True, True, False, Assurance.SIGNALLING),
        (True, False, True, Assurance.VERIFIED),
        (False, True, True, Assurance.VERIFIED),
        (True, True, True, Assurance.BOUND_AND_VERIFIED),
    ],
)
def test_assurance_counts_signalling_only_if_the_application_vouches_for_it(
    protected: bool, bind: bool, verify: bool, expected: Assurance
) -> None:
    config = replace(FAST, signalling_protected=protected)
    pair = Pair(config, config, alice_cache=MemoryCache(), bob_cache=MemoryCache(), bind=bind)
    assert pair.alice.session.assurance is Assurance.INSECURE
    pair.run()
    if verify:
        pair.alice.session.sas_matched()
    assert pair.alice.session.assurance is expected
    assert pair.alice.session.peer.bound_to_signalling == bind
    pair.alice.session.close(60.0)
    assert pair.alice.session.assurance is Assurance.INSECURE


@pytest.mark.parametrize(
    ("installation", "call", "expected"),
    [
        (True, False, Assurance.ENCRYPTED),
        (False, True, Assurance.SIGNALLING),
        (True, None, Assurance.SIGNALLING),
    ],
)
def test_whether_signalling_is_protected_may_be_said_for_one_call(
    installation: bool, call: bool | None, expected: Assurance
) -> None:
    """One call goes by way of a server that is trusted, another one by way of any."""
    alice = Endpoint(replace(FAST, signalling_protected=installation)).session(signalling_protected=call)
    bob = Endpoint(FAST).session().add_stream(2)
    stream = alice.add_stream(1, peer_hello_hash=bob.hello_hash)
    for each in (stream, bob):
        each.start(0.0)
    while stream.state is not State.SECURE:
        for each, other in ((stream, bob), (bob, stream)):
            for datagram in each.datagrams_to_send():
                other.receive_datagram(datagram, 0.0)
    assert alice.assurance is expected


@pytest.mark.attack("CHN-09")
def test_a_further_stream_without_zrtp_hash_unbinds_the_call() -> None:
    config = replace(FAST, signalling_protected=True)
    pair = Pair(config, config, bind=True).run()
    assert pair.alice.session.peer.bound_to_signalling
    pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 5.0)
    assert not pair.alice.session.peer.bound_to_signalling


@pytest.mark.attack("SAS-06")
def test_secure_and_unverified_is_a_state_that_no_application_can_overlook() -> None:
    pair = secure_pair()
    assert pair.alice.stream.state is State.SECURE
    assert pair.alice.session.assurance is Assurance.ENCRYPTED
    (secured,) = pair.alice.seen(Secured)
    (ready,) = pair.alice.seen(SasReady)
    assert secured.verified is ready.verified is False


# Keys for other uses


@pytest.mark.attack("KEY-01")
@pytest.mark.attack("KEY-02")
@pytest.mark.rfc("R-4.5.2-10", "R-4.5.2-11", "R-4.5.2-12", "R-4.5.2-13")
def test_exported_keys_are_equal_at_both_ends_and_differ_by_label_and_length() -> None:
    pair = secure_pair()
    alice, bob = pair.alice.session, pair.bob.session
    assert alice.keys.export(b"chat", 32) == bob.keys.export(b"chat", 32)
    assert alice.keys.export(b"chat", 32) != alice.keys.export(b"files", 32)
    assert alice.keys.export(b"chat", 16) != Secret(bytes(alice.keys.export(b"chat", 32).octets)[:16])
    assert len(alice.keys.export(b"chat", 1)) == 1
    assert alice.assurance is Assurance.ENCRYPTED


@pytest.mark.attack("KEY-01")
@pytest.mark.rfc("R-4.5.2-11", "R-4.5.1-01")
def test_an_exported_key_is_the_kdf_of_exported_key_under_the_label() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    assert peer.secrets is not None
    expected = S256.kdf(peer.secrets.exported_key, b"label", peer.secrets.kdf_context, 160)
    assert bob.session.keys.export(b"label", 20) == expected


@pytest.mark.attack("KEY-01")
@pytest.mark.attack("SID-06")
@pytest.mark.rfc("R-4.5.2-12", "R-4.5.2-05")
def test_nothing_is_exported_before_the_call_is_secure_nor_after_it() -> None:
    pair = Pair(FAST, FAST)
    with pytest.raises(ApiMisuse, match="only while the call is secure"):
        pair.alice.session.keys.export(b"label", 16)
    pair.run()
    for octets in (0, 33, -1):
        with pytest.raises(ApiMisuse, match="1 to 32 octets"):
            pair.alice.session.keys.export(b"label", octets)
    pair.alice.session.close(60.0)
    with pytest.raises(ApiMisuse):
        pair.alice.session.keys.export(b"label", 16)


@pytest.mark.attack("KEY-01")
def test_a_further_stream_does_not_change_what_is_exported() -> None:
    pair = secure_pair()
    before = pair.alice.session.keys.export(b"label", 32)
    pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 5.0)
    assert pair.alice.session.keys.export(b"label", 32) == before


def test_the_hash_bounds_what_is_exported_at_once() -> None:
    config = replace(FAST, hashes=(b"S384", b"S256"))
    pair = Pair(config, config).run()
    assert len(pair.alice.session.keys.export(b"label", S384.length)) == 48


# One call, one SAS, one peer


@pytest.mark.attack("SAS-04")
@pytest.mark.rfc("R-2-01", "R-4.5.2-01", "R-4.5.2-03", "R-4.5.2-09", "R-7-02", "R-4.4.3.1-03")
def test_one_sas_for_all_streams_of_a_call() -> None:
    pair = secure_pair()
    sas, zrtpsess = pair.alice.session.sas, call_of(pair.alice.session).zrtpsess
    for number in range(3):
        pair.add_streams(0xA200 + number, 0xB200 + number)
    pair.run(pair.network.now + 5.0)
    assert {stream.mode for stream in pair.alice.session.streams} == {Mode.DH, Mode.MULTISTREAM}
    assert pair.alice.session.sas is sas
    assert call_of(pair.alice.session).zrtpsess is zrtpsess
    assert len(pair.alice.seen(SasReady)) == 1
    assert len(pair.alice.seen(KeysReady)) == 4


@pytest.mark.rfc("R-1-01", "R-4.5.2-04")
def test_two_calls_of_one_endpoint_share_nothing() -> None:
    pairs = [secure_pair(seed=seed) for seed in (1, 2)]
    one, other = (pair.alice.session for pair in pairs)
    assert one.sas is not None and other.sas is not None
    assert one.sas.sashash != other.sas.sashash
    assert call_of(one).zrtpsess != call_of(other).zrtpsess
    second = pairs[0].alice.endpoint.session()
    assert call_of(second).zrtpsess is None and second.sas is None


@pytest.mark.rfc("R-5-09")
@pytest.mark.attack("KEY-06")
def test_streams_are_named_by_ssrcs_that_differ_and_fit_32_bits() -> None:
    session = alone(FAST).session
    session.add_stream(0)
    session.add_stream(0xFFFFFFFF)
    for ssrc in (-1, 2**32, 0):
        with pytest.raises(ApiMisuse):
            session.add_stream(ssrc)
    session.streams[1].close(0.0)
    session.add_stream(0)  # free again


def test_a_call_that_is_closed_takes_no_stream_more() -> None:
    session = alone(FAST).session
    session.close(0.0)
    with pytest.raises(ApiMisuse, match="make a new session"):
        session.add_stream(0x77)


@pytest.mark.attack("CHN-08")
@pytest.mark.parametrize("octets", [b"", bytes(31), bytes(33)])
def test_a_zrtp_hash_has_32_octets(octets: bytes) -> None:
    with pytest.raises(ApiMisuse, match="32 octets"):
        alone(FAST).session.add_stream(5, peer_hello_hash=octets)


@pytest.mark.interop("I-45")
@pytest.mark.rfc("R-4.1-09")
def test_after_an_exchange_that_came_to_nothing_a_new_stream_tries_again_with_a_new_chain() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.send(peer.dhpart1(commit))
    peer.wait(60.0)
    assert bob.stream.state is State.QUIET
    again = bob.session.add_stream(0xB2)
    again.start(peer.now)
    assert core_of(again).chain.h3 != core_of(bob.stream).chain.h3
    second = Actor(again, seed=5, zid=peer.zid)
    (*_, commit) = second.discover()
    assert isinstance(commit, Commit)
    second.answer(commit)
    assert again.state is State.SECURE


# auxsecret from signalling


@pytest.mark.attack("DWN-18")
@pytest.mark.rfc("R-8.2-01", "R-8.2-02", "R-4.3-03")
@pytest.mark.parametrize("theirs", ["the same", "another", "none"])
def test_the_srtp_key_of_signalling_serves_as_auxsecret(theirs: str) -> None:
    pair = Pair(FAST, FAST)
    key, salt = b"k" * 16, b"s" * 14
    alice = Side("alice", pair.alice.endpoint, pair.alice.endpoint.session(signalled_key=(key, salt)))
    other = {"the same": (key, salt), "another": (key, b"t" * 14), "none": None}[theirs]
    bob = Side("bob", pair.bob.endpoint, pair.bob.endpoint.session(signalled_key=other))
    streams = alice.session.add_stream(1), bob.session.add_stream(2)
    pair.network.connect("alice", streams[0], "bob", streams[1])
    for stream in streams:
        stream.start(0.0)
    pair.network.run(30.0)
    assert {stream.state for stream in streams} == {State.SECURE}
    for stream in streams:
        assert core_of(stream).exchange is not None
        assert (present(core_of(stream).exchange).matched.s2 is not None) == (theirs == "the same")
    assert (WarningCode.AUX_MISMATCH in warnings(alice)) == (theirs != "the same")


# The cache fails


class BrokenCache(MemoryCache):
    """Fails to load, to update, or both."""

    def __init__(self, *, load: bool, update: bool) -> None:
        super().__init__()
        self.fails = {"load": load, "update": update}

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        if self.fails["load"]:
            raise CacheError("The cache cannot be read.")
        return super().load(own_zid, peer_zid)

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        if self.fails["update"]:
            raise CacheError("The cache cannot be written.")
        return super().update(own_zid, peer_zid, change)


@pytest.mark.attack("CCH-13")
@pytest.mark.parametrize(("load", "update"), [(True, False), (False, True), (True, True)])
def test_a_cache_that_fails_is_a_warning_and_the_call_goes_on_without_it(load: bool, update: bool) -> None:
    cache = BrokenCache(load=load, update=update)
    going_on = replace(FAST, go_on_without_store=True)
    pair = Pair(going_on, FAST, alice_cache=cache, bob_cache=MemoryCache()).run()
    assert pair.secure and pair.keys_agree
    assert WarningCode.CACHE_FAILED in warnings(pair.alice)
    assert pair.alice.session.continuity is (Continuity.NONE if load else Continuity.FIRST_CALL)
    assert cache.peers() == []
    pair.alice.session.sas_matched("Bob")
    assert pair.alice.session.peer.verified


@pytest.mark.attack("CCH-13")
@pytest.mark.attack("CCH-16")
def test_after_a_failed_load_they_match_stores_this_calls_secret_and_verifies_no_older_one() -> None:
    friends = Friends(replace(FAST, go_on_without_store=True))
    friends.call()
    friends.call()
    before = friends.record("alice")
    broken = BrokenCache(load=True, update=False)
    friends.move("alice", broken)
    pair = friends.call()
    pair.alice.session.sas_matched("Bob")
    pair.bob.session.sas_matched("Alice")  # who had a mismatch
    broken.fails["load"] = False
    after, bob = friends.record("alice"), friends.record("bob")
    assert after is not None and before is not None and bob is not None
    assert (after.rs1, after.rs2, after.verified) == (bob.rs1, before.rs1, True)


# Bounds


@pytest.mark.attack("DOS-16")
def test_the_queue_of_events_is_bounded_and_keeps_what_cannot_be_missed() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    for _ in range(2000):
        call_of(bob.session).emit(PongReceived(ssrc=1, endpoint_hash=bytes(8), version=b"1.10"))
    assert len(call_of(bob.session).events) == limits.EVENTS
    assert call_of(bob.session).events_lost == 2000 - limits.EVENTS
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    kept = bob.seen(object)
    assert [type(event) for event in kept if not isinstance(event, PongReceived)] == [KeysReady, Secured]


@pytest.mark.attack("DOS-17")
def test_not_even_what_cannot_be_missed_is_kept_without_end() -> None:
    bob = alone(FAST)
    call = call_of(bob.session)
    for number in range(3000):
        call.emit(Failed(ssrc=number, code=0xB0, name="PROTOCOL_TIMEOUT", by_peer=False, text="Call again."))
    assert len(call.events) == 2 * limits.EVENTS
    assert [event.ssrc for event in bob.seen(Failed)] == list(range(3000 - 2 * limits.EVENTS, 3000))
    assert call.events_lost == 3000 - 2 * limits.EVENTS


@pytest.mark.attack("DOS-01")
@pytest.mark.attack("DOS-16")
def test_warnings_of_one_kind_come_once_a_second() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.discover()
    for number in range(40):
        stranger = Actor(bob.stream, seed=300 + number)
        stranger.now = number * 0.1
        stranger.send(stranger.dhpart1(peer.own_commit or only([peer.heard[-1]], Commit)))
    assert warnings(bob).count(WarningCode.CHAIN_MISMATCH) == 4


# Secrets


@pytest.mark.attack("SID-06")
@pytest.mark.rfc("R-4.7.3-01", "R-4.7.3-02", "R-4.7.3-03", "R-4.5.2-05", "R-4.5.3-16")
def test_closing_a_call_wipes_every_key_of_every_stream_and_leaves_the_cache() -> None:
    friends = Friends()
    friends.call()
    pair = friends.call(alice_aux=b"a" * 32, bob_aux=b"a" * 32)
    pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 5.0)
    session = pair.alice.session
    secrets = [*secrets_of(session).values(), *remembered_secrets(session)]
    for stream in session.streams:
        assert present(core_of(stream).exchange).derived is not None
        keys = present(core_of(stream).exchange).keys
        secrets += [keys.mackeyi, keys.mackeyr, keys.zrtpkeyi, keys.zrtpkeyr]
    assert all(any(secret.octets) for secret in secrets)
    session.close(60.0)
    session.close(60.0)
    assert all(secret.wiped for secret in secrets)
    assert len(pair.alice.seen(Closed)) == 2
    stored = friends.record("alice")
    assert stored is not None and stored.rs1 is not None and any(stored.rs1.octets)
    assert call_of(session).zrtpsess is None


@pytest.mark.attack("SID-05")
def test_no_key_shows_in_any_event_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="zrtp")
    friends = Friends()
    friends.call()
    pair = friends.call()
    pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 5.0)
    shown = [record.getMessage() for record in caplog.records]
    for side in pair.sides:
        shown += [repr(event) for event in side.seen(object)]
        shown += [repr(thing) for thing in (side.session, *side.session.streams, side.session.sas)]
        shown += [repr(core_of(stream).exchange) for stream in side.session.streams]
    text = "\n".join(shown)
    secrets: set[bytes] = set()
    for side in pair.sides:
        chain, session = core_of(side.stream).chain, side.session
        secrets |= {chain.h0}
        secrets |= {bytes(secret.octets) for secret in secrets_of(session).values()}
        for stream in session.streams:
            assert present(core_of(stream).exchange).derived is not None
            keys = present(core_of(stream).exchange).keys
            for secret in (keys.mackeyi, keys.mackeyr, keys.zrtpkeyi, keys.zrtpkeyr, keys.srtpi.key, keys.srtpr.key):
                secrets.add(bytes(secret.octets))
    assert any("secure" in line for line in shown)
    for octets in secrets:
        assert repr(octets)[2:-1] not in text
        assert octets.hex() not in text


def test_go_secure_and_close_are_harmless_on_a_call_without_streams() -> None:
    session = alone(FAST).endpoint.session()
    session.go_secure(0.0)
    session.close(0.0)
    assert session.next_event() is None
    assert session.assurance is Assurance.INSECURE


def test_a_stream_that_waits_for_its_user_goes_secure_with_the_first_one() -> None:
    """Once a call is secure its further streams follow without asking."""
    pair = Pair(WAITING, WAITING).run(1.0)
    pair.alice.session.go_secure(1.0)
    pair.run(3.0)
    alice, bob = pair.add_streams(0xA2, 0xB2)
    pair.run(6.0)
    assert alice.state is bob.state is State.SECURE
    assert alice.sending is Sending.SRTP
