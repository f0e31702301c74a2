"""A call has one peer: nobody else gets a word in on its further streams, or on two streams at once.

The keys of a further stream come from those of the first one, so that the SAS that people compare covers them all. A
stranger who answers on a further stream must never bring keys, a SAS or a ZRTPSess of its own.
"""

from __future__ import annotations

import pytest

from tests.support.cases import every
from tests.support.inside import call_of
from tests.support.pair import ALICE_SSRC, Network, Pair, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed, KeysReady, Mode, SecurityWarning, Sending, WarningCode
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream

FAST = Config(key_agreements=(b"X255",))
PASSIVE = Config(key_agreements=(b"X255",), passive=True)

VIDEO = 0xA11CE001


def stranger(config: Config, seed: int = 7) -> Side:
    endpoint = Endpoint(config, MemoryCache(), random=seeded(seed))
    side = Side("mallory", endpoint, endpoint.session())
    side.session.add_stream(0x3A3A3A3A)
    return side


def secure_call(alice: Config = FAST, bob: Config = FAST) -> Pair:
    pair = Pair(alice, bob, alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
    assert pair.secure
    return pair


def connect(pair: Pair, stream: Stream, mallory: Side) -> None:
    pair.network.connect("alice", stream, "mallory", mallory.stream)
    stream.start(pair.network.now)
    mallory.stream.start(pair.network.now)


@pytest.mark.attack("DWN-08")
@pytest.mark.attack("DWN-09")
@every("config", [FAST, PASSIVE], ids=["active", "passive"])
@every("seed", range(4))
def test_stranger_on_a_further_stream_gets_no_keys(config: Config, seed: int) -> None:
    pair = secure_call()
    session = pair.alice.session
    session.sas_matched("Bob")
    sas, peer_zid, zrtpsess = session.sas, session.peer.zid, call_of(session).zrtpsess
    video = session.add_stream(VIDEO)
    mallory = stranger(config, seed)
    connect(pair, video, mallory)
    pair.network.run(60)
    assert video.state in (State.QUIET, State.FAILED)
    assert video.sending is not Sending.SRTP
    assert mallory.stream.state is not State.SECURE
    assert not [event for event in pair.alice.seen(KeysReady) if event.ssrc == VIDEO]
    assert (session.sas, session.peer.zid, call_of(session).zrtpsess) == (sas, peer_zid, zrtpsess)
    assert pair.alice.stream.state is State.SECURE


@pytest.mark.attack("DWN-08")
def test_stranger_on_a_further_stream_is_told_a_software_error_and_the_stream_goes_on() -> None:
    pair = secure_call(alice=PASSIVE)
    video = pair.alice.session.add_stream(VIDEO)
    connect(pair, video, stranger(FAST))
    pair.network.run(60)
    assert not [event for event in pair.alice.seen(Failed) if event.ssrc == VIDEO]
    assert video.counters["Commit refused"] > 0
    assert video.state is State.QUIET


def test_application_is_told_of_a_stranger_on_a_further_stream() -> None:
    pair = secure_call()
    video = pair.alice.session.add_stream(VIDEO)
    connect(pair, video, stranger(PASSIVE))
    pair.network.run(60)
    warnings = [event for event in pair.alice.seen(SecurityWarning) if event.ssrc == VIDEO]
    assert {event.code for event in warnings} == {WarningCode.MULTISTREAM_REFUSED}
    assert video.state is State.QUIET


def test_peer_that_comes_after_a_stranger_is_found() -> None:
    pair = secure_call()
    video = pair.alice.session.add_stream(VIDEO)
    mallory = stranger(PASSIVE)
    connect(pair, video, mallory)
    pair.network.run(pair.network.now + 2)
    assert video.state is State.HELLO_ACKED
    bob = pair.bob.session.add_stream(0xB0B00001)
    network = Network()
    network.now = pair.network.now
    network.connect("alice", video, "bob", bob)
    bob.start(network.now)
    network.run(network.now + 5)
    assert (video.state, bob.state) == (State.SECURE, State.SECURE)
    assert video.mode is Mode.MULTISTREAM


@every("first", ["alice and bob", "alice and mallory"])
@every("config", [FAST, PASSIVE], ids=["active", "passive"])
@every("seed", range(4))
def test_two_streams_at_once_never_get_keys_from_two_peers(first: str, config: Config, seed: int) -> None:
    """A stranger who answers the second stream before the first one is secure."""
    pair = Pair(FAST, FAST, seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache())
    video = pair.alice.session.add_stream(VIDEO)
    mallory = stranger(config, seed)
    if first == "alice and bob":
        pair.start()
        connect(pair, video, mallory)
    else:
        connect(pair, video, mallory)
        pair.start()
    pair.network.run(60)
    secure = [stream for stream in (pair.alice.stream, video) if stream.state is State.SECURE]
    assert len(secure) == 1
    other = pair.bob if secure[0].ssrc == ALICE_SSRC else mallory
    assert pair.alice.session.sas is not None and other.session.sas is not None
    assert pair.alice.session.sas == other.session.sas
    assert pair.alice.session.peer.zid == call_of(other.session).zid
