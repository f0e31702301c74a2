"""Whole captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inspection.exchanges import named
from tests.inspection.recordings import KEY, OTHER_KEY, encrypted, lp_default, report_of, signalling, stream_of
from tests.support.cases import every
from tests.support.frames import ALICE, BOB, sdp, sip_request, sip_response
from tests.support.pcap import CAPTURES
from zrtp.inspection import keys as key_files
from zrtp.inspection.capture import CaptureUnreadable
from zrtp.inspection.evidence import Keying
from zrtp.inspection.keys import KeyFile
from zrtp.inspection.report import Report, inspect

MEDIASTREAM_KEYS = f"{KEY[2:]}\n{OTHER_KEY[2:]}\n"


def keys(text: str) -> KeyFile:
    return key_files.parse(text, "keys")


def opened(report: Report) -> list[tuple[int, int]]:
    """(verified, tried) of each end, stream after stream."""
    return [
        (count.verified, count.tried)
        for stream in report.streams
        if stream.opened is not None
        for count in stream.opened
    ]


@every(
    ("capture", "keyings"),
    [
        ("lp_default", [Keying.ZRTP]),
        ("lp_video", [Keying.ZRTP, Keying.ZRTP]),
        ("y_lz_to_gz", [Keying.ZRTP]),
        ("ms_sdes_srtp", [Keying.UNKNOWN]),
        ("dtls_srtp", [Keying.DTLS_SRTP]),
        ("synthetic_tshark_types", [Keying.UNDETERMINED]),
    ],
)
def test_what_recorded_calls_were_keyed_by(capture: str, keyings: list[Keying]) -> None:
    assert [stream.judgement.keying for stream in inspect(CAPTURES / f"{capture}.pcap").streams] == keyings


def test_keys_of_a_file_open_srtp() -> None:
    assert opened(inspect(CAPTURES / "ms_sdes_srtp.pcap", keys(MEDIASTREAM_KEYS))) == [(194, 194), (191, 191)]


def test_s0_opens_the_exchange_and_the_media() -> None:
    report = inspect(lp_default(), keys(f"s0 {named('linphone_default').expect.s0.hex()}"))
    assert opened(report) == [(152, 155), (153, 157)]
    (unsealed,) = report.streams[0].unsealed.values()
    assert unsealed.sas == named("linphone_default").expect.sas_rendered


def test_s0_of_the_first_stream_opens_the_further_ones() -> None:
    report = inspect(CAPTURES / "lp_video.pcap", keys(f"s0 {named('linphone_video_s0').expect.s0.hex()}"))
    assert [list(stream.unsealed) for stream in report.streams] == [[0], [0]]
    assert all(verified > 0 for verified, _ in opened(report))


def test_without_keys_nothing_is_tried() -> None:
    assert opened(inspect(lp_default())) == []
    assert opened(inspect(lp_default(), keys(f"s0 {'00' * 32}"))) == [(0, 155), (0, 157)]


def test_keys_open_what_the_signalling_did_not_show(tmp_path: Path) -> None:
    assert opened(report_of(tmp_path, encrypted(), keys(MEDIASTREAM_KEYS))) == [(40, 40), (40, 40)]


def test_names_come_from_the_signalling_if_it_has_two(tmp_path: Path) -> None:
    assert inspect(lp_default()).streams[0].names == ("alice", "bob")
    assert inspect(CAPTURES / "ms_sdes_srtp.pcap").streams[0].names == ("127.0.0.1:41000", "127.0.0.1:41020")
    assert stream_of(tmp_path, signalling()).names == ("alice", "bob")


def test_a_name_that_would_command_a_terminal(tmp_path: Path) -> None:
    evil = b"\x1b[2J" + b"x" * 100
    sent = [
        ((ALICE[0], 5060), (BOB[0], 5060), sip_request("INVITE", sdp(ALICE)).replace(b"sip:alice", b"sip:" + evil)),
        ((BOB[0], 5060), (ALICE[0], 5060), sip_response("200 OK", sdp(BOB))),
    ]
    name, _ = stream_of(tmp_path, sent).names
    assert name == "[2J" + "x" * 21


def test_an_empty_capture_and_no_capture(tmp_path: Path) -> None:
    report = report_of(tmp_path, [])
    assert (report.frames, report.began, report.streams) == (0, None, [])
    with pytest.raises(CaptureUnreadable):
        inspect(tmp_path / "nothing")


def test_half_a_capture_gives_what_can_be_read(tmp_path: Path) -> None:
    half = tmp_path / "half.pcap"
    half.write_bytes(lp_default().read_bytes()[:30_001])
    report = inspect(half)
    assert report.problems == ["The file ends within a packet at octet 29878: the rest is missing."]
    assert report.streams[0].judgement.keying is Keying.ZRTP
