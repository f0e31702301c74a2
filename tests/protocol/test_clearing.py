"""GoClear: from SRTP back to RTP only with a key and a user, and secure again (RFC 6189 section 4.7.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, Actor, alone, kinds, only, snapshot
from tests.support.cases import every
from tests.support.inside import call_of, core_of, state_of, use_nonces
from tests.support.pair import Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.hashes import S256, S384
from zrtp.errors import ApiMisuse, ErrorCode
from zrtp.protocol.clearing import clear_mac
from zrtp.protocol.config import ClearDialect
from zrtp.protocol.dispatch import tell
from zrtp.protocol.events import (
    ClearRequested,
    Failed,
    KeysReady,
    Mode,
    Role,
    SasReady,
    Secured,
    SecurityWarning,
    Sending,
    SendingChanged,
    WarningCode,
    WentClear,
)
from zrtp.protocol.exchange import present
from zrtp.protocol.key_schedule import StreamKeys
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.messages import (
    CLEAR_ACK,
    CONF2ACK,
    Commit,
    CommitMode,
    Confirm1,
    Confirm2,
    Error,
    GoClear,
    Kind,
    Message,
    kind_of,
)

ALLOWED = replace(FAST, allow_clear=True)


def sending(stream: Stream) -> Sending:
    return stream.sending


def secure_pair(streams: int = 1) -> Pair:
    pair = Pair(ALLOWED, ALLOWED, alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
    for number in range(1, streams):
        pair.add_streams(0xA200 + number, 0xB200 + number)
    pair.run(pair.network.now + 2.0)
    assert all(stream.state is State.SECURE for side in pair.sides for stream in side.session.streams)
    return pair


def with_actor(allow: bool = True, enrolment: bool = False) -> tuple[Side, Actor]:
    """A secure stream whose peer is played by hand."""
    bob = alone(replace(ALLOWED, allow_clear=allow))
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit, allow_clear=True, enrolment=enrolment)
    assert bob.stream.state is State.SECURE
    bob.drain()
    return bob, peer


def goclear(peer: Actor) -> GoClear:
    """What the peer sends to switch encryption off."""
    assert peer.keys is not None
    return GoClear.make(clear_mac=clear_mac(peer.context.hash, peer.keys.mackey(peer.role), ClearDialect.RFC))


def zrtpsess(side: Side) -> bytes:
    secret = call_of(side.session).zrtpsess
    assert secret is not None
    return bytes(secret.octets)


def warnings(side: Side) -> list[WarningCode]:
    return [event.code for event in side.seen(SecurityWarning)]


def wiped(keys: StreamKeys) -> bool:
    """What the engine holds; the SRTP keys are the application's since it has them."""
    return all(secret.wiped for secret in (keys.mackeyi, keys.mackeyr, keys.zrtpkeyi, keys.zrtpkeyr))


def keys_of(stream: Stream) -> StreamKeys:
    assert present(core_of(stream).exchange).derived is not None
    return present(core_of(stream).exchange).keys


# The formulas


@pytest.mark.rfc("R-4.7.2-01")
@pytest.mark.parametrize("hash_", [S256, S384], ids=["S256", "S384"])
def test_clear_mac_covers_the_type_block_with_its_space(hash_: object) -> None:
    algorithm = S256 if hash_ is S256 else S384
    key = Secret(bytes(range(32)))
    assert clear_mac(algorithm, key, ClearDialect.RFC) == algorithm.mac(key, b"GoClear ")[:8]


@pytest.mark.rfc("R-4.7.2.1-05")
def test_zrtpsess_is_replaced_by_a_one_way_function_of_itself_in_the_roles_of_the_exchange_that_made_it() -> None:
    pair = secure_pair()
    before = zrtpsess(pair.alice)
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 1.0)
    alice, bob = pair.alice.session, pair.bob.session
    zids = (
        call_of(alice).zid + call_of(bob).zid
        if call_of(alice).role is Role.INITIATOR
        else call_of(bob).zid + call_of(alice).zid
    )
    expected = bytes(S256.kdf(before, b"New ZRTP Session", zids, 256).octets)
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob) == expected


