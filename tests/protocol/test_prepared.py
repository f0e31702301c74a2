"""Key pairs made ahead of need: each serves one call with the suite that it was made for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.inside import core_of, installation_of, prepared_shares
from tests.support.pair import Pair
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.errors import EngineDefect
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import PeerDetected, Role, Suite
from zrtp.protocol.negotiation import usual_suite
from zrtp.protocol.states import State

AGREEMENTS = [b"X255", b"DH3k", b"X1M2"]


def config(agreement: bytes, *, passive: bool = False) -> Config:
    return Config(key_agreements=(agreement,), passive=passive)


def suite_of(endpoint: Endpoint) -> Suite:
    return usual_suite(endpoint.config, installation_of(endpoint).offer)


@pytest.mark.parametrize("agreement", AGREEMENTS)
def test_the_next_commit_uses_it_and_only_that_one(agreement: bytes) -> None:
    pair = Pair(config(agreement), config(agreement, passive=True))
    endpoint = pair.alice.endpoint
    endpoint.prepare()
    (share,) = prepared_shares(endpoint)

    pair.run()

    assert pair.secure
    assert pair.keys_agree
    assert pair.alice.stream.suite == suite_of(endpoint)
    assert installation_of(endpoint).take_prepared(suite_of(endpoint)) is None
    with pytest.raises(EngineDefect, match="wiped"):
        share.finish(CheckedValue(bytes(32)))


@pytest.mark.parametrize(("agreement", "left"), [(b"X255", False), (b"DH3k", False), (b"X1M2", True)])
def test_a_responder_uses_it_unless_the_key_agreement_is_a_kem(agreement: bytes, left: bool) -> None:
    pair = Pair(config(agreement), config(agreement, passive=True))
    endpoint = pair.bob.endpoint
    endpoint.prepare()
    pair.run()

    assert pair.secure
    assert pair.bob.stream.role is Role.RESPONDER
    assert (installation_of(endpoint).take_prepared(suite_of(endpoint)) is not None) is left


def test_when_commits_cross_each_side_uses_one() -> None:
    pair = Pair(config(b"X255"), config(b"X255"))
    for side in pair.sides:
        side.endpoint.prepare(2)
    pair.run()

    assert pair.secure
    for side in pair.sides:
        stock = [installation_of(side.endpoint).take_prepared(suite_of(side.endpoint)) for _ in range(2)]
        assert [share is not None for share in stock] == [True, False]


@pytest.mark.rfc("R-4.1.2-06")
def test_key_pairs_may_be_made_as_soon_as_a_hello_tells_that_the_peer_is_there() -> None:
    """The user has not asked for encryption yet; when she does, the Commit leaves without a new key pair."""
    pair = Pair(replace(config(b"DH3k"), auto_secure=False), config(b"DH3k", passive=True))
    pair.start()
    pair.network.run(5.0, stop=lambda: bool(pair.alice.seen(PeerDetected)))
    endpoint = pair.alice.endpoint
    endpoint.prepare()
    (share,) = prepared_shares(endpoint)
    pair.run(1.0)
    assert pair.alice.stream.state is State.DISCOVERED

    pair.alice.session.go_secure(pair.network.now)
    exchange = core_of(pair.alice.stream).exchange
    assert exchange is not None and exchange.offer is not None and exchange.offer.share is share
    pair.run()
    assert pair.secure and pair.keys_agree


def test_another_suite_does_not_use_it() -> None:
    endpoint = Endpoint(config(b"DH3k"))
    suite = suite_of(endpoint)
    endpoint.prepare(suite=suite)

    longer = b"AES1" if suite.cipher == b"AES3" else b"AES3"
    assert installation_of(endpoint).take_prepared(replace(suite, cipher=longer)) is None
    assert installation_of(endpoint).take_prepared(replace(suite, hash=b"S512")) is None
    assert installation_of(endpoint).take_prepared(replace(suite, sas=b"B256")) is not None


def test_the_stock_is_filled_up_and_not_beyond() -> None:
    endpoint = Endpoint(config(b"X255"))
    endpoint.prepare(2)
    endpoint.prepare(3)
    endpoint.prepare(1)

    taken = iter(lambda: installation_of(endpoint).take_prepared(suite_of(endpoint)), None)
    assert len(list(taken)) == 3


def test_what_is_discarded_is_wiped() -> None:
    endpoint = Endpoint(config(b"X255"))
    endpoint.prepare()
    (share,) = prepared_shares(endpoint)
    endpoint.close()

    assert installation_of(endpoint).take_prepared(suite_of(endpoint)) is None
    with pytest.raises(EngineDefect, match="wiped"):
        share.finish(CheckedValue(bytes(32)))


def test_nothing_is_prepared_unasked() -> None:
    pair = Pair(config(b"X255"), config(b"X255")).run()

    assert pair.alice.stream.state is State.SECURE
    assert prepared_shares(pair.alice.endpoint) == []
