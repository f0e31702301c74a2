"""The value of a=zrtp-hash in every form that programs hand around, and what is none."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from zrtp.errors import ApiMisuse
from zrtp.media.sdp import parse_zrtp_hash
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.hello_hash import LENGTH, hello_hash

OCTETS = bytes(range(0xA0, 0xA0 + LENGTH))
DIGITS = OCTETS.hex()
VERSIONS = (b"1.10",)


@every(
    "value",
    [
        OCTETS,
        bytearray(OCTETS),
        memoryview(OCTETS),
        DIGITS,
        DIGITS.upper(),
        f"1.10 {DIGITS}",
        f"1.10{DIGITS}",
        f"1.10\t {DIGITS}",
        f"  1.10 {DIGITS}\r\n",
        f"a=zrtp-hash:1.10 {DIGITS}",
        f"a=zrtp-hash: 1.10 {DIGITS}\r\n",
        f"a=zrtp-hash:{DIGITS}",
    ],
)
def test_every_form_gives_the_same_octets(value: object) -> None:
    assert hello_hash(value, VERSIONS) == OCTETS
    assert type(hello_hash(value, VERSIONS)) is bytes


def test_what_a_stream_announces_and_what_signalling_brings_are_such_values() -> None:
    stream = Endpoint(Config(key_agreements=(b"X255",))).session().add_stream(1)
    octets = bytes.fromhex(stream.hello_hash.split()[1])
    assert hello_hash(stream.hello_hash, VERSIONS) == octets
    assert hello_hash(parse_zrtp_hash(stream.hello_hash), VERSIONS) == octets
    stream.expect_hello(stream.hello_hash)
    stream.expect_hello(octets)


@every("octets", [b"", OCTETS[:-1], OCTETS + b"\x00", DIGITS.encode()], ids=len)
def test_of_another_length_it_is_refused_with_a_sentence(octets: bytes) -> None:
    with pytest.raises(ApiMisuse, match=f"has 32 octets, not {len(octets)}; as text it has 64 hexadecimal digits"):
        hello_hash(octets, VERSIONS)


@every(
    "value",
    [
        "",
        "1.10",
        DIGITS[:-1],
        DIGITS + "0",
        f"1.10 {DIGITS[:-1]}g",
        f"1.1 {DIGITS}",
        f"a=zrtp-hash 1.10 {DIGITS}",
        f"a=crypto:1.10 {DIGITS}",
        f"1.10 {DIGITS} 1.10 {DIGITS}",
        f"1.10 {DIGITS[:-1]}\N{FULLWIDTH DIGIT ONE}",
        f"\N{ARABIC-INDIC DIGIT ONE}.10 {DIGITS}",
        None,
        7,
        object(),
    ],
)
def test_what_is_none_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(ApiMisuse, match="a version and 64 hexadecimal digits"):
        hello_hash(value, VERSIONS)


def test_the_hash_of_a_hello_in_another_version_is_refused() -> None:
    with pytest.raises(ApiMisuse, match=r"a Hello in version 2\.00, which is not spoken here"):
        hello_hash(f"2.00 {DIGITS}", VERSIONS)
    with pytest.raises(ApiMisuse, match=r"version 1\.20"):
        hello_hash(f"1.20 {DIGITS}", VERSIONS)
    assert hello_hash(f"1.20 {DIGITS}", (b"1.20", b"1.10")) == OCTETS


def test_of_a_version_only_three_characters_count() -> None:
    assert hello_hash(f"1.19 {DIGITS}", VERSIONS) == OCTETS