# Receiving it


@pytest.mark.attack("CLR-05")
@pytest.mark.rfc("R-4.7.2-06", "R-4.7.2-07", "R-4.7.2-08", "R-4.7.2-09", "R-4.7.2-10", "R-4.7.2-11", "R-4.7.2-13")
@pytest.mark.rfc("R-4.7.2.1-01", "R-4.7.2.1-03", "R-4.7.2.1-04", "R-5.12-01")
def test_an_authenticated_goclear_ends_srtp_on_every_stream_and_nothing_is_sent_before_the_user_agrees() -> None:
    pair = secure_pair(streams=3)
    old = [keys_of(stream) for stream in pair.bob.session.streams]
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 1.0)
    for stream in pair.bob.session.streams:
        assert state_of(stream) is State.CLEAR_PENDING
        assert sending(stream) is Sending.BLOCKED
        assert core_of(stream).exchange is None
    assert all(wiped(keys) for keys in old)
    assert len(pair.bob.seen(ClearRequested)) == 1
    assert not pair.bob.seen(WentClear)
    pair.bob.session.agree_to_clear()
    for stream in pair.bob.session.streams:
        assert state_of(stream) is State.CLEAR
        assert sending(stream) is Sending.CLEAR
    (event,) = pair.bob.seen(WentClear)
    assert event.by_peer
    with pytest.raises(ApiMisuse, match="nothing to agree to"):
        pair.bob.session.agree_to_clear()


@pytest.mark.attack("CLR-01")
@pytest.mark.rfc("R-4.7.2-03", "R-4.7.2-04", "R-4.7.2-05", "R-4.7.2-07", "R-5.12-01")
@every("position", range(8))
def test_a_goclear_with_a_wrong_mac_gets_no_answer_and_changes_nothing(position: int) -> None:
    bob, peer = with_actor()
    before = snapshot(bob)
    mac = bytearray(goclear(peer).clear_mac)
    mac[position] ^= 1
    assert peer.send(GoClear.make(clear_mac=bytes(mac))) == []
    assert snapshot(bob) == before
    assert warnings(bob) == [WarningCode.GOCLEAR_FORGED]
    assert bob.stream.sending is Sending.SRTP


@pytest.mark.attack("CLR-02")
@pytest.mark.interop("I-37")
@pytest.mark.rfc("R-4.7.2-06", "R-5.9-02")
def test_a_goclear_that_our_confirm_did_not_allow_gets_0x100_and_the_stream_stays_secure() -> None:
    bob, peer = with_actor(allow=False)
    before = snapshot(bob)
    assert only(peer.send(goclear(peer)), Error).code == ErrorCode.GOCLEAR_NOT_ALLOWED
    assert snapshot(bob) == before
    assert warnings(bob) == [WarningCode.GOCLEAR_REFUSED]


@pytest.mark.attack("CLR-09")
@pytest.mark.attack("SAR-05")
@pytest.mark.rfc("R-7.3.1-06")
def test_during_enrolment_goclear_is_refused_in_both_directions() -> None:
    bob, peer = with_actor(enrolment=True)
    assert only(peer.send(goclear(peer)), Error).code == ErrorCode.GOCLEAR_NOT_ALLOWED
    assert state_of(bob.stream) is State.SECURE
    with pytest.raises(ApiMisuse, match="does not accept GoClear"):
        bob.session.go_clear(peer.now)


@pytest.mark.attack("CLR-03")
def test_our_own_goclear_reflected_does_not_verify() -> None:
    bob, peer = with_actor()
    bob.session.go_clear(peer.now)
    own = only(peer.listen(), GoClear)
    assert peer.send(own) == []
    assert state_of(bob.stream) is State.GOCLEAR_SENT
    assert warnings(bob) == [WarningCode.GOCLEAR_FORGED]


