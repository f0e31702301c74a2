"""A way for datagrams between two sides that know each other's description: ICE (RFC 8445).

::

    path = IcePath(Side.LISTENER, Servers(stun=("stun.example", 3478)))
    async with path:
        await path.gather()
        own = path.describe(hello_hash)     # goes to the other side, as a line or sealed
        way = await path.connect(theirs)    # waits until there is a way
        path.receiver = stream_receives     # a function that takes octets
        path.send(octets)

What is sent is as public as UDP ever is; ZRTP protects the call. While the path is used its ends ask each other every
five seconds, in silence more often, whether they still agree to it (RFC 7675): this keeps the routers open, finds a
new way when one of them forgets, and ends the path after half a minute without an answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aioice

from zrtp.reach.description import SEED, CandidateType, Description, IceCandidate, Side, ice_credentials
from zrtp.reach.errors import NoWay
from zrtp.reach.notice import RefusalReason, is_notice, notice, read_notice
from zrtp.reach.patience import PatientConnection
from zrtp.reach.servers import Servers
from zrtp.system import RandomSource, system_random

DatagramReceiver = Callable[[bytes], None]

NOTICE_COPIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the datagrams go."""

    relayed: bool
    """Over a TURN server of one of the sides."""
    local: tuple[str, int]
    remote: tuple[str, int]

    def __str__(self) -> str:
        return "over a relay" if self.relayed else "direct"


