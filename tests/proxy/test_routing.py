"""The way there and back: Via, Record-Route, Route."""

from __future__ import annotations

import pytest

from tests.proxy.stage import message
from zrtp.proxy.routing import (
    FlowTokens,
    Hop,
    Via,
    add_via,
    note_source,
    record_route,
    runs_in_a_circle,
    take_own_routes,
    take_own_via,
)

PHONE_SIDE = Hop("UDP", "127.0.0.1", 5070)
NETWORK_SIDE = Hop("UDP", "192.0.2.9", 5080)
PHONE = Hop("UDP", "127.0.0.1", 5161)

INVITE = """\
INVITE sip:bob@example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKphone;rport
From: <sip:alice@example.org>;tag=a1
To: <sip:bob@example.org>
Call-ID: call-1
CSeq: 7 INVITE
Max-Forwards: 70

"""


@pytest.fixture
def flows() -> FlowTokens:
    return FlowTokens(bytes(32))


def test_an_answer_comes_back_by_what_stands_in_our_via(flows: FlowTokens) -> None:
    request = message(INVITE)
    add_via(request, NETWORK_SIDE, flows.name(PHONE), flows)
    assert request.values("via")[0].startswith("SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bK")

    response = message(INVITE.replace("INVITE sip:bob@example.org SIP/2.0", "SIP/2.0 200 OK"))
    response.prepend("via", request.values("via")[0])

    assert flows.hop(take_own_via(response, NETWORK_SIDE) or "") == PHONE
    assert response.values("via") == ["SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKphone;rport"]


def test_an_answer_that_is_not_to_us_is_not_taken(flows: FlowTokens) -> None:
    response = message(INVITE.replace("INVITE sip:bob@example.org SIP/2.0", "SIP/2.0 200 OK"))

    assert take_own_via(response, NETWORK_SIDE) is None
    assert take_own_via(response, PHONE) is None, "it is theirs, but bears none of our marks"


def test_copies_cancel_and_the_ack_of_a_refusal_get_the_same_branch_and_others_do_not(flows: FlowTokens) -> None:
    def branch(text: str) -> str | None:
        request = message(text)
        add_via(request, NETWORK_SIDE, "f", flows)
        via = Via.parse(request.values("via")[0])
        assert via is not None
        return via.parameter("branch")

    cancel = INVITE.replace("INVITE", "CANCEL")
    ack = INVITE.replace("INVITE", "ACK").replace("<sip:bob@example.org>", "<sip:bob@example.org>;tag=b1")
    assert branch(INVITE) == branch(INVITE) == branch(cancel) == branch(ack)
    assert branch(INVITE) != branch(INVITE.replace("z9hG4bKphone", "z9hG4bKother"))
    old = INVITE.replace("z9hG4bKphone", "1")
    assert branch(old) == branch(old) != branch(old.replace("7 INVITE", "8 INVITE"))


def test_where_a_request_really_came_from_is_noted() -> None:
    request = message(INVITE.replace("127.0.0.1:5161", "10.0.0.1"))
    note_source(request, Hop("UDP", "203.0.113.7", 40001))

    via = Via.parse(request.values("via")[0])
    assert via is not None
    assert via.answer_to == ("203.0.113.7", 40001)


def test_without_rport_the_answer_goes_to_the_port_that_was_given() -> None:
    request = message(INVITE.replace(";rport", ""))
    note_source(request, Hop("UDP", "203.0.113.7", 40001))

    via = Via.parse(request.values("via")[0])
    assert via is not None
    assert via.answer_to == ("203.0.113.7", 5161)


def test_only_the_topmost_via_is_touched() -> None:
    request = message(INVITE.replace("Via: ", "Via: SIP/2.0/TCP edge.example.org;branch=z9hG4bKe;rport, "))
    note_source(request, Hop("UDP", "203.0.113.7", 40001))

    top, below = request.values("via")
    assert "received=203.0.113.7" in top
    assert below == "SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bKphone;rport"


def test_each_side_sees_an_address_that_it_can_reach(flows: FlowTokens) -> None:
    request = message(INVITE)
    record_route(request, PHONE_SIDE, NETWORK_SIDE, NETWORK_SIDE, "abc")

    assert request.values("record-route") == [
        "<sip:192.0.2.9:5080;lr;zflow=abc>",
        "<sip:127.0.0.1:5070;lr>",
    ]
    assert [header.name for header in request.headers][:2] == ["via", "record-route"]


def test_tcp_and_tls_are_named_in_the_route() -> None:
    assert Hop("TLS", "2001:db8::9", 5061).route() == "<sip:[2001:db8::9]:5061;transport=tls;lr>"


def test_own_routes_are_taken_off_the_top_and_those_below_stay(flows: FlowTokens) -> None:
    request = message(
        INVITE.replace(
            "Max-Forwards",
            "Route: <sip:192.0.2.9:5080;lr;zflow=abc>, <sip:127.0.0.1:5070;lr>\n"
            "Route: <sip:server.example.org;lr>, <sip:127.0.0.1:5070;lr>\nMax-Forwards",
        )
    )

    assert take_own_routes(request, (PHONE_SIDE, NETWORK_SIDE)) == "abc"
    assert request.values("route") == ["<sip:server.example.org;lr>", "<sip:127.0.0.1:5070;lr>"]


def test_a_message_that_was_here_twice_passes_and_one_that_runs_in_a_circle_does_not(flows: FlowTokens) -> None:
    request = message(INVITE)
    for _ in range(2):
        add_via(request, NETWORK_SIDE, "f", flows)
    assert not runs_in_a_circle(request, (PHONE_SIDE, NETWORK_SIDE))

    for _ in range(6):
        add_via(request, NETWORK_SIDE, "f", flows)
    assert runs_in_a_circle(request, (PHONE_SIDE, NETWORK_SIDE))


def test_the_name_of_a_flow_hides_its_address_and_means_something_to_one_proxy_only() -> None:
    ours, others = FlowTokens(bytes(32)), FlowTokens(b"\1" * 32)

    name = ours.name(PHONE)

    assert name == ours.name(PHONE) != others.name(PHONE)
    assert "5161" not in name
    assert others.hop(name) is None


def test_phones_are_remembered_up_to_a_bound_and_forgotten_with_their_connection() -> None:
    flows = FlowTokens(bytes(32))
    first = flows.name(Hop("TCP", "127.0.0.1", 1))
    for port in range(2, 1100):
        flows.name(Hop("TCP", "127.0.0.1", port))
    assert flows.hop(first) is None

    last = Hop("TCP", "127.0.0.1", 1099)
    flows.forget(last)
    assert flows.hop(flows.digest("TCP 127.0.0.1:1099")) is None
