"""Nonces: never twice in one session, and not without a bound (RFC 6189 section 4.4.3.1)."""

from __future__ import annotations

import pytest

from tests.support import wire
from tests.support.pair import seeded
from zrtp.errors import ErrorCode, PeerMisbehaved, RandomnessFailed
from zrtp.protocol import limits
from zrtp.protocol.nonces import NONCE_LENGTH, Nonces
from zrtp.wire.messages import Commit


def commit(nonce: bytes) -> Commit:
    return wire.commit(key_agreement=b"Mult", nonce=nonce)


@pytest.mark.rfc("R-4.4.3.1-05", "R-4.4.3.1-06", "R-4.4.2.2-05")
def test_our_nonces_have_16_octets_and_are_all_different() -> None:
    nonces, random = Nonces(), seeded(1)
    made = [nonces.fresh(random) for _ in range(100)]
    assert {len(nonce) for nonce in made} == {NONCE_LENGTH} == {16}
    assert len(set(made)) == 100


@pytest.mark.attack("KEY-07")
@pytest.mark.rfc("R-4.4.3.1-06", "R-4.4.3.1-07")
def test_a_nonce_counts_as_used_whoever_used_it() -> None:
    nonces = Nonces()
    own = nonces.fresh(seeded(1))
    peers = commit(b"p" * 16)
    nonces.check(peers)
    nonces.check(peers)  # looking at one does not use it
    nonces.remember(nonces.check(peers))
    for used in (commit(own), peers):
        with pytest.raises(PeerMisbehaved, match="used a nonce twice") as caught:
            nonces.check(used)
        assert caught.value.code is ErrorCode.NONCE_REUSE


@pytest.mark.attack("DOS-16")
def test_so_many_nonces_are_remembered_and_no_more() -> None:
    nonces = Nonces()
    for number in range(limits.NONCES):
        nonces.remember(nonces.check(commit(number.to_bytes(16, "big"))))
    with pytest.raises(PeerMisbehaved) as caught:
        nonces.check(commit(b"\xff" * 16))
    assert caught.value.code is ErrorCode.SERVICE_UNAVAILABLE
    with pytest.raises(PeerMisbehaved) as caught:
        nonces.check(commit(bytes(16)))
    assert caught.value.code is ErrorCode.NONCE_REUSE


@pytest.mark.attack("SID-07")
def test_randomness_that_repeats_itself_is_refused() -> None:
    nonces = Nonces()
    nonces.fresh(lambda length: bytes(length))
    with pytest.raises(RandomnessFailed, match="repeats itself"):
        nonces.fresh(lambda length: bytes(length))


def test_a_commit_in_dh_mode_has_none() -> None:
    nonces = Nonces()
    nonces.remember(nonces.check(wire.commit()))
    nonces.check(wire.commit())
