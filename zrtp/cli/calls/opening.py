"""The socket of a call: under which address others reach it, why it cannot be opened, why nobody answers."""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress
from typing import Final

from zrtp.cli.calls.names import names
from zrtp.cli.errors import CommandError
from zrtp.cli.options.addresses import LAST_PORT, everywhere
from zrtp.cli.screen.jsonlines import text
from zrtp.media.addresses import Address

ANY: Final = ("0.0.0.0", "::")  # noqa: S104


def own_host(bound: str) -> str:
    """Under which number other computers probably reach this one; no packet is sent to find out."""
    if bound not in ANY:
        return bound
    family, elsewhere = (socket.AF_INET6, "2001:db8::1") if ":" in bound else (socket.AF_INET, "192.0.2.1")
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((elsewhere, 9))
        return str(probe.getsockname()[0])
    return "::1" if ":" in bound else "127.0.0.1"


def is_private(host: str) -> bool:
    """Whether an address is valid within a network of its own only; False for names."""
    try:
        number = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return not number.is_global and not number.is_loopback and not number.is_unspecified


def who_reaches(advertised: Address) -> str:
    """What to know about an address before it is given to somebody; empty if nothing."""
    host, port = advertised
    if not is_private(host):
        return ""
    if "%" in host:
        return f"{host} is reached on the same link only; behind the % the other computer names its own interface"
    return (
        f"{host} is a private address: it is reached within your own network. "
        f"From elsewhere your router has to forward UDP port {port} to it"
    )


def why_nobody_answers(remote: Address, *, refused: bool) -> str:
    """What to do about it; `refused` says that the computer is there, and nobody listens on the port."""
    host, port = remote
    hint = f"on the other computer run: zrtp listen {text((everywhere(host), port))}"
    if refused or host.startswith("127.") or host in ("localhost", "::1"):
        return hint
    if is_private(host):
        return f"{hint}. {host} is a private address: both computers have to be in the same network"
    return f"{hint}. If it runs, its router or firewall may hold back UDP port {port}: forward the port to it there"


def cannot_open(error: OSError, bind: Address | None, remote: Address | None, *, example: str = "") -> CommandError:
    """Why the socket could not be opened, and what to do; `example` is how another address for {} would be given."""
    if (link := _missing_link(remote) or _missing_link(bind)) != "":
        return CommandError(f"this computer has no network interface {link}", "ip link shows what it has")
    if isinstance(error, socket.gaierror):
        unknown = " or ".join(names(bind, remote)) or "of the address"
        return CommandError(f"the name {unknown} cannot be found", "check its spelling, or give the address in numbers")
    if error.errno == errno.EADDRINUSE and bind is not None:
        example = example or ("zrtp listen {}" if remote is None else "--bind {}")
        return CommandError(
            f"port {bind[1]} is in use here", f"choose another one, for example {example.format(_beside(bind, remote))}"
        )
    if error.errno == errno.EADDRNOTAVAIL and bind is not None:
        stands = f"{text((everywhere(bind[0]), bind[1]))} stands for all of its addresses"
        return CommandError(f"this computer has no address {bind[0]}", stands)
    if error.errno == errno.EACCES and bind is not None:
        return CommandError(f"port {bind[1]} may not be used here", "choose a port above 1023")
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return CommandError("there is no way to that address", "is this computer connected to a network?")
    return CommandError(f"the port cannot be opened: {error.strerror or error}")


def _beside(bind: Address, remote: Address | None) -> str:
    """Another port, which is not the one that is called."""
    host, port = bind
    ports = [port + 2, port + 4, port - 2, port - 4]
    return next(text((host, another)) for another in ports if another <= LAST_PORT and (host, another) != remote)


def _missing_link(address: Address | None) -> str:
    """The network interface that an address of a link names, if it is not there; empty otherwise."""
    link = "" if address is None else address[0].partition("%")[2]
    try:
        if link:
            int(link) if link.isdecimal() else socket.if_nametoindex(link)
    except OSError:
        return link
    return ""
