"""Keys of ZRTP."""

from __future__ import annotations

from pathlib import Path

from tests.inspection.exchanges import changed, flipped, messages_of, named
from tests.inspection.recordings import (
    in_clear,
    lp_default,
    noise,
    reasons_of,
    remarks_of,
    signalling,
    stream_of,
    zrtp,
)
from tests.support.frames import rtp
from zrtp.inspection.evidence import Keying
from zrtp.inspection.findings import Severity
from zrtp.inspection.report import inspect
from zrtp.wire.messages import CLEAR_ACK, GoClear

DH = named("linphone_default").messages
ZRTP = messages_of(DH)


def test_zrtp_with_hashes_in_the_signalling() -> None:
    (report,) = inspect(lp_default()).streams
    assert (report.judgement.keying, report.judgement.severity) == (Keying.ZRTP, Severity.NOTE)
    assert report.judgement.verdict == (
        "Nobody but the two ends could hear this, if they compared their words (SAS), now or in an earlier call."
    )
    assert "The Hello of alice is the one that its signalling announced (a=zrtp-hash)." in reasons_of(report)
    assert "22 of 22 checks that need no key are good." in reasons_of(report)
    assert "The MACs of DHPart1, DHPart2, Confirm1, Confirm2 can be checked with the keys only." in reasons_of(report)
    assert "alice sent 2 RTP packets before ZRTP had given it keys." in remarks_of(report.judgement)


def test_a_hello_that_was_not_announced(tmp_path: Path) -> None:
    sent = signalling(["zrtp-hash:1.10 " + "00" * 32]) + zrtp(ZRTP) + noise()
    report = stream_of(tmp_path, sent)
    assert report.judgement.severity is Severity.SERIOUS
    assert report.judgement.verdict == (
        "Somebody may have been in between: The Hello of alice is not the one that its signalling announced "
        "(a=zrtp-hash)."
    )


def test_an_exchange_that_was_tampered_with(tmp_path: Path) -> None:
    sent = zrtp(changed(DH, commit=flipped(DH.commit))) + noise()
    judgement = stream_of(tmp_path, sent).judgement
    assert judgement.verdict.startswith("Somebody may have been in between: The MAC of Commit")


def test_multistream_and_preshared_rest_on_other_words(tmp_path: Path) -> None:
    further = stream_of(tmp_path, zrtp(messages_of(named("linphone_video_s1").messages)) + noise()).judgement
    assert further.verdict.endswith("if they compared the words of the call's first stream.")
    preshared = stream_of(tmp_path, zrtp(messages_of(named("synthetic_prsh_s256_aes1_rs1").messages)) + noise())
    assert preshared.judgement.verdict.endswith("in this call or in the one whose secret it uses.")


def test_keys_that_were_agreed_and_not_used(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, zrtp(ZRTP) + in_clear()).judgement
    assert (judgement.keying, judgement.severity) == (Keying.ZRTP, Severity.SERIOUS)
    assert judgement.verdict.startswith("Everybody on the way could hear this: keys were agreed")


def test_a_call_that_went_clear(tmp_path: Path) -> None:
    clearing = [(0, GoClear.make(clear_mac=bytes(8)).raw), (1, CLEAR_ACK.raw)]
    judgement = stream_of(tmp_path, zrtp(ZRTP) + noise() + zrtp(clearing) + in_clear()).judgement
    assert judgement.verdict == "Nobody but the two ends until GoClear; from then on everybody on the way."


def test_an_acknowledgement_that_was_not_recorded(tmp_path: Path) -> None:
    report = stream_of(tmp_path, zrtp(ZRTP[:-1]) + noise())
    assert report.judgement.keying is Keying.ZRTP
    assert "The last acknowledgement is not in the capture" in reasons_of(report)


def test_media_under_another_ssrc_than_the_one_that_was_agreed_about(tmp_path: Path) -> None:
    sent = zrtp(ZRTP) + [(one, other, rtp(n, bytes(160), ssrc=0xABC)) for n, (one, other, _) in enumerate(noise(4))]
    assert "ZRTP of 192.0.2.10:40000 is about SSRC 00000001, and its media has 00000abc." in remarks_of(
        stream_of(tmp_path, sent).judgement
    )


def test_a_server_that_says_it_is_in_between(tmp_path: Path) -> None:
    relayed = named("zrtpcpp_pbx_relay_call2")
    assert relayed.sasrelay is not None
    side = 0 if relayed.sasrelay.sender == "initiator" else 1
    sent = zrtp([*messages_of(relayed.messages), (side, relayed.sasrelay.message)]) + noise()
    judgement = stream_of(tmp_path, sent).judgement
    server = ("192.0.2.10:40000", "192.0.2.20:50000")[side]
    assert judgement.severity is Severity.ODD
    assert f"Nobody but the two ends and whoever is behind {server} could hear this" in judgement.verdict


def test_a_wish_to_go_clear_that_nobody_heeds(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, zrtp([*ZRTP, (0, GoClear.make(clear_mac=bytes(8)).raw)]) + noise()).judgement
    assert judgement.severity is Severity.NOTE
