"""SIP over TCP: segments in any order, gaps, several messages at once; and TLS, which cannot be read."""

from __future__ import annotations

import pytest

from tests.support.frames import sip_request, tcp
from zrtp.inspection.tcp import MOST_CONNECTIONS, MOST_HELD, Connections

INVITE, BYE = sip_request("INVITE"), sip_request("BYE")
PHONE, SERVER = ("192.0.2.10", 40000), ("192.0.2.1", 5060)
LONGEST_SEGMENT = 30_000
SECURE_SERVER = ("192.0.2.1", 5061)


class Side:
    """One direction of a connection, and what came of it."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.connections = Connections(lambda _time, _key, message: self.messages.append(message))

    def segment(
        self, sequence: int, data: bytes, *, flags: int = 0x18, to: tuple[str, int] = SERVER, port: int = 40000
    ) -> None:
        for at in range(0, len(data) or 1, LONGEST_SEGMENT):
            part = data[at : at + LONGEST_SEGMENT]
            packet = tcp((PHONE[0], port), to, sequence + at & 0xFFFFFFFF, part, flags)
            self.connections.segment(0.0, packet[12:24], packet[20:], True)


@pytest.fixture
def side() -> Side:
    return Side()


@pytest.mark.parametrize("start", [0, 0xFFFFFFF0], ids=["from 0", "over the wrap"])
def test_a_message_in_pieces(side: Side, start: int) -> None:
    side.segment(start - 1, b"", flags=2)
    for at in range(0, len(INVITE), 50):
        side.segment(start + at, INVITE[at : at + 50])
    assert side.messages == [INVITE]


def test_pieces_out_of_order_and_twice(side: Side) -> None:
    side.segment(0, INVITE[:50])
    side.segment(100, INVITE[100:])
    side.segment(30, INVITE[30:60])
    side.segment(60, INVITE[60:100])
    assert side.messages == [INVITE]


def test_several_messages_and_keepalives_in_one_segment(side: Side) -> None:
    side.segment(0, INVITE + b"\r\n\r\n" + BYE + INVITE[:20])
    side.segment(len(INVITE) + 4 + len(BYE) + 20, INVITE[20:])
    assert side.messages == [INVITE, BYE, INVITE]


def test_after_a_segment_that_was_never_recorded_it_goes_on_with_the_next_message(side: Side) -> None:
    side.segment(0, INVITE[:100])
    lost = 200
    side.segment(lost, b"x" * MOST_HELD)
    side.segment(lost + MOST_HELD, b"y")
    side.segment(lost + MOST_HELD + 1, BYE)
    assert side.messages == [BYE]


def test_a_message_that_is_too_long_is_given_up(side: Side) -> None:
    huge = b"INVITE sip:b SIP/2.0\r\nContent-Length: 9999999\r\n\r\n" + bytes(MOST_HELD)
    side.segment(0, huge)
    side.segment(len(huge), BYE)
    assert side.messages == [BYE]


def test_tls_on_the_port_of_sip_is_noticed(side: Side) -> None:
    side.segment(0, b"\x16\x03\x01\x00\x05hello", to=SECURE_SERVER)
    side.segment(9, INVITE, to=SECURE_SERVER)
    assert side.messages == []
    assert len(side.connections.tls) == 1


def test_tls_elsewhere_and_other_protocols_do_not_matter(side: Side) -> None:
    side.segment(0, b"\x16\x03\x01\x00\x05hello", to=("192.0.2.1", 443))
    side.segment(0, b"GET / HTTP/1.1\r\n\r\n" + INVITE, port=40001)
    assert side.messages == []
    assert len(side.connections.tls) == 0


def test_a_new_connection_between_the_same_ports_begins_anew(side: Side) -> None:
    side.segment(0, INVITE[:50])
    side.segment(49, b"", flags=1)
    side.segment(7_000, b"", flags=2)
    side.segment(7_001, BYE)
    assert side.messages == [BYE]


def test_the_number_of_connections_is_bounded(side: Side) -> None:
    side.segment(0, INVITE[:50], port=1)
    for port in range(2, MOST_CONNECTIONS + 3):
        side.segment(0, b"x", port=port)
    side.segment(50, INVITE[50:], port=1)
    assert side.messages == []
