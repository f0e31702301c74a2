"""Section 5 of RFC 6189: ports that several streams share, and every error code of table 8 in a conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, only
from tests.support.cases import every
from tests.support.inside import call_of
from tests.support.pair import BOB_SSRC, Network, Pair, Side, same_keys
from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.clearing import clear_mac
from zrtp.protocol.config import ClearDialect, Config
from zrtp.protocol.events import Failed, KeysReady
from zrtp.protocol.nonces import FreshNonce
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, Confirm1, Confirm2, DHPart1, Error, GoClear, Message

# Several SSRCs on one port


@pytest.mark.rfc("R-5-09", "R-5-06")
def test_streams_that_share_a_port_are_told_apart_by_the_ssrc_in_the_header_of_their_packets() -> None:
    """Whatever Alice sends comes to one port of Bob's, which knows only which SSRC belongs to which of his streams."""
    alice, bob = Pair(FAST, FAST).sides
    theirs = {ssrc: bob.session.add_stream(0xB0B0 + ssrc) for ssrc in (1, 2, 3)}
    network = Network()
    for ssrc, stream in theirs.items():
        network.connect("alice", alice.session.add_stream(ssrc), "bob", stream)
    port: list[bytes] = []

    def to_one_port(sender: str, datagram: bytes) -> bytes | None:
        if sender == "bob":
            return datagram
        port.append(datagram)
        return None

    network.filter = to_one_port
    for stream in (*alice.session.streams[1:], *theirs.values()):
        stream.start(0.0)
    for step in range(500):
        network.run(network.now + 0.01)
        network.now = max(network.now, 0.01 * step)
        while port:
            datagram = port.pop()
            theirs[int.from_bytes(datagram[8:12], "big")].receive_datagram(datagram, network.now)
    assert all(stream.state is State.SECURE for stream in theirs.values())
    ours = {event.ssrc: event for event in alice.seen(KeysReady)}
    for event in bob.seen(KeysReady):
        other = ours[event.ssrc - 0xB0B0]
        assert same_keys(event.send, other.receive) and same_keys(event.receive, other.send)
    assert len({bytes(event.send.key.octets) for event in ours.values()}) == 3


# Table 8

TABLE_8 = (
    *(0x10, 0x20, 0x30, 0x40, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56),
    *(0x61, 0x62, 0x63, 0x70, 0x80, 0x90, 0x91, 0xA0, 0xB0, 0x100),
)


@pytest.mark.rfc("R-5.9-02")
def test_there_are_no_other_codes() -> None:
    assert sorted(ErrorCode) == list(TABLE_8)


@pytest.mark.rfc("R-5.9-02", "R-4.7.1-01")
@every("code", TABLE_8, ids=hex)
def test_every_code_is_understood(code: int) -> None:
    bob, peer = discovered()
    peer.take_dhpart1(only(peer.send(peer.commit()), DHPart1))
    only(peer.send(peer.dhpart2()), Confirm1)
    peer.send(Error.make(code=code))
    peer.wait(1.0)
    (failed,) = bob.seen(Failed)
    assert (failed.code, failed.by_peer) == (code, True)
    assert failed.name == ErrorCode(code).name
    assert ErrorCode(code).text in failed.text


def discovered(config: Config = WAITING) -> tuple[Side, Actor]:
    """Both Hellos are through, and the actor is to begin, or to answer."""
    bob = alone(config)
    peer = Actor(bob.stream)
    peer.discover()
    return bob, peer


def committed_to(**changes: Any) -> list[Message]:
    """What our endpoint says to a Commit with these changes."""
    _, peer = discovered()
    return peer.send(peer.commit(**changes))


def secure(config: Config = WAITING) -> tuple[Side, Actor]:
    bob, peer = discovered(config)
    peer.initiate(allow_clear=True)
    return bob, peer


def further(bob: Side, peer: Actor) -> Actor:
    """The same peer on a further stream."""
    stream = bob.session.add_stream(0xB0B1)
    stream.start(peer.now)
    video = Actor(stream, ssrc=0xAC71, seed=8, zid=peer.zid)
    video.own_hello = video.hello(passive=True)
    video.send(video.own_hello)
    return video


def malformed() -> list[Message]:
    _, peer = discovered(FAST)
    (commit,) = [message for message in peer.heard if isinstance(message, Commit)]
    return peer.send(peer.dhpart1(commit, pv=bytes(36)))


def software() -> list[Message]:
    return committed_to(zid=b"another ZID!")


