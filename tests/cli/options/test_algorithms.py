"""Lists of algorithms, and the configuration that they make."""

from __future__ import annotations

import pytest

from tests.cli.options.settings import complaint, parse
from zrtp.crypto.registry import DEFAULT


def test_words_are_offered_before_letters() -> None:
    assert parse("--cache", "none").config.sas_types == (b"B256", b"B32 ")


def test_algorithms_are_named_by_four_letters_in_order_of_preference() -> None:
    config = parse("--agreement", "X255,DH3k", "--auth-tag", "gcm,HS32", "--sas", "B32", "--hash", "S384").config

    assert config.key_agreements == (b"X255", b"DH3k")
    assert config.auth_tags == (b"GCM ", b"HS32")
    assert config.sas_types == (b"B32 ",)
    assert config.hashes == (b"S384",)


def test_preshared_mode_is_asked_for_by_its_name() -> None:
    config = parse("--agreement", "X255,Prsh").config

    assert config.preshared
    assert config.key_agreements == (b"X255",)


def test_an_algorithm_without_a_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(DEFAULT.key_agreements[b"MLK2"]), "available", False)

    error = complaint("--agreement", "MLK2")

    assert "MLK2 is not available" in str(error)
    assert "pip install" in error.hint
