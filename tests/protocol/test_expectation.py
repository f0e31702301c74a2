"""Whom an application expects: the one, another one, a new device, and a store that answers late."""

from __future__ import annotations

import pytest

from tests.support.friends import Friends
from tests.support.pair import Pair
from tests.support.storekeeper import Storekeeper, run_served
from zrtp.errors import ApiMisuse
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Secured, SecurityWarning, WarningCode


def acquainted() -> Friends:
    """Alice knows Bob, and calls him so."""
    friends = Friends()
    pair = friends.call()
    pair.alice.session.sas_matched("Bob")
    pair.bob.session.sas_matched("Alice")
    return friends


def with_another_phone(friends: Friends) -> Friends:
    """Bob has a phone of which Alice knows nothing."""
    friends.caches["bob"] = type(friends.caches["bob"])()
    return friends


def warnings(pair: Pair) -> list[WarningCode]:
    return [event.code for event in pair.alice.seen(SecurityWarning)]


@pytest.mark.parametrize("name", ["Bob", " bob ", "", None])
def test_the_one_who_is_expected_causes_no_warning(name: str | None) -> None:
    assert warnings(acquainted().call(alice_expects=name)) == []


def test_a_first_call_with_a_name_that_nobody_has_causes_none() -> None:
    assert warnings(with_another_phone(acquainted()).call(alice_expects="Carol")) == []


@pytest.mark.attack("SAS-09")
def test_a_key_that_is_known_under_another_name_is_told_before_the_stream_is_secure() -> None:
    pair = acquainted().call(alice_expects="Carol")
    assert warnings(pair) == [WarningCode.DIFFERENT_NAME]
    (warning,), (secured,) = pair.alice.seen(SecurityWarning), pair.alice.seen(Secured)
    assert "You know this peer as Bob, and expected Carol" in warning.text
    assert pair.alice.events.index(warning) < pair.alice.events.index(secured)


@pytest.mark.attack("SAS-09")
def test_a_name_that_is_known_from_another_device_is_told() -> None:
    assert warnings(with_another_phone(acquainted()).call(alice_expects="bob")) == [WarningCode.NEW_DEVICE]


@pytest.mark.attack("SAS-09")
def test_another_zid_than_the_expected_one_is_told() -> None:
    friends = acquainted()
    zid, _ = friends.zids("bob")
    assert warnings(friends.call(alice_expects=zid)) == []
    assert warnings(friends.call(alice_expects=b"another one.")) == [WarningCode.DIFFERENT_NAME]


@pytest.mark.parametrize("serve_first", [True, False])
def test_a_store_that_is_asked_elsewhere_tells_as_well_early_or_late(serve_first: bool) -> None:
    friends = with_another_phone(acquainted())
    pair = friends.pair(alice_expects="Bob", deferred=("alice",))
    keeper = Storekeeper(pair.alice)
    (search,) = keeper.look()
    assert repr(search) == "<Search>"
    if not serve_first:
        keeper.waiting.clear()
    run_served(pair, keeper)
    assert pair.secure
    if not serve_first:
        assert warnings(pair) == []
        search.run(friends.caches["alice"])
        pair.alice.session.store_done(search, pair.network.now)
    assert warnings(pair) == [WarningCode.NEW_DEVICE]


def test_what_was_told_already_is_not_told_again_when_a_slow_search_ends() -> None:
    friends = acquainted()
    pair = friends.pair(alice_expects="Carol", deferred=("alice",))
    keeper = Storekeeper(pair.alice)
    (search,) = keeper.look()
    keeper.waiting.clear()
    run_served(pair, keeper)
    assert warnings(pair) == [WarningCode.DIFFERENT_NAME]
    search.run(friends.caches["alice"])
    pair.alice.session.store_done(search, pair.network.now)
    assert warnings(pair) == [WarningCode.DIFFERENT_NAME]


@pytest.mark.parametrize("known", [True, False])
def test_words_that_differed_are_told_at_every_call_until_they_match(known: bool) -> None:
    friends = acquainted() if known else Friends()
    friends.call().alice.session.sas_mismatched()
    for _ in range(2):
        pair = friends.call()
        assert WarningCode.SAS_MISMATCH in warnings(pair)
    pair.alice.session.sas_matched()
    assert WarningCode.SAS_MISMATCH not in warnings(friends.call())


@pytest.mark.parametrize("expect", [b"short", 12])
def test_whoever_is_neither_a_name_nor_a_zid_cannot_be_expected(expect: bytes) -> None:
    with pytest.raises(ApiMisuse, match="12 octets"):
        Endpoint().session(expect=expect)
