from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.texts import texts
from zrtp.reach.code import Code, is_number, looks_like_code, random_words
from zrtp.reach.errors import BadCode


def test_a_code_is_read_as_people_type_it() -> None:
    code = Code.parse("7-virus-revival")
    assert (code.number, code.words) == ("7", ("virus", "revival"))
    for typed in ("7-Virus-REVIVAL", "  7 virus revival ", "7 - virus - revival"):
        assert Code.parse(typed) == code
    assert str(code) == "7-virus-revival"


@given(st.integers(0, 10**9 - 1), st.binary(min_size=2, max_size=4))
def test_every_code_that_is_made_is_read(number: int, octets: bytes) -> None:
    code = Code(number=str(number), words=random_words(len(octets), lambda _: octets))
    assert Code.parse(str(code)) == code
    assert looks_like_code(str(code))


def test_a_word_stands_for_eight_bits() -> None:
    octets = iter(range(256))
    made = {random_words(2, lambda _: bytes(2 * [next(octets)])) for _ in range(256)}
    assert len(made) == 256
    assert random_words(4, lambda _: bytes(4)) == ("aardvark", "adroitness", "aardvark", "adroitness")


@every(
    ("typed", "sentence"),
    [
        ("7", "a number and two to four words"),
        ("7-virus", "a number and two to four words"),
        ("virus-revival", "a number and two to four words"),
        ("7-virus-revival-virus-revival-virus", "a number and two to four words"),
        ("\u0667-virus-revival", "a number and two to four words"),
        ("", "a number and two to four words"),
        ("7-virus-revivel", 'Is "revival" meant'),
        ("7-xxxxxxx-revival", "Ask the other person to spell it"),
        ("7-revival-virus", "Is a word missing, or are two swapped"),
    ],
)
def test_a_mistyped_code_is_noticed_before_anything_is_sent(typed: str, sentence: str) -> None:
    with pytest.raises(BadCode, match=sentence):
        Code.parse(typed)


@given(texts())
def test_any_text_is_a_code_or_said_to_be_none(text: str) -> None:
    looks_like_code(text)
    try:
        assert Code.parse(str(Code.parse(text))) == Code.parse(text)
    except BadCode:
        return


def test_what_wants_to_be_a_code_is_told_from_an_address() -> None:
    assert looks_like_code("7-virus-revivel")
    for address in ("192.0.2.20:5004", "host:5004", "7.example.net", "[::1]:5004", "7-up", "zrtp:AAA"):
        assert not looks_like_code(address)


def test_the_words_are_in_no_repr() -> None:
    assert "virus" not in repr(Code.parse("7-virus-revival"))


def test_a_server_names_places_by_digits_only() -> None:
    assert is_number("1") and is_number("123456789")
    assert not any(map(is_number, ("", "1234567890", "1a", "\x1b[2J", "1\n")))
