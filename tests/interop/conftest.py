"""Fixtures that ask for real peers: a missing one skips the test, or fails it where peers are required."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop import requirements
from tests.interop.matrix import PROPERTY, Agreed, Note
from tests.interop.requirements import Peer
from zrtp.protocol.events import Secured


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


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Writes down, for the matrix, that a stream with a real peer turned secure and both ends agreed."""

    def write(peer: Peer, secured: Secured, mode: str = "") -> None:
        record_property(PROPERTY, Agreed.of(peer, secured, mode))

    return write