@pytest.mark.rfc("R-4.7.2-12")
def test_clear_ack_is_repeated_every_five_seconds_while_the_user_thinks() -> None:
    bob, peer = with_actor()
    assert kinds(peer.send(goclear(peer))) == [Kind.CLEAR_ACK]
    sent = peer.wait(16.0)
    assert [(moment, message.kind) for moment, message in sent] == [
        (5.0, Kind.CLEAR_ACK),
        (10.0, Kind.CLEAR_ACK),
        (15.0, Kind.CLEAR_ACK),
    ]
    bob.session.agree_to_clear()
    assert peer.wait(60.0) == []


@pytest.mark.attack("NET-04")
@pytest.mark.attack("CLR-06")
@pytest.mark.rfc("R-4.7.2.1-06")
def test_a_repeated_goclear_is_acknowledged_again_and_counts_once() -> None:
    bob, peer = with_actor()
    message = goclear(peer)
    peer.send(message)
    after = zrtpsess(bob)
    assert kinds(peer.send(*[message] * 5)) == [Kind.CLEAR_ACK] * 5
    assert zrtpsess(bob) == after
    assert len(bob.seen(ClearRequested)) == 1
    assert warnings(bob) == []


# Sending it


@pytest.mark.rfc("R-4.7.2-02", "R-4.7.2-14", "R-4.7.2-15", "R-4.7.2.1-02", "R-6-10", "R-5.11-01")
def test_after_goclear_srtp_stops_at_once_and_rtp_starts_with_clear_ack() -> None:
    bob, peer = with_actor()
    keys = keys_of(bob.stream)
    bob.session.go_clear(peer.now)
    assert sending(bob.stream) is Sending.BLOCKED
    message = only(peer.listen(), GoClear)
    assert message.clear_mac == clear_mac(S256, keys.mackey(peer.role.other), ClearDialect.RFC)
    sent = peer.wait(1.1)
    assert [moment for moment, _ in sent] == pytest.approx([0.15, 0.45, 1.05], abs=0.005)
    assert {message.raw for _, message in sent} == {message.raw}
    peer.send(CLEAR_ACK)
    assert state_of(bob.stream) is State.CLEAR
    assert sending(bob.stream) is Sending.CLEAR
    assert wiped(keys)
    (event,) = bob.seen(WentClear)
    assert not event.by_peer
    assert peer.wait(60.0) == []


@pytest.mark.attack("CLR-06")
@pytest.mark.rfc("R-4.7.2-16")
def test_if_nobody_acknowledges_goclear_the_keys_are_destroyed_all_the_same() -> None:
    bob, peer = with_actor()
    keys = keys_of(bob.stream)
    bob.session.go_clear(peer.now)
    assert len(peer.wait(60.0)) == 11
    assert state_of(bob.stream) is State.CLEAR
    assert wiped(keys)
    assert len(bob.seen(WentClear)) == 1


@pytest.mark.attack("CLR-06")
@pytest.mark.parametrize("lost", [None, "alice", "bob"])
def test_goclears_that_cross_end_clear_at_both_ends_with_the_same_zrtpsess(lost: str | None) -> None:
    pair = secure_pair()

    def lose(sender: str, datagram: bytes) -> bytes | None:
        return None if sender == lost and kind_of(datagram[12:]) is Kind.GOCLEAR else datagram

    pair.network.filter = lose
    for side in pair.sides:
        side.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 30.0)
    for side in pair.sides:
        if side.stream.state is State.CLEAR_PENDING:
            side.session.agree_to_clear()
        assert state_of(side.stream) is State.CLEAR
        assert len(side.seen(WentClear)) == 1
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob)
    pair.network.filter = lambda _, datagram: datagram
    pair.alice.session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    assert pair.secure


@pytest.mark.attack("CLR-07")
def test_clear_ack_without_a_goclear_clears_nothing() -> None:
    bob, peer = with_actor()
    before = snapshot(bob)
    assert peer.send(*[CLEAR_ACK] * 5) == []
    assert snapshot(bob) == before


