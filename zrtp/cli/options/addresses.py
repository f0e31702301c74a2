"""HOST:PORT on the command line."""

from __future__ import annotations

import argparse
import ipaddress
import re
from typing import Final, NoReturn

from zrtp.media.addresses import Address, is_number

DEFAULT_PORT: Final = 5004
"""The registered port of RTP (RFC 3551 section 8)."""

LAST_PORT: Final = 65535
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104
_EXAMPLE: Final = "for example 192.0.2.20:5004"
_WITHOUT_HOST: Final = re.compile(r"\s*(\[\])?:?\d*\s*")
_MAYBE_A_PORT: Final = re.compile(r"(.*):(\d{4,5})")


def address(text: str) -> Address:
    """HOST:PORT, also PORT, HOST and [IPv6]:PORT; the host defaults to all interfaces, the port to 5004."""
    host, port = text.strip(), str(DEFAULT_PORT)
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or rest[:1] not in ("", ":"):
            _refuse(f"{text!r} is not [ADDRESS]:PORT, for example [2001:db8::20]:5004")
        port = rest[1:] or port
    elif text.isdecimal():
        host, port = "", text
    elif text.count(":") == 1:
        host, port = text.split(":")
    if not (port.isascii() and port.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, {_EXAMPLE}")
    if int(port) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"there is no port {port}: the last one is {LAST_PORT}")
    if host:
        _check_host(host, bracketed=text.startswith("["))
    return host or EVERYWHERE, int(port)


def everywhere(host: str) -> str:
    """What stands for all addresses of a computer, of the family of this one."""
    return "::" if ":" in host else EVERYWHERE


def remote_address(text: str) -> Address:
    """HOST:PORT of a peer; the host cannot be left out."""
    host, port = address(text)
    if not port or _WITHOUT_HOST.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT of somebody, {_EXAMPLE}")
    return host, port


def _check_host(host: str, *, bracketed: bool) -> None:
    """Raises ArgumentTypeError for what no resolver could make anything of."""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        _check_name(host)
        return
    if isinstance(number, ipaddress.IPv4Address):
        return
    both = _MAYBE_A_PORT.fullmatch(host)
    if not bracketed and both is not None and is_number(both[1]):
        _refuse(f"the end of {host} may be a port: write [{both[1]}]:{both[2]}, or [{host}] if it is all address")
    if number.is_link_local and number.scope_id is None:
        _refuse(f"{host} is valid on one link only: say on which, for example {host}%eth0")


def _check_name(name: str) -> None:
    try:
        if ":" not in name and not any(character.isspace() for character in name):
            name.encode("idna")
            return
    except UnicodeError:
        pass
    _refuse(f"{name!r} cannot be the name of a computer, {_EXAMPLE}")


def _refuse(why: str) -> NoReturn:
    raise argparse.ArgumentTypeError(why)