def version() -> list[Message]:
    peer = Actor(alone(FAST).stream)
    peer.listen()
    return peer.send(peer.hello(version=b"0.90"))


def nothing_in_common() -> list[Message]:
    bob = alone(Config(ciphers=(b"AES3",), key_agreements=(b"X255",), mandatory_always=False))
    peer = Actor(bob.stream)
    peer.own_hello = peer.hello(ciphers=(b"2FS1",))
    return peer.discover()


def bad_public_value() -> list[Message]:
    _, peer = discovered(FAST)
    (commit,) = [message for message in peer.heard if isinstance(message, Commit)]
    return peer.send(peer.dhpart1(commit, pv=bytes(32)))


def not_what_was_committed_to() -> list[Message]:
    _, peer = discovered()
    only(peer.send(peer.commit()), DHPart1)
    return peer.send(peer.dhpart2(rs1_id=bytes(8)))


def confirm_mac() -> list[Message]:
    _, peer = discovered()
    peer.take_dhpart1(only(peer.send(peer.commit()), DHPart1))
    only(peer.send(peer.dhpart2()), Confirm1)
    confirm = peer.confirm()
    peer.send(Confirm2.make(confirm_mac=bytes(8), iv=confirm.iv, ciphertext=confirm.ciphertext))
    return [message for _, message in peer.wait(10.0)]


def nonce_again() -> list[Message]:
    bob, peer = secure()
    video = further(bob, peer)
    nonces = call_of(bob.session).nonces
    nonces.remember(nonces.check(peer_commit := video.multistream_commit(zrtpsess(peer))))
    return video.send(peer_commit)


def no_room() -> list[Message]:
    bob, peer = secure()
    video = further(bob, peer)
    nonces = call_of(bob.session).nonces
    for number in range(limits.NONCES):
        nonces.remember(FreshNonce(number.to_bytes(16, "big")))
    return video.send(video.multistream_commit(zrtpsess(peer)))


def no_shared_secret() -> list[Message]:
    _, peer = discovered()
    return peer.send(peer.multistream_commit(Secret(bytes(32))))


def equal_zids() -> list[Message]:
    bob = alone(FAST)
    peer = Actor(bob.stream, zid=call_of(bob.session).zid)
    peer.listen()
    return peer.send(peer.own_hello)


def equal_ssrcs() -> list[Message]:
    peer = Actor(alone(FAST).stream, ssrc=BOB_SSRC)
    peer.listen()
    return peer.send(peer.own_hello)


def silence() -> list[Message]:
    _, peer = discovered(FAST)
    return [message for _, message in peer.wait(14.0)]


def goclear() -> list[Message]:
    _, peer = secure()
    assert peer.keys is not None
    mac = clear_mac(peer.context.hash, peer.keys.mackey(peer.role), ClearDialect.RFC)
    return peer.send(GoClear.make(clear_mac=mac))


def zrtpsess(peer: Actor) -> Secret:
    assert peer.secrets is not None
    return peer.secrets.zrtpsess


PRODUCED: dict[int, Callable[[], list[Message]]] = {
    0x10: malformed,
    0x20: software,
    0x30: version,
    0x40: nothing_in_common,
    0x51: lambda: committed_to(hash=b"N256"),
    0x52: lambda: committed_to(cipher=b"2FS1"),
    0x53: lambda: committed_to(key_agreement=b"EC25"),
    0x54: lambda: committed_to(auth_tag=b"SK64"),
    0x55: lambda: committed_to(sas=b"B10D"),
    0x56: no_shared_secret,
    0x61: bad_public_value,
    0x62: not_what_was_committed_to,
    0x70: confirm_mac,
    0x80: nonce_again,
    0x90: equal_zids,
    0x91: equal_ssrcs,
    0xA0: no_room,
    0xB0: silence,
    0x100: goclear,
}
"""What the peer does, and what our endpoint says to it."""


@pytest.mark.rfc("R-5.9-01", "R-5.9-02")
@every("code", PRODUCED, ids=hex)
def test_every_code_is_sent_where_the_table_says(code: int) -> None:
    errors = [message for message in PRODUCED[code]() if isinstance(message, Error)]
    assert {error.code for error in errors} == {code}


@pytest.mark.rfc("R-5.9-02")
def test_the_one_code_that_is_never_sent_is_about_a_relay_which_gets_an_acknowledgement_instead() -> None:
    """0x63: section 5.13 wants RelayACK and no Error for a relayed SAS that is not trusted."""
    assert set(TABLE_8) - set(PRODUCED) == {ErrorCode.UNTRUSTED_SAS_RELAY}
