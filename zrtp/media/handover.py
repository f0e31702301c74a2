"""Negotiated keys for programs that have SRTP of their own: libsrtp, GStreamer, ffmpeg.

Each knows some profiles only; `PROFILES` lists them. What the functions return contains the keys: hand it over and
let go of it, and keep it out of logs and command lines, which every user of a computer can read.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.replay import WINDOW
from zrtp.protocol.events import SrtpKeys

if TYPE_CHECKING:
    from pylibsrtp import Policy

PROFILES: Final[Mapping[str, tuple[tuple[bytes, bytes], ...]]] = {
    "libsrtp": ((b"AES1", b"HS80"), (b"AES1", b"HS32"), (b"AES1", b"GCM "), (b"AES3", b"GCM ")),
    "gstreamer": (
        (b"AES1", b"HS80"),
        (b"AES1", b"HS32"),
        (b"AES3", b"HS80"),
        (b"AES3", b"HS32"),
        (b"AES1", b"GCM "),
        (b"AES3", b"GCM "),
    ),
    "ffmpeg": ((b"AES1", b"HS80"), (b"AES1", b"HS32")),
}
"""By program, the pairs of cipher and authentication tag that it can do, for `Config.srtp_profiles`; libsrtp is meant
as pylibsrtp offers it."""


def libsrtp_policy(keys: SrtpKeys, *, sending: bool, ssrc: int | None = None) -> Policy:
    """The pylibsrtp policy for one direction of a stream; pylibsrtp is optional (`pip install .[libsrtp]`).

    `keys` are `send` or `receive` of the engine's KeysReady event, and `sending` says which. Without `ssrc`
    the policy serves every SSRC of that direction. pylibsrtp keeps a copy of the key that cannot be wiped.

    Raises BackendUnavailable without a usable pylibsrtp, and ApiMisuse if pylibsrtp has no profile for the
    algorithms: those with AES2, and AES3 other than with GCM.
    """
    try:
        from pylibsrtp import Error, Policy
    except ImportError as error:
        raise BackendUnavailable(
            "pylibsrtp is not installed: run `pip install .[libsrtp]`, or use zrtp.media.srtp."
        ) from error
    name = _checked(keys, "libsrtp").name
    wildcard = Policy.SSRC_ANY_OUTBOUND if sending else Policy.SSRC_ANY_INBOUND
    try:
        made = Policy(
            key=keys.master,
            ssrc_type=wildcard if ssrc is None else Policy.SSRC_SPECIFIC,
            ssrc_value=ssrc or 0,
            srtp_profile={
                "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
                "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
                "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
                "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
            }[name],
        )
    except Error as error:
        raise BackendUnavailable(f"The installed libsrtp cannot do {name} ({error}): use zrtp.media.srtp.") from error
    made.window_size = WINDOW
    return made


class GstreamerSettings(NamedTuple):
    """What GStreamer's srtpenc and srtpdec want to know."""

    key: bytes
    """Master key and salt."""
    cipher: str
    """For `rtp-cipher` and `rtcp-cipher`, for example "aes-256-icm"."""
    rtp_auth: str
    """For `rtp-auth`, for example "hmac-sha1-80"."""
    rtcp_auth: str
    """For `rtcp-auth`."""

    def caps(self, ssrc: int) -> str:
        """The answer to srtpdec's signal `request-key` for a source, for `Gst.Caps.from_string`."""
        return (
            f"application/x-srtp, ssrc=(uint){ssrc}, srtp-key=(buffer){self.key.hex()}, "
            f"srtp-cipher=(string){self.cipher}, srtp-auth=(string){self.rtp_auth}, "
            f"srtcp-cipher=(string){self.cipher}, srtcp-auth=(string){self.rtcp_auth}"
        )

    def __repr__(self) -> str:
        return f"GstreamerSettings(<key>, {self.cipher!r}, {self.rtp_auth!r}, {self.rtcp_auth!r})"


def gstreamer_settings(keys: SrtpKeys) -> GstreamerSettings:
    """One direction for srtpenc or srtpdec; raises ApiMisuse if GStreamer has no profile for the algorithms."""
    profile = _checked(keys, "gstreamer")
    bits = 8 * profile.key_length
    if profile.aead:
        return GstreamerSettings(keys.master, f"aes-{bits}-gcm", "null", "null")
    rtp, rtcp = (f"hmac-sha1-{8 * octets}" for octets in (profile.tag_length, profile.srtcp_tag_length))
    return GstreamerSettings(keys.master, f"aes-{bits}-icm", rtp, rtcp)


class FfmpegSettings(NamedTuple):
    """What ffmpeg's SRTP wants to know."""

    suite: str
    """For `srtp_out_suite`, `srtp_in_suite`, and a=crypto in a session description."""
    params: str
    """Master key and salt in base64: for `srtp_out_params`, `srtp_in_params`, and behind "inline:"."""

    def __repr__(self) -> str:
        return f"FfmpegSettings({self.suite!r}, <key>)"


def ffmpeg_settings(keys: SrtpKeys) -> FfmpegSettings:
    """One direction for ffmpeg; raises ApiMisuse if ffmpeg has no profile for the algorithms."""
    name = _checked(keys, "ffmpeg").name
    # Under its SDES name ffmpeg shortens the tags of SRTCP too; under that of DTLS-SRTP it does as RFC 3711 says.
    suite = "SRTP_AES128_CM_HMAC_SHA1_32" if name == "AES_CM_128_HMAC_SHA1_32" else name
    return FfmpegSettings(suite, base64.b64encode(keys.master).decode("ascii"))


def _checked(keys: SrtpKeys, program: str) -> SrtpProfile:
    profile = SrtpProfile.of(keys.cipher, keys.auth_tag)
    profile.check_keys(keys.key, keys.salt)
    if (keys.cipher, keys.auth_tag) not in PROFILES[program]:
        able = ", ".join(SrtpProfile.of(*codes).name for codes in PROFILES[program])
        shown = "pylibsrtp" if program == "libsrtp" else program
        raise ApiMisuse(
            f"{shown} has no profile {profile.name}: use zrtp.media.srtp, "
            f"or agree only on what {shown} has ({able}), with Config(srtp_profiles=PROFILES[{program!r}])."
        )
    return profile
