"""Keys of DTLS-SRTP."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.inspection.recordings import (
    reasons_of,
    stream_of,
)
from tests.support.frames import ALICE, BOB
from tests.support.pcap import CAPTURES, udp_datagrams
from zrtp.inspection.evidence import Keying
from zrtp.inspection.findings import Severity
from zrtp.inspection.report import inspect


def test_dtls_srtp_with_the_announced_certificates() -> None:
    (report,) = inspect(CAPTURES / "dtls_srtp.pcap").streams

    assert (report.judgement.keying, report.judgement.severity) == (Keying.DTLS_SRTP, Severity.ODD)
    assert "a server that passed the signalling on could have put its own fingerprint in" in report.judgement.verdict
    assert "The certificate of alice is the one whose fingerprint its signalling announced." in reasons_of(report)
    assert "The media is under SRTP_AES128_CM_HMAC_SHA1_80." in reasons_of(report)


def test_a_certificate_that_was_not_announced(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    octets = (CAPTURES / "dtls_srtp.pcap").read_bytes()
    (report,) = inspect(CAPTURES / "dtls_srtp.pcap").streams
    digest = hashlib.sha256(report.dtls[0].certificate).hexdigest().upper()
    announced = ":".join(digest[at : at + 2] for at in range(0, 64, 2)).encode()
    assert octets.count(announced) == 2
    path.write_bytes(octets.replace(announced, b"00:00" + announced[5:]))

    (report,) = inspect(path).streams
    assert report.judgement.severity is Severity.SERIOUS
    assert report.judgement.verdict.startswith("Somebody may have been in between")


def test_dtls_without_signalling(tmp_path: Path) -> None:
    dtls_only = [
        (ALICE if each.source == 40000 else BOB, BOB if each.source == 40000 else ALICE, each.payload)
        for each in udp_datagrams(CAPTURES / "dtls_srtp.pcap")
        if each.source in (ALICE[1], BOB[1])
    ]
    report = stream_of(tmp_path, dtls_only)
    assert report.judgement.keying is Keying.DTLS_SRTP
    assert "There is no fingerprint of 192.0.2.10:40000 in the signalling of this capture." in reasons_of(report)
