"""A proxy for one stream without signalling: for phones and tools that just send RTP to an address."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from zrtp.media.addresses import Address
from zrtp.media.aio import Path
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.call import ProxiedCall
from zrtp.proxy.leg import Leg, Remote
from zrtp.proxy.names import Names
from zrtp.proxy.news import CallVerdict, Tell, VerdictRefused, View
from zrtp.proxy.policy import Policy
from zrtp.proxy.relay import Threads, UdpLine
from zrtp.proxy.sip import host_port
from zrtp.proxy.surroundings import MediaPorts, Surroundings
from zrtp.proxy.transport import own_address
from zrtp.system import RandomSource, system_random

LOOK: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BareOptions:
    """What the person chose. All addresses are in numbers."""

    local: Address
    """Where the phone sends its RTP; RTCP one above."""
    remote: Address
    """Where the other side is."""
    policy: Policy
    phone: Address | None = None
    """Where the phone wants its media; by default where its own comes from."""
    bind: Address | None = None
    """Our address towards the network."""
    path: Path | None = None


class BareRtp:
    """One stream between a phone's plain RTP and the network's ZRTP."""

    def __init__(
        self, options: BareOptions, endpoint: Endpoint, tell: Tell, *, random: RandomSource = system_random
    ) -> None:
        self._options = options
        self._phone = options.phone
        self._timer: Any = None
        self._threads = Threads()
        best_effort, names = options.policy is Policy.BEST_EFFORT, Names.of(endpoint.cache)
        bind = options.bind or (own_address(options.remote), 0)
        self._bind = bind
        self._around = Surroundings(
            policy=options.policy,
            phone_host=options.local[0],
            network_host=bind[0],
            make_leg=lambda peer: Leg(endpoint, peer, best_effort=best_effort, names=names, random=random),
            open_line=self._open_line,
            clock=asyncio.get_running_loop(),
            tell=tell,
            run=self._threads,
        )
        self._call: ProxiedCall | None = None
        self._line: UdpLine | None = None

    def open(self) -> tuple[Address, Address]:
        """Open the ports and look for the other side's ZRTP; returns our addresses towards phone and network.

        Raises PolicyRefusal if a port cannot be used.
        """
        peer = host_port(*self._options.remote)
        self._call = ProxiedCall(1, outgoing=True, peer=peer, around=self._around)
        host, port = self._options.remote
        self._call.connect(Remote((host, port), (host, port + 1)))
        if self._phone is not None:
            self._call.phone_is_at(self._phone)
        assert self._line is not None, "the call has opened its line"  # noqa: S101
        self._look()
        return (self._options.local[0], self._line.phone_port), (self._bind[0], self._line.network_port)

    def views(self) -> list[View]:
        return [] if self._call is None else [self._call.view()]

    def judge(self, number: int, words: str, verdict: CallVerdict, name: str | None = None) -> None:
        """As `Switchboard.judge`."""
        if self._call is None or number != self._call.number:
            raise VerdictRefused("There is no such call.")
        self._call.judge(words, verdict, name)

    async def close(self) -> None:
        """Close the ports, and wait until what the call leaves behind is stored."""
        if self._timer is not None:
            self._timer.cancel()
        if self._call is not None:
            self._call.end()
        await self._threads.finish()

    def _look(self) -> None:
        if self._call is not None:
            self._call.look()
        clock = self._around.clock
        self._timer = clock.call_at(clock.time() + LOOK, self._look)

    def _open_line(self, call: ProxiedCall, index: int) -> MediaPorts:
        def from_phone(packet: bytes, source: Address, rtcp: bool) -> None:
            if self._phone is None and not rtcp:
                self._phone = source
                call.phone_is_at(source)
            call.take_from_phone(index, packet, source)

        self._line = UdpLine(
            self._options.local[0],
            self._bind[0],
            from_phone=from_phone,
            from_network=lambda packet, source, rtcp: call.take_from_network(index, packet, source, rtcp=rtcp),
            path=self._options.path,
            phone_port=self._options.local[1],
            network_port=self._bind[1],
        )
        return self._line
