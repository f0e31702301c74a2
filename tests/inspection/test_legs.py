"""Both legs of a call through a relay: passed on, or ended in between?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inspection.exchanges import messages_of, named
from tests.inspection.recordings import OTHER, PHONE, SERVER, Address, Sent, noise, report_of, zrtp
from tests.proxy.test_mitm import Person, Room
from tests.support.frames import ALICE, BOB, sdp, sip_request, sip_response
from tests.support.pair import seeded
from tests.support.pcap import CAPTURES, udp_datagrams
from zrtp.inspection.evidence import Keying
from zrtp.inspection.findings import Severity
from zrtp.inspection.report import Report
from zrtp.proxy.mitm import InterceptedSide, Interceptor

ONE, TWO = ("192.0.2.1", 30000), ("192.0.2.1", 30002)
"""The relay's port towards alice, and that towards bob."""

FIRST = messages_of(named("linphone_default").messages)
SECOND = messages_of(named("mediastream_default").messages)


def call_through_a_relay(folder: Path, one: list[tuple[int, bytes]], other: list[tuple[int, bytes]]) -> Report:
    """Recorded at a server that writes itself into both session descriptions."""
    return report_of(
        folder,
        [
            (PHONE, SERVER, sip_request("INVITE", sdp(ALICE))),
            (SERVER, OTHER, sip_request("INVITE", sdp(TWO))),
            (OTHER, SERVER, sip_response("200 OK", sdp(BOB))),
            (SERVER, PHONE, sip_response("200 OK", sdp(ONE))),
            *zrtp(one, (ALICE, ONE)),
            *zrtp(other, (TWO, BOB)),
            *noise(20, (ALICE, ONE)),
            *noise(20, (TWO, BOB)),
        ],
    )


def test_a_relay_that_passes_zrtp_on_is_harmless(tmp_path: Path) -> None:
    report = call_through_a_relay(tmp_path, FIRST, FIRST)
    assert [stream.stream.ends for stream in report.streams] == [(ALICE, ONE), (TWO, BOB)]
    for stream, other in zip(report.streams, (2, 1), strict=True):
        assert stream.judgement.severity is Severity.NOTE
        assert f"A relay passes it on unchanged: stream {other} has the same exchange." in stream.judgement.reasons


def test_a_relay_with_an_exchange_of_its_own_on_each_side_hears_everything(tmp_path: Path) -> None:
    report = call_through_a_relay(tmp_path, FIRST, SECOND)
    for stream in report.streams:
        assert stream.judgement.severity is Severity.SERIOUS
        assert stream.judgement.verdict.startswith("Whoever is at 192.0.2.1 could hear this: in stream")
        assert "The two legs of the call do not share one exchange." in {
            each.text for each in stream.judgement.findings
        }


@pytest.mark.parametrize("second", [FIRST[:4], []], ids=["unfinished", "no ZRTP"])
def test_a_leg_without_a_finished_exchange_says_nothing(tmp_path: Path, second: list[tuple[int, bytes]]) -> None:
    report = call_through_a_relay(tmp_path, FIRST, second)
    assert report.streams[0].judgement.severity is Severity.NOTE


def test_two_calls_at_once_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    other_alice, other_bob = ("192.0.2.10", 41000), ("192.0.2.20", 51000)
    report = report_of(
        tmp_path,
        [
            (PHONE, OTHER, sip_request("INVITE", sdp(ALICE), call_id="one")),
            (OTHER, PHONE, sip_response("200 OK", sdp(BOB), call_id="one")),
            (PHONE, OTHER, sip_request("INVITE", sdp(other_alice), call_id="two")),
            (OTHER, PHONE, sip_response("200 OK", sdp(other_bob), call_id="two")),
            *zrtp(FIRST, (ALICE, BOB)),
            *zrtp(SECOND, (other_alice, other_bob)),
            *noise(20, (ALICE, BOB)),
            *noise(20, (other_alice, other_bob)),
        ],
    )
    assert [stream.judgement.severity for stream in report.streams] == [Severity.NOTE, Severity.NOTE]


# DTLS


def handshake(ends: tuple[Address, Address], *, other_certificate: bool = False) -> list[Sent]:
    """The recorded handshake between other addresses; perhaps with another certificate at one end."""
    recorded = [each for each in udp_datagrams(CAPTURES / "dtls_srtp.pcap") if 20 <= each.payload[0] <= 25]
    sent: list[Sent] = []
    for each in recorded:
        side = each.source == BOB[1]
        payload = each.payload
        if other_certificate and side:
            payload = payload.replace(SUBJECT, SUBJECT[:-1] + b"x")
        sent.append((ends[side], ends[not side], payload))
    return sent


SUBJECT = b"\x06\x03\x55\x04\x03\x0c\x01\x62"
"""The common name "b" in the certificate of one end."""


@pytest.mark.parametrize("ended", [False, True], ids=["passed on", "ended"])
def test_a_relay_that_ends_dtls_shows_by_its_certificate(tmp_path: Path, ended: bool) -> None:
    report = report_of(
        tmp_path,
        [
            (PHONE, SERVER, sip_request("INVITE", sdp(ALICE))),
            (SERVER, OTHER, sip_request("INVITE", sdp(TWO))),
            (OTHER, SERVER, sip_response("200 OK", sdp(BOB))),
            (SERVER, PHONE, sip_response("200 OK", sdp(ONE))),
            *handshake((ALICE, ONE), other_certificate=ended),
            *handshake((TWO, BOB)),
            *noise(20, (ALICE, ONE)),
            *noise(20, (TWO, BOB)),
        ],
    )
    assert [stream.judgement.keying for stream in report.streams] == [Keying.DTLS_SRTP] * 2
    for stream in report.streams:
        assert ("Whoever is at 192.0.2.1 could hear this" in stream.judgement.verdict) == ended


# ZIDs


class Recorder(Room):
    """Writes down what goes over both wires of a call with somebody in between."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []

    def _carry(
        self,
        people: dict[InterceptedSide, Person],
        interceptor: Interceptor | None,
        side: InterceptedSide,
        datagram: bytes,
    ) -> None:
        wires = {InterceptedSide.CALLER: (ALICE, ONE), InterceptedSide.TARGET: (BOB, TWO)}
        self.sent.append((*wires[side], datagram))
        assert interceptor is not None
        for to, octets in interceptor.datagram_received(side, datagram, self.now):
            person, relay = wires[to]
            self.sent.append((relay, person, octets))
            people[to].take(octets, self.now)


def test_somebody_who_takes_on_both_zids_is_seen_without_any_signalling(tmp_path: Path) -> None:
    room = Recorder()
    room.call(Interceptor(random=seeded(3)))
    report = report_of(tmp_path, room.sent)

    assert [stream.judgement.severity for stream in report.streams] == [Severity.SERIOUS] * 2
    assert report.streams[0].judgement.verdict == (
        "Somebody seems to be in between: in stream 2 the same two ZIDs have another exchange at the same time, "
        "between other addresses."
    )
