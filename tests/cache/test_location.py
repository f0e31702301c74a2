"""The cache file lies where each system wants the data of a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import every
from zrtp.cache.location import default_path
from zrtp.errors import CacheError


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/bob"))


@every(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "/home/bob/.local/share/zrtp/secrets.db"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/zrtp/secrets.db"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "/home/bob/.local/share/zrtp/secrets.db"),
        ("freebsd14", {"XDG_DATA_HOME": ""}, "/home/bob/.local/share/zrtp/secrets.db"),
        (
            "darwin",
            {"XDG_DATA_HOME": "/data"},
            "/home/bob/Library/Application Support/zrtp/secrets.db",
        ),
        ("win32", {"LOCALAPPDATA": "/users/bob/local"}, "/users/bob/local/zrtp/secrets.db"),
        ("win32", {"APPDATA": "/roaming"}, "/home/bob/AppData/Local/zrtp/secrets.db"),
    ],
)
def test_the_default_path(platform: str, environment: dict[str, str], expected: str) -> None:
    assert default_path(platform, environment) == Path(expected)


def test_without_arguments_it_is_the_one_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")

    assert default_path("linux") == Path("/somewhere/zrtp/secrets.db")


def test_a_missing_home_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(CacheError, match="set HOME, or name a cache file"):
        default_path("linux", {})