class IcePath:
    """One side of the way. Everything happens in one event loop."""

    def __init__(
        self,
        side: Side,
        servers: Servers,
        *,
        addresses: list[str] | None = None,
        random: RandomSource = system_random,
    ) -> None:
        self.side = side
        self.seed = random(SEED)
        self.receiver: DatagramReceiver | None = None
        """Is given each datagram of the other side, and of strangers; without it they are dropped."""
        self.on_notice: Callable[[RefusalReason], None] | None = None
        """Is told, once, why the other side does not go on."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the path is closed, or the other side has not answered for half a minute."""
        self.at_close: list[Callable[[], Awaitable[None]]] = []
        """What has to be finished before the path is closed."""
        self._servers = servers
        self._own: Description | None = None
        self._theirs: Description | None = None
        self._connection = PatientConnection(
            addresses=addresses,
            ice_controlling=side is Side.LISTENER,
            stun_server=servers.stun,
            local_username=ice_credentials(self.seed)[0],
            local_password=ice_credentials(self.seed)[1],
            **_turn_options(servers),
        )
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> IcePath:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def gather(self) -> None:
        """Find out where this side can be reached; asks the servers. Raises NoWay if there is no address at all."""
        await self._connection.gather_candidates()
        if not self.candidates:
            if self._servers.relay_only:
                raise NoWay("The relay gives no address. Are its name, user and password right? --turn names it.")
            raise NoWay("This computer has no address in any network. Is it connected?")

    @property
    def candidates(self) -> tuple[IceCandidate, ...]:
        """Where this side can be reached, after `gather`; the own addresses first."""
        return tuple(
            IceCandidate(_KINDS[found.type], found.host, found.port) for found in self._connection.local_candidates
        )

    def describe(self, hello_hash: bytes) -> Description:
        """What the other side has to know; `hello_hash` are the 32 octets of this call's zrtp-hash."""
        self._own = Description(side=self.side, seed=self.seed, hello_hash=hello_hash, candidates=self.candidates)
        return self._own

    async def connect(self, theirs: Description, limit: float | None = None) -> Way:
        """Wait until there is a way to the other side, at most `limit` seconds. Raises NoWay."""
        connection, self._theirs = self._connection, theirs
        connection.remote_username, connection.remote_password = ice_credentials(theirs.seed)
        for number, candidate in enumerate(self._worth_trying(theirs)):
            await connection.add_remote_candidate(_remote(candidate, number))
        connection.receiver = self._take
        try:
            async with asyncio.timeout(limit):
                await connection.connect()
        except (TimeoutError, ConnectionError):
            raise NoWay(self._why_not()) from None
        self._watching = asyncio.create_task(self._watch())
        pair = connection.way
        if pair is None:
            raise NoWay(self._why_not())
        relayed = "relay" in (pair.local_candidate.type, pair.remote_candidate.type)
        return Way(relayed=relayed, local=pair.local_addr, remote=pair.remote_addr)

    def send(self, octets: bytes) -> None:
        """Send a datagram; never blocks, never raises, and drops it where there is no way."""
        self._connection.send_now(octets)

    def tell(self, reason: RefusalReason) -> None:
        """Tell the other side, authenticated, why this one does not go on."""
        if self._own is not None and self._theirs is not None:
            for _ in range(NOTICE_COPIES):
                self.send(notice(reason, self._own, self._theirs))

    async def close(self) -> None:
        """End the path: sockets closed, the relay's address given back. May be called again."""
        if self._watching is not None:
            self._watching.cancel()
        self.receiver = self.on_notice = None
        while self.at_close:
            await self.at_close.pop()()
        with suppress(OSError):
            await self._connection.close()
        self._end()

    def _worth_trying(self, theirs: Description) -> list[IceCandidate]:
        """Their addresses, without those that mean this very computer: a line must not aim our checks at it."""
        here = any(ipaddress.ip_address(candidate.host).is_loopback for candidate in self.candidates)
        return [each for each in theirs.candidates if here or not ipaddress.ip_address(each.host).is_loopback]

    def _take(self, datagram: bytes) -> None:
        if is_notice(datagram):
            self._take_notice(datagram)
        elif self.receiver is not None:
            self.receiver(datagram)

    def _take_notice(self, datagram: bytes) -> None:
        if self._own is None or self._theirs is None or self.on_notice is None:
            return
        reason = read_notice(datagram, self._theirs, self._own)
        if reason is not None:
            told, self.on_notice = self.on_notice, None
            told(reason)

    async def _watch(self) -> None:
        await self._connection.get_event()
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _why_not(self) -> str:
        """What probably keeps the two sides apart, and what helps."""
        kinds = {candidate.kind for candidate in self.candidates}
        if self._servers.stun is not None and CandidateType.PUBLIC not in kinds and CandidateType.RELAY not in kinds:
            return (
                "The STUN server does not answer: this network probably lets no UDP out. "
                "A relay over TCP helps: --turn turn:USER@HOST?transport=tcp."
            )
        if self._servers.turn is not None and CandidateType.RELAY not in kinds:
            return "No direct way was found, and the relay gave no address. Are its name, user and password right?"
        if CandidateType.RELAY in kinds:
            return "No way was found, not even over the relay. Is the other program still running?"
        return (
            "No direct way was found: the two routers do not let it through (both symmetric, for example). "
            "A relay helps, at one side is enough: --turn turn:USER@HOST."
        )


def _turn_options(servers: Servers) -> dict[str, Any]:
    turn = servers.turn
    if turn is None:
        return {}
    policy = aioice.TransportPolicy.RELAY if servers.relay_only else aioice.TransportPolicy.ALL
    return {
        "turn_server": turn.address,
        "turn_username": turn.user,
        "turn_password": turn.password,
        "turn_transport": "tcp" if turn.tcp else "udp",
        "transport_policy": policy,
    }


def _remote(candidate: IceCandidate, number: int) -> aioice.Candidate:
    """In aioice's form; earlier ones of a kind go first."""
    return aioice.Candidate(
        foundation=f"{candidate.kind.value}{number}",
        component=1,
        transport="udp",
        priority=_PREFERENCE[candidate.kind] << 24 | (65535 - number) << 8 | 255,
        host=candidate.host,
        port=candidate.port,
        type=_NAMES[candidate.kind],
    )


_KINDS: Final = {"host": CandidateType.HOST, "srflx": CandidateType.PUBLIC, "relay": CandidateType.RELAY}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_PREFERENCE: Final = {CandidateType.HOST: 126, CandidateType.PUBLIC: 100, CandidateType.RELAY: 0}
"""Type preferences of RFC 8445 section 5.1.2.2."""
