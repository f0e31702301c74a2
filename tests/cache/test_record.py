"""A record says what is expected of a peer, and its edits follow the rules for names and verification."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import example, given

from tests.support.cases import every
from tests.support.texts import texts
from zrtp.cache.record import FOREVER, NAME_LENGTH, PeerRecord, clean_name
from zrtp.errors import ApiMisuse
from zrtp.secret import Secret

RS1 = b"\x11" * 32
RS2 = b"\x22" * 32
PBX = b"\x33" * 32


def a_record() -> PeerRecord:
    return PeerRecord(
        rs1=Secret(RS1), rs2=Secret(RS2), pbxsecret=Secret(PBX), name="bob", first_seen=100.0, last_seen=200.0
    )


@pytest.mark.attack("CCH-01")
def test_a_retained_secret_is_expected_to_match() -> None:
    assert a_record().expects_match(now=1e9)


@pytest.mark.rfc("R-4.9-14")
@pytest.mark.attack("CCH-08")
def test_after_expiry_the_absence_of_rs1_is_no_alarm_but_the_secret_is_still_there() -> None:
    record = replace(a_record(), interval=60, rs1_expires=260.0)

    assert record.expects_match(now=259.9)
    assert not record.expects_match(now=260.0)
    assert record.rs1 == Secret(RS1)


@pytest.mark.rfc("R-4.9-11", "R-4.9-12")
def test_interval_zero_is_expired_at_once_and_forever_never() -> None:
    assert replace(a_record(), interval=0).rs1_expired(now=200.0)
    assert not replace(a_record(), interval=FOREVER).rs1_expired(now=1e15)


@pytest.mark.attack("CCH-05")
def test_a_provisional_record_expects_nothing() -> None:
    assert not replace(a_record(), provisional=True).expects_match(now=201.0)


def test_without_rs1_nothing_is_expected() -> None:
    assert not PeerRecord(pbxsecret=Secret(PBX)).expects_match(now=0.0)


@pytest.mark.rfc("R-7.1-01")
def test_verifying_sets_date_name_and_lineage_and_ends_the_provisional_time() -> None:
    record = replace(a_record(), provisional=True).as_verified(300.0, "Bob")

    assert (record.verified, record.verified_at, record.name) == (True, 300.0, "Bob")
    assert record.trusted_lineage
    assert not record.provisional


def test_verifying_without_a_name_keeps_the_old_one() -> None:
    assert a_record().as_verified(300.0).name == "bob"


@pytest.mark.attack("CCH-16")
def test_a_verification_can_be_taken_back_without_losing_secrets() -> None:
    record = a_record().as_verified(300.0).as_unverified()

    assert (record.verified, record.verified_at, record.trusted_lineage) == (False, None, False)
    assert record == a_record()


def test_another_name_asks_for_another_comparison() -> None:
    record = a_record().as_verified(300.0).renamed("robert")

    assert (record.name, record.verified, record.verified_at) == ("robert", False, None)
    assert not record.trusted_lineage


@pytest.mark.parametrize("same", ["bob", "  bob\n"])
def test_the_same_name_changes_nothing(same: str) -> None:
    record = a_record().as_verified(300.0)

    assert record.renamed(same) is record


@every(
    ("typed", "kept"),
    [
        ("  Bob \t of \n Bath ", "Bob of Bath"),
        ("b\x1b[31mob\x00", "b[31mob"),
        ("bob\u202egnp", "bobgnp"),
        ("b\udcffob", "bob"),
        ("م\u200cن", "م\u200cن"),
        ("x" * (NAME_LENGTH + 50), "x" * NAME_LENGTH),
        ("\u2028", ""),
        ("\u200d \u200d", ""),
    ],
    ids=[
        "white space",
        "terminal control",
        "text direction",
        "surrogate",
        "joiner",
        "long",
        "separator",
        "only joiners",
    ],
)
def test_a_name_is_one_short_visible_line(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept
    assert replace(a_record(), name=typed).name == kept


@example("a\r\x1b\x85b")
@given(texts(max_size=300))
def test_a_cleaned_name_is_clean(text: str) -> None:
    is_clean_once_cleaned(text)


@pytest.mark.long
@given(texts(max_size=300))
def test_any_cleaned_name_is_clean(text: str) -> None:
    is_clean_once_cleaned(text)


def is_clean_once_cleaned(text: str) -> None:
    name = clean_name(text)

    assert clean_name(name) == name
    assert "\n" not in name
    name.encode()


@pytest.mark.parametrize("interval", [-1, FOREVER + 1])
def test_an_interval_has_32_bits(interval: int) -> None:
    with pytest.raises(ApiMisuse, match="32 bits"):
        PeerRecord(interval=interval)


@every("field", ["first_seen", "last_seen", "verified_at", "differed_at", "rs1_expires", "rs2_expires"])
@every("time", [float("nan"), float("inf")])
def test_times_are_finite(field: str, time: float) -> None:
    with pytest.raises(ApiMisuse, match="finite"):
        replace(a_record(), **{field: time})  # type: ignore[arg-type]


def test_a_copy_survives_the_wiping_of_its_model() -> None:
    record = a_record()
    other = record.copy()
    record.wipe()

    assert other == a_record()
    assert all(secret is not None and secret.wiped for secret in (record.rs1, record.rs2, record.pbxsecret))


def test_words_that_differed_are_remembered_until_they_match() -> None:
    differed = PeerRecord(verified=True, verified_at=1.0, trusted_lineage=True).as_different(2.0)

    assert (differed.verified, differed.verified_at, differed.trusted_lineage) == (False, None, False)
    for later in (differed.as_unverified(), differed.renamed("robert")):
        assert later.differed_at == 2.0
    assert differed.as_verified(3.0).differed_at is None


def test_a_copy_has_every_field_of_its_model_and_secrets_of_its_own() -> None:
    unlike_any_default = PeerRecord(
        rs1=Secret(RS1),
        rs1_expires=1.0,
        rs2=Secret(RS2),
        rs2_expires=2.0,
        pbxsecret=Secret(PBX),
        interval=3,
        verified=True,
        verified_at=4.0,
        differed_at=4.5,
        name="bob",
        provisional=True,
        trusted_lineage=True,
        preshared_count=5,
        first_seen=6.0,
        last_seen=7.0,
        generation=8,
    )
    default = PeerRecord()
    assert all(getattr(unlike_any_default, item.name) != getattr(default, item.name) for item in fields(PeerRecord))

    assert unlike_any_default.copy() == unlike_any_default
    assert unlike_any_default.copy().rs1 is not unlike_any_default.rs1
    assert unlike_any_default.successor_of(unlike_any_default) == replace(unlike_any_default, generation=9)


def test_every_successor_counts_one_more_generation() -> None:
    first = a_record().successor_of(None)
    second = replace(first, name="b").successor_of(first)

    assert (first.generation, second.generation) == (1, 2)


@pytest.mark.attack("CCH-14")
def test_a_record_shows_no_key_octets_and_is_neither_pickled_nor_taken_apart() -> None:
    record = a_record()

    assert "32 octets" in repr(record)
    for octets in (RS1, RS2, PBX):
        assert octets.hex() not in repr(record)
        assert repr(octets)[2:-1] not in repr(record)
    for attempt in (pickle.dumps, copy.deepcopy, asdict):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(record)
