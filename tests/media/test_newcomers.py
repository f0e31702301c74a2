"""Somebody else speaks ZRTP at a stream that is secure: a transfer, a fork, or the peer's own phone, started anew."""

from __future__ import annotations

from tests.support.media_pair import FRAME, MediaPair
from tests.support.pair import seeded
from zrtp.events import AnotherPeer
from zrtp.media.secure import SecureCall, SecureMedia
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State

FAST = Config(key_agreements=(b"X255",))
WAITING = Config(key_agreements=(b"X255",), passive=True)
CAROL, CAROLS_ZID = 0xCA401, b"Carol's ZID."


def secure_pair() -> MediaPair:
    return MediaPair(FAST, FAST).run()


def newcomer(zid: bytes = CAROLS_ZID) -> SecureMedia:
    """A phone that has begun to introduce itself."""
    media = SecureCall(Endpoint(FAST, zid=zid, random=seeded(CAROL)).session()).add_stream(CAROL)
    media.start(0.0)
    return media


def hello_of(media: SecureMedia) -> bytes:
    (hello,) = media.datagrams_to_send()
    return hello


def told(pair: MediaPair) -> list[bytes]:
    return [event.zid for event in pair.alice.seen(AnotherPeer)]


def assert_nothing_changed(pair: MediaPair) -> None:
    assert pair.alice.media.stream.state is State.SECURE
    assert pair.alice.media.datagrams_to_send() == []
    for speaker, listener in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
        datagram = speaker.speak()
        assert datagram is not None
        assert [packet.payload for packet in listener.hear(datagram)] == [FRAME]


def test_a_phone_to_which_the_call_was_passed_on_is_told_and_neither_answered_nor_believed() -> None:
    pair = secure_pair()
    pair.alice.hear(hello_of(newcomer()), 10.0)
    assert told(pair) == [CAROLS_ZID]
    assert_nothing_changed(pair)


def test_it_is_told_once_a_second_however_many_there_are() -> None:
    pair = secure_pair()
    for number in range(100):
        phone = newcomer(b"somebody" + number.to_bytes(4, "big"))
        pair.alice.hear(hello_of(phone), 10.0 + number * 0.025)
    assert len(told(pair)) == 3


def test_the_peers_own_phone_started_anew_is_told_under_its_zid() -> None:
    pair = secure_pair()
    zid = pair.alice.call.session.peer.zid
    assert zid is not None
    pair.alice.hear(hello_of(newcomer(zid)), 10.0)
    assert told(pair) == [zid]
    assert_nothing_changed(pair)


def test_a_phone_that_goes_on_with_its_commit_is_told_too() -> None:
    """Of a call that forked: it got our Hello, and another one was secured before it."""
    carol, server = newcomer(), SecureCall(Endpoint(WAITING).session()).add_stream(1)
    server.start(0.0)
    sent = [hello_of(carol)]
    while sent[-1][16:24] != b"Commit  ":
        server.datagram_received(sent[-1], 0.0)
        for datagram in server.datagrams_to_send():
            carol.datagram_received(datagram, 0.0)
        sent += carol.datagrams_to_send()

    pair = secure_pair()
    pair.alice.hear(sent[-1], 10.0)
    assert told(pair) == [CAROLS_ZID]
    assert pair.alice.media.newcomer_hello is None
    assert_nothing_changed(pair)


def test_the_peers_hello_is_acknowledged_and_our_own_is_dropped_as_ever() -> None:
    pair = MediaPair(FAST, FAST)
    hellos: list[bytes] = []
    for party in pair.parties:
        party.media.start(0.0)
        hellos += party.media.datagrams_to_send()
    ours, theirs = hellos
    pair.alice.hear(theirs)
    pair.bob.hear(ours)
    pair.go_on()
    for hello in hellos:
        pair.alice.hear(hello, 10.0)
    (answer,) = pair.alice.media.datagrams_to_send()
    assert answer[16:24] == b"HelloACK"
    assert told(pair) == []


def test_a_hello_that_is_damaged_or_cut_is_nobodys() -> None:
    pair = secure_pair()
    hello = hello_of(newcomer())
    for damaged in (hello[:-1] + bytes([hello[-1] ^ 1]), hello[:40], hello[:16] + b"Hello   "):
        pair.alice.hear(damaged, 10.0)
    assert told(pair) == []
    assert_nothing_changed(pair)


def test_before_the_stream_is_secure_whoever_comes_is_a_matter_of_the_engine() -> None:
    pair = MediaPair(FAST, FAST)
    pair.alice.media.start(0.0)
    pair.alice.hear(hello_of(newcomer()))
    assert told(pair) == []
    assert pair.alice.media.newcomer_hello is None
