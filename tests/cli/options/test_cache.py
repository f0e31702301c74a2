"""Where the secrets are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import cache
from zrtp.secret import Secret
from zrtp.stores.sealed import SealedCache


def test_a_cache_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_text("this is no database")
    (tmp_path / "cache.db").chmod(0o600)

    with pytest.raises(CommandError) as caught:
        cache.opened(tmp_path / "cache.db")

    assert caught.value.code is Exit.LOCAL
    assert caught.value.hint.endswith("; or --cache none keeps no secrets")


def test_a_database_stays_the_url_it_was_given_as() -> None:
    assert cache.path_of("postgresql://bob@db/calls") == "postgresql://bob@db/calls"
    assert cache.path_of("sqlite:///var/secrets.db") == Path("/var/secrets.db")
    assert cache.path_of("none") is None


def test_a_password_on_the_command_line_is_refused_and_not_repeated() -> None:
    with pytest.raises(CommandError, match="password") as caught:
        cache.path_of("postgresql://bob:tell-nobody@db/calls")
    assert "tell-nobody" not in str(caught.value) + caught.value.hint
    assert "pgpass" in caught.value.hint


def test_another_kind_of_address_is_refused() -> None:
    with pytest.raises(CommandError, match="not known for a cache"):
        cache.path_of("mysql://db/calls")


def test_a_key_on_the_command_line_is_refused_and_not_repeated() -> None:
    key = "5ec2e7" * 10 + "abcd"
    with pytest.raises(CommandError, match="key in --cache-keys") as caught:
        cache.keys_of(key)
    assert key not in str(caught.value) + caught.value.hint
    assert "env:NAME" in caught.value.hint


def test_keys_come_from_a_file_or_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_text("01" * 32)
    (tmp_path / "keys").chmod(0o600)
    monkeypatch.setenv("KEYS_HERE", "02" * 32)
    for given, octet in ((str(tmp_path / "keys"), 1), ("env:KEYS_HERE", 2)):
        source = cache.keys_of(given)
        assert source is not None and source() == [Secret(bytes([octet]) * 32)]
    assert "KEYS_HERE" not in os.environ, "what this program starts does not inherit it"
    assert cache.keys_of(None) is None


def test_a_sealed_cache_without_its_keys_is_not_taken_for_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "own" / "secrets.db"
    SealedCache(SqliteCache(path), lambda: [Secret(b"k" * 32)])
    with pytest.raises(CommandError) as caught:
        cache.opened(path)
    assert "are sealed" in str(caught.value) and "--cache-keys" in caught.value.hint
