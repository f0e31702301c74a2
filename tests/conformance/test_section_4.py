"""Section 4 of RFC 6189: what several modules of the engine answer for together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.support.actor import FAST, SUITE, Actor, alone, only
from tests.support.friends import Friends
from tests.support.inside import call_of, core_of
from tests.support.pair import Network, Pair, Side, same_keys
from tests.support.pbx import PBX, Exchange
from zrtp.crypto.hashes import HashAlgorithm, Octets
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ErrorCode
from zrtp.protocol.clearing import clear_mac
from zrtp.protocol.config import ClearDialect
from zrtp.protocol.events import Assurance, KeysReady, SecurityWarning, Sending, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import CLEAR_ACK, CONF2ACK, Confirm1, Error, GoClear, Kind, parse

# SSRC collisions


@pytest.mark.rfc("R-4.1-06", "R-4.1-07", "R-4.1-08", "R-4.1-09")
def test_two_ends_with_the_same_ssrc_are_told_agree_on_nothing_and_go_on_with_new_ones() -> None:
    """Section 4.1 ends the negotiation, and so nothing is ever agreed on with whoever uses our SSRC. The stream itself
    goes on listening, because anybody can forge one packet with our SSRC, which must not end a call.
    """
    alice, bob = Pair(FAST, FAST).sides
    colliding = alice.session.add_stream(0x5A5A), bob.session.add_stream(0x5A5A)
    network = Network()
    network.connect("alice", colliding[0], "bob", colliding[1])
    for stream in colliding:
        stream.start(0.0)
    network.run(30.0)
    for name, side, stream in (("alice", alice, colliding[0]), ("bob", bob, colliding[1])):
        sent = [parse(datagram[12:-4]) for _, sender, datagram in network.log if sender == name]
        assert {message.kind for message in sent} == {Kind.HELLO, Kind.ERROR}
        assert {message.code for message in sent if isinstance(message, Error)} == {ErrorCode.SSRC_COLLISION}
        assert {event.code for event in side.seen(SecurityWarning)} == {WarningCode.SSRC_COLLISION}
        assert not side.seen(KeysReady)
        assert (core_of(stream).exchange, core_of(stream).candidates) == (None, {})
        stream.close(network.now)
    resolved = alice.session.add_stream(0x1111), bob.session.add_stream(0x2222)
    network.connect("alice", resolved[0], "bob", resolved[1])
    for stream in resolved:
        stream.start(network.now)
    network.run(network.now + 5.0)
    assert [stream.state for stream in resolved] == [State.SECURE, State.SECURE]
    (ours,), (theirs,) = alice.seen(KeysReady), bob.seen(KeysReady)
    assert same_keys(ours.send, theirs.receive) and same_keys(ours.receive, theirs.send)


# A mismatch that nothing can make up for


@pytest.mark.rfc("R-4.3.2-05")
@pytest.mark.parametrize("initiator", ["alice", "bob"])
def test_where_nobody_can_compare_the_sas_the_application_may_end_a_call_with_a_mismatch(initiator: str) -> None:
    friends = Friends()
    friends.call("bob").alice.session.sas_matched("Bob")
    before = friends.record("alice")
    friends.forget("bob")
    alice = friends.call(initiator).alice
    assert alice.session.assurance is Assurance.MISMATCH
    assert [event.code for event in alice.seen(SecurityWarning)] == [WarningCode.CACHE_MISMATCH]
    alice.session.close(60.0)
    assert alice.stream.state is State.CLOSED
    assert alice.stream.sending is Sending.BLOCKED
    assert call_of(alice.session).zrtpsess is None
    assert alice.stream.datagrams_to_send() == []
    assert friends.record("alice") == before


# Other algorithms after GoClear


@pytest.mark.rfc("R-4.4.3.1-04")
@pytest.mark.parametrize(("field", "value"), [("cipher", b"AES1"), ("auth_tag", b"HS32"), ("auth_tag", b"GCM ")])
def test_after_goclear_the_peer_may_go_secure_with_other_srtp_algorithms(field: str, value: bytes) -> None:
    bob = alone(replace(FAST, passive=True, allow_clear=True))
    peer = Actor(bob.stream, suite=replace(SUITE, cipher=b"AES3"))
    peer.discover()
    peer.initiate(allow_clear=True)
    assert peer.keys is not None
    mac = clear_mac(peer.context.hash, peer.keys.mackey(peer.role), ClearDialect.RFC)
    assert only(peer.send(GoClear.make(clear_mac=mac)), type(CLEAR_ACK))
    bob.session.agree_to_clear()
    assert call_of(bob.session).zrtpsess is not None
    peer.suite = replace(peer.suite, **{field: value})
    confirm1 = only(peer.send(peer.multistream_commit(present(call_of(bob.session).zrtpsess))), Confirm1)
    assert peer.open(confirm1).h0 == core_of(bob.stream).chain.h0
    assert only(peer.send(peer.confirm()), type(CONF2ACK))
    assert bob.stream.state is State.SECURE
    keys = bob.seen(KeysReady)[-1]
    assert getattr(keys.receive, field) == getattr(keys.send, field) == value
    assert peer.keys is not None
    assert same_keys(keys.receive, peer.keys.srtp(peer.role)[0])


# What ZRTPSess is used for


@dataclass(frozen=True, kw_only=True)
class Watched(HashAlgorithm):
    """SHA-256 that remembers what it was the MAC of, under which key, and what it was the hash of."""

    code: bytes = b"S256"
    length: int = 32
    algorithm: str = "sha256"
    keyed: list[tuple[bytes, bytes]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)

    def mac(self, key: Octets | Secret, data: Octets) -> bytes:
        self.keyed.append((bytes(key.octets if isinstance(key, Secret) else key), bytes(data)))
        return super().mac(key, data)

    def hash(self, *parts: Octets) -> bytes:
        self.parts.extend(map(bytes, parts))
        return super().hash(*parts)

    def labels_under(self, key: bytes) -> set[bytes]:
        """What was derived from a key: the labels of the KDF (section 4.5.1)."""
        return {data[4 : data.index(0, 4)] for used, data in self.keyed if used == key}


def zrtpsess(side: Side) -> bytes:
    assert call_of(side.session).zrtpsess is not None
    return bytes(present(call_of(side.session).zrtpsess).octets)


@pytest.mark.rfc("R-4.5.2-02")
def test_zrtpsess_makes_further_streams_its_own_successor_after_goclear_and_nothing_else() -> None:
    watched = Watched()
    config = replace(FAST, hashes=(b"S256",), allow_clear=True)
    pair = Pair(replace(config, algorithms=DEFAULT.extended(watched)), config).run(5.0)
    first = zrtpsess(pair.alice)
    pair.add_streams(0xA2, 0xB2)
    pair.run(10.0)
    pair.alice.session.keys.export(b"for something else", 32)
    pair.alice.session.go_clear(pair.network.now)
    pair.run(12.0)
    second = zrtpsess(pair.alice)
    pair.bob.session.agree_to_clear()
    pair.bob.session.go_secure(pair.network.now)
    pair.run(15.0)
    assert all(stream.state is State.SECURE for stream in pair.alice.session.streams)
    assert watched.labels_under(first) == {b"ZRTP MSK", b"New ZRTP Session"}
    assert watched.labels_under(second) == {b"ZRTP MSK"}
    assert not {first, second} & set(watched.parts)


@pytest.mark.rfc("R-4.5.2-02")
def test_a_pbx_derives_pbxsecret_from_zrtpsess() -> None:
    watched = Watched()
    office = Exchange(pbx_config=replace(PBX, hashes=(b"S256",), algorithms=DEFAULT.extended(watched)))
    legs = office.call(enrol_alice=True)
    assert watched.labels_under(zrtpsess(legs.pbx_to_alice)) == {b"Trusted MiTM key"}
    assert watched.labels_under(zrtpsess(legs.pbx_to_bob)) == set()
