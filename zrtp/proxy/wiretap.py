"""The attacker of `mitm` on a network: a UDP port for callers, and for each call one towards the target.

Calls come one after the other; the next one begins when the one before is over, or silent.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from zrtp.crypto.sas import Sas
from zrtp.errors import ApiMisuse
from zrtp.media.addresses import Address
from zrtp.media.demux import DatagramKind, classify
from zrtp.protocol.config import Config
from zrtp.protocol.events import SasReady
from zrtp.proxy.mitm import InterceptedSide, Interceptor, Memory, ToSend

QUIET: Final = 2.0
"""Seconds without a packet of the caller after which another caller may begin a call."""

GONE: Final = 10.0
"""Seconds without a packet of the caller after which a call is over."""

FAREWELL: Final = 0.5
"""Seconds that remain for last packets after a goodbye."""

_LOOK: Final = 0.5


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody calls."""

    number: int
    caller: Address


@dataclass(frozen=True, slots=True)
class KeysAgreed:
    """Keys were agreed with one side, which sees these words."""

    number: int
    side: InterceptedSide
    sas: Sas


@dataclass(frozen=True, slots=True)
class Over:
    """A call has ended."""

    number: int
    heard: tuple[int, int]
    """Packets of caller and target that were heard in clear."""


WiretapNews: TypeAlias = Began | KeysAgreed | Over


def is_for_teaching(host: str) -> bool:
    """Whether an address in numbers is loopback, private or link-local: a room, and not the Internet."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local


class Wiretap:
    """Waits for callers and puts itself between each of them and the target."""

    def __init__(
        self,
        target: Address,
        tell: Callable[[WiretapNews], None],
        *,
        config: Config | None = None,
        remember: bool = False,
        anywhere: bool = False,
    ) -> None:
        """`target` in numbers. `remember`: keep secrets from call to call.

        Raises ApiMisuse for a target that is neither loopback nor private, unless `anywhere`.
        """
        if not (anywhere or is_for_teaching(target[0])):
            raise ApiMisuse(
                f"{target[0]} is neither a loopback nor a private address. This is for teaching: listening to other "
                "people's calls is a crime in most countries."
            )
        self._target = target
        self._tell = tell
        self._config = config
        self._memory = Memory() if remember else None
        self._loop = asyncio.get_running_loop()
        self._callers: asyncio.DatagramTransport | None = None
        self._call: _Call | None = None
        self._calls = 0
        self._looking: asyncio.TimerHandle | None = None

    async def open(self, listen: Address) -> Address:
        """Open the port for callers; returns its address. Raises OSError."""
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _WiretapPort(self._from_caller), local_addr=listen
        )
        self._callers = transport
        self._look()
        name = transport.get_extra_info("sockname")
        return str(name[0]), int(name[1])

    def close(self) -> None:
        """End the call and close all ports. May be called again."""
        self._end()
        if self._looking is not None:
            self._looking.cancel()
        if self._callers is not None:
            self._callers.close()

    def _from_caller(self, datagram: bytes, source: Address) -> None:
        call = self._call
        if call is None or (source != call.caller and call.silence > QUIET):
            if classify(datagram) is not DatagramKind.ZRTP:
                return
            self._end()
            call = self._begin(source)
        if source == call.caller:
            call.received(InterceptedSide.CALLER, datagram)

    def _begin(self, caller: Address) -> _Call:
        self._calls += 1
        interceptor = Interceptor(self._config, self._memory)
        self._call = _Call(self._calls, interceptor, caller, self._send_to_caller, self._tell)
        self._tell(Began(self._calls, caller))
        opening = self._loop.create_task(self._call.open(self._target))
        opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._call

    def _send_to_caller(self, datagram: bytes, caller: Address) -> None:
        if self._callers is not None:
            self._callers.sendto(datagram, caller)

    def _end(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.close()

    def _look(self) -> None:
        """Now and then: is the call over?"""
        if self._call is not None and (self._call.silence > GONE or self._call.said_goodbye):
            self._end()
        self._looking = self._loop.call_later(_LOOK, self._look)


class _Call:
    """One call: its interceptor, its port towards the target, its timer."""

    def __init__(
        self,
        number: int,
        interceptor: Interceptor,
        caller: Address,
        to_caller: Callable[[bytes, Address], None],
        tell: Callable[[WiretapNews], None],
    ) -> None:
        self.caller = caller
        self._number = number
        self._interceptor = interceptor
        self._to_caller = to_caller
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._goodbye_at: float | None = None
        self._waiting: list[bytes] = []
        self._towards_target: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def open(self, target: Address) -> None:
        """Open the port towards the target, and send what waited for it."""
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _WiretapPort(lambda datagram, _: self.received(InterceptedSide.TARGET, datagram)),
            remote_addr=target,
        )
        if self._closed:
            transport.close()
            return
        self._towards_target = transport
        for datagram in self._waiting:
            transport.sendto(datagram)

    @property
    def silence(self) -> float:
        """Seconds since the last packet of the caller."""
        return self._loop.time() - self._heard_at

    @property
    def said_goodbye(self) -> bool:
        """One side left, and the other one had time to hear of it."""
        return self._goodbye_at is not None and self._loop.time() - self._goodbye_at > FAREWELL

    def received(self, side: InterceptedSide, datagram: bytes) -> None:
        if self._closed:
            return
        now = self._loop.time()
        if side is InterceptedSide.CALLER:
            self._heard_at = now
        self._send(self._interceptor.datagram_received(side, datagram, now))
        self._after()

    def close(self) -> None:
        self._send(self._interceptor.close(self._loop.time()))
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._towards_target is not None:
            self._towards_target.close()
        heard = (self._interceptor.heard(InterceptedSide.CALLER), self._interceptor.heard(InterceptedSide.TARGET))
        self._tell(Over(self._number, heard))

    def _after(self) -> None:
        """Tell what happened, and set the timer."""
        for side, event in self._interceptor.events():
            if isinstance(event, SasReady):
                self._tell(KeysAgreed(self._number, side, event.sas))
        if self._interceptor.over and self._goodbye_at is None:
            self._goodbye_at = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
        due = self._interceptor.next_timer()
        self._timer = None if due is None else self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._send(self._interceptor.handle_timer(self._loop.time()))
        self._after()

    def _send(self, datagrams: list[ToSend]) -> None:
        for side, datagram in datagrams:
            if side is InterceptedSide.CALLER:
                self._to_caller(datagram, self.caller)
            elif self._towards_target is not None:
                self._towards_target.sendto(datagram)
            else:
                self._waiting.append(datagram)


class _WiretapPort(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._receive(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there, or not yet: on a call that is no reason to stop."""
