"""Session keys come out as in the standards and in the recordings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cases import every
from tests.support.srtp import RFC
from tests.support.vectors import primitives
from zrtp.media.srtp.kdf import Label, derive, rtcp_keys, rtp_keys
from zrtp.secret import Secret


@pytest.mark.rfc("R-5.1.3-03", "R-4.5.3-03")
@pytest.mark.parametrize("item", RFC["key_derivation"], ids=lambda item: item["source"])
def test_keys_of_the_standards(item: dict[str, Any]) -> None:
    key, salt = Secret(bytes.fromhex(item["master_key"])), Secret(bytes.fromhex(item["master_salt"]))
    for label, name in (
        (Label.RTP_ENCRYPTION, "encryption"),
        (Label.RTP_SALT, "salt"),
        (Label.RTP_AUTHENTICATION, "authentication"),
    ):
        expected = bytes.fromhex(item[name])
        assert derive(key, salt, label, len(expected)).octets == expected


@pytest.mark.rfc("R-4.5.3-04")
@every("item", primitives("srtp_session_keys"), ids=lambda item: item["origin"])
def test_keys_of_other_programs(item: dict[str, Any]) -> None:
    key, salt = Secret(bytes.fromhex(item["master_key"])), Secret(bytes.fromhex(item["master_salt"]))
    for found, prefix in ((rtp_keys(key, salt), "rtp"), (rtcp_keys(key, salt), "rtcp")):
        assert found.encryption.octets.hex() == item[f"{prefix}_key"]
        assert found.authentication.octets.hex() == item[f"{prefix}_auth"]
        assert found.salt.octets.hex() == item[f"{prefix}_salt"]


def test_a_short_salt_is_the_left_part_of_a_long_one() -> None:
    key = Secret(bytes(range(16)))
    short, long = Secret(bytes(range(12))), Secret(bytes(range(12)) + bytes(2))
    assert derive(key, short, Label.RTP_SALT, 12) == derive(key, long, Label.RTP_SALT, 12)


def test_session_keys_are_secret_and_can_be_wiped() -> None:
    found = rtp_keys(Secret(bytes(range(16))), Secret(bytes(range(14))))
    assert found.encryption.octets.hex() not in repr(found)
    found.wipe()
    assert found.encryption.wiped and found.authentication.wiped and found.salt.wiped
