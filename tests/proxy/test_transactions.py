"""Requests over UDP come again until they are answered, and no longer than anybody waits for an answer."""

from __future__ import annotations

from tests.proxy.stage import SERVER, Clock, message
from tests.support.cases import every
from zrtp.proxy.routing import Hop
from zrtp.proxy.signalling import OutgoingMessage, ProxySide
from zrtp.proxy.sip import SipMessage, answer
from zrtp.proxy.transactions import MOST, TIMEOUT, Transactions

BYE_AT = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
"""The times of RFC 3261 section 17.1.2.1: timer E, at most T2."""
INVITE_AT = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
"""Section 17.1.1.1: timer A has no upper bound."""


def request(method: str = "BYE", transport: str = "UDP", branch: str = "z9hG4bK1") -> SipMessage:
    return message(f"""\
{method} sip:bob@192.0.2.9 SIP/2.0
Via: SIP/2.0/{transport} 192.0.2.1:5080;branch={branch};rport
From: <sip:alice@example.org>;tag=a
To: <sip:bob@example.org>;tag=b
Call-ID: 1
CSeq: 2 {method}
""")


class Stage:
    def __init__(self) -> None:
        self.clock = Clock()
        self.sent: list[float] = []
        self.transactions = Transactions(self.clock, lambda sending: self.sent.append(self.clock.now))

    def send(self, asked: SipMessage) -> None:
        self.transactions.send(OutgoingMessage(asked, ProxySide.NETWORK))


@every(("method", "times"), [("BYE", BYE_AT), ("OPTIONS", BYE_AT), ("INVITE", INVITE_AT), ("ACK", [0])])
def test_without_an_answer_it_comes_again_until_the_time_is_up(method: str, times: list[float]) -> None:
    stage = Stage()
    stage.send(request(method))
    stage.clock.run(2 * TIMEOUT)
    assert stage.sent == times


@every(
    ("method", "status", "times"),
    [
        ("BYE", 200, [0, 0.5]),
        ("BYE", 481, [0, 0.5]),
        ("BYE", 100, [0, 0.5, 1.5, 5.5, 9.5]),
        ("INVITE", 100, [0, 0.5]),
        ("INVITE", 486, [0, 0.5]),
    ],
)
def test_an_answer_ends_it_and_a_provisional_one_slows_it_down(method: str, status: int, times: list[float]) -> None:
    stage = Stage()
    asked = request(method)
    stage.send(asked)
    stage.clock.run(0.6)
    stage.transactions.note_answer(answer(asked, status, "Whatever"))
    stage.clock.run(11)
    assert stage.sent == times


def test_an_answer_to_something_else_changes_nothing() -> None:
    stage = Stage()
    stage.send(request())
    for other in (request(branch="z9hG4bK2"), request("CANCEL")):
        stage.transactions.note_answer(answer(other, 200, "OK"))
    stage.clock.run(TIMEOUT)
    assert stage.sent == BYE_AT


def test_what_travels_safely_is_sent_once() -> None:
    stage = Stage()
    stage.send(request(transport="TCP"))
    stage.transactions.send(
        OutgoingMessage(answer(request(), 200, "OK"), ProxySide.NETWORK, Hop("UDP", SERVER.host, 5060))
    )
    stage.transactions.send(OutgoingMessage(b"\r\n\r\n", ProxySide.NETWORK))
    stage.clock.run(TIMEOUT)
    assert stage.sent == [0, 0, 0]


def test_a_copy_of_the_phone_begins_it_anew_and_there_is_a_bound() -> None:
    stage = Stage()
    for _ in range(2):
        stage.send(request())
    for number in range(MOST + 10):
        stage.send(request(branch=f"z9hG4bKx{number}"))
    before = len(stage.sent)
    stage.clock.run(0.9)
    assert len(stage.sent) - before == MOST


def test_after_the_end_nothing_comes_again() -> None:
    stage = Stage()
    stage.send(request())
    stage.transactions.close()
    stage.clock.run(TIMEOUT)
    assert stage.sent == [0]