@pytest.mark.attack("CLR-10")
@pytest.mark.parametrize("state", ["hello sent", "committed"])
def test_goclear_before_secure_means_nothing(state: str) -> None:
    bob = alone(ALLOWED)
    peer = Actor(bob.stream)
    if state == "committed":
        peer.discover()
    peer.listen()
    before = snapshot(bob)
    assert peer.send(GoClear.make(clear_mac=bytes(8))) == []
    assert snapshot(bob) == before
    with pytest.raises(ApiMisuse, match="nothing to switch off"):
        bob.session.go_clear(0.0)


# Secure again


@pytest.mark.rfc("R-4.7.2-17", "R-4.7.2-18", "R-4.7.2.1-07", "R-4.4.3-03", "R-9-10", "R-5.1.5-05", "R-4.7.2.1-08")
@pytest.mark.attack("KEY-05")
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_encryption_comes_back_by_multistream_without_a_new_hello_as_often_as_people_like(who: str) -> None:
    pair = secure_pair()
    sas = pair.alice.session.sas
    chains = [core_of(side.stream).chain for side in pair.sides]
    seen: set[bytes] = set()
    for round_ in range(3):
        pair.alice.session.go_clear(pair.network.now)
        pair.run(pair.network.now + 1.0)
        pair.bob.session.agree_to_clear()
        before = len(pair.network.log)
        (pair.alice if who == "alice" else pair.bob).session.go_secure(pair.network.now)
        pair.run(pair.network.now + 5.0)
        assert pair.secure
        new = [kind_of(datagram[12:]) for _, _, datagram in pair.network.log[before:]]
        assert new == [Kind.COMMIT, Kind.CONFIRM1, Kind.CONFIRM2, Kind.CONF2ACK]
        alice, bob = (side.seen(KeysReady)[-1] for side in pair.sides)
        assert len(pair.alice.seen(KeysReady)) == round_ + 2
        assert (alice.send.key, alice.receive.key) == (bob.receive.key, bob.send.key)
        key = bytes(alice.send.key.octets)
        assert key not in seen
        seen.add(key)
    assert [core_of(side.stream).chain for side in pair.sides] == chains
    assert pair.alice.session.sas is sas
    assert len(pair.alice.seen(SasReady)) == 1
    assert {event.mode for event in pair.alice.seen(Secured)} == {Mode.DH, Mode.MULTISTREAM}


@pytest.mark.attack("CLR-04")
@pytest.mark.attack("CLR-08")
def test_the_goclear_of_an_earlier_epoch_does_not_verify_in_the_next_one() -> None:
    pair = secure_pair()
    recorded: list[bytes] = []

    def record(sender: str, datagram: bytes) -> bytes:
        if kind_of(datagram[12:]) is Kind.GOCLEAR:
            recorded.append(datagram)
        return datagram

    pair.network.filter = record
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 1.0)
    pair.bob.session.agree_to_clear()
    pair.alice.session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    assert pair.secure and recorded
    pair.bob.stream.receive_datagram(recorded[0], pair.network.now)
    assert pair.bob.stream.datagrams_to_send() == []
    assert pair.secure
    assert WarningCode.GOCLEAR_FORGED in warnings(pair.bob)


@pytest.mark.attack("CLR-08")
def test_a_commit_under_the_old_zrtpsess_does_not_bring_the_old_keys_back() -> None:
    bob, peer = with_actor()
    assert peer.secrets is not None
    old = peer.secrets.zrtpsess
    peer.send(goclear(peer))
    bob.session.agree_to_clear()
    peer.role = peer.role.other
    confirm1 = peer.send(peer.multistream_commit(old))
    assert kinds(confirm1) == [Kind.CONFIRM1]
    assert peer.send(peer.confirm()) == []
    assert state_of(bob.stream) is State.CONFIRM1_SENT
    assert bob.stream.counters["Confirm MAC wrong"] == 1


@pytest.mark.attack("KEY-07")
@pytest.mark.attack("CLR-08")
def test_a_nonce_of_before_goclear_is_refused_after_it() -> None:
    bob, peer = with_actor()
    use_nonces(bob.session, [bytes(16)])
    peer.send(goclear(peer))
    bob.session.agree_to_clear()
    commit = peer.multistream_commit(Secret(zrtpsess(bob)), nonce=bytes(16))
    assert only(peer.send(commit), Error).code == ErrorCode.NONCE_REUSE


