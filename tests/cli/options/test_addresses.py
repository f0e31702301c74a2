"""HOST:PORT, in all its forms."""

from __future__ import annotations

import argparse

import pytest

from tests.support.cases import every
from zrtp.cli.options.addresses import address, remote_address


@every(
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
        ("2001:db8:1:2:3:4:5:5004", ("2001:db8:1:2:3:4:5:5004", 5004)),
        ("::1", ("::1", 5004)),
        ("fe80::1%eth0", ("fe80::1%eth0", 5004)),
        ("[fe80::1%eth0]:7", ("fe80::1%eth0", 7)),
        ("example.org.", ("example.org.", 5004)),
    ],
)
def test_addresses(text: str, meaning: tuple[str, int]) -> None:
    assert address(text) == meaning


@every(
    ("text", "why"),
    [
        ("", "is not HOST:PORT of somebody"),
        ("[]:5004", "is not HOST:PORT of somebody"),
        (":5004", "is not HOST:PORT of somebody"),
        ("5004", "is not HOST:PORT of somebody"),
        ("host:0", "is not HOST:PORT of somebody"),
        ("host:port", "is not HOST:PORT"),
        ("host:70000", "there is no port 70000: the last one is 65535"),
        ("two words:5004", "cannot be the name of a computer"),
        ("example..org", "cannot be the name of a computer"),
        (".example.org:5004", "cannot be the name of a computer"),
        ("x" * 64, "cannot be the name of a computer"),
        ("1:2:3", "cannot be the name of a computer"),
        ("fe80::1:5004", "the end of fe80::1:5004 may be a port: write [fe80::1]:5004, or [fe80::1:5004]"),
        ("[::1", "is not [ADDRESS]:PORT, for example [2001:db8::20]:5004"),
        ("[::1]5004", "is not [ADDRESS]:PORT"),
        ("[fe80::1]:5004", "fe80::1 is valid on one link only: say on which, for example fe80::1%eth0"),
    ],
)
def test_nobody_can_be_called_at(text: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        remote_address(text)

    assert why in str(caught.value)
