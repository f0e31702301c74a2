"""A missing peer is skipped with advice, or fails where peers are required."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from tests.interop.requirements import ALL_PEERS, BZRTP, Peer, peers_are_required

ABSENT = Peer("phone", "phone-package", lambda: "The program phone is not installed.")
PRESENT = Peer("phone", "phone-package", lambda: "")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("ZRTP_REQUIRE_PEERS", raising=False)


def test_a_present_peer_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    PRESENT.require()


def test_a_missing_peer_skips_and_says_what_to_install() -> None:
    with pytest.raises(pytest.skip.Exception, match="apt-get install --no-install-recommends phone-package"):
        ABSENT.require()


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("ZRTP_REQUIRE_PEERS", "1")])
def test_a_required_peer_that_is_missing_fails(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert peers_are_required()
    with pytest.raises(pytest.fail.Exception, match="apt-get install"):
        ABSENT.require()


def test_every_peer_names_a_package() -> None:
    assert all(peer.name and peer.package for peer in ALL_PEERS)
    assert Peer("none", "no-such-package-at-all", lambda: "").version == ""


@pytest.mark.parametrize("ci", ["true", ""])
def test_a_newer_bzrtp_skips_with_a_reason_and_fails_nowhere(ci: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(bzrtp_set_MTU=None))
    with pytest.raises(pytest.skip.Exception, match="is newer than"):
        BZRTP.require()


def test_a_bzrtp_without_the_newer_functions_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(bzrtp_initBzrtpContext=None))
    BZRTP.require()