def test_the_peer_may_go_secure_again_before_our_user_has_agreed_to_clear() -> None:
    pair = secure_pair()
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 1.0)
    assert state_of(pair.bob.stream) is State.CLEAR_PENDING
    pair.alice.session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    assert pair.secure
    assert not any(event.sending is Sending.CLEAR for event in pair.bob.seen(SendingChanged))


@pytest.mark.attack("MED-06")
@pytest.mark.attack("DWN-17")
def test_no_order_of_goclear_and_its_answers_opens_the_gate_without_the_local_user() -> None:
    """Bob never agrees: whatever arrives, he sends nothing in clear."""
    for order in ([0, 1, 2], [2, 1, 0], [1, 1, 0], [0, 0, 2]):
        bob, peer = with_actor()
        messages: list[Message] = [goclear(peer), CLEAR_ACK, GoClear.make(clear_mac=bytes(8))]
        for index in order:
            peer.send(messages[index])
            peer.wait(3.0)
        assert bob.stream.sending in (Sending.SRTP, Sending.BLOCKED)


def test_without_the_peers_a_flag_our_user_cannot_switch_encryption_off() -> None:
    pair = Pair(ALLOWED, FAST).run()
    with pytest.raises(ApiMisuse, match="does not accept GoClear"):
        pair.alice.session.go_clear(pair.network.now)
    assert pair.secure


@pytest.mark.interop("I-37")
@pytest.mark.parametrize("dialect", [ClearDialect.BZRTP, ClearDialect.LIBZRTP], ids=lambda dialect: dialect.value)
def test_two_ends_that_speak_the_same_dialect_clear_and_go_secure_again(dialect: ClearDialect) -> None:
    config = replace(ALLOWED, clear_dialect=dialect)
    pair = Pair(config, config).run()
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 1.0)
    pair.bob.session.agree_to_clear()
    pair.bob.session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    assert pair.secure


# libzrtp's GoClear is about one stream.


def two_streams_as_libzrtp() -> Pair:
    """A secure call with two streams at both ends, in the dialect of libzrtp."""
    config = replace(ALLOWED, clear_dialect=ClearDialect.LIBZRTP)
    pair = Pair(config, config).run()
    pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 2.0)
    assert [stream.state for side in pair.sides for stream in side.session.streams] == [State.SECURE] * 4
    return pair


@pytest.mark.interop("I-37")
@pytest.mark.parametrize("who", ["we", "they"])
def test_as_libzrtp_a_stream_that_was_not_cleared_stays_secure_and_the_other_one_comes_back(who: str) -> None:
    """libzrtp would ignore a Commit on the stream that it holds to be secure."""
    pair = two_streams_as_libzrtp()
    cleared, kept = zip(*(side.session.streams for side in pair.sides), strict=True)

    tell(core_of(cleared[0]), Trigger.GO_CLEAR, pair.network.now)
    pair.run(pair.network.now + 1.0)
    assert [stream.state for stream in cleared] == [State.CLEAR, State.CLEAR_PENDING]
    assert [stream.sending for stream in kept] == [Sending.SRTP] * 2

    pair.bob.session.agree_to_clear()
    (pair.alice if who == "we" else pair.bob).session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    assert [stream.state for stream in (*cleared, *kept)] == [State.SECURE] * 4
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob)


@pytest.mark.interop("I-37")
def test_as_libzrtp_our_user_clears_the_whole_call_by_a_goclear_on_each_stream() -> None:
    pair = two_streams_as_libzrtp()
    before = Secret(zrtpsess(pair.alice))

    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 1.0)
    assert [stream.state for stream in pair.alice.session.streams] == [State.CLEAR] * 2
    assert [stream.state for stream in pair.bob.session.streams] == [State.CLEAR_PENDING] * 2
    assert zrtpsess(pair.alice) == zrtpsess(pair.bob) == S256.hash(S256.hash(before.octets))

    pair.bob.session.agree_to_clear()
    pair.alice.session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    assert [stream.state for side in pair.sides for stream in side.session.streams] == [State.SECURE] * 4


