"""Where the secrets are."""

from __future__ import annotations

from pathlib import Path

import pytest

from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import cache


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
