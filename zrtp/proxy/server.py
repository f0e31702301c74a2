"""The SIP proxy as a whole: sockets, signalling, calls and media ports put together in one event loop."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from zrtp.media.addresses import Address
from zrtp.media.aio import Path
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.call import ProxiedCall
from zrtp.proxy.calls import ProxiedCalls
from zrtp.proxy.leg import Leg
from zrtp.proxy.names import Names
from zrtp.proxy.news import ProxyNotice, Tell
from zrtp.proxy.policy import Policy
from zrtp.proxy.relay import Threads, UdpLine
from zrtp.proxy.routing import FlowTokens, Hop
from zrtp.proxy.signalling import OutgoingMessage, ProxySide, Signalling
from zrtp.proxy.sip import SipMessage, answer
from zrtp.proxy.surroundings import MediaPorts, Surroundings
from zrtp.proxy.transactions import Transactions
from zrtp.proxy.transport import NetworkSide, PhoneSide, StreamNetworkSide, UdpNetworkSide
from zrtp.proxy.upstream import Located, Upstream, locate
from zrtp.system import RandomSource, system_random

DISCONNECTED: Final = "The connection to the server broke; trying again. Until then the phone cannot call."
CONNECTED: Final = "The connection to the server is there again."

_SECRET_OCTETS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """What the person chose."""

    listen: Address
    """Where the phone finds us, in numbers; port 0 stands for any free one."""
    upstream: Upstream
    policy: Policy
    bind: Address | None = None
    """Our address towards the network; by default the one from which the server is reached."""
    ca: FilePath | None = None
    """Certificates of authorities to trust instead of the system's."""
    path: Path | None = None
    """A worse network than there is, for media."""


class SipProxy:
    """Made, opened, and closed in one event loop."""

    def __init__(
        self,
        options: ProxyOptions,
        endpoint: Endpoint,
        tell: Tell,
        *,
        random: RandomSource = system_random,
    ) -> None:
        self._options = options
        self._endpoint = endpoint
        self._names = Names.of(endpoint.cache)
        self._tell = tell
        self._random = random
        self._flows = FlowTokens(random(_SECRET_OCTETS))
        self._phone_side = PhoneSide(self._from_phone, self._flows.forget)
        self._network_side: NetworkSide | None = None
        self._signalling: Signalling | None = None
        self._calls: ProxiedCalls | None = None
        self._transactions: Transactions | None = None
        self._threads = Threads()
        self._hosts = ("", "")  # ours, towards the phone and towards the network

    async def open(self) -> tuple[Hop, Hop]:
        """Open everything; returns our addresses towards the phone and towards the network.

        Raises OSError, and what `locate` raises.
        """
        options = self._options
        network = await self._open_network_side(await self._find())
        try:
            phone = await self._phone_side.open(*options.listen)
        except OSError:
            await network.close()
            raise
        self._network_side = network
        self._hosts = phone.host, network.hop.host
        around = Surroundings(
            policy=options.policy,
            phone_host=phone.host,
            network_host=network.hop.host,
            make_leg=self._make_leg,
            open_line=self._open_line,
            clock=asyncio.get_running_loop(),
            tell=self._tell,
            run=self._threads,
        )
        self._calls = ProxiedCalls(around)
        self._calls.hang_up = self._hang_up
        self._transactions = Transactions(around.clock, self._send)
        self._signalling = Signalling(
            phone_side=phone,
            network_side=lambda: network.hop,
            calls=self._calls,
            flows=self._flows,
            tell=self._tell,
            answered=self._note_answer,
        )
        return phone, network.hop

    @property
    def calls(self) -> ProxiedCalls:
        """The calls, once the proxy is open."""
        assert self._calls is not None, "the proxy is open"  # noqa: S101
        return self._calls

    async def close(self) -> None:
        """End all calls and close all ports."""
        if self._calls is not None:
            self._calls.close()
        if self._transactions is not None:
            self._transactions.close()
        await self._threads.finish()
        await self._phone_side.close()
        if self._network_side is not None:
            await self._network_side.close()

    async def _find(self) -> Located:
        return await locate(self._options.upstream, random=self._random)

    async def _open_network_side(self, located: Located) -> NetworkSide:
        options = self._options
        if options.upstream.transport == "UDP":
            datagrams = UdpNetworkSide(located, self._find, self._from_network)
            await datagrams.open(options.bind)
            return datagrams
        tls = None
        if options.upstream.transport == "TLS":
            tls = await asyncio.to_thread(ssl.create_default_context, cafile=options.ca)
        stream = StreamNetworkSide(
            located,
            self._find,
            self._from_network,
            tls=tls,
            name=options.upstream.host,
            changed=self._connection_changed,
        )
        await stream.open(options.bind)
        return stream

    def _connection_changed(self, connected: bool) -> None:
        self._tell(ProxyNotice(text=CONNECTED if connected else DISCONNECTED, loud=not connected))

    def _from_phone(self, received: SipMessage | bytes, source: Hop) -> None:
        signalling, network = self._signalling, self._network_side
        if signalling is None or network is None:
            return
        if not network.ready and isinstance(received, SipMessage) and received.is_request and received.method != "ACK":
            self._phone_side.send(answer(received, 503, "Service Unavailable"), source)
            return
        self._pass_on(signalling.from_phone(received, source), source)

    def _from_network(self, received: SipMessage | bytes, source: Hop) -> None:
        if self._signalling is not None:
            self._pass_on(self._signalling.from_network(received, source), source)

    def _pass_on(self, sendings: list[OutgoingMessage], source: Hop) -> None:
        """Whoever sent a request over UDP repeats it; what came over a connection comes once."""
        for sending in sendings:
            if source.transport == "UDP" or self._transactions is None:
                self._send(sending)
            else:
                self._transactions.send(sending)

    def _hang_up(self, *call: Any) -> None:
        if self._signalling is not None and self._transactions is not None:
            for bye in self._signalling.hang_up(*call):
                self._transactions.send(bye)

    def _note_answer(self, response: SipMessage, side: ProxySide) -> None:
        if self._transactions is not None:
            self._transactions.note_answer(response)
        if self._network_side is not None and side is ProxySide.NETWORK:
            self._network_side.note_answer(response)

    def _send(self, sending: OutgoingMessage) -> None:
        if sending.side is ProxySide.NETWORK and self._network_side is not None:
            self._network_side.send(sending.message, sending.to)
        elif sending.side is ProxySide.PHONE and sending.to is not None:
            self._phone_side.send(sending.message, sending.to)

    def _make_leg(self, peer: str) -> Leg:
        best_effort = self._options.policy is Policy.BEST_EFFORT
        return Leg(self._endpoint, peer, best_effort=best_effort, names=self._names, random=self._random)

    def _open_line(self, call: ProxiedCall, index: int) -> MediaPorts:
        return UdpLine(
            *self._hosts,
            from_phone=lambda packet, source, rtcp: call.take_from_phone(index, packet, source),
            from_network=lambda packet, source, rtcp: call.take_from_network(index, packet, source, rtcp=rtcp),
            path=self._options.path,
        )
