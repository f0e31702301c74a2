"""The server knows the phone under our address, and the phone finds its own again."""

from __future__ import annotations

import pytest

from tests.proxy.stage import message
from zrtp.proxy.registration import Bindings
from zrtp.proxy.routing import FlowTokens, Hop
from zrtp.proxy.sip import SipMessage, bare_uri

NETWORK = Hop("UDP", "192.0.2.9", 5080)


def register(*contacts: str) -> SipMessage:
    lines = "\n".join(f"Contact: {contact}" for contact in contacts)
    return message(f"""\
REGISTER sip:example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKr
From: <sip:alice@example.org>;tag=1
To: <sip:alice@example.org>
Call-ID: r1
CSeq: 1 REGISTER
{lines}
Authorization: Digest username="alice", uri="sip:example.org", response="0123"

""")


@pytest.fixture
def bindings() -> Bindings:
    return Bindings(FlowTokens(bytes(32)))


@pytest.mark.parametrize(
    "contact",
    [
        '<sip:alice-0x1@127.0.0.1:5161;transport=udp>;+sip.instance="<urn:uuid:1>";expires=600',
        "sip:alice@127.0.0.1:5161;expires=600",
        '"Alice, at home" <sip:alice@10.0.0.7>;q=0.5',
    ],
)
def test_there_and_back(bindings: Bindings, contact: str) -> None:
    request = register(contact)
    bindings.outward(request, NETWORK, "flow")
    (outside,) = request.values("contact")
    assert "@192.0.2.9:5080;" in outside
    assert "127.0.0.1" not in outside and "10.0.0.7" not in outside

    found = bindings.find(bare_uri(outside))
    assert found is not None
    assert (found.flow, found.uri) == ("flow", bare_uri(contact))

    response = register(outside, "<sip:alice@203.0.113.4>;expires=30")
    bindings.inward(response)
    back, other = response.values("contact")
    assert bare_uri(back) == bare_uri(contact)
    assert other == "<sip:alice@203.0.113.4>;expires=30", "the address of another phone stays"


def test_parameters_of_the_phone_outside_the_address_stay(bindings: Bindings) -> None:
    request = register('"Alice, at home" <sip:alice@10.0.0.7;ob>;q=0.5')
    bindings.outward(request, NETWORK, "flow")

    (outside,) = request.values("contact")
    assert outside.startswith('"Alice, at home" <sip:alice@192.0.2.9:5080;zline=')
    assert outside.endswith(";ob>;q=0.5")


def test_a_star_takes_all_bindings_away_and_is_not_touched(bindings: Bindings) -> None:
    request = register("*")
    before = request.encode()
    bindings.outward(request, NETWORK, "flow")
    assert request.encode() == before


def test_credentials_are_not_touched(bindings: Bindings) -> None:
    request = register("<sip:alice@127.0.0.1:5161>")
    bindings.outward(request, NETWORK, "flow")
    assert request.first("authorization") == 'Digest username="alice", uri="sip:example.org", response="0123"'


def test_over_tcp_the_server_is_told_so(bindings: Bindings) -> None:
    request = register("<sip:alice@127.0.0.1:5161;transport=udp>")
    bindings.outward(request, Hop("TCP", "192.0.2.9", 40000), "flow")
    assert request.values("contact")[0].startswith("<sip:alice@192.0.2.9:40000;transport=tcp;zline=")


def test_two_phones_of_one_user_are_told_apart(bindings: Bindings) -> None:
    requests = register("<sip:alice@127.0.0.1:5161>"), register("<sip:alice@127.0.0.1:5161>")
    for request, flow in zip(requests, ("one", "two"), strict=True):
        bindings.outward(request, NETWORK, flow)
    found = [bindings.find(bare_uri(request.values("contact")[0])) for request in requests]
    assert [binding.flow for binding in found if binding] == ["one", "two"]


def test_an_address_that_was_never_ours_means_nobody(bindings: Bindings) -> None:
    assert bindings.find("sip:alice@192.0.2.9:5080;zline=0123456789abcdef") is None
    assert bindings.find("sip:alice@192.0.2.9:5080") is None
