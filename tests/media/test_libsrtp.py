"""Negotiated keys work in an application's own libsrtp."""

from __future__ import annotations

import sys

import pylibsrtp
import pytest

from tests.support.srtp import LIBSRTP_PROFILES, SSRC, keys, rtcp_packet, rtp_packet
from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.media import libsrtp
from zrtp.media.srtp import SrtpProfile, srtp_pair
from zrtp.protocol.events import SrtpKeys
from zrtp.secret import Secret


@pytest.mark.parametrize("codes", LIBSRTP_PROFILES, ids=lambda codes: SrtpProfile.of(*codes).name)
@pytest.mark.parametrize("ssrc", [None, SSRC])
def test_a_call_between_libsrtp_and_us(codes: tuple[bytes, bytes], ssrc: int | None) -> None:
    to_us, from_us = keys(*codes, seed=1), keys(*codes, seed=2)
    outbound = pylibsrtp.Session(libsrtp.policy(to_us, sending=True, ssrc=ssrc))
    inbound = pylibsrtp.Session(libsrtp.policy(from_us, sending=False, ssrc=None if ssrc is None else SSRC + 1))
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
        libsrtp.policy(keys(*codes), sending=True)


@pytest.mark.attack("KEY-08")
def test_keys_of_wrong_length_are_refused() -> None:
    wrong = SrtpKeys(cipher=b"AES1", auth_tag=b"GCM ", key=Secret(bytes(16)), salt=Secret(bytes(14)))
    with pytest.raises(ApiMisuse, match="12 octets"):
        libsrtp.policy(wrong, sending=True)


def test_without_pylibsrtp_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylibsrtp", None)
    with pytest.raises(BackendUnavailable, match=r"pip install zrtp\[libsrtp\]"):
        libsrtp.policy(keys(b"AES1", b"HS80"), sending=True)


def test_a_libsrtp_without_gcm_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poor(pylibsrtp.Policy):
        def __init__(self, *_args: object, **_kwargs: object) -> None:
            raise pylibsrtp.Error("unsupported parameter")

    monkeypatch.setattr(pylibsrtp, "Policy", Poor)
    with pytest.raises(BackendUnavailable, match="AEAD_AES_128_GCM"):
        libsrtp.policy(keys(b"AES1", b"GCM "), sending=True)
