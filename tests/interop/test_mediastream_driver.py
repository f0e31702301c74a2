"""The mediastream driver itself: two of them hear each other's tone, but only under the same keys."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.interop.mediastream import MasterKey, mediastream
from tests.interop.ports import free_udp_ports
from tests.support import tones

pytestmark = [pytest.mark.usefixtures("mediastream_peer"), pytest.mark.long]

ALICE, BOB, OTHER = (MasterKey(bytes([n]) * 16, bytes([n + 1]) * 14) for n in (1, 3, 5))


@pytest.mark.parametrize(("bobs_key_at_alice", "heard_by_alice"), [(BOB, 880), (OTHER, None)])
def test_two_hear_each_other(bobs_key_at_alice: MasterKey, heard_by_alice: int | None, tmp_path: Path) -> None:
    at_alice, at_bob = free_udp_ports(2), free_udp_ports(2)
    with (
        mediastream(
            tmp_path / "alice", hertz=440, port=at_alice, remote_port=at_bob, send=ALICE,
            receive=bobs_key_at_alice,
        ) as alice,
        mediastream(
            tmp_path / "bob", hertz=880, port=at_bob, remote_port=at_alice, send=BOB, receive=ALICE
        ) as bob,
    ):  # fmt: skip
        time.sleep(1.5)
    assert tones.hears(bob.heard(), 440)
    assert tones.hears(alice.heard(), heard_by_alice)