@pytest.mark.interop("I-37")
def test_two_dialects_do_not_understand_each_other_and_nothing_is_sent_in_clear_by_mistake() -> None:
    pair = Pair(replace(ALLOWED, clear_dialect=ClearDialect.LIBZRTP), ALLOWED).run()
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 60.0)
    assert state_of(pair.bob.stream) is State.SECURE
    assert pair.bob.stream.sending is Sending.SRTP
    assert WarningCode.GOCLEAR_FORGED in warnings(pair.bob)


@pytest.mark.rfc("R-4.7.2.1-06")
def test_goclear_on_two_streams_replaces_zrtpsess_twice_in_any_order() -> None:
    """A peer may send one on each stream; ours sends one for the whole call."""
    results = set()
    for reverse in (False, True):
        bob, peer = with_actor()
        stream = bob.session.add_stream(0xB2)
        stream.start(peer.now)
        video = Actor(stream, ssrc=0xAC2, seed=9, zid=peer.zid, suite=peer.suite)
        (*_, commit) = video.discover()
        assert isinstance(commit, Commit) and commit.mode is CommitMode.MULTISTREAM
        assert peer.secrets is not None
        video.take_multistream_commit(commit, peer.secrets.zrtpsess)
        only(video.send(video.confirm(allow_clear=True)), Confirm2)
        stream.srtp_verified(video.now)
        first = zrtpsess(bob)
        actors = [video, peer] if reverse else [peer, video]
        messages = [goclear(actor) for actor in actors]
        for actor, message in zip(actors, messages, strict=True):
            assert kinds(actor.send(message)) == [Kind.CLEAR_ACK]
        once = S256.kdf(first, b"New ZRTP Session", ids(bob, peer), 256)
        twice = S256.kdf(once, b"New ZRTP Session", ids(bob, peer), 256)
        assert zrtpsess(bob) == bytes(twice.octets)
        results.add(zrtpsess(bob))
    assert len(results) == 1


def ids(bob: Side, peer: Actor) -> bytes:
    """ZIDi || ZIDr of the exchange that made ZRTPSess."""
    return (
        call_of(bob.session).zid + peer.zid
        if call_of(bob.session).role is Role.INITIATOR
        else peer.zid + call_of(bob.session).zid
    )


def test_without_multistream_a_call_in_clear_stays_clear_and_says_so() -> None:
    bob = alone(ALLOWED)
    peer = Actor(bob.stream)
    peer.own_hello = peer.hello(key_agreements=(b"X255",))
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit, allow_clear=True)
    peer.send(goclear(peer))
    bob.session.agree_to_clear()
    bob.session.go_secure(peer.now)
    assert state_of(bob.stream) is State.CLEAR
    assert WarningCode.MULTISTREAM_REFUSED in warnings(bob)
    assert Kind.COMMIT not in kinds(peer.listen())


@pytest.mark.attack("DWN-08")
def test_a_second_key_agreement_does_not_replace_the_first_one_after_goclear() -> None:
    """Its SAS would be another one than the one that was compared."""
    bob, peer = with_actor()
    sas = bob.session.sas
    peer.send(goclear(peer))
    bob.session.agree_to_clear()
    peer.own_dhpart2 = peer.share = None
    assert only(peer.send(peer.commit()), Error).code == ErrorCode.SOFTWARE_ERROR
    assert state_of(bob.stream) is State.CLEAR
    assert bob.session.sas is sas


@pytest.mark.attack("MED-01")
def test_a_further_stream_that_is_still_going_secure_does_not_open_while_encryption_is_switched_off() -> None:
    """Its Conf2ACK is already on its way when our user asks for clear."""
    pair = secure_pair()
    alice, bob = pair.add_streams(0xA2, 0xB2)
    pair.network.run(pair.network.now + 5.0, stop=lambda: State.CONFIRM2_SENT in (state_of(alice), state_of(bob)))
    caller = pair.alice if state_of(alice) is State.CONFIRM2_SENT else pair.bob
    further = caller.session.streams[1]
    caller.session.go_clear(pair.network.now)
    opened = []

    def watch() -> bool:
        opened.append(sending(further))
        return False

    pair.network.run(pair.network.now + 30.0, stop=watch)
    assert Sending.SRTP not in opened
    assert state_of(further) is State.CLEAR


