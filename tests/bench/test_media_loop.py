"""The comparison with pylibsrtp runs and gives figures; how good they are is for people to judge."""

from __future__ import annotations

import pytest

from tests.bench import media_loop


@pytest.mark.parametrize("codes", media_loop.SUITES.values(), ids=media_loop.SUITES)
def test_packets_have_a_cost(codes: tuple[bytes, bytes]) -> None:
    costs = media_loop.packet_costs(codes, rounds=1, count=50)
    assert set(costs) == {
        "SecureMedia.protect",
        "pylibsrtp.protect",
        "SecureMedia.unprotect",
        "pylibsrtp.unprotect",
    }
    assert all(cost > 0 for cost in costs.values())


@pytest.mark.long
@pytest.mark.parametrize("kind", ["layer", "pylibsrtp"])
def test_a_loop_has_a_cost(kind: str) -> None:
    receiving, sending = media_loop.loop_cost(kind, (b"AES1", b"HS80"))
    assert receiving > 0
    assert sending > 0


@pytest.mark.long
def test_calls_have_a_lateness() -> None:
    told = media_loop.lateness(3, (b"AES1", b"HS80"), seconds=0.4)
    assert 0 <= told["late"] <= 1
    assert told["busy"] > 0
