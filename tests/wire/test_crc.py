"""zrtp.wire.crc: the known answers, and the same number with and without a library."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.vectors import item_id, primitives, transcripts
from zrtp.wire import crc
from zrtp.wire.crc import RESIDUE, crc32c, python_crc32c

KNOWN = [
    pytest.param(b"123456789", 0xE3069283, id="check-value"),
    pytest.param(bytes(32), 0x8A9136AA, id="zeros"),
    pytest.param(b"\xff" * 32, 0x62A8AB43, id="ones"),
    pytest.param(b"", 0, id="nothing"),
]


@pytest.mark.rfc("R-5-11")
@pytest.mark.parametrize(("data", "value"), KNOWN)
def test_known_answers(data: bytes, value: int) -> None:
    assert crc32c(data) == value
    assert python_crc32c(data) == value


@pytest.mark.rfc("R-5-12")
@every("item", primitives("crc32c"), ids=item_id)
def test_recorded_checksums_and_their_octets(item: dict[str, Any]) -> None:
    data = bytes.fromhex(item["data"])
    assert crc32c(data) == python_crc32c(data) == int(item["value"], 16)
    assert crc32c(data).to_bytes(4, "little").hex() == item["wire"]


@pytest.mark.rfc("R-5-11", "R-5-12")
def test_every_recorded_packet_ends_in_its_checksum() -> None:
    packets = [packet.data for transcript in transcripts() for packet in transcript.packets]
    assert packets
    for data in packets:
        assert data[-4:] == crc32c(data[:-4]).to_bytes(4, "little")


def slow_crc32c(data: bytes) -> int:
    """The definition, bit by bit (RFC 4960 appendix B)."""
    register = 0xFFFFFFFF
    for octet in data:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@every("length", range(18))
def test_every_remainder_of_a_word(length: int) -> None:
    data = bytes((7 * at + 200) % 256 for at in range(length))
    assert python_crc32c(data) == crc32c(data) == slow_crc32c(data)


@given(st.binary(max_size=300))
def test_with_and_without_a_library(data: bytes) -> None:
    assert python_crc32c(data) == crc32c(data) == slow_crc32c(data)


@given(st.binary(max_size=200))
def test_octets_and_their_checksum_leave_the_residue(data: bytes) -> None:
    whole = data + crc32c(data).to_bytes(4, "little")
    assert crc32c(whole) == python_crc32c(whole) == RESIDUE


class TestChoiceOfTheLibrary:
    """google-crc32c where it has its C code; never the slow Python code that it brings along."""

    def test_which_one_works_here_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crc, "crc32c", lambda data: 1)
        assert crc.backend() == "c"
        monkeypatch.setattr(crc, "crc32c", python_crc32c)
        assert crc.backend() == "python"

    def test_with_its_c_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        google = SimpleNamespace(implementation="c", value=lambda data: 1)
        monkeypatch.setitem(sys.modules, "google_crc32c", google)
        assert crc._library() is google.value

    def test_without_its_c_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        google = SimpleNamespace(implementation="python", value=lambda data: 1)
        monkeypatch.setitem(sys.modules, "google_crc32c", google)
        assert crc._library() is None

    def test_where_it_cannot_be_loaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "google_crc32c", None)
        assert crc._library() is None

    def test_google_is_not_allowed_to_warn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "google_crc32c"]:
            monkeypatch.delitem(sys.modules, name)
        # Without its C code the package warns while it is imported.
        monkeypatch.setitem(sys.modules, "google_crc32c.cext", None)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert crc._library() is None
