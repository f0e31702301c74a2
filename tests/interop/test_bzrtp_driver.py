"""The bzrtp driver itself: two real contexts agree with each other through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.bzrtp import Algorithms, Bzrtp, BzrtpRefused, Channel, ZidCache
from tests.interop.virtual_time import Network

pytestmark = [pytest.mark.usefixtures("bzrtp_peer"), pytest.mark.long]


def converse(a: Channel, b: Channel, network: Network | None = None) -> Network:
    """Both channels talk until they are secure."""
    network = network or Network()
    a.start()
    b.start()
    network.run(a, b, until=20, done=lambda: a.secure and b.secure)
    assert a.outcome and b.outcome
    assert a.outcome.send == b.outcome.receive
    assert a.outcome.receive == b.outcome.send
    assert a.outcome.suite == b.outcome.suite
    return network


@pytest.fixture
def caches(tmp_path: Path) -> Iterator[tuple[ZidCache, ZidCache]]:
    with ZidCache(tmp_path / "a") as first, ZidCache(tmp_path / "b") as second:
        yield first, second


@pytest.mark.parametrize("key_agreement", ["DH3k", "DH2k", "X255", "X448"])
def test_two_contexts_agree(key_agreement: str) -> None:
    offer = Algorithms(hashes=["S384"], ciphers=["AES3"], auth_tags=["HS80"], key_agreements=[key_agreement, "Mult"])
    with Bzrtp(1, offer) as a, Bzrtp(2, offer) as b:
        a.expect_hello_hash(b.hello_hash)
        b.expect_hello_hash(a.hello_hash)
        converse(a, b)
        assert a.outcome and b.outcome
        assert a.outcome.suite[:4] == ("S384", "AES3", "HS80", key_agreement)
        assert a.outcome.sas == b.outcome.sas
        assert {a.outcome.role, b.outcome.role} == {"initiator", "responder"}
        assert a.outcome.exported == b.outcome.exported != b""
        converse(a.add_channel(3), b.add_channel(4))
        with pytest.raises(BzrtpRefused):
            a.add_channel(5)


def test_a_wrong_hello_hash_keeps_the_channel_open_for_ever() -> None:
    with Bzrtp(1) as a, Bzrtp(2) as b:
        a.expect_hello_hash("1.10 " + "0" * 64)
        a.start()
        b.start()
        Network().run(a, b, until=5, done=lambda: False)
        assert a.refused
        assert a.state == "ongoing"


def test_a_verdict_and_a_spoiled_cache_show_in_later_calls(caches: tuple[ZidCache, ZidCache]) -> None:
    outcomes = []
    for _ in range(2):
        with Bzrtp(1, cache=caches[0]) as a, Bzrtp(2, cache=caches[1]) as b:
            converse(a, b)
            a.sas_matched()
            b.sas_matched()
            outcomes.append(a.outcome)
    assert [outcome.verified for outcome in outcomes if outcome] == [False, True]
    assert [row[2] for cache in caches for row in cache.secrets()] == [True, True]
    caches[1].replace_secrets(b"\x01" * 32, b"\x02" * 32)
    with Bzrtp(1, cache=caches[0]) as a, Bzrtp(2, cache=caches[1]) as b:
        converse(a, b)
        assert a.outcome and a.outcome.cache_mismatch
        assert a.warned_of_cache_mismatch


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_reordering_are_repaired(seed: int) -> None:
    with Bzrtp(1) as a, Bzrtp(2) as b:
        converse(a, b, Network(loss=0.2, duplicate=0.1, delay=0.03, jitter=0.02, seed=seed))


@pytest.mark.parametrize(("theirs", "state"), [(b"s" * 32, "match"), (b"t" * 32, "mismatch"), (b"", "unset")])
def test_auxiliary_secrets(theirs: bytes, state: str) -> None:
    with Bzrtp(1, aux_secret=theirs) as a, Bzrtp(2, aux_secret=b"s" * 32 if theirs else b"") as b:
        converse(a, b)
        assert a.outcome and a.outcome.aux == state
