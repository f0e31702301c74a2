"""A port at the home router, so that a caller from outside reaches this computer: PCP (RFC 6887), NAT-PMP (RFC 6886).

Both are asked at once: a PCP request for the port, and NAT-PMP's question for the public address, which changes
nothing. PCP's answer is taken if there is one; otherwise the port is asked for by NAT-PMP, too. A mapping is renewed
while it is used and given back at the end::

    async with mapped(5004) as mapping:
        print(mapping.host, mapping.port)

UPnP is left out on purpose: it takes seconds, and its XML comes from whoever answers a multicast first.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from zrtp.reach.errors import NoMapping
from zrtp.system import RandomSource, system_random

SERVER_PORT: Final = 5351
LIFETIME: Final = 7200
"""Seconds asked for (RFC 6886 section 3.3 recommends it)."""
RENEWAL: Final = 600.0
"""Seconds between renewals, or half of what the router granted: a router that was restarted has forgotten."""
PATIENCE: Final = 2.0
"""Seconds that a silent router is asked."""
GRACE: Final = 0.25
"""Seconds that PCP may take longer than NAT-PMP."""


class Protocol(Enum):
    """How the router was asked; the value is the version in the first octet."""

    NAT_PMP = 0
    PCP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A port of the router whose datagrams come to this computer."""

    protocol: Protocol
    host: str
    """The router's public address."""
    port: int
    """The router's port; not always the one that was asked for."""
    lifetime: int
    """Seconds that the router grants; 0 for a mapping that was given back."""


@asynccontextmanager
async def mapped(
    port: int, router: str | None = None, *, random: RandomSource = system_random
) -> AsyncIterator[Mapping]:
    """Have this UDP port of ours reachable at the router until the end of the block.

    Raises NoMapping if no router is known, or if it refuses, says nothing, or has no public address itself.
    """
    router = router or default_router()
    if router is None:
        raise NoMapping("The address of the home router is not known. Name it: --router ADDRESS.")
    async with _client(router, random) as client:
        mapping = await client.map(port)
        renewing = asyncio.create_task(_renew(client, mapping, port))
        try:
            if not ipaddress.ip_address(mapping.host).is_global:
                raise NoMapping(
                    f"The router has no public address itself, but {mapping.host}: its provider has another router. "
                    "A code finds a way through both: zrtp listen --code."
                )
            yield mapping
        finally:
            renewing.cancel()
            with suppress(NoMapping, OSError):
                await client.unmap(mapping, port)


def default_router(routes: Path = Path("/proc/net/route")) -> str | None:
    """The IPv4 address of the default route on Linux; None elsewhere, and if there is none."""
    with suppress(OSError, ValueError, IndexError):
        for line in routes.read_text(encoding="ascii").splitlines()[1:]:
            _, destination, gateway, flags, *_ = line.split()
            if int(destination, 16) == 0 and int(flags, 16) & _GATEWAY:
                return socket.inet_ntoa(struct.pack("=I", int(gateway, 16)))
    return None


def read_pcp(answer: bytes, nonce: bytes) -> Mapping:
    """What a router's answer to MAP says (RFC 6887 section 11.1). Raises NoMapping."""
    if len(answer) < _PCP_MAP or answer[3] or answer[24:36] != nonce:
        raise NoMapping(_refused(answer[3:4]))
    lifetime, port = struct.unpack("!I", answer[4:8])[0], struct.unpack("!H", answer[42:44])[0]
    host = ipaddress.IPv6Address(answer[44:60])
    return Mapping(protocol=Protocol.PCP, host=str(host.ipv4_mapped or host), port=port, lifetime=lifetime)


def read_nat_pmp_address(answer: bytes) -> str:
    """The public address that a router tells (RFC 6886 section 3.2). Raises NoMapping."""
    if len(answer) < 12 or answer[2:4] != bytes(2):
        raise NoMapping(_refused(answer[3:4]))
    return str(ipaddress.IPv4Address(answer[8:12]))


def read_nat_pmp(answer: bytes, host: str) -> Mapping:
    """What a router at that address says about a port (RFC 6886 section 3.3). Raises NoMapping."""
    if len(answer) < 16 or answer[2:4] != bytes(2):
        raise NoMapping(_refused(answer[3:4]))
    port, lifetime = struct.unpack("!HI", answer[10:16])
    return Mapping(protocol=Protocol.NAT_PMP, host=host, port=port, lifetime=lifetime)


async def _renew(client: _Client, mapping: Mapping, port: int) -> None:
    while True:
        await asyncio.sleep(min(RENEWAL, mapping.lifetime / 2))
        with suppress(NoMapping, OSError):  # once more later: a router that starts again says nothing for a while
            await client.map(port, mapping)


@asynccontextmanager
async def _client(router: str, random: RandomSource) -> AsyncIterator[_Client]:
    loop = asyncio.get_running_loop()
    try:
        transport, client = await loop.create_datagram_endpoint(
            lambda: _Client(random(_NONCE)), remote_addr=(router, SERVER_PORT)
        )
    except OSError as error:
        raise NoMapping(f"The router {router} cannot be asked: {error.strerror or error}.") from error
    try:
        yield client
    finally:
        transport.close()


