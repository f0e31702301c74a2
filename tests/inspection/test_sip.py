"""SIP messages as lines and headers."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from tests.support.frames import ALICE, sdp, sip_request, sip_response
from zrtp.inspection import sip

INVITE = sip_request("INVITE", sdp(ALICE))


def test_a_request() -> None:
    message = sip.parse(INVITE)

    assert (message.title, message.is_response, message.cut) == ("INVITE", False, False)
    assert message.call_id == "call-1"
    assert (message.user("from"), message.user("to")) == ("alice@example.org", "bob@example.org")
    assert message.author == "of-alice"
    assert message.vias() == [("UDP", "192.0.2.10:5060")]
    assert message.sdp == sdp(ALICE)


def test_a_response_is_written_by_the_other_side() -> None:
    message = sip.parse(sip_response("180 Ringing"))
    assert (message.title, message.is_response, message.author) == ("180 Ringing", True, "of-bob")
    assert message.sdp == ""


def test_compact_and_folded_headers_and_strange_cases() -> None:
    message = sip.parse(
        b"OPTIONS sip:x SIP/2.0\r\nv: SIP/2.0/TLS a.example;branch=1,\r\n SIP/2.0/tcp b.example\r\n"
        b"F: sip:alice@example.org;tag=1\r\ni: 7\r\nFROM: second\r\nnonsense\r\n\r\n"
    )
    assert message.vias() == [("TLS", "a.example"), ("TCP", "b.example")]
    assert (message.user("from"), message.call_id) == ("alice@example.org", "7")
    assert message.all("from") == ["sip:alice@example.org;tag=1", "second"]


def test_the_session_description_of_several_parts() -> None:
    body = "--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--"
    head = f"INVITE sip:b SIP/2.0\r\nContent-Type: multipart/mixed; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
    assert sip.parse((head + body).encode()).sdp == "v=0\n"


def test_a_body_that_is_shorter_than_its_length() -> None:
    message = sip.parse(INVITE[:-10])
    assert message.cut
    assert message.sdp == sdp(ALICE)[:-10]


def test_octets_behind_the_body_do_not_belong_to_it() -> None:
    assert sip.parse(INVITE + b"more").sdp == sdp(ALICE)


@every(
    "octets",
    [b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 999 x\r\n\r\n", b"invite sip:b SIP/2.0\r\n", bytes(100)],
)
def test_what_is_no_sip(octets: bytes) -> None:
    assert not sip.begins(octets)
    with pytest.raises(sip.NotSip):
        sip.parse(octets)


def test_the_length_of_a_message_in_a_stream() -> None:
    assert sip.length_in_stream(INVITE + INVITE) == len(INVITE)
    assert sip.length_in_stream(INVITE[:100]) is None
    assert sip.length_in_stream(b"BYE sip:b SIP/2.0\r\nl: 3\r\n\r\nabc") == 30
    assert sip.length_in_stream(b"BYE sip:b SIP/2.0\r\n\r\nrest") == 21
