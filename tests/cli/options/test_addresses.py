"""HOST:PORT, in all its forms."""

from __future__ import annotations

import argparse

import pytest

from zrtp.cli.options.addresses import address, remote_address


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("192.0.2.20:5006", ("192.0.2.20", 5006)),
        ("192.0.2.20", ("192.0.2.20", 5004)),
        ("example.org:7", ("example.org", 7)),
        (":5006", ("0.0.0.0", 5006)),  # noqa: S104
        ("5006", ("0.0.0.0", 5006)),  # noqa: S104
        ("[2001:db8::1]:5006", ("2001:db8::1", 5006)),
        ("[2001:db8::1]", ("2001:db8::1", 5004)),
        ("2001:db8::1", ("2001:db8::1", 5004)),
    ],
)
def test_addresses(text: str, meaning: tuple[str, int]) -> None:
    assert address(text) == meaning


@pytest.mark.parametrize("text", [":5004", "5004", "host:port", "host:70000", "two words:5004"])
def test_nobody_can_be_called_at(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        remote_address(text)
