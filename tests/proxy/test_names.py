"""A record belongs to an address, whatever the person calls who is there."""

from __future__ import annotations

from zrtp.cache.record import NAME_LENGTH
from zrtp.proxy.names import Names, shown_for

BOB = "sip:bob@example.org"


def test_an_address_that_nobody_named_is_its_own_name() -> None:
    names = Names()
    assert names.of_record(BOB) == BOB
    assert names.call(BOB, "") == names.call(BOB, "SIP:Bob@example.org") == BOB


def test_a_name_stands_before_the_address_and_stays() -> None:
    names = Names()
    assert names.call(BOB, "Bob \u202eat home") == "Bob at home <sip:bob@example.org>"
    assert names.of_record("sip:BOB@example.org") == names.call(BOB, "") == "Bob at home <sip:bob@example.org>"
    assert names.of_record("sip:carol@example.org") == "sip:carol@example.org"


def test_names_are_learnt_from_the_records_and_others_mean_no_address() -> None:
    names = Names(["Bob <sip:bob@example.org>", "", "Carol", "<sip:dave@example.org>"])
    assert names.of_record(BOB) == "Bob <sip:bob@example.org>"
    assert names.of_record("Carol") == "Carol"


def test_the_address_is_never_what_a_long_name_loses() -> None:
    name = Names().call(BOB, "B" * NAME_LENGTH)
    assert len(name) == NAME_LENGTH and name.endswith(f" <{BOB}>")


def test_beside_its_own_address_a_name_is_enough_and_beside_another_it_is_not() -> None:
    name = "Bob <sip:bob@example.org>"
    assert shown_for("sip:BOB@example.org", name) == "Bob"
    assert shown_for("sip:carol@example.org", name) == name
    assert shown_for(BOB, BOB) == BOB


def test_an_address_cannot_pass_for_another_one() -> None:
    names = Names()
    names.call("evil <sip:bob@example.org", "Mallory")
    assert names.of_record(BOB) == BOB
    assert names.call("sip:" + "b" * NAME_LENGTH, "Bob") == names.of_record("sip:" + "b" * NAME_LENGTH)
