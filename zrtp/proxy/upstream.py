"""Where the upstream server is: what the person wrote, and what the domain name system says about it (RFC 3263)."""

from __future__ import annotations

import asyncio
import math
import socket
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from zrtp.errors import BackendUnavailable, ZrtpError
from zrtp.media.addresses import Address, is_number
from zrtp.proxy.sip import Uri
from zrtp.system import RandomSource, system_random

DEFAULT_PORTS: Final = {"UDP": 5060, "TCP": 5060, "TLS": 5061}
_SERVICES: Final = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}

_PARTS: Final = 1000
"""Of one weight: a record whose weight is 0 has one part, so that it comes first now and then."""

HOST_HOLDS: Final = 300.0
"""Seconds for which the address of a host name holds: the system's resolver, which reads /etc/hosts too, tells none."""


class NoSuchServer(ZrtpError):
    """The upstream server is not written as it should be, or cannot be found."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The server, as the person named it."""

    host: str
    port: int | None
    """None: as SRV records say, or the usual one."""
    transport: str
    """ "UDP", "TCP" or "TLS"."""

    @classmethod
    def parse(cls, text: str) -> Upstream:
        """Of "sip.example.org", "192.0.2.1:5080", "sip.example.org;transport=tls" or a SIP URI. Raises NoSuchServer."""
        uri = Uri.parse(text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}")
        if uri is None or uri.port == 0:
            raise NoSuchServer(f"{text!r} is not a SIP server such as sip.example.org or 192.0.2.1:5060.")
        transport = (uri.parameter("transport") or ("tls" if uri.scheme == "sips" else "udp")).upper()
        if transport not in DEFAULT_PORTS or (uri.scheme == "sips" and transport == "UDP"):
            raise NoSuchServer(f"The transport {transport.lower()} is not one of udp, tcp and tls.")
        return cls(uri.host, uri.port, "TLS" if uri.scheme == "sips" else transport)


@dataclass(frozen=True, slots=True)
class Srv:
    """A record of a service: lower priorities first, higher weights more often (RFC 2782)."""

    priority: int
    weight: int
    host: str
    port: int
    seconds: float = math.inf
    """For how long that holds (its TTL)."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where the server is."""

    addresses: list[Address]
    """In numbers, in the order in which to try them; at least one."""
    seconds: float = math.inf
    """After these it may be somewhere else."""

    def reachable_from(self, host: str) -> Located:
        """What of it a socket at our address `host` can reach. Raises NoSuchServer if that is nothing."""
        same = [address for address in self.addresses if (":" in address[0]) == (":" in host)]
        if not same:
            raise NoSuchServer(f"The server has no address that can be reached from {host}.")
        return Located(same, self.seconds)


Find = Callable[[], Awaitable[Located]]
"""Looks the server up. Raises NoSuchServer."""
LookUp = Callable[[str], Awaitable[Sequence[Srv]]]
"""The SRV records of a name; empty if it has none."""


async def locate(upstream: Upstream, *, look_up: LookUp | None = None, random: RandomSource = system_random) -> Located:
    """Where the server is now.

    SRV records are asked for if the server is a name and no port was given. Raises NoSuchServer, and
    BackendUnavailable if SRV records are needed and dnspython is not there.
    """
    targets = [(upstream.host, upstream.port or DEFAULT_PORTS[upstream.transport])]
    seconds = math.inf
    if upstream.port is None and not is_number(upstream.host):
        records = await (look_up or dns_records)(f"{_SERVICES[upstream.transport]}.{upstream.host}")
        if [record.host for record in records] == ["."]:
            raise NoSuchServer(f"{upstream.host} says that it offers no SIP over {upstream.transport}.")
        ordered = by_priority(records, random)
        targets = [(record.host.rstrip("."), record.port) for record in ordered] or targets
        seconds = min((record.seconds for record in records), default=math.inf)
    if not all(is_number(host) for host, _ in targets):
        seconds = min(seconds, HOST_HOLDS)
    found: list[Address] = []
    for host, port in targets:
        found += await _numbers(host, port)
    if not found:
        raise NoSuchServer(f"The name {upstream.host} cannot be found.")
    return Located(list(dict.fromkeys(found)), seconds)


def by_priority(records: Sequence[Srv], random: RandomSource) -> list[Srv]:
    """The order of RFC 2782: by priority, within one priority at random by weight."""
    ordered = []
    for priority in sorted({record.priority for record in records}):
        left = [record for record in records if record.priority == priority]
        while left:
            ends = list(accumulate(_PARTS * record.weight + 1 for record in left))
            ordered.append(left.pop(bisect_right(ends, int.from_bytes(random(8), "big") % ends[-1])))
    return ordered


async def dns_records(name: str, resolver: Any = None) -> list[Srv]:
    """SRV records by dnspython. Raises BackendUnavailable without it, NoSuchServer if no name server answers."""
    try:
        import dns.asyncresolver
        import dns.exception
        import dns.resolver
    except ImportError as error:
        raise BackendUnavailable(
            "Finding a SIP server by its domain needs dnspython: pip install '.[proxy]', or give the server's port."
        ) from error
    try:
        answer = await (resolver or dns.asyncresolver.Resolver()).resolve(name, "SRV")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise NoSuchServer(f"The name servers do not say where {name} is: {error}") from error
    seconds = float(answer.rrset.ttl) if answer.rrset is not None else 0.0
    return [
        Srv(r.priority, r.weight, r.target.to_text(omit_final_dot=len(r.target) > 1), r.port, seconds) for r in answer
    ]


async def _numbers(host: str, port: int) -> list[Address]:
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    infos.sort(key=lambda info: info[0] != socket.AF_INET)
    return [(str(info[4][0]), int(info[4][1])) for info in infos]
