"""Two Commits cross: who becomes the initiator (RFC 6189 section 4.2), cell by cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import wire
from tests.support.cases import every
from zrtp.errors import ErrorCode, PeerMisbehaved
from zrtp.protocol.contention import Winner, resolve
from zrtp.wire.messages import Commit

LOW, HIGH = bytes(31) + b"\x01", b"\x01" + bytes(31)

OPPOSITE = {Winner.OWN: Winner.PEER, Winner.PEER: Winner.OWN, Winner.NONE: Winner.NONE}


def dh(hvi: bytes, code: bytes = b"X255") -> Commit:
    return wire.commit(key_agreement=code, hvi=hvi)


def mult(nonce: bytes) -> Commit:
    return wire.commit(key_agreement=b"Mult", nonce=nonce)


def prsh(nonce: bytes) -> Commit:
    return wire.commit(key_agreement=b"Prsh", nonce=nonce, key_id=bytes(8))


@pytest.mark.attack("CON-01")
@pytest.mark.rfc("R-4.2-04", "R-4.2-06")
def test_the_higher_hvi_wins() -> None:
    assert resolve(dh(HIGH), False, dh(LOW), False) is Winner.OWN
    assert resolve(dh(LOW), False, dh(HIGH), False) is Winner.PEER


@pytest.mark.attack("CON-02")
@pytest.mark.rfc("R-4.2-06")
@every(
    ("lower", "higher"),
    [
        (bytes(31) + b"\x01", bytes(31) + b"\x02"),
        (b"\x7f" + b"\xff" * 31, b"\x80" + bytes(31)),
        (b"\x00" + b"\xff" * 31, b"\x01" + bytes(31)),
        (b"\xab" * 31 + b"\x7f", b"\xab" * 31 + b"\x80"),
        (bytes(32), b"\xff" * 32),
    ],
    ids=["last octet", "top bit", "first octet", "top bit of the last octet", "extremes"],
)
def test_hvi_is_compared_as_an_unsigned_number_of_256_bits(lower: bytes, higher: bytes) -> None:
    assert resolve(dh(lower), False, dh(higher), False) is Winner.PEER
    assert resolve(dh(higher), False, dh(lower), False) is Winner.OWN


@pytest.mark.rfc("R-4.2-04")
def test_the_kind_of_key_agreement_does_not_matter_among_dh_commits() -> None:
    assert resolve(dh(HIGH, b"DH3k"), False, dh(LOW, b"X255"), False) is Winner.OWN
    assert resolve(dh(LOW, b"MLK2"), False, dh(HIGH, b"EC25"), False) is Winner.PEER


@pytest.mark.attack("CON-04")
@pytest.mark.attack("DWN-05")
@pytest.mark.rfc("R-4.2-02")
@pytest.mark.parametrize("mitm", [False, True])
def test_dh_wins_against_preshared(mitm: bool) -> None:
    assert resolve(dh(LOW), mitm, prsh(b"\xff" * 16), False) is Winner.OWN
    assert resolve(prsh(b"\xff" * 16), False, dh(LOW), mitm) is Winner.PEER


@pytest.mark.attack("CON-05")
@pytest.mark.rfc("R-4.2-03")
def test_preshared_the_side_without_the_m_flag_wins_whatever_the_nonces() -> None:
    low, high = prsh(bytes(16)), prsh(b"\xff" * 16)
    assert resolve(high, True, low, False) is Winner.PEER
    assert resolve(low, False, high, True) is Winner.OWN


@pytest.mark.attack("CON-07")
@pytest.mark.rfc("R-4.2-05", "R-4.4.2.3-05")
@pytest.mark.parametrize("mitm", [False, True])
def test_preshared_of_equals_the_higher_nonce_wins(mitm: bool) -> None:
    low, high = prsh(b"\x7f" + b"\xff" * 15), prsh(b"\x80" + bytes(15))
    assert resolve(low, mitm, high, mitm) is Winner.PEER
    assert resolve(high, mitm, low, mitm) is Winner.OWN


@pytest.mark.attack("CON-07")
@pytest.mark.rfc("R-4.2-05", "R-4.4.3.1-09")
def test_multistream_the_higher_nonce_wins() -> None:
    low, high = mult(b"\x7f" + b"\xff" * 15), mult(b"\x80" + bytes(15))
    assert resolve(low, False, high, False) is Winner.PEER
    assert resolve(high, False, low, False) is Winner.OWN


@pytest.mark.attack("CON-06")
@pytest.mark.rfc("R-4.2-07")
@pytest.mark.parametrize("other", [dh(HIGH), prsh(bytes(16))], ids=["DH", "Preshared"])
def test_multistream_against_anything_else_is_a_software_error(other: Commit) -> None:
    for own, peer in ((mult(bytes(16)), other), (other, mult(bytes(16)))):
        with pytest.raises(PeerMisbehaved) as caught:
            resolve(own, False, peer, False)
        assert caught.value.code is ErrorCode.SOFTWARE_ERROR


@pytest.mark.attack("CON-03")
@pytest.mark.parametrize(
    "commit", [dh(HIGH), mult(b"\xff" * 16), prsh(bytes(16))], ids=["DH", "Multistream", "Preshared"]
)
def test_our_own_commit_reflected_wins_nothing(commit: Commit) -> None:
    assert resolve(commit, False, commit, False) is Winner.NONE


@pytest.mark.attack("CON-01")
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.booleans(), st.booleans())
def test_both_sides_find_the_same_initiator(one: bytes, other: bytes, one_mitm: bool, other_mitm: bool) -> None:
    for make in (dh, lambda value: mult(value[:16]), lambda value: prsh(value[:16])):
        here = resolve(make(one), one_mitm, make(other), other_mitm)
        assert resolve(make(other), other_mitm, make(one), one_mitm) is OPPOSITE[here]
    assert resolve(dh(one), one_mitm, dh(other), other_mitm) is (
        Winner.NONE
        if one == other
        else Winner.OWN
        if int.from_bytes(one, "big") > int.from_bytes(other, "big")
        else Winner.PEER
    )
