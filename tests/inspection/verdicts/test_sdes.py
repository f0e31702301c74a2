"""Keys that stood in the signalling."""

from __future__ import annotations

from pathlib import Path

from tests.inspection.recordings import (
    KEY,
    OTHER_KEY,
    encrypted,
    in_clear,
    noise,
    reasons_of,
    remarks_of,
    signalling,
    stream_of,
)
from zrtp.inspection.evidence import Keying
from zrtp.inspection.findings import Severity


def test_keys_in_the_signalling_are_everybody_s_keys(tmp_path: Path) -> None:
    sent = signalling([f"crypto:{KEY}"], [f"crypto:{OTHER_KEY}"], protocol="RTP/SAVP") + encrypted()
    report = stream_of(tmp_path, sent)

    assert (report.judgement.keying, report.judgement.severity) == (Keying.SDES, Severity.SERIOUS)
    assert report.judgement.verdict.startswith("Everybody who saw the signalling could hear this")
    assert "of the first 80 packets 80 open with keys found in it" in reasons_of(report)
    assert "What alice signalled was seen in clear on 192.0.2.10:5060 -> 192.0.2.20:5060 (UDP, no TLS)." in reasons_of(
        report
    )
    assert "What bob signalled was seen in clear on 192.0.2.20:5060 -> 192.0.2.10:5060" in reasons_of(report)


def test_keys_of_the_signalling_that_do_not_open_the_media(tmp_path: Path) -> None:
    sent = signalling([f"crypto:{KEY}"], [f"crypto:{KEY}"]) + noise()
    report = stream_of(tmp_path, sent)
    assert report.judgement.keying is Keying.SDES
    assert "None of the keys in the signalling opens the media" in remarks_of(report.judgement)


def test_an_offer_of_keys_that_was_not_taken_up(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, signalling([f"crypto:{KEY}"]) + in_clear()).judgement
    assert judgement.keying is Keying.CLEAR


def test_keys_were_exchanged_and_nobody_used_them(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, signalling([f"crypto:{KEY}"], [f"crypto:{KEY}"]) + in_clear()).judgement
    assert judgement.keying is Keying.CLEAR
    assert "the media is not encrypted" in judgement.verdict


def test_keys_of_a_suite_that_is_not_known(tmp_path: Path) -> None:
    line = "crypto:1 AEAD_ARIA_256_GCM inline:" + "QUJD" * 15
    report = stream_of(tmp_path, signalling([line], [line]) + noise())
    assert report.judgement.keying is Keying.SDES
    assert "The suite of the keys is not known here" in reasons_of(report)
