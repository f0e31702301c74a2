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
