"""Which real peers this machine has, and what to install for those it has not.

A missing peer skips its tests, so that everybody can run the suite. Where the peers are part of the bargain
(`CI=true` or `ZRTP_REQUIRE_PEERS=1` in the environment) it fails them: a skip there would be a silent gap.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest

FIRST_OF_A_NEWER_BZRTP = "bzrtp_set_MTU"
"""A function that 5.1.64 lacks: whatever has it numbers its algorithms and lays out its structures in another way."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program or library from a Debian package."""

    name: str
    package: str
    missing: Callable[[], str]
    """Why it cannot be used, as a sentence; empty if it can."""
    unknown: Callable[[], str] = lambda: ""
    """Why the tests cannot drive the version that is there, as a sentence; empty if they can."""

    def require(self) -> None:
        """Skip the calling test, or fail it where peers are required, unless the peer is there.

        Another version than the tests know skips everywhere: it is there, and no failure of ours.
        """
        reason = self.missing()
        if not reason:
            if other_version := self.unknown():
                pytest.skip(other_version)
            return
        text = f"{reason} Install it with: apt-get install --no-install-recommends {self.package}"
        if peers_are_required():
            pytest.fail(text, pytrace=False)
        pytest.skip(text)

    @property
    def version(self) -> str:
        """The installed package's version, e.g. "5.1.64-2"; empty if there is none."""
        return _installed_version(self.package)


@functools.cache
def _installed_version(package: str) -> str:
    query = shutil.which("dpkg-query")
    if not query:
        return ""
    command = [query, "-W", "-f", "${Version}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603


def peers_are_required() -> bool:
    """Whether a missing peer is a failure."""
    return os.environ.get("CI", "").lower() == "true" or os.environ.get("ZRTP_REQUIRE_PEERS") == "1"


def _program(name: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(name) else f"The program {name} is not installed."


def _load_bzrtp() -> ctypes.CDLL:
    return ctypes.CDLL(ctypes.util.find_library("bzrtp") or "libbzrtp.so.0")


def _no_bzrtp() -> str:
    try:
        _load_bzrtp()
    except OSError:
        return "The library libbzrtp is not installed."
    return ""


def _newer_bzrtp() -> str:
    if hasattr(_load_bzrtp(), FIRST_OF_A_NEWER_BZRTP):
        return "The installed libbzrtp is newer than 5.1 and has other structures than its driver here knows."
    return ""


BZRTP = Peer("bzrtp", "libbzrtp0", _no_bzrtp, _newer_bzrtp)
LINPHONEC = Peer("linphonec", "linphone-cli", _program("linphonec"))
MEDIASTREAM = Peer("mediastream", "libmediastreamer-tools", _program("mediastream"))
TSHARK = Peer("tshark", "tshark", _program("tshark"))

ALL_PEERS = (BZRTP, LINPHONEC, MEDIASTREAM, TSHARK)
