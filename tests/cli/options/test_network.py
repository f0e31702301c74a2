"""Ports, packets, patience."""

from __future__ import annotations

import pytest

from tests.cli.options.settings import complaint, parse


@pytest.mark.parametrize(("given", "octets"), [("600", 600), ("1200", 1200), ("1452", 1452)])
def test_packets_may_be_smaller(given: str, octets: int) -> None:
    assert parse("--mtu", given).config.mtu == octets


@pytest.mark.parametrize("given", ["596", "601", "-600", "many"])
def test_a_size_that_no_packet_can_have_is_refused(given: str) -> None:
    assert "is not a multiple of 4 from 600" in str(complaint("--mtu", given))


def test_patience_is_a_number_of_seconds() -> None:
    assert parse("--wait", "2.5").wait == 2.5
    assert "is not a number of seconds" in str(complaint("--wait", "forever"))
    assert "is not a number of seconds" in str(complaint("--wait", "nan"))
