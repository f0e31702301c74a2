"""Negotiated keys for an application whose media path is libsrtp already, through pylibsrtp.

pylibsrtp is optional (`pip install zrtp[libsrtp]`) and imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.replay import WINDOW
from zrtp.protocol.events import SrtpKeys

if TYPE_CHECKING:
    from pylibsrtp import Policy


def policy(keys: SrtpKeys, *, sending: bool, ssrc: int | None = None) -> Policy:
    """The pylibsrtp policy for one direction of a stream.

    `keys` are `send` or `receive` of the engine's KeysReady event, and `sending` says which. Without `ssrc`
    the policy serves every SSRC of that direction. pylibsrtp keeps a copy of the key that cannot be wiped.

    Raises BackendUnavailable without a usable pylibsrtp, and ApiMisuse if pylibsrtp has no profile for the
    algorithms: those with AES2, and AES3 other than with GCM.
    """
    try:
        from pylibsrtp import Error, Policy
    except ImportError as error:
        raise BackendUnavailable(
            "pylibsrtp is not installed: run `pip install zrtp[libsrtp]`, or use zrtp.media.srtp."
        ) from error
    profiles = {
        "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    }
    profile = SrtpProfile.of(keys.cipher, keys.auth_tag)
    profile.check_keys(keys.key, keys.salt)
    if profile.name not in profiles:
        raise ApiMisuse(
            f"pylibsrtp has no profile {profile.name}: use zrtp.media.srtp, "
            f"or offer only algorithms that it has ({', '.join(profiles)})."
        )
    wildcard = Policy.SSRC_ANY_OUTBOUND if sending else Policy.SSRC_ANY_INBOUND
    try:
        made = Policy(
            key=bytes(keys.key.octets + keys.salt.octets),
            ssrc_type=wildcard if ssrc is None else Policy.SSRC_SPECIFIC,
            ssrc_value=ssrc or 0,
            srtp_profile=profiles[profile.name],
        )
    except Error as error:
        raise BackendUnavailable(
            f"The installed libsrtp cannot do {profile.name} ({error}): use zrtp.media.srtp."
        ) from error
    made.window_size = WINDOW
    return made
