"""Negotiated codes lead to one profile with fixed lengths, or to a clear refusal."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from zrtp.errors import ApiMisuse
from zrtp.media.srtp.profiles import PROFILES, SrtpProfile
from zrtp.secret import Secret


@pytest.mark.rfc("R-4.5.3-03", "R-4.5.3-06", "R-5.1.3-01", "R-5.1.3-02", "R-5.1.4-01")
@every(
    ("cipher", "auth_tag", "name", "lengths"),
    [
        (b"AES1", b"HS80", "AES_CM_128_HMAC_SHA1_80", (16, 14, 10, 10)),
        (b"AES1", b"HS32", "AES_CM_128_HMAC_SHA1_32", (16, 14, 4, 10)),
        (b"AES2", b"HS80", "AES_192_CM_HMAC_SHA1_80", (24, 14, 10, 10)),
        (b"AES2", b"HS32", "AES_192_CM_HMAC_SHA1_32", (24, 14, 4, 10)),
        (b"AES3", b"HS80", "AES_256_CM_HMAC_SHA1_80", (32, 14, 10, 10)),
        (b"AES3", b"HS32", "AES_256_CM_HMAC_SHA1_32", (32, 14, 4, 10)),
        (b"AES1", b"GCM ", "AEAD_AES_128_GCM", (16, 12, 16, 16)),
        (b"AES3", b"GCM ", "AEAD_AES_256_GCM", (32, 12, 16, 16)),
    ],
)
def test_lengths_follow_from_the_codes(
    cipher: bytes, auth_tag: bytes, name: str, lengths: tuple[int, int, int, int]
) -> None:
    profile = SrtpProfile.of(cipher, auth_tag)
    assert profile.name == name
    assert (profile.key_length, profile.salt_length, profile.tag_length, profile.srtcp_tag_length) == lengths
    assert profile.aead == name.startswith("AEAD")


@pytest.mark.parametrize(
    ("cipher", "auth_tag"), [(b"AES2", b"GCM "), (b"2FS1", b"HS80"), (b"AES1", b"SK32"), (b"AES1", b"GCM")]
)
def test_other_combinations_are_refused(cipher: bytes, auth_tag: bytes) -> None:
    with pytest.raises(ApiMisuse, match="no profile"):
        SrtpProfile.of(cipher, auth_tag)


@pytest.mark.attack("KEY-08")
@every("profile", PROFILES, ids=lambda profile: profile.name)
def test_only_keys_of_the_exact_lengths_are_taken(profile: SrtpProfile) -> None:
    profile.check_keys(Secret(bytes(profile.key_length)), Secret(bytes(profile.salt_length)))
    for key, salt in (
        (profile.key_length - 1, profile.salt_length),
        (profile.key_length + 16, profile.salt_length),
        (profile.key_length, 26 - profile.salt_length),
    ):
        with pytest.raises(ApiMisuse, match="octets"):
            profile.check_keys(Secret(bytes(key)), Secret(bytes(salt)))
