"""Negotiated keys work in an application's own libsrtp, and in the words that GStreamer and ffmpeg use."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable

import pylibsrtp
import pytest

from tests.support.cases import every
from tests.support.media_pair import MediaPair
from tests.support.srtp import LIBSRTP_PROFILES, SSRC, keys, rtcp_packet, rtp_packet
from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.media import handover
from zrtp.media.sdp import parse_crypto
from zrtp.media.srtp import SrtpProfile, srtp_pair
from zrtp.protocol.config import Config
from zrtp.protocol.events import KeysReady, SrtpKeys
from zrtp.secret import Secret


@every("codes", LIBSRTP_PROFILES, ids=lambda codes: SrtpProfile.of(*codes).name)
@every("ssrc", [None, SSRC])
def test_a_call_between_libsrtp_and_us(codes: tuple[bytes, bytes], ssrc: int | None) -> None:
    to_us, from_us = keys(*codes, seed=1), keys(*codes, seed=2)
    outbound = pylibsrtp.Session(handover.libsrtp_policy(to_us, sending=True, ssrc=ssrc))
    inbound = pylibsrtp.Session(
        handover.libsrtp_policy(from_us, sending=False, ssrc=None if ssrc is None else SSRC + 1)
    )
    ours, theirs = srtp_pair(from_us, to_us)
    for number in range(3):
        outgoing, incoming = rtp_packet(number, ssrc=SSRC + 1), rtp_packet(number)
        assert inbound.unprotect(ours.protect(outgoing)) == outgoing
        assert theirs.unprotect(outbound.protect(incoming)) == incoming
        report = rtcp_packet(number)
        assert theirs.unprotect_rtcp(outbound.protect_rtcp(report)) == report


@pytest.mark.parametrize("codes", [(b"AES3", b"HS80"), (b"AES3", b"HS32"), (b"AES2", b"HS80")])
def test_what_libsrtp_does_not_have_is_said(codes: tuple[bytes, bytes]) -> None:
    with pytest.raises(ApiMisuse, match="pylibsrtp has no profile AES_"):
        handover.libsrtp_policy(keys(*codes), sending=True)


@pytest.mark.attack("KEY-08")
def test_keys_of_wrong_length_are_refused() -> None:
    wrong = SrtpKeys(cipher=b"AES1", auth_tag=b"GCM ", key=Secret(bytes(16)), salt=Secret(bytes(14)))
    with pytest.raises(ApiMisuse, match="12 octets"):
        handover.libsrtp_policy(wrong, sending=True)


def test_without_pylibsrtp_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylibsrtp", None)
    with pytest.raises(BackendUnavailable, match=r"pip install \.\[libsrtp\]"):
        handover.libsrtp_policy(keys(b"AES1", b"HS80"), sending=True)


def test_a_libsrtp_without_gcm_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poor(pylibsrtp.Policy):
        def __init__(self, *_args: object, **_kwargs: object) -> None:
            raise pylibsrtp.Error("unsupported parameter")

    monkeypatch.setattr(pylibsrtp, "Policy", Poor)
    with pytest.raises(BackendUnavailable, match="AEAD_AES_128_GCM"):
        handover.libsrtp_policy(keys(b"AES1", b"GCM "), sending=True)


@pytest.mark.parametrize(
    ("codes", "cipher", "rtp_auth", "rtcp_auth"),
    [
        ((b"AES1", b"HS80"), "aes-128-icm", "hmac-sha1-80", "hmac-sha1-80"),
        ((b"AES3", b"HS32"), "aes-256-icm", "hmac-sha1-32", "hmac-sha1-80"),
        ((b"AES3", b"GCM "), "aes-256-gcm", "null", "null"),
    ],
)
def test_gstreamer_has_names_of_its_own(codes: tuple[bytes, bytes], cipher: str, rtp_auth: str, rtcp_auth: str) -> None:
    given = keys(*codes)
    settings = handover.gstreamer_settings(given)
    assert settings[1:] == (cipher, rtp_auth, rtcp_auth)
    assert settings.key == bytes(given.key.octets + given.salt.octets)
    assert settings.key.hex() in settings.caps(7)
    assert f"srtcp-auth=(string){rtcp_auth}" in settings.caps(7)


def test_ffmpeg_takes_the_words_of_sdes() -> None:
    given = keys(b"AES1", b"HS80")
    settings = handover.ffmpeg_settings(given)
    assert settings.suite == "AES_CM_128_HMAC_SHA1_80"
    assert base64.b64decode(settings.params) == bytes(given.key.octets + given.salt.octets)


def test_with_ffmpeg_a_short_tag_is_that_of_rtp_only() -> None:
    assert handover.ffmpeg_settings(keys(b"AES1", b"HS32")).suite == "SRTP_AES128_CM_HMAC_SHA1_32"


@pytest.mark.parametrize(
    ("make", "codes", "program"),
    [
        (handover.gstreamer_settings, (b"AES2", b"HS80"), "gstreamer"),
        (handover.ffmpeg_settings, (b"AES3", b"HS80"), "ffmpeg"),
        (handover.ffmpeg_settings, (b"AES1", b"GCM "), "ffmpeg"),
    ],
)
def test_what_a_program_does_not_have_is_said(
    make: Callable[[SrtpKeys], object], codes: tuple[bytes, bytes], program: str
) -> None:
    with pytest.raises(ApiMisuse, match=f"{program} has no profile A"):
        make(keys(*codes))


@pytest.mark.attack("SID-05")
@pytest.mark.parametrize("make", [handover.gstreamer_settings, handover.ffmpeg_settings])
def test_no_key_is_shown(make: Callable[[SrtpKeys], object]) -> None:
    given = keys(b"AES1", b"HS80")
    master = bytes(given.key.octets + given.salt.octets)
    shown = repr(make(given))
    assert "<key>" in shown
    assert master.hex() not in shown
    assert base64.b64encode(master).decode() not in shown


@pytest.mark.parametrize("program", handover.PROFILES)
def test_what_two_endpoints_agree_on_for_a_program_it_can_do(program: str) -> None:
    """Two default endpoints agree on AES3 with HS80, which libsrtp and ffmpeg do not have."""
    config = Config(key_agreements=(b"X255",), srtp_profiles=handover.PROFILES[program])
    (ready,) = MediaPair(config).run().alice.seen(KeysReady)
    assert (ready.send.cipher, ready.send.auth_tag) in handover.PROFILES[program]
    make: dict[str, Callable[[SrtpKeys], object]] = {
        "libsrtp": lambda keys: handover.libsrtp_policy(keys, sending=True),
        "gstreamer": handover.gstreamer_settings,
        "ffmpeg": handover.ffmpeg_settings,
    }
    assert make[program](ready.send)


def test_keys_tell_their_profile_and_their_octets_in_the_usual_order() -> None:
    given = keys(b"AES1", b"HS80")
    assert given.profile == "AES_CM_128_HMAC_SHA1_80"
    assert given.master == bytes(given.key.octets) + bytes(given.salt.octets)
    attribute = parse_crypto(given.sdes(tag=7))
    assert attribute is not None
    assert (attribute.tag, attribute.suite) == (7, "AES_CM_128_HMAC_SHA1_80")
    assert (attribute.key, attribute.salt) == (given.key, given.salt)
    given.wipe()
    with pytest.raises(ApiMisuse):
        given.sdes()


@pytest.mark.parametrize("program", handover.PROFILES)
def test_every_profile_of_a_program_is_one_that_srtp_knows(program: str) -> None:
    for codes in handover.PROFILES[program]:
        assert (SrtpProfile.of(*codes).cipher, SrtpProfile.of(*codes).auth_tag) == codes
