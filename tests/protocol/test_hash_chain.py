"""The hash chain H0..H3 and the MACs that it opens, always with SHA-256 (RFC 6189 sections 8.1.1 and 9)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest

from tests.support.actor import FAST, Actor, alone
from tests.support.cases import every
from tests.support.inside import core_of
from tests.support.pair import Pair, seeded
from tests.support.vectors import Transcript, transcripts
from zrtp.errors import ErrorCode, PeerMisbehaved
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.hash_chain import (
    ChainBroken,
    OwnChain,
    message_mac,
    verify_commit,
    verify_dhpart,
    verify_hello,
    verify_skipped_to_commit,
    verify_skipped_to_hello,
)
from zrtp.wire.messages import Commit, DHPart1, DHPart2, Hello, parse


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


def actor() -> Actor:
    return Actor(alone(FAST).stream)


@pytest.mark.rfc("R-9-01", "R-5.1.2.2-01")
def test_each_link_is_the_sha256_of_the_one_before() -> None:
    chain = OwnChain.make(seeded(1))
    assert chain.h0 == seeded(1)(32)
    assert (chain.h1, chain.h2, chain.h3) == (
        sha256(chain.h0),
        sha256(sha256(chain.h0)),
        sha256(sha256(sha256(chain.h0))),
    )


@pytest.mark.attack("CHN-10")
@pytest.mark.rfc("R-9-03", "R-4.8-01")
def test_every_stream_and_every_call_has_a_chain_of_its_own() -> None:
    endpoint = Endpoint(FAST, random=seeded(2))
    calls = [endpoint.session() for _ in range(20)]
    streams = [call.add_stream(ssrc) for call in calls for ssrc in (1, 2, 3)]
    links = {
        link
        for stream in streams
        for link in (
            core_of(stream).chain.h0,
            core_of(stream).chain.h1,
            core_of(stream).chain.h2,
            core_of(stream).chain.h3,
        )
    }
    assert len(links) == 4 * len(streams)


@pytest.mark.attack("SID-05")
def test_what_has_not_been_sent_is_not_in_the_repr_of_the_chain() -> None:
    chain = OwnChain.make(seeded(3))
    text = repr(chain)
    for secret in (chain.h0, chain.h1, chain.h2):
        assert repr(secret) not in text
        assert secret.hex() not in text


@pytest.mark.rfc("R-5.1.2.2-02", "R-8.1.1-05", "R-5.2-12")
def test_message_macs_are_hmac_sha256_truncated_to_64_bits() -> None:
    covered = b"what is covered"
    assert message_mac(b"key", covered) == hmac.digest(b"key", covered, "sha256")[:8]


@pytest.mark.rfc("R-9-02", "R-5.2-12", "R-5.4-06", "R-5.5-03", "R-5.1.2.2-02")
def test_our_own_messages_reveal_one_link_each_and_carry_the_mac_of_the_link_before() -> None:
    pair = Pair(Config(key_agreements=(b"X255",), hashes=(b"S384",)), Config(key_agreements=(b"X255",))).run()
    assert pair.secure
    for side in pair.sides:
        chain = core_of(side.stream).chain
        keys = {Hello: chain.h2, Commit: chain.h1, DHPart1: chain.h0, DHPart2: chain.h0}
        for _, name, datagram in pair.network.log:
            message = parse(datagram[12:-4])
            if name != side.name or not isinstance(message, Hello | Commit | DHPart1 | DHPart2):
                continue
            revealed = (
                message.h3 if isinstance(message, Hello) else message.h2 if isinstance(message, Commit) else message.h1
            )
            assert sha256(keys[type(message)]) == revealed
            assert message.mac == hmac.digest(keys[type(message)], message.raw[:-8], "sha256")[:8]
            assert message.covered == message.raw[:-8]


@pytest.mark.rfc("R-5.2-13", "R-8.1.1-02", "R-9-04")
def test_the_next_link_opens_a_message_and_proves_it() -> None:
    peer = actor()
    assert verify_hello(peer.own_hello, peer.chain.h2).hello is peer.own_hello
    commit = peer.commit()
    assert verify_commit(commit, peer.chain.h1).commit is commit
    assert verify_dhpart(peer.dhpart2(), peer.chain.h0).h0 == peer.chain.h0


@pytest.mark.rfc("R-9-05", "R-9-04")
def test_a_preimage_that_does_not_fit_opens_nothing() -> None:
    peer, chain = actor(), OwnChain.make(seeded(5))
    with pytest.raises(ChainBroken, match="H2"):
        verify_hello(peer.own_hello, chain.h2)
    with pytest.raises(ChainBroken, match="H1"):
        verify_commit(peer.commit(), chain.h1)
    with pytest.raises(ChainBroken, match="H0"):
        verify_dhpart(peer.dhpart2(), chain.h0)


@pytest.mark.attack("CHN-05")
@pytest.mark.attack("CHN-06")
@pytest.mark.rfc("R-8.1.1-03", "R-8.1.1-04")
def test_a_wrong_mac_under_the_right_key_is_an_attack_and_not_noise() -> None:
    peer = actor()
    commit = peer.commit()
    for verify, name in (
        (lambda: verify_hello(peer.hello(mac=lambda _: bytes(8)), peer.chain.h2), "Hello"),
        (lambda: verify_commit(peer.commit(mac=lambda _: bytes(8)), peer.chain.h1), "Commit"),
        (lambda: verify_dhpart(peer.dhpart2(mac=lambda _: bytes(8)), peer.chain.h0), "DHPart2"),
        (lambda: verify_dhpart(peer.dhpart1(commit, mac=lambda _: bytes(8)), peer.chain.h0), "DHPart1"),
    ):
        with pytest.raises(PeerMisbehaved, match=f"The MAC of the peer's {name} is wrong: somebody changed") as caught:
            verify()
        assert caught.value.code is ErrorCode.SOFTWARE_ERROR


@pytest.mark.attack("CHN-15")
@every("position", range(8))
def test_all_64_bits_of_a_mac_are_compared(position: int) -> None:
    peer = actor()

    def one_bit_off(covered: bytes) -> bytes:
        mac = bytearray(message_mac(peer.chain.h2, covered))
        mac[position] ^= 1
        return bytes(mac)

    with pytest.raises(PeerMisbehaved):
        verify_hello(peer.hello(mac=one_bit_off), peer.chain.h2)


def test_the_mac_covers_every_octet_of_a_message() -> None:
    peer = actor()
    hello = peer.own_hello
    for position in range(len(hello.raw) - 8):
        raw = bytearray(hello.raw)
        raw[position] ^= 1
        with pytest.raises(PeerMisbehaved):
            verify_hello(replace(hello, raw=bytes(raw)), peer.chain.h2)


@pytest.mark.attack("CHN-04")
@pytest.mark.rfc("R-9-09")
def test_skipped_messages_are_bridged_from_h0() -> None:
    peer = actor()
    assert verify_skipped_to_hello(peer.own_hello, peer.chain.h0).h0 == peer.chain.h0
    assert verify_skipped_to_commit(peer.commit(), peer.chain.h0).h0 == peer.chain.h0
    for wrong in (peer.chain.h1, peer.chain.h2, bytes(32)):
        with pytest.raises(ChainBroken):
            verify_skipped_to_hello(peer.own_hello, wrong)
        with pytest.raises(ChainBroken):
            verify_skipped_to_commit(peer.commit(), wrong)
    with pytest.raises(PeerMisbehaved):
        verify_skipped_to_hello(peer.hello(mac=lambda _: bytes(8)), peer.chain.h0)
    with pytest.raises(PeerMisbehaved):
        verify_skipped_to_commit(peer.commit(mac=lambda _: bytes(8)), peer.chain.h0)


@pytest.mark.rfc("R-9-01", "R-5.2-12", "R-5.4-06", "R-5.5-03")
@every("transcript", transcripts(), ids=str)
def test_the_chains_and_macs_of_recorded_peers_verify(transcript: Transcript) -> None:
    messages = transcript.messages
    hello_i, hello_r, commit = (parse(raw) for raw in (messages.hello_i, messages.hello_r, messages.commit))
    assert isinstance(hello_i, Hello) and isinstance(hello_r, Hello) and isinstance(commit, Commit)
    h0_i, h0_r = transcript.initiator.h0, transcript.responder.h0
    verify_hello(hello_i, commit.h2)
    verify_skipped_to_commit(commit, h0_i)
    verify_skipped_to_hello(hello_r, h0_r)
    for raw, h0 in ((messages.dhpart1, h0_r), (messages.dhpart2, h0_i)):
        if raw is not None:
            dhpart = parse(raw)
            assert isinstance(dhpart, DHPart1 | DHPart2)
            verify_dhpart(dhpart, h0)
