"""Media streams out of flows: pairs, one-way halves, RTCP, and what was announced and never came."""

from __future__ import annotations

import pytest

from tests.support.frames import ALICE, BOB, rtp, sdp, sip_request, sip_response, udp
from zrtp.inspection import streams
from zrtp.inspection.budget import Budget
from zrtp.inspection.calls import RecordedCalls
from zrtp.inspection.flows import Flows
from zrtp.inspection.streams import MediaStream, text_of

PHONE, OTHER = ("192.0.2.10", 5060), ("192.0.2.20", 5060)
SOUND = bytes(160)

Address = tuple[str, int]


class Network:
    """What went over it."""

    def __init__(self) -> None:
        budget = Budget()
        self.flows, self.calls = Flows(budget), RecordedCalls(budget)
        self._now = 0.0

    def media(self, source: Address, destination: Address, packets: int = 10) -> None:
        for number in range(packets):
            self.datagram(source, destination, rtp(number, SOUND))

    def datagram(self, source: Address, destination: Address, payload: bytes) -> None:
        self._now += 0.01
        self.flows.datagram(self._now, udp(source, destination, b"")[12:24], payload, True)

    def invite(self, offered: str) -> None:
        self.calls.add(self._now, PHONE, OTHER, "UDP", sip_request("INVITE", offered))

    def answer(self, answered: str) -> None:
        self.calls.add(self._now + 0.001, OTHER, PHONE, "UDP", sip_response("200 OK", answered))

    @property
    def streams(self) -> list[MediaStream]:
        return streams.find(self.flows, self.calls)


@pytest.fixture
def network() -> Network:
    return Network()


def test_without_signalling_media_is_found_by_looking(network: Network) -> None:
    network.media(BOB, ALICE)
    network.media(ALICE, BOB)
    network.datagram(("192.0.2.1", 53), ALICE, b"\x80" * 40)

    (stream,) = network.streams
    assert stream.ends == (BOB, ALICE), "who sent first comes first"
    assert (stream.call, stream.kind, stream.packets) == (None, "media", 20)


def test_the_caller_comes_first_and_a_single_packet_is_enough_where_media_was_announced(network: Network) -> None:
    network.invite(sdp(ALICE))
    network.answer(sdp(BOB))
    network.media(BOB, ALICE, packets=1)

    (stream,) = network.streams
    assert stream.ends == (ALICE, BOB)
    assert stream.flows[0] is None
    assert (stream.kind, stream.index) == ("audio", 0)
    assert [len(said) for said in stream.announced] == [1, 1]
    assert stream.call is not None and stream.call.caller == "alice@example.org"


def test_ends_that_send_from_other_ports_than_they_receive_on(network: Network) -> None:
    network.invite(sdp(ALICE))
    network.answer(sdp(BOB))
    network.media((ALICE[0], 7), BOB)
    network.media((BOB[0], 9), ALICE)

    (stream,) = network.streams
    assert stream.ends == (ALICE, BOB)
    assert [flow.source if flow else None for flow in stream.flows] == [(ALICE[0], 7), (BOB[0], 9)]


@pytest.mark.parametrize(("attribute", "port"), [("sendrecv", ALICE[1] + 1), ("rtcp:41", 41)])
def test_rtcp_on_its_own_port_belongs_to_its_stream(network: Network, attribute: str, port: int) -> None:
    network.invite(sdp(ALICE, attribute))
    network.answer(sdp(BOB))
    network.media(ALICE, BOB)
    network.datagram((ALICE[0], port), (BOB[0], BOB[1] + 1), b"\x81\xc8" + bytes(26))
    network.datagram(BOB, ALICE, b"\x81\xc9" + bytes(6))

    (stream,) = network.streams
    assert stream.rtcp == 2


def test_what_was_announced_and_is_not_in_the_capture(network: Network) -> None:
    network.invite(sdp(ALICE))
    network.answer(sdp(BOB))

    (stream,) = network.streams
    assert stream.ends == (ALICE, BOB)
    assert stream.flows == (None, None)
    assert stream.packets == 0


def test_an_offer_without_an_answer(network: Network) -> None:
    network.invite(sdp(ALICE))
    (stream,) = network.streams
    assert stream.name == "192.0.2.10:40000 <-> ?"


def test_streams_stand_in_the_order_of_time(network: Network) -> None:
    later = ("192.0.2.30", 4)
    network.media(ALICE, BOB)
    network.media(ALICE, later, packets=50)
    assert [stream.ends[1] for stream in network.streams] == [BOB, later]
    assert [stream.ends[0] for stream in network.streams] == [ALICE, ALICE]


def test_an_address_of_ipv6_has_brackets() -> None:
    assert text_of(("2001:db8::1", 5)) == "[2001:db8::1]:5"
