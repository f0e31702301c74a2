"""The phone's outbound proxy: what the phone gets, what the server gets, and what is refused."""

from __future__ import annotations

import pytest

from tests.proxy.stage import SERVER, Clock, ProxyOnStage, Wire, octets, sdp, with_body
from tests.proxy.two_phones import TwoPhones
from zrtp.proxy.news import Phase
from zrtp.proxy.routing import Hop, Via
from zrtp.proxy.signalling import ProxySide
from zrtp.proxy.sip import KEEPALIVE, SipMessage, bare_uri

PHONE = Hop("UDP", "127.0.0.1", 5161)
OTHER_PHONE = Hop("TCP", "127.0.0.1", 41234)

OPTIONS = """\
OPTIONS sip:example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKo;rport
From: <sip:alice@example.org>;tag=a
To: <sip:example.org>
Call-ID: o1
CSeq: 1 OPTIONS
"""


@pytest.fixture
def proxy() -> ProxyOnStage:
    return ProxyOnStage(Wire(Clock()), "192.0.2.9")


def test_a_call_there_and_back_changes_nothing_but_what_it_must() -> None:
    stage = TwoPhones()
    asked = stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)

    assert asked.target == "sip:bob@example.org"
    assert asked.first("contact") == "<sip:alice@10.1.0.2:5161>", "the phone's own: requests follow the Route"
    assert asked.values("record-route") == [
        f"<sip:192.0.2.1:5080;lr;zflow={stage.alice.proxy.flows.name(stage.alice.hop)}>",
        "<sip:10.1.0.1:5070;lr>",
    ]
    assert [value.split(";")[0] for value in asked.values("via")] == [
        "SIP/2.0/UDP 192.0.2.1:5080",
        "SIP/2.0/UDP 10.1.0.2:5161",
    ]
    assert asked.first("max-forwards") == "70"

    received = stage.deliver(stage.alice, asked)
    assert received.target == "sip:bob@10.2.0.2:5161", "the address that the phone registered"
    ringing = stage.answer(stage.bob, "180 Ringing")
    assert (ringing.status, len(ringing.values("via"))) == (180, 1)
    answered = stage.answer(stage.bob, "200 OK", stage.bob.sdp)
    assert b"zrtp-hash" not in received.body + answered.body
    assert all(b"a=zrtp-hash:1.10 " in seen for seen in stage.requests if b"m=audio" in seen)


def test_the_registrar_gets_our_address_and_the_phone_its_own_back() -> None:
    stage = TwoPhones()

    answer = stage.register(stage.alice)

    assert stage.alice.contact.startswith("sip:alice@192.0.2.1:5080;zline=")
    assert bare_uri(answer.first("contact")) == "sip:alice@10.1.0.2:5161"


def test_requests_within_the_call_stay_on_the_way_through_both_proxies() -> None:
    stage = TwoPhones()
    stage.call()

    for side in (stage.alice, stage.bob):
        held = stage.request(side, "INVITE", side.sdp.replace("a=rtpmap", "a=sendonly\r\na=rtpmap"))
        assert held.values("route") == [], "each proxy took its own entries off"
        assert held.target == f"sip:{stage.other(side).name}@{stage.other(side).hop.sent_by}"
        assert f"10.{1 if side is stage.bob else 2}.0.1" in held.body.decode(), "the phone is told to send to its proxy"
        stage.answer(stage.other(side), "200 OK", stage.other(side).sdp)
        stage.request(side, "ACK")
    gone = stage.request(stage.bob, "BYE")
    assert gone.method == "BYE"


def test_a_copy_of_an_invite_leaves_with_the_same_ports_hash_and_branch() -> None:
    stage = TwoPhones()
    first = stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False, branch="same", cseq=1)
    again = stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False, branch="same", cseq=1)

    assert first.encode() == again.encode()


def test_cancel_finds_the_invite_by_its_branch() -> None:
    stage = TwoPhones()
    invite = stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False, branch="c", cseq=1)
    cancel = stage.ask(stage.alice, "CANCEL", to_tag=False, branch="c", cseq=1)

    assert invite.values("via")[0] == cancel.values("via")[0]


def test_two_phones_behind_one_proxy_are_told_apart(proxy: ProxyOnStage) -> None:
    register = OPTIONS.replace("OPTIONS", "REGISTER") + "Contact: <sip:alice@127.0.0.1:5161>\n"
    contacts = [bare_uri(proxy.out(register, hop).first("contact")) for hop in (PHONE, OTHER_PHONE)]

    incoming = OPTIONS.replace("127.0.0.1:5161", "198.51.100.5")
    reached = []
    for contact in contacts:
        (sending,) = proxy.from_network(incoming.replace("sip:example.org SIP", f"{contact} SIP"))
        reached.append(sending.to)
    assert reached == [PHONE, OTHER_PHONE]


def test_what_is_not_understood_passes(proxy: ProxyOnStage) -> None:
    text = OPTIONS.replace("OPTIONS", "PUBLISH") + "X-Odd: \udcfe\nEvent: presence\nAuthorization: Digest nonce=1\n"

    seen = proxy.out(with_body(text, "<xml/>", "application/pidf+xml"), PHONE)

    assert seen.body == b"<xml/>"
    assert b"X-Odd: \xfe\r\nEvent: presence\r\nAuthorization: Digest nonce=1\r\n" in seen.encode()


