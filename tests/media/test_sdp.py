"""The ZRTP lines of a session description: written strictly, read leniently."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.vectors import primitives
from zrtp.errors import ApiMisuse
from zrtp.media.sdp import (
    ZrtpHash,
    add_zrtp_hash,
    matching_zrtp_hash,
    media_crypto,
    media_zrtp_hashes,
    parse_crypto,
    parse_zrtp_hash,
    zrtp_hash_attribute,
)

DIGITS = "fe30efd02423cb054e50efd0248742ac7a52c8f91bc2df881ae642c371ba46df"
HASH = ZrtpHash(version="1.10", hash=bytes.fromhex(DIGITS))
OTHER = ZrtpHash(version="1.10", hash=bytes(range(32)))
NEWER = ZrtpHash(version="2.00", hash=bytes(32))

RFC_OFFER = (
    "v=0\r\no=bob 2890844527 2890844527 IN IP4 client.biloxi.example.com\r\ns=\r\n"
    "c=IN IP4 client.biloxi.example.com\r\nt=0 0\r\nm=audio 3456 RTP/AVP 97 33\r\n"
    "a=rtpmap:97 iLBC/8000\r\na=rtpmap:33 no-op/8000\r\n"
)
RFC_EXAMPLE = RFC_OFFER + f"a=zrtp-hash:1.10 {DIGITS}\r\n"


# a=zrtp-hash


@pytest.mark.rfc("R-8-04", "R-13-01")
def test_the_example_of_the_rfc() -> None:
    assert media_zrtp_hashes(RFC_EXAMPLE) == [(HASH,)]
    assert add_zrtp_hash(RFC_OFFER, [HASH]) == RFC_EXAMPLE


@pytest.mark.rfc("R-5.1.2.2-03")
@every("item", primitives("zrtp_hash"), ids=lambda item: item["origin"])
def test_lines_of_other_programs(item: dict[str, Any]) -> None:
    (found,) = media_zrtp_hashes("m=audio 9 RTP/AVP 0\r\n" + item["sdp"] + "\r\n")[0]
    assert found.hash.hex() == item["hash"]
    assert zrtp_hash_attribute(found) == item["sdp"]


def test_one_space_and_lower_case_are_written() -> None:
    assert zrtp_hash_attribute(f"1.10{DIGITS.upper()}") == f"a=zrtp-hash:1.10 {DIGITS}"
    assert zrtp_hash_attribute(HASH) == f"a=zrtp-hash:1.10 {DIGITS}"
    assert str(HASH) == f"1.10 {DIGITS}"


@pytest.mark.parametrize("wrong", ["", "1.10", DIGITS, ZrtpHash(version="1.10", hash=bytes(31))])
def test_nothing_else_is_written(wrong: ZrtpHash | str) -> None:
    with pytest.raises(ApiMisuse, match="64 hexadecimal digits"):
        zrtp_hash_attribute(wrong)


@pytest.mark.interop("I-36")
@pytest.mark.attack("CHN-08")
@every(
    "value",
    [
        f"1.10 {DIGITS}",
        f"1.10{DIGITS}",
        f"1.10 \t  {DIGITS}",
        f"  1.10 {DIGITS}  \r",
        f"1.10 {DIGITS.upper()}",
        f"1.10 {DIGITS[:20]}{DIGITS[20:].upper()}",
    ],
)
def test_spellings_that_are_understood(value: str) -> None:
    assert parse_zrtp_hash(value) == HASH


@pytest.mark.interop("I-36")
@pytest.mark.attack("CHN-08")
@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "1.10",
        DIGITS,
        f"1.10 {DIGITS[:-1]}",
        f"1.10 {DIGITS}0",
        f"1.10 {DIGITS[:-1]}g",
        f"1.10 {DIGITS[:32]} {DIGITS[32:]}",
        f"1.1 {DIGITS}",
        f"x.10 {DIGITS}",
        f"\u0661.10 {DIGITS}",
    ],
)
def test_spellings_that_mean_nothing(value: str, caplog: pytest.LogCaptureFixture) -> None:
    assert parse_zrtp_hash(value) is None
    with caplog.at_level(logging.WARNING):
        assert media_zrtp_hashes(f"m=audio 9 RTP/SAVP 0\r\na=zrtp-hash:{value}\r\n")[0] == ()
    assert "a=zrtp-hash: is malformed" in caplog.text
    assert DIGITS not in caplog.text


@pytest.mark.rfc("R-8-03")
def test_the_session_level_means_nothing() -> None:
    session, media = RFC_OFFER.split("m=audio", 1)
    assert media_zrtp_hashes(f"{session}a=zrtp-hash:1.10 {DIGITS}\r\nm=audio{media}") == [()]
    assert media_zrtp_hashes(f"a=zrtp-hash:1.10 {DIGITS}") == []


@pytest.mark.rfc("R-8.1-02", "R-8.1-04", "R-4.1.1-04")
def test_each_media_section_has_its_own_lines() -> None:
    sdp = (
        f"v=0\nm=audio 1 RTP/AVP 0\na=zrtp-hash:2.00 {'00' * 32}\na=zrtp-hash:\na=zrtp-hash:1.10 {DIGITS}\n"
        f"m=text 0 RTP/AVP 98\nm=video 2 RTP/AVP 96\na=zrtp-hash:1.10 {OTHER.hash.hex()}"
    )
    assert media_zrtp_hashes(sdp) == [(NEWER, HASH), (), (OTHER,)]


@pytest.mark.attack("CHN-08")
@pytest.mark.rfc("R-4.1.1-05")
def test_the_line_of_the_spoken_version_counts() -> None:
    assert matching_zrtp_hash([NEWER, HASH, OTHER]) is HASH
    assert matching_zrtp_hash([NEWER]) is None
    assert matching_zrtp_hash([NEWER, HASH], version="2.05") is NEWER
    later = ZrtpHash(version="1.19", hash=bytes(32))
    assert matching_zrtp_hash([later]) is later


def test_a_line_cannot_be_smuggled_into_another() -> None:
    for separator in ("\x0b", "\x0c", "\x85", "\u2028", "\r"):
        sdp = f"m=audio 1 RTP/AVP 0\r\na=note:x{separator}a=zrtp-hash:1.10 {DIGITS}\r\n"
        assert media_zrtp_hashes(sdp) == [()]


@pytest.mark.interop("I-35")
@pytest.mark.rfc("R-4-02", "R-4.1-02", "R-8-02")
def test_exactly_one_line_in_each_section() -> None:
    sdp = (
        f"v=0\r\ns=-\r\na=zrtp-hash:1.10 {DIGITS}\r\nm=audio 1 RTP/AVP 0\r\na=zrtp-hash:\r\n"
        f"a=zrtp-hash:1.10 {'11' * 32}\r\na=sendrecv\r\nm=text 0 RTP/AVP 98\r\n"
        f"m=video 2 RTP/AVP 96\r\na=rtpmap:96 VP8/90000"
    )
    assert add_zrtp_hash(sdp, [str(HASH), None, OTHER]) == (
        f"v=0\r\ns=-\r\nm=audio 1 RTP/AVP 0\r\na=sendrecv\r\na=zrtp-hash:1.10 {DIGITS}\r\n"
        "m=text 0 RTP/AVP 98\r\n"
        f"m=video 2 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=zrtp-hash:1.10 {OTHER.hash.hex()}\r\n"
    )


@pytest.mark.rfc("R-4-04", "R-4-05")
@every("profile", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF", "X/NEW"])
def test_the_profile_of_a_section_stays_what_the_application_wrote(profile: str) -> None:
    """RTP/AVP in a first offer, RTP/SAVP in a later one, or any other."""
    offer = RFC_OFFER.replace("RTP/AVP", profile)
    written = add_zrtp_hash(offer, [HASH])
    assert written == f"{offer}a=zrtp-hash:1.10 {DIGITS}\r\n"
    assert media_zrtp_hashes(written) == [(HASH,)]


def test_adding_again_changes_nothing() -> None:
    assert add_zrtp_hash(RFC_EXAMPLE, [HASH]) == RFC_EXAMPLE
    assert add_zrtp_hash(RFC_EXAMPLE + "\r\n", [HASH]) == RFC_EXAMPLE


def test_line_ends_are_kept() -> None:
    assert add_zrtp_hash("v=0\nm=audio 1 RTP/AVP 0\n", [HASH]) == (
        f"v=0\nm=audio 1 RTP/AVP 0\na=zrtp-hash:1.10 {DIGITS}\n"
    )
    assert add_zrtp_hash("m=audio 1 RTP/AVP 0", [HASH]) == f"m=audio 1 RTP/AVP 0\r\na=zrtp-hash:1.10 {DIGITS}\r\n"


@pytest.mark.parametrize("hashes", [[], [HASH, HASH]])
def test_the_number_of_hashes_is_that_of_the_sections(hashes: list[ZrtpHash]) -> None:
    with pytest.raises(ApiMisuse, match="1 m= lines"):
        add_zrtp_hash(RFC_OFFER, hashes)


@given(st.text(alphabet="m=a:zrtp-hsc 01.\r\nyoIlne\u2028", max_size=200))
def test_no_text_hurts(text: str) -> None:
    sections = len(media_zrtp_hashes(text))
    assert len(media_crypto(text)) == sections
    written = add_zrtp_hash(text, [HASH] * sections)
    assert media_zrtp_hashes(written) == [(HASH,)] * sections


# a=crypto

INLINE = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"


@pytest.mark.rfc("R-8.2-01")
@every(
    "rest",
    ["", "|2^20|1:4", "|1:4", f"|2^20|1:4;inline:{INLINE[::-1]}|2^20|2:4", " UNENCRYPTED_SRTCP WSH=64"],
)
def test_key_and_salt_of_rfc_4568(rest: str) -> None:
    found = parse_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}{rest}\r")
    assert found is not None
    assert (found.tag, found.suite) == (1, "AES_CM_128_HMAC_SHA1_80")
    assert bytes(found.key.octets) == bytes.fromhex("3d2d6e40255e7821426a75667239293f")
    assert bytes(found.salt.octets) == bytes.fromhex("2c2335685c603d265d7b71695051")
    assert INLINE not in repr(found)
    assert found.key.octets.hex() not in repr(found)


@every(
    ("suite", "inline", "key", "salt"),
    [
        ("AES_CM_128_HMAC_SHA1_80", "A" * 40, 16, 14),
        ("AES_CM_128_HMAC_SHA1_32", "A" * 40, 16, 14),
        ("F8_128_HMAC_SHA1_80", "A" * 40, 16, 14),
        ("AES_192_CM_HMAC_SHA1_32", "A" * 51, 24, 14),
        ("AES_256_CM_HMAC_SHA1_32", "A" * 62, 32, 14),
        ("AES_CM_256_HMAC_SHA1_80", "A" * 62, 32, 14),
        ("AES_256_CM_HMAC_SHA1_80", "A" * 62 + "==", 32, 14),
        ("AES_CM_256_HMAC_SHA1_32", "A" * 62, 32, 14),
        ("AES_192_CM_HMAC_SHA1_80", "A" * 51 + "=", 24, 14),
        ("AEAD_AES_128_GCM", "A" * 38 + "==", 16, 12),
        ("AEAD_AES_256_GCM", "A" * 59 + "=", 32, 12),
    ],
)
def test_lengths_follow_the_suite(suite: str, inline: str, key: int, salt: int) -> None:
    found = parse_crypto(f"1 {suite} inline:{inline}")
    assert found is not None
    assert (len(found.key), len(found.salt)) == (key, salt)


@every(
    "value",
    [
        "",
        f"AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        "1 AES_CM_128_HMAC_SHA1_80",
        "1 AES_CM_128_HMAC_SHA1_80 inline:",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-1]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-4]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}AAAA",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-3]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}!",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{INLINE}",
        f"1 ROT13 inline:{INLINE}",
        f"{'9' * 5000} AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
    ],
)
def test_other_crypto_lines_mean_nothing(value: str) -> None:
    assert parse_crypto(value) is None


def test_crypto_lines_belong_to_their_section() -> None:
    line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}\r\n"
    found = media_crypto(f"v=0\r\n{line}m=audio 1 RTP/SAVP 0\r\n{line}{line}m=video 2 RTP/SAVP 96\r\n")
    assert [len(section) for section in found] == [2, 0]
