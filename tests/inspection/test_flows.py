"""Flows: what is counted, what is kept, and what is let go."""

from __future__ import annotations

import pytest

from tests.support.frames import ALICE, BOB, rtp, udp
from tests.support.pcap import CAPTURES, udp_datagrams
from zrtp.inspection.budget import Budget
from zrtp.inspection.flows import MOST_SOURCES, SAMPLED, Flow, Flows
from zrtp.media.demux import DatagramKind

THERE = udp(ALICE, BOB, b"")[12:24]
SOUND = bytes(160)
ZRTP = [each.payload for each in udp_datagrams(CAPTURES / "lp_default.pcap") if each.payload[4:8] == b"ZRTP"]


@pytest.fixture
def flows() -> Flows:
    return Flows(Budget())


def send(flows: Flows, *payloads: bytes, key: bytes = THERE, whole: bool = True) -> Flow:
    for payload in payloads:
        flows.datagram(1.0, key, payload, whole)
    return flows.all[-1]


def of_type(kind: bytes) -> bytes:
    return next(each for each in ZRTP if each[16:24] == kind)


def test_packets_are_counted_by_protocol_and_source(flows: Flows) -> None:
    stun = b"\x00\x01\x00\x00!\x12\xa4B" + bytes(12)
    flow = send(
        flows, stun, *(rtp(number, SOUND) for number in range(100)), rtp(5, SOUND, ssrc=2), b"\x81\xc8" + bytes(26)
    )

    assert (flow.source, flow.destination, flow.packets) == (ALICE, BOB, 103)
    assert flow.counts == {DatagramKind.STUN: 1, DatagramKind.RTP: 101, DatagramKind.RTCP: 1}
    assert [(ssrc[3], source.packets) for ssrc, source in flow.sources.items()] == [(1, 100), (2, 1)]
    assert len(flow.sources[bytes([0, 0, 0, 1])].samples) == SAMPLED


def test_rising_sequence_numbers_make_media_and_noise_does_not(flows: Flows) -> None:
    noise = send(flows, *(b"\x81\x80" + bytes([number * 37 & 255] * 30) for number in range(50)))
    assert not noise.looks_like_media
    assert send(flows, *(rtp(number, SOUND) for number in (65534, 65535, 0, 1)), key=THERE[::-1]).looks_like_media


def test_new_keys_begin_a_new_sample(flows: Flows) -> None:
    flow = send(flows, rtp(1, b"in clear"), rtp(2, b"in clear"), of_type(b"Confirm2"), rtp(3, b"sealed"))

    (source,) = flow.sources.values()
    assert [sample[12:] for sample in source.samples] == [b"sealed"]
    assert (flow.rtp_before_keys, source.since_new_keys, len(flow.moments)) == (2, 1, 1)
    assert flow.looks_like_media


def test_zrtp_is_kept_in_the_order_of_the_capture(flows: Flows) -> None:
    send(flows, ZRTP[0])
    send(flows, ZRTP[1], key=THERE[::-1])
    send(flows, ZRTP[2])
    assert sorted(number for flow in flows.all for number, _, _ in flow.zrtp) == [1, 2, 3]


def test_datagrams_of_which_the_end_is_missing_are_only_counted(flows: Flows) -> None:
    flow = send(flows, ZRTP[0][:60], whole=False)
    assert (flow.cut, flow.zrtp) == (1, [])


def test_sources_are_bounded(flows: Flows) -> None:
    flow = send(flows, *(rtp(1, SOUND, ssrc=number) for number in range(200)))
    assert len(flow.sources) == MOST_SOURCES
    assert flow.rtp == 200


def test_without_room_packets_are_only_counted() -> None:
    budget = Budget(1000)
    flows = Flows(budget)
    flow = send(flows, *ZRTP, *(rtp(number, SOUND) for number in range(10)))
    assert flow.unkept > 0
    assert sum(len(payload) for _, _, payload in flow.zrtp) <= 1000
    assert budget.refused > 0


def test_of_too_many_flows_those_that_are_media_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.inspection.flows.MOST_FLOWS", most := 200)
    budget = Budget()
    flows = Flows(budget)
    before = budget.left
    send(flows, *(rtp(number, SOUND) for number in range(10)))
    for number in range(most + 100):
        flows.datagram(1.0, number.to_bytes(8, "big") + b"ABCD", rtp(7, SOUND), True)

    assert len(flows.all) <= most
    assert flows.all[0].source == ALICE
    assert flows.forgotten > 0
    kept = sum(len(sample) for flow in flows.all for source in flow.sources.values() for sample in source.samples)
    assert before - budget.left == kept