# Streams that are not secure yet when encryption is switched off


def with_video(*, passive: bool = False) -> tuple[Side, Actor, Actor]:
    """A secure stream, and a further one whose peer did not introduce itself yet."""
    bob = alone(replace(ALLOWED, passive=passive))
    peer = Actor(bob.stream)
    answers = peer.discover()
    if passive:
        peer.initiate(allow_clear=True)
    else:
        commit = answers[-1]
        assert isinstance(commit, Commit)
        peer.answer(commit, allow_clear=True)
    stream = bob.session.add_stream(0xB2)
    stream.start(peer.now)
    return bob, peer, Actor(stream, ssrc=0xAC2, seed=9, zid=peer.zid, suite=peer.suite)


@pytest.mark.rfc("R-4.7.2-17")
@pytest.mark.parametrize("by_peer", [False, True])
def test_a_further_stream_does_not_go_secure_by_itself_once_encryption_is_switched_off(by_peer: bool) -> None:
    bob, peer, video = with_video()
    if by_peer:
        peer.send(goclear(peer))
    else:
        bob.session.go_clear(peer.now)
    assert kinds(video.discover()) == [Kind.HELLO, Kind.HELLO_ACK]
    assert kinds(message for _, message in video.wait(60.0)) == []
    assert state_of(video.stream) is State.DISCOVERED
    if by_peer:
        bob.session.agree_to_clear()
    else:
        peer.send(CLEAR_ACK)
    assert state_of(bob.stream) is State.CLEAR
    bob.session.go_secure(60.0)
    for actor in (peer, video):
        commit = actor.listen()[-1]
        assert isinstance(commit, Commit) and commit.mode is CommitMode.MULTISTREAM
        actor.take_multistream_commit(commit, Secret(zrtpsess(bob)))
        only(actor.send(actor.confirm(allow_clear=True)), Confirm2)


def test_an_exchange_that_is_given_up_is_not_repeated() -> None:
    """Until the peer acknowledges our GoClear, what it gets on other streams must not come from before."""
    bob, peer, video = with_video()
    assert Kind.COMMIT in kinds(video.discover())
    bob.session.go_clear(peer.now)
    assert state_of(video.stream) is State.CLEAR_PENDING
    assert video.wait(60.0) == []


@pytest.mark.attack("CLR-08")
@pytest.mark.parametrize("by_peer", [False, True])
@pytest.mark.parametrize("answered", [False, True])
def test_a_commit_of_before_goclear_that_comes_after_it_is_no_new_one(answered: bool, by_peer: bool) -> None:
    """It takes another way than GoClear, and nobody waits for an answer: it is under a ZRTPSess that is replaced."""
    bob, peer, video = with_video(passive=True)
    video.discover()
    old = video.multistream_commit(Secret(zrtpsess(bob)))
    if answered:
        only(video.send(old), Confirm1)
    if by_peer:
        peer.send(goclear(peer))
        bob.session.agree_to_clear()
    else:
        bob.session.go_clear(peer.now)
        assert video.send(old) == []
        peer.send(CLEAR_ACK)
    before = state_of(video.stream)
    assert video.send(old, old) == []
    assert state_of(video.stream) is before
    assert not bob.seen(Failed)
    new = video.multistream_commit(Secret(zrtpsess(bob)), nonce=b"another nonce...")
    answers = [message for _ in range(4) for message in [*video.send(new), *(sent for _, sent in video.wait(0.4))]]
    assert Kind.CONFIRM1 in kinds(answers), "it is repeated until it counts"
    only(video.send(video.confirm(allow_clear=True)), type(CONF2ACK))
    assert state_of(video.stream) is State.SECURE
