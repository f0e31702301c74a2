"""Names of hosts to numbers, for sockets that talk to one peer."""

from __future__ import annotations

import asyncio
import socket
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]
"""Host, as a name or a number, and UDP port."""


async def resolve(local: Address | None, remote: Address | None) -> tuple[int, Address | None, Address | None]:
    """The address family that serves both ends, and both in numbers.

    IPv4 goes before IPv6, since most listeners are bound to 0.0.0.0. Raises OSError for an unknown name, or
    if the ends have no family in common.
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
    return family, found[local][family] if local else None, found[remote][family] if remote else None
