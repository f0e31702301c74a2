"""The numbers behind the SRTP authentication tags."""

from __future__ import annotations

import pytest

from zrtp.crypto.auth_tags import GCM, HS32, HS80


@pytest.mark.rfc("R-5.1.4-01")
def test_the_mandatory_tags_are_hmac_sha1_of_32_and_80_bits() -> None:
    assert (HS32.tag_length, HS80.tag_length) == (4, 10)
    assert {tag.auth_key_length for tag in (HS32, HS80)} == {20}
    assert {tag.salt_bits for tag in (HS32, HS80)} == {112}
    assert not HS32.aead
    assert not HS80.aead


def test_gcm_takes_a_short_salt_and_no_authentication_key() -> None:
    assert (GCM.code, GCM.salt_bits, GCM.auth_key_length, GCM.tag_length, GCM.aead) == (b"GCM ", 96, 0, 16, True)
