from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zrtp.reach.code import Code
from zrtp.reach.errors import WrongCode
from zrtp.reach.exchange import PasswordExchange

CODE = Code.parse("7-virus-revival")
OTHER = Code.parse("7-adrift-yesteryear")


def side(name: str, code: Code = CODE, seed: int = 1) -> PasswordExchange:
    return PasswordExchange(code, name, random.Random(f"{name} {seed}").randbytes)


def met(alice: PasswordExchange, bob: PasswordExchange) -> None:
    alice.meet("bob", bob.first)
    bob.meet("alice", alice.first)


def test_two_who_know_the_code_swap_a_message_each() -> None:
    alice, bob = side("alice"), side("bob")
    met(alice, bob)
    assert bob.open(alice.seal(b"at home")) == b"at home"
    assert alice.open(bob.seal(b"on a train")) == b"on a train"


def test_other_words_are_noticed_at_both_ends() -> None:
    alice, guesser = side("alice"), side("bob", OTHER)
    met(alice, guesser)
    for here, there in ((alice, guesser), (guesser, alice)):
        with pytest.raises(WrongCode, match="mistyped, or a guess"):
            here.open(there.seal(b"hello"))


def test_the_number_belongs_to_the_code() -> None:
    alice, bob = side("alice"), side("bob", Code(number="8", words=CODE.words))
    met(alice, bob)
    with pytest.raises(WrongCode):
        alice.open(bob.seal(b"hello"))


def test_ones_own_message_sent_back_is_not_the_other_sides() -> None:
    alice, bob = side("alice"), side("bob")
    met(alice, bob)
    with pytest.raises(WrongCode):
        alice.open(alice.seal(b"hello"))
    mirror = side("alice")
    with pytest.raises(WrongCode):
        mirror.meet("bob", mirror.first)


def test_a_changed_message_is_noticed() -> None:
    alice, bob = side("alice"), side("bob")
    met(alice, bob)
    sealed = bytearray(bob.seal(b"hello"))
    sealed[0] ^= 1
    with pytest.raises(WrongCode):
        alice.open(bytes(sealed))


POINTS = st.one_of(
    st.binary(max_size=70),
    st.binary(min_size=32, max_size=32).map(lambda octets: b"S" + octets),
    st.integers(0, 8).map(lambda small: b"S" + small.to_bytes(32, "little")),
)


@given(POINTS)
def test_any_octets_instead_of_a_point_are_a_wrong_code_in_the_end(octets: bytes) -> None:
    alice = side("alice")
    try:
        alice.meet("bob", octets)
    except WrongCode:
        assert not alice.peer_is_there
        return
    with pytest.raises(WrongCode):
        alice.open(bytes(60))


def test_nothing_of_code_or_key_is_in_a_repr() -> None:
    alice, bob = side("alice"), side("bob")
    met(alice, bob)
    assert "virus" not in repr(vars(alice)["_key"]) + repr(alice)
