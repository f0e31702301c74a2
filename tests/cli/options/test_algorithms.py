"""Lists of algorithms, and the configuration that they make."""

from __future__ import annotations

import pytest

from tests.cli.options.settings import complaint, parse
from tests.support.cases import every
from zrtp.cli.options import algorithms
from zrtp.crypto.key_agreements.ml_kem import MlKem512


def test_words_are_offered_before_letters() -> None:
    assert parse("--cache", "none").config.sas_types == (b"B256", b"B32 ")


def test_algorithms_are_named_by_four_letters_in_order_of_preference() -> None:
    config = parse("--agreement", "X255,DH3k", "--auth-tag", "gcm,HS32", "--sas", "B32", "--hash", "S384").config

    assert config.key_agreements == (b"X255", b"DH3k")
    assert config.auth_tags == (b"GCM ", b"HS32")
    assert config.sas_types == (b"B32 ",)
    assert config.hashes == (b"S384",)


@every(
    ("option", "given", "chosen"),
    [
        ("agreement", "x25519", b"X255"),
        ("agreement", "DH-3072", b"DH3k"),
        ("agreement", "p-384", b"EC38"),
        ("agreement", "X25519+ML-KEM-768", b"X1M2"),
        ("hash", "sha-384", b"S384"),
        ("cipher", "AES-256", b"AES3"),
        ("auth-tag", "HMAC-SHA1-80", b"HS80"),
        ("sas", "words", b"B256"),
        ("sas", "emoji", b"B32E"),
    ],
)
def test_what_people_call_them_is_understood(option: str, given: str, chosen: bytes) -> None:
    agreement = () if option in ("agreement", "hash") else ("--agreement", "X255")
    config = parse(f"--{option}", given, *agreement, *(("--agreement", "EC38") if option == "hash" else ())).config
    attribute = {"agreement": "key_agreements", "hash": "hashes", "cipher": "ciphers"}.get(option)
    lists = config.auth_tags if option == "auth-tag" else config.sas_types

    assert (lists if attribute is None else getattr(config, attribute))[0] == chosen


def test_every_natural_name_stands_for_a_code_that_is_known() -> None:
    for option, names in algorithms._NATURAL.items():
        parsed = algorithms._algorithms(option)
        assert [parsed(name) for name in names] == [parsed(code) for code in names.values()]


def test_preshared_mode_is_asked_for_by_its_name() -> None:
    config = parse("--agreement", "X255,Prsh").config

    assert config.preshared
    assert config.key_agreements == (b"X255",)


def test_an_algorithm_without_a_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MlKem512, "available", False)

    assert "MLK1 needs the package `pqcrypto`" in str(complaint("--agreement", "MLK1"))
