"""What one endpoint offers and accepts: checked when it is made, and never changed afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from tests.support.cases import every
from zrtp.cache.record import FOREVER
from zrtp.crypto.auth_tags import AuthTag
from zrtp.crypto.ciphers import CipherAlgorithm
from zrtp.crypto.key_agreements.ml_kem import MlKem
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.protocol.config import Config, default_key_agreements
from zrtp.protocol.negotiation import Offer


def test_the_defaults_suit_every_living_peer() -> None:
    config = Config()
    assert config.hashes[0] == b"S256"
    assert config.auth_tags[0] == b"HS80"
    assert {b"X255", b"EC25", b"DH3k", b"Mult"} <= set(config.key_agreements)
    assert not {b"Prsh", b"EC52", b"DH2k"} & set(config.key_agreements)
    assert (config.allow_clear, config.disclosure, config.preshared) == (False, False, False)
    assert (config.require_hello_hash_match, config.signalling_protected) == (True, False)
    assert config.cache_interval == FOREVER
    assert config.versions == (b"1.10",)


def test_the_default_key_agreements_begin_with_the_hybrids_where_ml_kem_is_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    curves = (b"X255", b"EC25", b"X448", b"DH3k", b"Mult")
    monkeypatch.setattr(MlKem, "available", True)
    assert Config().key_agreements == (b"X1M2", b"X3M3", *curves)
    monkeypatch.setattr(MlKem, "available", False)
    assert Config().key_agreements == curves
    assert Offer(Config()).key_agreements == curves
    with pytest.raises(BackendUnavailable, match="The key agreement X1M2 needs a newer `cryptography`"):
        Config(key_agreements=(b"X1M2", b"Mult"))


def test_only_what_is_available_is_in_the_default_list() -> None:
    for code in default_key_agreements():
        assert code == b"Mult" or DEFAULT.key_agreements[code].available


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().passive = True  # type: ignore[misc]


@every(
    ("wrong", "sentence"),
    [
        ({"hashes": (b"S256",) * 8}, "Config.hashes lists 8 algorithms"),
        ({"ciphers": (b"AES",)}, "not a code of four octets"),
        ({"sas_types": ("B32 E",)}, "not a code of four octets"),
        ({"sas_types": ("äöü",)}, "not a code of four octets"),
        ({"hashes": "S256"}, "a list of codes"),
        ({"store_deadline": 0.0}, "greater than 0"),
        ({"mtu": 598}, "multiple of 4 and at least 600"),
        ({"mtu": 1401}, "multiple of 4"),
        ({"cache_interval": -1}, "0 to 0xffffffff"),
        ({"cache_interval": 2**32}, "0 to 0xffffffff"),
        ({"client_id": bytes(17)}, "at most 16 octets"),
        ({"versions": ()}, "at least one version"),
        ({"versions": (b"1.1",)}, "four octets"),
        ({"versions": ("1.1",)}, "four octets"),
        ({"versions": "1.10"}, "a list"),
        ({"preshared_limit": -1}, "at least 0"),
        ({"store_deadline": float("nan")}, "a finite number"),
        ({"versions": (b"1.10", b"1.20")}, "begins with the highest"),
        ({"half_open_limit": 0}, "at least 1"),
        ({"timer_scale": 0.0}, "greater than 0"),
        ({"discovery_deadline": -5.0}, "greater than 0"),
        ({"srtp_profiles": "AES1"}, "a list of pairs"),
        ({"srtp_profiles": (("AES1",),)}, "pairs of cipher and authentication tag"),
        ({"srtp_profiles": (("AES1", "HS80x"),)}, "not a code of four octets"),
        (
            {"ciphers": (b"2FS1",), "algorithms": DEFAULT.extended(CipherAlgorithm(code=b"2FS1", key_length=16))},
            "no SRTP for 2FS1",
        ),
        (
            {
                "auth_tags": (b"SK64",),
                "algorithms": DEFAULT.extended(AuthTag(code=b"SK64", tag_length=8, auth_key_length=32)),
            },
            "no SRTP for SK64",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ApiMisuse, match=sentence):
        Config(**wrong)


def test_an_application_whose_media_path_has_more_says_so() -> None:
    config = Config(
        ciphers=(b"2FS1",),
        algorithms=DEFAULT.extended(CipherAlgorithm(code=b"2FS1", key_length=16)),
        srtp_profiles=((b"2FS1", b"HS80"), (b"2FS1", b"HS32"), (b"AES1", b"HS80"), (b"AES1", b"HS32")),
    )
    assert config.can_do(b"2FS1", b"HS80")
    assert not config.can_do(b"AES3", b"HS80")


def test_what_has_a_fixed_meaning_may_be_given_as_text() -> None:
    given: Any = {"client_id": "abc", "versions": ["1.10"]}
    config = Config(**given)
    assert (config.client_id, config.versions) == (b"abc", (b"1.10",))


def test_pairs_of_codes_may_be_given_as_text() -> None:
    given: Any = [["AES1", "HS80"], ("AES3", "GCM")]
    assert Config(srtp_profiles=given).srtp_profiles == ((b"AES1", b"HS80"), (b"AES3", b"GCM "))


def test_a_code_may_be_given_as_text() -> None:
    config = Config(ciphers=("AES3", b"AES1"), sas_types=["B32", "B256"], minimum_auth_tags=("GCM",))  # type: ignore[arg-type]
    assert (config.ciphers, config.sas_types) == ((b"AES3", b"AES1"), (b"B32 ", b"B256"))
    assert config.minimum_auth_tags == (b"GCM ",)


def test_every_choice_is_documented() -> None:
    """In the source: a docstring after each field that its name does not explain."""
    assert {field.name for field in fields(Config)} >= {"passive", "auto_secure", "mtu", "timer_scale"}
    assert Config.__doc__
