"""The answer: how was it keyed, and who could have heard it?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inspection.exchanges import messages_of, named
from tests.inspection.recordings import (
    PHONE,
    SERVER,
    in_clear,
    noise,
    remarks_of,
    signalling,
    stream_of,
    zrtp,
)
from tests.support.frames import ethernet, pcap, tcp, udp
from zrtp.inspection.evidence import Keying
from zrtp.inspection.findings import Severity
from zrtp.inspection.report import inspect
from zrtp.wire.messages import Error

DH = named("linphone_default").messages
ZRTP = messages_of(DH)


@pytest.mark.parametrize("announced", [[], signalling()], ids=["without signalling", "with signalling"])
def test_a_call_in_clear(tmp_path: Path, announced: list[tuple[tuple[str, int], tuple[str, int], bytes]]) -> None:
    judgement = stream_of(tmp_path, announced + in_clear()).judgement
    assert (judgement.keying, judgement.severity) == (Keying.CLEAR, Severity.SERIOUS)
    assert judgement.verdict == "Everybody on the way could hear this: it was not encrypted."


def test_encrypted_by_keys_that_are_not_in_the_capture(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, noise()).judgement
    assert (judgement.keying, judgement.severity) == (Keying.UNKNOWN, Severity.ODD)
    assert "how the keys were agreed is not in this capture" in judgement.verdict


def test_signalling_that_went_by_tls_may_have_held_the_keys(tmp_path: Path) -> None:
    hello = tcp(PHONE, (SERVER[0], 5061), 1, b"\x16\x03\x03\x00\x05hello")
    frames = [(1.0, ethernet(hello))] + [(2.0, ethernet(udp(*each))) for each in noise()]
    path = tmp_path / "call.pcap"
    path.write_bytes(pcap(frames))
    (report,) = inspect(path).streams
    assert report.judgement.keying is Keying.UNKNOWN
    assert report.judgement.reasons == [
        "Signalling went by TLS on 192.0.2.10:5060 -> 192.0.2.1:5061: if it held the keys, both ends read them."
    ]


def test_too_little_to_tell(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, signalling() + in_clear(4)).judgement
    assert judgement.keying is Keying.UNDETERMINED
    assert "Too little was recorded" in judgement.verdict


def test_a_call_without_media(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, signalling()).judgement
    assert judgement.verdict == "There is nothing to hear: the capture has no media of this stream."


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (ZRTP[:4], "ZRTP was tried, and went no further than Hello."),
        (ZRTP[:6], "ZRTP was tried, and stopped after Commit."),
        (ZRTP[:-3], "ZRTP was tried, and stopped before it was confirmed."),
        ([*ZRTP[:4], (1, Error.make(code=0x40).raw)], "ZRTP was tried, and failed."),
    ],
    ids=["Hello", "Commit", "DHPart2", "Error"],
)
def test_zrtp_that_came_to_nothing_leaves_the_call_in_clear(
    tmp_path: Path, messages: list[tuple[int, bytes]], told: str
) -> None:
    judgement = stream_of(tmp_path, zrtp(messages) + in_clear()).judgement
    assert judgement.keying is Keying.CLEAR
    assert told in remarks_of(judgement)
