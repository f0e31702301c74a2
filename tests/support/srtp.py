"""Material for SRTP tests: the standards' vectors, packets, keys, and libsrtp as the other opinion."""

from __future__ import annotations

import json
from typing import Any

import pylibsrtp

from tests.support.vectors import VECTORS
from zrtp.media.srtp import SrtpProfile
from zrtp.protocol.events import SrtpKeys
from zrtp.secret import Secret

RFC: dict[str, list[dict[str, Any]]] = json.loads((VECTORS / "srtp" / "rfc.json").read_text("utf-8"))

SSRC = 0xDECAFBAD

LIBSRTP_PROFILES = {
    (b"AES1", b"HS80"): pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    (b"AES1", b"HS32"): pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    (b"AES1", b"GCM "): pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    (b"AES3", b"GCM "): pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
"""All that pylibsrtp has, by our codes."""


def rtp_packet(sequence: int, payload: bytes = bytes(160), ssrc: int = SSRC) -> bytes:
    """An RTP packet with the plain header of 12 octets; by default 20 ms of G.711."""
    timestamp = sequence * 160 & 0xFFFFFFFF
    return (
        b"\x80\x00"
        + (sequence & 0xFFFF).to_bytes(2, "big")
        + timestamp.to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + payload
    )


def rtcp_packet(number: int = 0, ssrc: int = SSRC) -> bytes:
    """A sender report; `number` makes it differ from others."""
    return b"\x80\xc8\x00\x06" + ssrc.to_bytes(4, "big") + number.to_bytes(20, "big")


def keys(cipher: bytes, auth_tag: bytes, *, seed: int = 0) -> SrtpKeys:
    """Keys of the right lengths, different for each seed."""
    profile = SrtpProfile.of(cipher, auth_tag)
    return SrtpKeys(
        cipher=cipher,
        auth_tag=auth_tag,
        key=Secret(bytes(seed + i & 0xFF for i in range(profile.key_length))),
        salt=Secret(bytes(seed + 100 + i & 0xFF for i in range(profile.salt_length))),
    )


def libsrtp(keys: SrtpKeys, *, sending: bool) -> pylibsrtp.Session:
    """One direction in libsrtp, set up without any code of ours; same replay window."""
    policy = pylibsrtp.Policy(
        key=bytes(keys.key.octets + keys.salt.octets),
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND if sending else pylibsrtp.Policy.SSRC_ANY_INBOUND,
        srtp_profile=LIBSRTP_PROFILES[keys.cipher, keys.auth_tag],
    )
    policy.window_size = 128
    return pylibsrtp.Session(policy)
