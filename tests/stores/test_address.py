"""What the address of a cache means, and what is loaded for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cache.test_interface import FULL, OWN, PEER, put
from tests.support.cases import every
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import BackendUnavailable, CacheError
from zrtp.stores.address import has_password, open_cache, place_of

DATABASE = "postgresql://bob@db.example.org/calls"


@every(
    ("text", "place"),
    [
        ("secrets.db", Path("secrets.db")),
        ("/var/secrets.db", Path("/var/secrets.db")),
        ("sqlite:///var/secrets.db", Path("/var/secrets.db")),
        ("sqlite:////var/secrets.db", Path("/var/secrets.db")),
        ("sqlite:///var/my%20secrets.db", Path("/var/my secrets.db")),
        (DATABASE, DATABASE),
        ("postgres://db/calls", "postgres://db/calls"),
    ],
)
def test_an_address_is_a_file_or_a_database(text: str, place: Path | str) -> None:
    assert place_of(text) == place


@every(
    ("text", "advice"),
    [
        ("mysql://db/calls", "postgresql://USER@HOST/DATABASE"),
        ("http://tell-nobody@db/", "postgresql://USER@HOST/DATABASE"),
        ("sqlite://", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("sqlite://secrets.db", "three slashes"),
    ],
)
def test_other_addresses_are_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(CacheError, match=advice) as caught:
        place_of(text)
    assert "tell-nobody" not in str(caught.value)


@every(
    ("place", "found"),
    [
        (DATABASE, False),
        (Path("bob:secret@db"), False),
        ("postgresql://bob:secret@db/calls", True),
        ("postgresql://bob@db/calls?sslmode=require&password=secret", True),
        ("postgresql://bob:secret@[::1/calls", True),
    ],
)
def test_a_password_in_an_address_is_seen(place: Path | str, found: bool) -> None:
    assert has_password(place) == found


def test_a_file_is_opened_by_its_url(tmp_path: Path) -> None:
    cache = open_cache(place_of(f"sqlite://{tmp_path}/own/secrets.db"))
    assert isinstance(cache, SqliteCache)
    put(cache, FULL)
    assert SqliteCache(tmp_path / "own/secrets.db").load(OWN, PEER) == FULL


def test_no_database_is_loaded_for_a_file() -> None:
    program = (
        "import sys; from zrtp.stores.address import place_of; place_of('postgresql://db/calls'); "
        "import zrtp.cli.options.cache; print([name for name in sys.modules if name.startswith('psycopg')])"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603
    assert shown.stdout.strip() == "[]"


def test_without_the_extra_a_database_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zrtp.stores.postgres", None)
    with pytest.raises(BackendUnavailable, match=r"zrtp\[postgres\]"):
        open_cache(DATABASE)


@pytest.mark.long
def test_a_database_is_opened_by_its_url(address: str) -> None:
    cache = open_cache(place_of(address))
    try:
        put(cache, FULL)
        assert cache.load(OWN, PEER) == FULL
    finally:
        cache.close()  # type: ignore[attr-defined]


@pytest.mark.long
def test_the_command_lists_the_peers_of_a_database(address: str) -> None:
    cache = open_cache(place_of(address))
    try:
        put(cache, FULL)
    finally:
        cache.close()  # type: ignore[attr-defined]
    command = [sys.executable, "-m", "zrtp", "peers", "--json", "--cache", address]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    assert f'"zid":"{PEER.hex()}"' in shown.stdout
