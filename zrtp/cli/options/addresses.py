"""HOST:PORT on the command line."""

from __future__ import annotations

import argparse
from typing import Final

from zrtp.media.addresses import Address

DEFAULT_PORT: Final = 5004
"""The registered port of RTP (RFC 3551 section 8)."""


def address(text: str) -> Address:
    """HOST:PORT, also PORT, HOST and [IPv6]:PORT; the host defaults to all interfaces, the port to 5004."""
    host, port = text, str(DEFAULT_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.isdecimal():
        host, port = "", text
    elif text.count(":") == 1:
        host, port = text.split(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535 or any(c.isspace() for c in host):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 192.0.2.20:5004")
    return host or "0.0.0.0", int(port)  # noqa: S104


def remote_address(text: str) -> Address:
    """HOST:PORT of a peer; the host cannot be left out."""
    host, port = address(text)
    if text.startswith(":") or text.isdecimal() or not port:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 192.0.2.20:5004")
    return host, port
