"""Names of hosts to numbers, for sockets that talk to one peer."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from typing import Any, Final, TypeAlias

from zrtp.errors import ApiMisuse

Address: TypeAlias = tuple[str, int]
"""Host, as a name or a number, and UDP port."""

LAST_PORT: Final = 65_535


async def resolve(local: Address | None, remote: Address | None) -> tuple[int, Address | None, Address | None]:
    """The address family that serves both ends, and both in numbers.

    IPv4 goes before IPv6, since most listeners are bound to 0.0.0.0. Raises OSError for an unknown name, for a remote
    address that leads to nobody, or if the ends have no family in common.
    """
    loop = asyncio.get_running_loop()
    found: dict[Address, dict[int, Address]] = {}
    for name in (local, remote):
        if name is not None:
            infos = await loop.getaddrinfo(*name, type=socket.SOCK_DGRAM)
            found[name] = {info[0]: (str(info[4][0]), int(info[4][1])) for info in reversed(infos)}
    families = set.intersection(*map(set, found.values()))
    if not families:
        raise OSError("One of the two addresses is of IPv4, the other of IPv6.")
    family = socket.AF_INET if socket.AF_INET in families else families.pop()
    if remote is not None:
        need_somebody_at(found[remote][family])
    return family, found[local][family] if local else None, found[remote][family] if remote else None


def need_somebody_at(address: Any) -> None:
    """Raises OSError for an address at which nobody can be called."""
    if _is_nobody(address):
        raise OSError(f"Nobody can be called at {address[0]}, which stands for all addresses of this computer.")


async def every_address(name: Address) -> list[tuple[int, Any]]:
    """All addresses of a name as sockets take them, with their families, the one to try first in front (RFC 6724).

    Of each family the first one counts; the scope of a link-local address is kept. Raises OSError for an unknown name.
    """
    infos = await asyncio.get_running_loop().getaddrinfo(*name, type=socket.SOCK_DGRAM)
    first: dict[int, Any] = {}
    for family, _, _, _, address in infos:
        first.setdefault(family, address)
    return list(first.items())


def mapped(address: Any) -> Any:
    """An address as a socket for both families takes it."""
    return address if ":" in address[0] else (f"::ffff:{address[0]}", address[1], 0, 0)


def unmapped(address: Any) -> Any:
    """What a socket for both families gave, with IPv4 as such."""
    host = address[0]
    return (host[len("::ffff:") :], address[1]) if host.startswith("::ffff:") and "." in host else address


def normalized(address: Any) -> Any:
    """An address in numbers, as sockets spell it: host and port of IPv4, four items of IPv6. Two spellings of one
    address are equal then."""
    numeric = socket.AI_NUMERICHOST  # looks nothing up
    try:
        infos = socket.getaddrinfo(address[0], address[1], type=socket.SOCK_DGRAM, flags=numeric)
    except OSError:  # on an interface that there is not
        return address
    found: Any = infos[0][4]
    scope = address[3:4]
    return unmapped((*found[:3], *scope) if scope else found)


def next_port(address: Any) -> Any:
    """Where RTCP goes that has a port of its own (RFC 3550 section 11); None above the last port."""
    return None if address[1] >= LAST_PORT else (address[0], address[1] + 1, *address[2:])


def shown(address: Any) -> Address:
    """An address of a socket as people write it: IPv4 as such, a link-local one with its interface."""
    address = unmapped(address)
    host = str(address[0])
    if len(address) > 3 and address[3] and "%" not in host:
        with contextlib.suppress(OSError):
            host += "%" + socket.if_indextoname(address[3])
    return host, int(address[1])


def local_towards(remote: Any, family: int) -> str:
    """Under which of its addresses this computer reaches another one; no packet is sent to find out."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(remote)
        return shown(probe.getsockname())[0]
    return "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104


def is_number(host: str) -> bool:
    """Whether this is an address of IPv4 or IPv6 in numbers, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_address(address: Any) -> None:
    """Raises ApiMisuse for what is no address in numbers of somebody, as a socket takes it: a name would be looked up
    for each packet, and what is sent to 0.0.0.0 comes to this computer."""
    if not is_address(address):
        raise ApiMisuse(f"{address!r} is no address: give host and port in numbers, for example ('192.0.2.20', 5004).")
    if _is_nobody(address):
        raise ApiMisuse(
            f"{address!r} leads to nobody. In SDP it puts a call on hold: send nothing until there is another address."
        )


def _is_nobody(address: Any) -> bool:
    """Whether this address in numbers stands for all of a computer, or for none (RFC 3264 section 8.4)."""
    return normalized(address)[0] in ("0.0.0.0", "::")  # noqa: S104


def is_address(address: Any) -> bool:
    """Whether this is a host in numbers, with a UDP port that can be sent to."""
    return (
        isinstance(address, tuple)
        and len(address) >= 2
        and isinstance(address[0], str)
        and is_number(address[0])
        and type(address[1]) is int
        and 0 < address[1] <= LAST_PORT
    )


def check_place(what: str, address: Any) -> None:
    """Raises ApiMisuse for what is no host, as a name or in numbers, with a UDP port."""
    if not (
        isinstance(address, tuple)
        and len(address) >= 2
        and isinstance(address[0], str)
        and type(address[1]) is int
        and 0 <= address[1] <= LAST_PORT
    ):
        raise ApiMisuse(f"{what} is {address!r}, and no address: give host and port, for example ('192.0.2.20', 5004).")