class _Silent(NoMapping):
    """The router does not know this protocol, or is switched off."""


class _Client(asyncio.DatagramProtocol):
    """Questions to one router. The socket is connected: nobody else's datagrams come here."""

    def __init__(self, nonce: bytes) -> None:
        self._nonce = nonce
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[tuple[int, int], asyncio.Future[bytes]] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(data) < 4 or not data[1] & _ANSWER:
            return
        kind = data[0], data[1] & ~_ANSWER
        if data[0] == Protocol.NAT_PMP.value and data[2:4] == _UNSUPPORTED_VERSION:
            kind = Protocol.PCP.value, _MAP  # how a router says that it knows NAT-PMP only
        waiting = self._waiting.get(kind)
        if waiting is not None and not waiting.done():
            waiting.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there at the moment; the question is asked again until its time is over."""

    async def map(self, port: int, wanted: Mapping | None = None) -> Mapping:
        """Ask for a mapping, or for the same one again. Raises NoMapping."""
        if wanted is not None:
            return await (self._pcp if wanted.protocol is Protocol.PCP else self._nat_pmp)(port, wanted.port, LIFETIME)
        pcp = asyncio.create_task(self._pcp(port, port, LIFETIME))
        address = asyncio.create_task(self._nat_pmp_address())
        try:
            await asyncio.wait({pcp, address}, return_when=asyncio.FIRST_COMPLETED)
            if not pcp.done() and address.exception() is None:
                await asyncio.wait({pcp}, timeout=GRACE)
            if pcp.done() and pcp.exception() is None:
                return pcp.result()
            await asyncio.wait({address})
            if isinstance(address.exception(), _Silent):
                return await pcp
            pcp.cancel()
            return await self._nat_pmp(port, port, LIFETIME, address.result())
        finally:
            for task in (pcp, address):
                task.cancel()
            await asyncio.gather(pcp, address, return_exceptions=True)

    async def unmap(self, mapping: Mapping, port: int) -> None:
        """Give the mapping back. Raises NoMapping if nobody answers."""
        if mapping.protocol is Protocol.PCP:
            await self._pcp(port, mapping.port, 0)
        else:
            await self._nat_pmp(port, 0, 0, mapping.host)

    async def _pcp(self, port: int, outer: int, lifetime: int) -> Mapping:
        """MAP (RFC 6887 section 11.1)."""
        assert self._transport is not None  # noqa: S101
        own = self._transport.get_extra_info("sockname")[0]
        question = struct.pack("!BBHI", Protocol.PCP.value, _MAP, 0, lifetime) + _as_v6(own)
        question += self._nonce + struct.pack("!B3xHH", _UDP, port, outer) + _as_v6("0.0.0.0")  # noqa: S104
        return read_pcp(await self._ask(question, (Protocol.PCP.value, _MAP)), self._nonce)

    async def _nat_pmp_address(self) -> str:
        """The public address (RFC 6886 section 3.2)."""
        return read_nat_pmp_address(await self._ask(bytes(2), (Protocol.NAT_PMP.value, 0)))

    async def _nat_pmp(self, port: int, outer: int, lifetime: int, host: str = "") -> Mapping:
        """A mapping (RFC 6886 section 3.3)."""
        question = struct.pack("!BBHHHI", Protocol.NAT_PMP.value, _NAT_PMP_UDP, 0, port, outer, lifetime)
        return read_nat_pmp(await self._ask(question, (Protocol.NAT_PMP.value, _NAT_PMP_UDP)), host)

    async def _ask(self, question: bytes, kind: tuple[int, int]) -> bytes:
        """The answer, of at least four octets; the question is repeated after 0.25 s, then twice as long each time."""
        assert self._transport is not None  # noqa: S101
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[kind] = answer
        pause = 0.25
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    self._transport.sendto(question)
                    done, _ = await asyncio.wait({answer}, timeout=pause)
                    if done:
                        return answer.result()
                    pause *= 2
        except TimeoutError:
            raise _Silent(_SILENT) from None
        finally:
            self._waiting.pop(kind, None)


def _as_v6(host: str) -> bytes:
    return bytes(10) + b"\xff\xff" + ipaddress.IPv4Address(host).packed


def _refused(code: bytes) -> str:
    result = code.hex() or "none"
    return f"The router refuses to give a port (result {result}). A code needs none: zrtp listen --code."


_GATEWAY: Final = 2  # RTF_GATEWAY
_NONCE: Final = 12
_ANSWER: Final = 0x80
_MAP: Final = 1
_NAT_PMP_UDP: Final = 1
_UDP: Final = 17
_PCP_MAP: Final = 60
_UNSUPPORTED_VERSION: Final = bytes([0, 1])
_SILENT: Final = (
    "The router answers neither PCP nor NAT-PMP; often they have to be switched on there. "
    "A code needs neither: zrtp listen --code."
)
