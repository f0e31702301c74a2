"""Fixtures that ask for real peers: a missing one skips the test, or fails it where peers are required."""

from __future__ import annotations

import pytest

from tests.interop import requirements


@pytest.fixture
def bzrtp_peer() -> None:
    requirements.BZRTP.require()


@pytest.fixture
def linphonec_peer() -> None:
    requirements.LINPHONEC.require()


@pytest.fixture
def mediastream_peer() -> None:
    requirements.MEDIASTREAM.require()


@pytest.fixture
def tshark_peer() -> None:
    requirements.TSHARK.require()
