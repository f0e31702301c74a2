"""GoClear under attack (RFC 6189 sections 4.7.2, 5.11)."""

from __future__ import annotations

import pytest

from tests.support.pair import Pair
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ApiMisuse
from zrtp.protocol.config import Config
from zrtp.protocol.events import Assurance
from zrtp.protocol.states import State

ALLOWED = Config(key_agreements=(b"X255",), allow_clear=True)


def secure_call(alice: Config = ALLOWED, bob: Config = ALLOWED) -> Pair:
    pair = Pair(alice, bob, alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
    assert pair.secure
    return pair


def cleared_call() -> Pair:
    pair = secure_call()
    for side in pair.sides:
        side.session.sas_matched("the other one")
    pair.alice.session.go_clear(pair.network.now)
    pair.network.run(pair.network.now + 1.0)
    pair.bob.session.agree_to_clear()
    return pair


@pytest.mark.attack("SID-06")
@pytest.mark.attack("CLR-05")
def test_nothing_of_the_key_agreement_can_be_exported_after_goclear() -> None:
    pair = cleared_call()
    for side in pair.sides:
        assert side.stream.state is State.CLEAR
        with pytest.raises(ApiMisuse):
            side.session.export_key(b"label", 16)


@pytest.mark.attack("SID-06")
@pytest.mark.attack("DWN-17")
def test_call_in_clear_is_not_called_verified() -> None:
    pair = cleared_call()
    assert [side.session.assurance for side in pair.sides] == [Assurance.INSECURE] * 2
    pair.alice.session.go_secure(pair.network.now)
    pair.network.run(pair.network.now + 5.0)
    assert pair.secure
    assert [side.session.assurance for side in pair.sides] == [Assurance.VERIFIED] * 2
