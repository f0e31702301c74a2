"""The answer: how was it keyed, and who could have heard it?"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.inspection.exchanges import changed, flipped, messages_of, named
from tests.inspection.recordings import (
    KEY,
    OTHER,
    OTHER_KEY,
    PHONE,
    SERVER,
    encrypted,
    in_clear,
    lp_default,
    noise,
    signalling,
    stream_of,
    zrtp,
)
from tests.support.frames import ALICE, BOB, ethernet, pcap, rtp, sdp, sip_request, tcp, udp
from tests.support.pcap import CAPTURES, udp_datagrams
from zrtp.inspection.findings import Severity
from zrtp.inspection.judgement import Judgement, Keying
from zrtp.inspection.report import StreamReport, inspect
from zrtp.wire.messages import CLEAR_ACK, Error, GoClear

DH = named("linphone_default").messages
ZRTP = messages_of(DH)


def reasons(report: StreamReport) -> str:
    return " ".join(report.judgement.reasons)


def remarks(judgement: Judgement) -> str:
    return " ".join(each.text for each in judgement.findings)


# In clear


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


# SDES


def test_keys_in_the_signalling_are_everybody_s_keys(tmp_path: Path) -> None:
    sent = signalling([f"crypto:{KEY}"], [f"crypto:{OTHER_KEY}"], protocol="RTP/SAVP") + encrypted()
    report = stream_of(tmp_path, sent)

    assert (report.judgement.keying, report.judgement.severity) == (Keying.SDES, Severity.SERIOUS)
    assert report.judgement.verdict.startswith("Everybody who saw the signalling could hear this")
    assert "of the first 80 packets 80 open with keys found in it" in reasons(report)
    assert "What alice signalled was seen in clear on 192.0.2.10:5060 -> 192.0.2.20:5060 (UDP, no TLS)." in reasons(
        report
    )
    assert "What bob signalled was seen in clear on 192.0.2.20:5060 -> 192.0.2.10:5060" in reasons(report)


def test_the_hops_before_are_named_with_their_transport(tmp_path: Path) -> None:
    vias = ["Via: SIP/2.0/TLS proxy.example.org;branch=2", "Via: SIP/2.0/WSS browser.invalid;branch=3"]
    sent = signalling([f"crypto:{KEY}"], [f"crypto:{OTHER_KEY}"], extra=vias) + encrypted()
    found = reasons(stream_of(tmp_path, sent))
    assert (
        "had come through proxy.example.org (by TLS, and read there), browser.invalid (by WSS, and read there)" in found
    )


def test_a_key_that_goes_over_a_server_is_seen_on_every_hop(tmp_path: Path) -> None:
    invite = sip_request("INVITE", sdp(ALICE, f"crypto:{KEY}", protocol="RTP/SAVP"))
    _, answer = signalling([], [f"crypto:{OTHER_KEY}"], protocol="RTP/SAVP")
    sent = [(PHONE, SERVER, invite), (SERVER, OTHER, invite), answer, *encrypted()]
    found = reasons(stream_of(tmp_path, sent))
    assert "192.0.2.10:5060 -> 192.0.2.1:5060 (UDP, no TLS), 192.0.2.1:5060 -> 192.0.2.20:5060 (UDP, no TLS)" in found


def test_keys_of_the_signalling_that_do_not_open_the_media(tmp_path: Path) -> None:
    sent = signalling([f"crypto:{KEY}"], [f"crypto:{KEY}"]) + noise()
    report = stream_of(tmp_path, sent)
    assert report.judgement.keying is Keying.SDES
    assert "None of the keys in the signalling opens the media" in remarks(report.judgement)


def test_an_offer_of_keys_that_was_not_taken_up(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, signalling([f"crypto:{KEY}"]) + in_clear()).judgement
    assert judgement.keying is Keying.CLEAR


def test_keys_were_exchanged_and_nobody_used_them(tmp_path: Path) -> None:
    judgement = stream_of(tmp_path, signalling([f"crypto:{KEY}"], [f"crypto:{KEY}"]) + in_clear()).judgement
    assert judgement.keying is Keying.CLEAR
    assert "the media is not encrypted" in judgement.verdict


# DTLS-SRTP


def test_dtls_srtp_with_the_announced_certificates() -> None:
    (report,) = inspect(CAPTURES / "dtls_srtp.pcap").streams

    assert (report.judgement.keying, report.judgement.severity) == (Keying.DTLS_SRTP, Severity.ODD)
    assert "a server that passed the signalling on could have put its own fingerprint in" in report.judgement.verdict
    assert "The certificate of alice is the one whose fingerprint its signalling announced." in reasons(report)
    assert "The media is under SRTP_AES128_CM_HMAC_SHA1_80." in reasons(report)


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
    assert "There is no fingerprint of 192.0.2.10:40000 in the signalling of this capture." in reasons(report)


# ZRTP


def test_zrtp_with_hashes_in_the_signalling() -> None:
    (report,) = inspect(lp_default()).streams
    assert (report.judgement.keying, report.judgement.severity) == (Keying.ZRTP, Severity.NOTE)
    assert report.judgement.verdict == (
        "Nobody but the two ends could hear this, if they compared their words (SAS), now or in an earlier call."
    )
    assert "The Hello of alice is the one that its signalling announced (a=zrtp-hash)." in reasons(report)
    assert "22 of 22 checks that need no key are good." in reasons(report)
    assert "The MACs of DHPart1, DHPart2, Confirm1, Confirm2 can be checked with the keys only." in reasons(report)
    assert "alice sent 2 RTP packets before ZRTP had given it keys." in remarks(report.judgement)


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
    assert "The last acknowledgement is not in the capture" in reasons(report)


def test_media_under_another_ssrc_than_the_one_that_was_agreed_about(tmp_path: Path) -> None:
    sent = zrtp(ZRTP) + [(one, other, rtp(n, bytes(160), ssrc=0xABC)) for n, (one, other, _) in enumerate(noise(4))]
    assert "ZRTP of 192.0.2.10:40000 is about SSRC 00000001, and its media has 00000abc." in remarks(
        stream_of(tmp_path, sent).judgement
    )


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
    assert told in remarks(judgement)
