"""The way to tshark itself: good packets are read, bad ones are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.tshark import decode

pytestmark = [pytest.mark.usefixtures("tshark_peer"), pytest.mark.long]

HELLO_ACK = bytes.fromhex("1000080e5a5254503747363450 5a0003 48656c6c6f41434b".replace(" ", ""))
CHECKSUM = bytes.fromhex("3ebe0f89")


def test_a_helloack_is_read(tmp_path: Path) -> None:
    (row,) = decode(tmp_path, [HELLO_ACK + CHECKSUM])
    assert (row.kind, row.number("sequence"), row.number("source_id")) == ("HelloACK", 0x080E, 0x37473634)
    assert row.number("length") == 3
    assert row.checksum_good
    assert not row.malformed
    assert row.complaints == ()


def test_a_wrong_checksum_is_noticed(tmp_path: Path) -> None:
    (row,) = decode(tmp_path, [HELLO_ACK + b"\0" + CHECKSUM[1:]])
    assert not row.checksum_good
    assert row.complaints


def test_a_truncated_message_is_noticed(tmp_path: Path) -> None:
    hello = HELLO_ACK[:12] + b"\x50\x5a\x00\x21Hello   1.10" + bytes(20)
    (row,) = decode(tmp_path, [hello])
    assert row.malformed