def test_a_description_in_the_answer_to_options_is_no_call(proxy: ProxyOnStage) -> None:
    register = OPTIONS.replace("OPTIONS", "REGISTER") + "Contact: <sip:alice@127.0.0.1:5161>\n"
    contact = bare_uri(proxy.out(register, PHONE).first("contact"))
    asked = proxy.into(OPTIONS.replace("sip:example.org SIP", f"{contact} SIP"))
    headers = [header for header in asked.headers if header.name != "max-forwards"]

    body = sdp("127.0.0.1", 7000)
    from_phone = SipMessage("SIP/2.0 200 OK", headers)
    from_phone.replace("content-type", ["application/sdp"])
    from_phone.with_body(body.encode())

    assert proxy.out(from_phone, PHONE).body == body.encode()
    assert proxy.calls.views() == []


def test_a_keepalive_goes_on_to_the_server(proxy: ProxyOnStage) -> None:
    (sending,) = proxy.from_phone(b"\r\n\r\n", PHONE)
    assert (sending.message, sending.side, sending.to) == (KEEPALIVE, ProxySide.NETWORK, None)
    assert proxy.from_network(b"\r\n\r\n") == []


def test_on_a_connection_a_keepalive_is_answered_too(proxy: ProxyOnStage) -> None:
    pong, onward = proxy.from_phone(b"\r\n\r\n", OTHER_PHONE)
    assert (pong.message, pong.side, pong.to) == (b"\r\n", ProxySide.PHONE, OTHER_PHONE)
    assert (onward.message, onward.side) == (KEEPALIVE, ProxySide.NETWORK)


class TestRefusals:
    def refused(self, proxy: ProxyOnStage, text: str | bytes) -> SipMessage:
        response = proxy.passed(proxy.from_phone(text, PHONE), ProxySide.PHONE)
        via = Via.parse(response.values("via")[0])
        assert via is not None and via.answer_to == ("127.0.0.1", 5161)
        return response

    def test_a_body_shorter_than_its_length(self, proxy: ProxyOnStage) -> None:
        response = self.refused(proxy, octets(OPTIONS + "Content-Length: 20\n") + b"short")
        assert response.status == 400
        assert "The body has 5 octets, and Content-Length says 20." in response.first("warning")

    def test_an_ack_is_never_answered(self, proxy: ProxyOnStage) -> None:
        ack = OPTIONS.replace("OPTIONS", "ACK") + "Content-Length: 20\n"
        assert proxy.from_phone(ack, PHONE) == []
        assert proxy.from_phone(OPTIONS.replace("OPTIONS", "ACK") + "Max-Forwards: 0\n", PHONE) == []

    def test_too_many_hops(self, proxy: ProxyOnStage) -> None:
        assert self.refused(proxy, OPTIONS + "Max-Forwards: 0\n").status == 483

    def test_a_circle(self, proxy: ProxyOnStage) -> None:
        message = proxy.out(OPTIONS, PHONE)
        for _ in range(7):
            message.prepend("via", message.values("via")[0])
        response = proxy.passed(proxy.from_network(message), ProxySide.NETWORK)
        assert response.status == 482

    def test_what_is_not_sip_is_told_once_and_never_answered(self, proxy: ProxyOnStage) -> None:
        for _ in range(3):
            assert proxy.from_phone(b"GET / HTTP/1.1\r\n\r\n", PHONE) == []
        assert proxy.notices() == ["Something that is not SIP arrives on the SIP port from 127.0.0.1."]

    def test_a_request_for_nobody_here(self, proxy: ProxyOnStage) -> None:
        (sending,) = proxy.from_network(OPTIONS.replace("sip:example.org SIP", "sip:carol@192.0.2.9:5080 SIP"))
        assert isinstance(sending.message, SipMessage)
        assert (sending.message.status, sending.side, sending.to) == (480, ProxySide.NETWORK, SERVER)

    def test_an_answer_to_something_that_never_came_from_here(self, proxy: ProxyOnStage) -> None:
        forged = OPTIONS.replace("OPTIONS sip:example.org SIP/2.0", "SIP/2.0 200 OK").replace("5161", "5080")
        assert proxy.from_network(forged) == []
        assert proxy.from_phone(forged, PHONE) == []

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (sdp("127.0.0.1", 7000, kind="image").replace("RTP/AVP 0", "udptl t38"), 488),
            (sdp("127.0.0.1", 7000, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40), 488),
            ("v=0\r\nm=audio x\r\n", 400),
        ],
    )
    def test_media_that_cannot_be_protected(self, proxy: ProxyOnStage, body: str, status: int) -> None:
        invite = with_body(OPTIONS.replace("OPTIONS", "INVITE"), body)
        response = self.refused(proxy, invite)
        assert response.status == status
        assert response.first("warning").startswith("399 127.0.0.1:5070 ")
        assert proxy.view.phase is Phase.ENDED
        assert proxy.notices()
        assert proxy.wire.ports == {}, "no port stays open"

        acknowledged = OPTIONS.replace("OPTIONS", "ACK").replace("<sip:example.org>", response.first("to"))
        assert proxy.from_phone(acknowledged, PHONE) == [], "it was ours, and goes nowhere"
