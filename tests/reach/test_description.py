from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.texts import texts
from zrtp.reach.description import (
    MOST_CANDIDATES,
    CandidateType,
    Description,
    IceCandidate,
    Side,
    ice_credentials,
    is_line,
)
from zrtp.reach.errors import BadLine

HOME = IceCandidate(CandidateType.HOST, "192.168.1.10", 50000)
PUBLIC = IceCandidate(CandidateType.PUBLIC, "198.51.100.2", 50000)
ALICE = Description(
    side=Side.LISTENER, seed=bytes(range(16)), hello_hash=bytes(range(100, 132)), candidates=(HOME, PUBLIC)
)
BOB = replace(ALICE, side=Side.CALLER, seed=bytes(16))


def resealed(body: bytes) -> bytes:
    """Octets with a checksum that fits, whatever they are."""
    return body + hashlib.sha256(body).digest()[:3]


def line_of(octets: bytes) -> str:
    return "zrtp:" + base64.urlsafe_b64encode(octets).decode().rstrip("=")


def test_a_line_with_a_local_and_a_public_address_has_93_characters() -> None:
    assert len(ALICE.line()) == 93
    assert Description.of_line(ALICE.line()) == ALICE


def test_the_line_is_what_it_always_was() -> None:
    """Two versions of this program have to understand each other."""
    assert ALICE.line() == (
        "zrtp:EAABAgMEBQYHCAkKCwwNDg9kZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5_gIGCgwTAqAEKw1AUxjNkAsNQtoNz"
    )


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda address: not address.is_multicast and not address.is_unspecified
)
candidates = st.builds(IceCandidate, st.sampled_from(CandidateType), addresses.map(str), st.integers(1, 65535))
descriptions = st.builds(
    Description,
    side=st.sampled_from(Side),
    seed=st.binary(min_size=16, max_size=16),
    hello_hash=st.binary(min_size=32, max_size=32),
    candidates=st.lists(candidates, max_size=MOST_CANDIDATES).map(tuple),
)


@given(descriptions)
def test_every_description_comes_back_from_its_line(description: Description) -> None:
    assert Description.of_line(description.line()) == description


@given(descriptions, st.data())
def test_no_changed_character_goes_unnoticed(description: Description, data: st.DataObject) -> None:
    """Except in the last one, whose spare bits base64 ignores: then nothing is changed."""
    line = description.line()
    place = data.draw(st.integers(5, len(line) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    changed = line[:place] + letter + line[place + 1 :]
    try:
        assert Description.of_line(changed) == description
        assert letter == line[place] or place == len(line) - 1
    except BadLine:
        assert letter != line[place]


@given(texts())
def test_any_text_is_a_line_or_said_to_be_none(text: str) -> None:
    for attempt in (text, "zrtp:" + text):
        try:
            Description.of_line(attempt)
        except BadLine:
            continue


@given(st.binary(max_size=300))
def test_any_octets_are_a_description_or_refused(octets: bytes) -> None:
    """Also with a checksum that fits, which whoever makes a line on purpose can have."""
    for attempt in (octets, resealed(octets), resealed(b"\x10" + octets)):
        try:
            assert len(Description.of_octets(attempt).candidates) <= MOST_CANDIDATES
        except BadLine:
            continue


def test_line_ends_and_spaces_of_a_messenger_do_not_count() -> None:
    line = ALICE.line()
    assert Description.of_line(f"  {line[:40]}\n   {line[40:]}\r\n") == ALICE


@every(
    ("line", "sentence"),
    [
        ("192.0.2.20:5004", "That is no line of this program"),
        ("zrtp:", "The line is damaged or not complete"),
        (ALICE.line()[:-1], "The line is damaged or not complete"),
        (ALICE.line() + "A", "The line is damaged or not complete"),
        (ALICE.line().replace("EAAB", "EA*B"), "The line is damaged or not complete"),
        (ALICE.line() * 4, "That is more than one line"),
        (line_of(resealed(b"\x20" + bytes(48))), "made by another version"),
        (line_of(resealed(b"\x17" + bytes(48))), "The line is damaged or not complete"),
    ],
)
def test_what_is_wrong_is_said(line: str, sentence: str) -> None:
    with pytest.raises(BadLine, match=sentence):
        Description.of_line(line)


def test_addresses_that_nobody_can_have_are_left_out() -> None:
    """A line could send our checks to a group, or nowhere."""
    anywhere = IceCandidate(CandidateType.HOST, "0.0.0.0", 5004)  # noqa: S104
    odd = [IceCandidate(CandidateType.HOST, "224.0.0.251", 5353), anywhere, HOME]
    assert Description.of_line(replace(ALICE, candidates=tuple(odd)).line()).candidates == (HOME,)
    assert Description.of_line(replace(ALICE, candidates=(replace(HOME, port=0),)).line()).candidates == ()


def test_more_than_eight_addresses_are_not_written_and_not_read() -> None:
    many = replace(ALICE, candidates=(HOME,) * 12)
    assert len(Description.of_line(many.line()).candidates) == MOST_CANDIDATES
    nine = resealed(many.octets()[:-3] + bytes.fromhex("04c0a8010ac350"))
    with pytest.raises(BadLine, match="damaged"):
        Description.of_octets(nine)


def test_ones_own_line_is_noticed() -> None:
    with pytest.raises(BadLine, match="That is your own line"):
        ALICE.answers(ALICE)


def test_two_listeners_are_noticed() -> None:
    with pytest.raises(BadLine, match="One side listens, the other one calls"):
        replace(BOB, side=Side.LISTENER).answers(ALICE)
    BOB.answers(ALICE)


def test_user_name_and_password_of_ice_follow_from_the_seed() -> None:
    user, password = ice_credentials(ALICE.seed)
    assert (len(user), len(password)) == (4, 24)
    assert (user, password) == ice_credentials(ALICE.seed) != ice_credentials(BOB.seed)


def test_what_wants_to_be_a_line_is_told_from_an_address() -> None:
    assert is_line("ZRTP:abc") and is_line("  zrtp:x")
    assert not is_line("zrtp.example:5004") and not is_line("7-virus-revival")
