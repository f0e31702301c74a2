"""The session description in a SIP body, whatever is around it."""

from __future__ import annotations

import pytest

from tests.proxy.stage import with_body
from tests.support.cases import every
from zrtp.proxy.bodies import change_description, has_description
from zrtp.proxy.description import MalformedDescription
from zrtp.proxy.sip import SipMessage, parse

HEAD = """\
INVITE sip:bob@example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKphone
From: <sip:alice@example.org>;tag=a1
To: <sip:bob@example.org>
Call-ID: call-1
CSeq: 7 INVITE"""

MULTIPART = """\
preamble\r
--b1\r
Content-Type: text/plain\r
\r
application/sdp is not here\r
--b1\r
Content-Type: application/sdp\r
Content-Disposition: session\r
\r
v=0\r
s=old\r
\r
--b1--\r
"""


def invite(body: str, kind: str = "application/sdp") -> SipMessage:
    return parse(with_body(HEAD, body, kind))


def test_a_body_that_is_one_is_changed_and_its_length_follows() -> None:
    message = invite("v=0\r\ns=old\r\n")
    assert has_description(message)

    change_description(message, lambda text: text.replace("old", "longer than before"))

    assert message.body == b"v=0\r\ns=longer than before\r\n"
    assert message.first("content-length") == str(len(message.body))


def test_of_several_parts_only_the_description_is_changed() -> None:
    message = invite(MULTIPART, 'multipart/mixed; boundary="b1"')
    assert has_description(message)

    change_description(message, lambda text: text.replace("old", "new"))

    assert message.body.decode() == MULTIPART.replace("s=old", "s=new")


@every(
    ("body", "kind"),
    [
        ("hello", "text/plain"),
        ("", "application/sdp"),
        (MULTIPART, "multipart/mixed"),
        (MULTIPART.replace("application/sdp\r\nContent-D", "text/html\r\nContent-D"), "multipart/mixed;boundary=b1"),
        (MULTIPART.removesuffix("--b1--\r\n"), "multipart/mixed;boundary=b1"),
    ],
)
def test_other_bodies_have_none(body: str, kind: str) -> None:
    assert not has_description(invite(body, kind))


def test_a_body_that_looks_like_one_is_one() -> None:
    message = invite("v=0\r\n")
    message.replace("content-type", [])
    assert has_description(message)


def test_a_compressed_one_cannot_be_read() -> None:
    message = parse(with_body(HEAD + "\nContent-Encoding: gzip", "v=0\r\n"))
    with pytest.raises(MalformedDescription, match="compressed"):
        change_description(message, str)
