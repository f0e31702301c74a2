"""Which of the server's addresses a request goes to, and when another one."""

from __future__ import annotations

from tests.proxy.stage import message
from tests.support.cases import every
from zrtp.proxy.servers import AGAIN_AFTER, MOST_HOSTS, TOGETHER, UpstreamServers
from zrtp.proxy.sip import SipMessage, answer
from zrtp.proxy.upstream import Located

ONE, TWO, THREE = (("192.0.2.1", 5060), ("192.0.2.2", 5060), ("192.0.2.3", 5070))
COPIES = (0.0, 0.5, 1.5, 3.5)
"""When a phone repeats a request (RFC 3261 section 17.1)."""


def request(method: str = "INVITE", call: str = "1", *, within: bool = False, cseq: int = 1) -> SipMessage:
    return message(f"""\
{method} sip:bob@example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5161;branch=z9hG4bK{call}{cseq}
From: <sip:alice@example.org>;tag=a
To: <sip:bob@example.org>{";tag=b" if within else ""}
Call-ID: {call}
CSeq: {cseq} {method}
""")


def test_requests_go_to_the_first_address_and_so_do_keepalives() -> None:
    servers = UpstreamServers(Located([ONE, TWO]))
    assert servers.address(request(), 0.0) == servers.address(b"\r\n\r\n", 0.0) == ONE


def test_a_dialog_stays_where_it_began_and_a_new_one_goes_where_the_server_is_now() -> None:
    servers = UpstreamServers(Located([ONE]))
    servers.address(request(), 0.0)
    servers.take_addresses(Located([TWO]), 100.0)

    assert servers.address(request("BYE", within=True), 5000.0) == ONE
    assert servers.address(request(call="2"), 5000.0) == TWO
    assert servers.knows(ONE[0]) and servers.knows(TWO[0]) and not servers.knows(THREE[0])


def test_a_registration_follows_but_not_between_a_request_and_its_copy_with_credentials() -> None:
    servers = UpstreamServers(Located([ONE]))
    servers.address(request("REGISTER"), 0.0)
    servers.take_addresses(Located([TWO]), 0.5)
    assert servers.address(request("REGISTER", cseq=2), 1.0) == ONE
    assert servers.address(request("REGISTER", cseq=3), 1.0 + TOGETHER + 1) == TWO


def test_where_nothing_is_heard_a_late_copy_goes_to_the_next_address_and_so_does_all_that_follows() -> None:
    servers = UpstreamServers(Located([ONE, TWO]))
    assert [servers.address(request(), at) for at in COPIES] == [ONE, ONE, ONE, TWO]
    assert servers.failed
    assert servers.address(request(call="2"), 4.0) == TWO
    assert servers.address(request("ACK", within=True), 4.5) == TWO


def test_the_next_one_gets_its_time_too_and_then_it_goes_round() -> None:
    servers = UpstreamServers(Located([ONE, TWO]))
    times = (*COPIES, 7.5, 15.5)
    assert [servers.address(request(), at) for at in times] == [ONE, ONE, ONE, TWO, ONE, TWO]


def test_a_server_that_is_heard_is_only_slow() -> None:
    servers = UpstreamServers(Located([ONE, TWO]))
    for at in COPIES:
        address = servers.address(request(), at)
        servers.note_heard(ONE[0], at + 0.1)
    assert address == ONE and not servers.failed


def test_what_was_heard_before_the_request_proves_nothing() -> None:
    servers = UpstreamServers(Located([ONE, TWO]))
    servers.note_heard(ONE[0], 9.0)
    assert [servers.address(request(), 10 + at) for at in COPIES][-1] == TWO


def test_out_of_service_sends_new_requests_elsewhere() -> None:
    servers = UpstreamServers(Located([ONE, TWO]))
    servers.address(request(), 0.0)
    servers.note_answer(answer(request(), 486, "Busy Here"), 0.1)
    assert servers.address(request(call="2"), 1.0) == ONE
    servers.note_answer(answer(request(), 503, "Service Unavailable"), 1.1)
    servers.note_answer(answer(request(call="unknown"), 503, "Service Unavailable"), 1.1)
    assert servers.address(request(cseq=2), 2.0) == TWO


@every(("later", "first"), [(1.0, TWO), (AGAIN_AFTER + 1, ONE)])
def test_an_address_that_was_given_up_comes_last_for_a_while(later: float, first: tuple[str, int]) -> None:
    servers = UpstreamServers(Located([ONE, TWO]))
    for at in COPIES:
        servers.address(request(), at)
    servers.take_addresses(Located([ONE, TWO]), COPIES[-1] + later)
    assert not servers.failed
    assert servers.address(request(call="2"), COPIES[-1] + later) == first


def test_hosts_are_not_heard_for_ever() -> None:
    servers = UpstreamServers(Located([ONE]))
    for number in range(MOST_HOSTS):
        servers.take_addresses(Located([(f"198.51.100.{number}", 5060)]), 0.0)
    assert not servers.knows(ONE[0])
