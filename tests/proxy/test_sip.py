"""SIP as lines: what is read, what is refused, and that everything else leaves as it came."""

from __future__ import annotations

import random

import pytest

from tests.proxy.stage import message, octets
from tests.support.cases import every
from zrtp.proxy.sip import KEEPALIVE, Framer, MalformedSip, SipMessage, Uri, answer, parse, split_values

BYE_OF_LINPHONE = """\
BYE sip:bob@127.0.0.5;gr=urn:uuid:1 SIP/2.0
v: SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKabc;rport
f: <sip:alice@127.0.0.5>;tag=a1
To: sip:bob@127.0.0.5;tag=b1
i: call-1@phone
CSeq: 21 BYE
Record-route: <sip:one;lr>, <sip:two;lr>
Subject: Hello,
\tworld
X-Bytes: \udcff\udcfe

"""


def test_what_nobody_changes_leaves_as_it_came() -> None:
    given = octets(BYE_OF_LINPHONE)

    read = parse(given)

    assert read.encode() == given
    assert (read.method, read.status, read.target) == ("BYE", 0, "sip:bob@127.0.0.5;gr=urn:uuid:1")
    assert read.cseq == (21, "BYE")
    assert read.first("subject") == "Hello, world"


def test_compact_names_and_addresses_without_brackets_are_understood() -> None:
    read = message(BYE_OF_LINPHONE)

    assert read.call_id == "call-1@phone"
    assert (read.tag("from"), read.tag("to")) == ("a1", "b1")
    assert read.values("via") == ["SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKabc;rport"]
    assert read.values("record-route") == ["<sip:one;lr>", "<sip:two;lr>"]


def test_a_value_of_a_list_is_taken_off_and_the_others_stay_in_their_line() -> None:
    read = message(BYE_OF_LINPHONE)

    assert read.drop_first("record-route") == "<sip:one;lr>"
    assert "\r\nRecord-route: <sip:two;lr>\r\n" in read.encode().decode("latin1")


def test_commas_in_quotes_and_brackets_separate_nothing() -> None:
    assert split_values('"Smith, \\"J\\"" <sip:j@x;a=1,2>;q=1, <sip:k@y>') == [
        '"Smith, \\"J\\"" <sip:j@x;a=1,2>;q=1',
        "<sip:k@y>",
    ]


def test_what_follows_a_body_of_the_stated_length_is_cut_off() -> None:
    given = BYE_OF_LINPHONE.replace("\n\n", "\nl: 3\n\n") + "abcdef"

    assert parse(octets(given)).body == b"abc"


def test_without_a_length_the_body_ends_with_the_datagram() -> None:
    assert parse(octets(BYE_OF_LINPHONE + "abcdef")).body == b"abcdef"


def test_a_body_shorter_than_its_length_names_the_request_that_deserves_an_answer() -> None:
    with pytest.raises(MalformedSip, match="has 6 octets, and Content-Length says 60") as refused:
        parse(octets(BYE_OF_LINPHONE.replace("\n\n", "\nl: 60\n\n") + "abcdef"))

    assert refused.value.request is not None
    response = answer(refused.value.request, 400, "Bad Request")
    assert response.encode().startswith(b"SIP/2.0 400 Bad Request\r\nv: SIP/2.0/UDP 127.0.0.1:5161")


@every(
    "given",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\n",
        b"INVITE sip:x SIP/2.0\r\nno colon\r\n\r\n",
        b"SIP/2.0 700 Odd\r\nVia: x\r\n\r\n",
        b"\x80\x00" + bytes(170),
        b"INVITE sip:x SIP/2.0\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_not_sip_is_refused_without_an_answer(given: bytes) -> None:
    with pytest.raises(MalformedSip) as refused:
        parse(given)
    assert refused.value.request is None


def test_a_request_whose_cseq_names_another_method_deserves_an_answer() -> None:
    with pytest.raises(MalformedSip, match="CSeq does not name the request") as refused:
        message(BYE_OF_LINPHONE.replace("21 BYE", "21 INVITE"))
    assert refused.value.request is not None


def test_mutated_messages_are_read_or_refused_and_nothing_else() -> None:
    dice = random.Random(7)
    whole = octets(BYE_OF_LINPHONE + "v=0")
    read = 0
    for _ in range(3000):
        mutated = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            mutated[dice.randrange(len(mutated))] = dice.choice(b'\r\n:;<>,"= \x00\xffA9')
        try:
            again = parse(bytes(mutated))
        except MalformedSip:
            continue
        read += 1
        assert parse(again.encode()).headers == again.headers
    assert 100 < read < 3000


class TestFramer:
    def test_messages_are_cut_by_their_length_however_they_arrive(self) -> None:
        one = octets(BYE_OF_LINPHONE.replace("\n\n", "\nContent-Length: 4\n\n")) + b"body"
        two = octets(BYE_OF_LINPHONE.replace("\n\n", "\nContent-Length: 0\n\n"))
        framer, items = Framer(), []

        for octet in one + two:
            items += framer.feed(bytes([octet]))

        assert [item.body for item in items if isinstance(item, SipMessage)] == [b"body", b""]

    def test_keepalives_are_told_apart(self) -> None:
        framer = Framer()

        assert framer.feed(KEEPALIVE[:3]) == []
        assert framer.feed(KEEPALIVE[3:] + KEEPALIVE) == [KEEPALIVE, KEEPALIVE]

    def test_a_head_without_end_and_a_body_beyond_all_bounds_are_given_up(self) -> None:
        with pytest.raises(MalformedSip, match="is not SIP"):
            Framer().feed(bytes(70000))
        with pytest.raises(MalformedSip, match="longer than any"):
            Framer().feed(octets(BYE_OF_LINPHONE.replace("\n\n", "\nl: 999999999\n\n")))


class TestUri:
    @pytest.mark.parametrize(
        "text",
        ["sip:bob@example.org", "sips:bob:pw@[2001:db8::1]:5061;transport=tls?subject=x", "sip:127.0.0.1:5070;lr"],
    )
    def test_is_written_as_it_was_read(self, text: str) -> None:
        assert str(Uri.parse(text)) == text

    def test_has_parameters_without_regard_to_case(self) -> None:
        uri = Uri.of('"Bob" <sip:bob@x.example:5080;Transport=TCP;ob>;expires=60')
        assert uri is not None
        assert (uri.host, uri.port) == ("x.example", 5080)
        assert (uri.parameter("transport"), uri.parameter("ob"), uri.parameter("expires")) == ("TCP", "", None)
        assert uri.without("transport") == ";ob"

    @every("text", ["tel:+123", "*", "sip:", "sip:x:70000", "urn:uuid:1"])
    def test_other_things_are_none(self, text: str) -> None:
        assert Uri.parse(text) is None


def test_on_a_stream_a_message_says_how_long_its_body_is() -> None:
    read = message(BYE_OF_LINPHONE)

    assert b"Content-Length: 0\r\n" in read.encode(stream=True)
