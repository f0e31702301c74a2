"""What media packets cost, beside libsrtp where it has the profile."""

from __future__ import annotations

import pytest

from tests.bench.media import demultiplex, packet_cost


def test_every_profile_can_be_measured() -> None:
    cost = packet_cost(b"AES1", b"GCM ", times=1)

    assert cost.profile == "AEAD_AES_128_GCM"
    assert cost.protect.cpu.median > 0
    assert cost.unprotect.cpu.median > 0


def test_the_ratio_is_of_both_ways_to_both_ways() -> None:
    pytest.importorskip("pylibsrtp")
    cost = packet_cost(b"AES1", b"HS80", times=1)

    assert cost.libsrtp is not None
    both = cost.protect.cpu.low + cost.unprotect.cpu.low
    assert cost.ratio == pytest.approx(both / cost.libsrtp.cpu.low)


def test_what_libsrtp_does_not_have_has_no_ratio() -> None:
    cost = packet_cost(b"AES3", b"HS80", times=1)

    assert (cost.libsrtp, cost.ratio) == (None, None)


def test_telling_packets_apart_is_timed_for_one_datagram() -> None:
    assert 0 < demultiplex(times=2).cpu.median < 1e-3
