"""Session descriptions, as an observer reads them."""

from __future__ import annotations

import pytest

from tests.support.frames import ALICE, sdp
from zrtp.inspection import sessions
from zrtp.inspection.sessions import MOST_ATTRIBUTES, MOST_SECTIONS, Fingerprint

KEY = "1 AES_CM_128_HMAC_SHA1_80 inline:" + "QUJD" * 10
HASH = "1.10 " + "ab" * 32


def test_what_a_proxy_announces_for_a_second_place_counts_too() -> None:
    other = "1.10 " + "cd" * 32
    (section,) = sessions.parse(sdp(ALICE, f"zrtp-hash-fork:{other}", f"zrtp-hash:{HASH}"))
    assert [str(each) for each in section.zrtp_hashes] == [other, HASH]


def test_where_media_goes_and_what_is_said_about_keys() -> None:
    (section,) = sessions.parse(
        sdp(ALICE, f"crypto:{KEY}", f"zrtp-hash:{HASH}", "fingerprint:SHA-256 AB:CD", "rtcp:40009", protocol="RTP/SAVP")
    )
    assert (section.kind, section.protocol, section.addresses) == ("audio", "RTP/SAVP", [ALICE])
    assert [key.suite for key in section.crypto] == ["AES_CM_128_HMAC_SHA1_80"]
    assert [str(each) for each in section.zrtp_hashes] == [HASH]
    assert section.fingerprints == [Fingerprint("sha-256", b"\xab\xcd")]
    assert section.rtcp_port == 40009


def test_a_section_has_its_own_address_or_that_of_the_session() -> None:
    audio, video = sessions.parse(sdp(ALICE) + "m=video 42 RTP/AVP 96\r\nc=IN IP6 2001:DB8::1\r\nc=IN IP4 nobody\r\n")
    assert audio.addresses == [ALICE]
    assert video.addresses == []
    assert sessions.parse(sdp(("2001:db8::1", 42)))[0].addresses == [("2001:db8::1", 42)]


def test_a_fingerprint_of_the_session_is_that_of_each_section() -> None:
    text = "v=0\na=fingerprint:sha-1 01:02\nm=audio 1 RTP/AVP 0\nm=video 2 RTP/AVP 96\na=fingerprint:sha-1 03:04\n"
    audio, video = sessions.parse(text)
    assert [each.digest for each in audio.fingerprints] == [b"\x01\x02"]
    assert [each.digest for each in video.fingerprints] == [b"\x01\x02", b"\x03\x04"]


def test_candidates_of_ice_are_addresses_too() -> None:
    candidates = [
        "candidate:1 1 UDP 2130706431 192.0.2.77 7000 typ host",
        "candidate:1 2 UDP 2130706430 192.0.2.77 7001 typ host",
        "candidate:2 1 TCP 2130706431 192.0.2.78 7000 typ host",
        "candidate:3 1 UDP 1 name.local 7000 typ host",
        "candidate:4 1 UDP 1 192.0.2.79",
    ]
    (section,) = sessions.parse(sdp(ALICE, *candidates))
    assert section.addresses == [ALICE, ("192.0.2.77", 7000)]


def test_a_refused_section_has_no_address() -> None:
    assert sessions.parse(sdp((ALICE[0], 0)))[0].addresses == []


@pytest.mark.parametrize("line", ["m=audio", "m=audio x RTP/AVP 0", "m=audio 99999 RTP/AVP 0", "m=audio 1"])
def test_a_broken_media_line_ends_the_reading(line: str) -> None:
    assert len(sessions.parse(sdp(ALICE) + line + "\r\na=crypto:1\r\n")) == 1


def test_what_is_not_understood_is_left_out_and_keys_are_counted() -> None:
    (section,) = sessions.parse(
        sdp(ALICE, "crypto:1 NEW_SUITE inline:QUJD", "fingerprint:x", "zrtp-hash:1.10", "rtcp:x")
    )
    assert (section.crypto, section.unreadable_crypto) == ([], 1)
    assert (section.fingerprints, section.zrtp_hashes, section.rtcp_port) == ([], [], None)


def test_everything_is_bounded() -> None:
    assert len(sessions.parse("m=audio 1 RTP/AVP 0\n" * 100)) == MOST_SECTIONS
    (section,) = sessions.parse(sdp(ALICE, *[f"zrtp-hash:{HASH}"] * 500))
    assert len(section.zrtp_hashes) == MOST_ATTRIBUTES
    assert sessions.parse("no description at all") == []
