"""An attacker for teaching: two ZRTP ends back to back, which decrypt what one side sends and encrypt it anew.

It does what somebody in the middle of a call can do: it takes on the ZID of each side towards the other one, agrees on
keys with both, and hears everything. What it cannot do is to make both sides see the same words; and once the two have
talked without it, or it has forgotten, the secret that they retained gives it away. No sockets and no clock here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from zrtp.cache.memory import MemoryCache
from zrtp.crypto.sas import Sas
from zrtp.errors import MalformedPacket, SrtpError
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import CallEvent
from zrtp.media.secure import SecureCall, SecureMedia
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.system import RandomSource, system_random
from zrtp.wire.messages import Hello, parse
from zrtp.wire.packet import BadChecksum, NotZrtp, Packet, decode_packet

KEPT: Final = 4
"""ZRTP datagrams of one side that wait until the other side's ZID is known."""


class InterceptedSide(Enum):
    """Whom the attacker stands in front of."""

    CALLER = "caller"
    TARGET = "target"

    @property
    def other(self) -> InterceptedSide:
        return InterceptedSide.TARGET if self is InterceptedSide.CALLER else InterceptedSide.CALLER


ToSend = tuple[InterceptedSide, bytes]
"""A datagram, and the side that it goes to."""


@dataclass(slots=True)
class Memory:
    """What an attacker remembers from call to call: the secrets that it shares with each side."""

    caches: dict[tuple[InterceptedSide, bytes], MemoryCache] = field(default_factory=dict)

    def cache(self, side: InterceptedSide, zid: bytes) -> MemoryCache:
        """The cache for talking to one side under this ZID."""
        cache = self.caches.setdefault((side, zid), MemoryCache())
        cache.own_zid(lambda: zid)
        return cache


@dataclass(slots=True)
class _Half:
    """The end of a call that one side talks to."""

    call: SecureCall
    media: SecureMedia
    heard: int = 0
    """Packets of that side that were decrypted here."""


class Interceptor:
    """One call with somebody in the middle."""

    def __init__(
        self, config: Config | None = None, memory: Memory | None = None, *, random: RandomSource = system_random
    ) -> None:
        """Without `memory` nothing is known of earlier calls, and nothing is kept."""
        self._config = config or Config()
        self._memory = memory or Memory()
        self._random = random
        self._halves: dict[InterceptedSide, _Half] = {}
        self._waiting: dict[InterceptedSide, list[bytes]] = {side: [] for side in InterceptedSide}

    def datagram_received(self, side: InterceptedSide, datagram: bytes, now: float) -> list[ToSend]:
        """Take a datagram that a side sent; what goes out for it at once. Never raises for what is in it."""
        if classify(datagram) is DatagramKind.ZRTP and side.other not in self._halves:
            self._take_on(side, datagram, now)
        half = self._halves.get(side)
        if half is None:
            if len(self._waiting[side]) < KEPT:
                self._waiting[side].append(datagram)
        else:
            return [*self._pass_on(half, side, datagram, now), *self.datagrams_to_send()]
        return self.datagrams_to_send()

    def datagrams_to_send(self) -> list[ToSend]:
        """The ZRTP datagrams that are due now."""
        return [(side, octets) for side, half in self._halves.items() for octets in half.media.datagrams_to_send()]

    def next_timer(self) -> float | None:
        """When `handle_timer` is due; None while nothing is pending."""
        timers = (half.call.next_timer() for half in self._halves.values())
        return min((timer for timer in timers if timer is not None), default=None)

    def handle_timer(self, now: float) -> list[ToSend]:
        """Do what is due; what goes out for it."""
        for half in self._halves.values():
            half.call.handle_timer(now)
        return self.datagrams_to_send()

    def events(self) -> Iterator[tuple[InterceptedSide, CallEvent]]:
        """What happened with each side since the last time."""
        for side, half in self._halves.items():
            while (event := half.call.next_event()) is not None:
                yield side, event

    def sas(self, side: InterceptedSide) -> Sas | None:
        """The words that this side sees."""
        half = self._halves.get(side)
        return None if half is None else half.call.session.sas

    def heard(self, side: InterceptedSide) -> int:
        """Packets of this side that were heard in clear."""
        half = self._halves.get(side)
        return 0 if half is None else half.heard

    @property
    def over(self) -> bool:
        """One of the sides said goodbye."""
        return any(half.media.peer_left for half in self._halves.values())

    def close(self, now: float) -> list[ToSend]:
        """End both calls and wipe their keys."""
        for half in self._halves.values():
            half.call.close(now)
        return self.datagrams_to_send()

    def _take_on(self, side: InterceptedSide, datagram: bytes, now: float) -> None:
        """A Hello shows the ZID of a side: from now on that is who we are for the other one."""
        with suppress(NotZrtp, BadChecksum, MalformedPacket):
            packet = decode_packet(datagram)
            hello = parse(packet.message) if isinstance(packet, Packet) else None
            if isinstance(hello, Hello):
                self._face(side.other, hello.zid, now)

    def _face(self, side: InterceptedSide, zid: bytes, now: float) -> None:
        endpoint = Endpoint(self._config, self._memory.cache(side, zid), random=self._random)
        call = SecureCall(endpoint.session(), best_effort=True)
        media = call.add_stream(int.from_bytes(self._random(4), "big"))
        self._halves[side] = _Half(call, media)
        media.start(now)
        for datagram in self._waiting[side]:
            media.datagram_received(datagram, now)
        self._waiting[side].clear()

    def _pass_on(self, half: _Half, side: InterceptedSide, datagram: bytes, now: float) -> list[ToSend]:
        """Decrypt what one side says, and encrypt it for the other one."""
        packets = half.media.datagram_received(datagram, now)
        reports = half.media.take_rtcp()
        half.heard += len(packets)
        other = self._halves.get(side.other)
        if other is None:
            return []
        sealed: list[bytes | None] = []
        with suppress(SrtpError):
            sealed += [other.media.protect(packet) for packet in packets]
            sealed += [other.media.protect_rtcp(report) for report in reports]
        return [(side.other, octets) for octets in sealed if octets is not None]
