"""Which of the upstream's addresses a message goes to (RFC 3263 sections 4.3 and 5).

A new request goes to the first address that is known to be good, and what belongs to it follows: copies, the same
request with credentials, and everything within its dialog. An address is given up for the next one when requests come
again and again and nothing is heard from there, or when it says that it is out of service; and tried again later.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from zrtp.media.addresses import Address
from zrtp.proxy.sip import SipMessage
from zrtp.proxy.upstream import Located

UNANSWERED: Final = 3.0
"""Seconds after which another copy of a request goes to the next address: the third one of a phone (RFC 3261, T1)."""
TOGETHER: Final = 32.0
"""Seconds in which a request outside a dialog belongs to the one before it with the same Call-ID (64 * T1)."""
AGAIN_AFTER: Final = 300.0
"""Seconds for which an address that was given up comes after all others."""
SERVICE_UNAVAILABLE: Final = 503
MOST: Final = 1024
"""Dialogs and requests whose address is remembered."""
MOST_HOSTS: Final = 64
"""Hosts that are heard, since they are, or were, the server's."""


@dataclass(slots=True)
class _Way:
    """Where the messages of one Call-ID go."""

    address: Address
    used: float


class UpstreamServers:
    """The addresses of one upstream server."""

    def __init__(self, located: Located) -> None:
        self._addresses: list[Address] = []
        self._given_up: dict[Address, float] = {}  # and when
        self._ways: OrderedDict[str, _Way] = OrderedDict()
        self._asked: OrderedDict[tuple[str, int, str], float] = OrderedDict()
        self._heard: dict[str, float] = {}
        self._hosts: OrderedDict[str, None] = OrderedDict()
        self.failed = False
        """An address was given up since the last `take_addresses`: it is time to look the server up again."""
        self.take_addresses(located, 0.0)

    @property
    def first(self) -> Address:
        """Where a new request goes."""
        return self._addresses[0]

    def take_addresses(self, located: Located, now: float) -> None:
        """The server was looked up again; what goes on stays where it is."""
        self._given_up = {address: when for address, when in self._given_up.items() if now - when < AGAIN_AFTER}
        self._addresses = sorted(located.addresses, key=lambda address: self._given_up.get(address, 0.0))
        self.failed = False
        for host, _ in self._addresses:
            self._hosts[host] = None
            self._hosts.move_to_end(host)
        while len(self._hosts) > MOST_HOSTS:
            self._hosts.popitem(last=False)

    def address(self, message: SipMessage | bytes, now: float) -> Address:
        """Where to send it."""
        if isinstance(message, bytes):
            return self.first
        way = self._way(message, now)
        if self._note_request(message, way.address, now):
            self._give_up(way.address, now)
            way.address = self.first
        way.used = now
        return way.address

    def knows(self, host: str) -> bool:
        """Whether that host is the server, or was it."""
        return host in self._hosts

    def note_heard(self, host: str, now: float) -> None:
        """Something came from there."""
        self._heard[host] = now

    def note_answer(self, response: SipMessage, now: float) -> None:
        """A server that is out of service gets no new requests for now (RFC 3263 section 4.3)."""
        way = self._ways.get(response.call_id)
        if response.status == SERVICE_UNAVAILABLE and way is not None:
            self._give_up(way.address, now)
            del self._ways[response.call_id]

    def _way(self, message: SipMessage, now: float) -> _Way:
        way = self._ways.get(message.call_id)
        if way is None or (not message.tag("to") and now - way.used > TOGETHER):
            way = self._ways[message.call_id] = _Way(self.first, now)
        self._ways.move_to_end(message.call_id)
        if len(self._ways) > MOST:
            self._ways.popitem(last=False)
        return way

    def _note_request(self, message: SipMessage, address: Address, now: float) -> bool:
        """A message goes there; whether it is a late copy of a request, and nothing came since the first one."""
        if not message.is_request or message.method == "ACK":
            return False
        key = (message.call_id, *message.cseq)
        first = self._asked.setdefault(key, now)
        if len(self._asked) > MOST:
            self._asked.popitem(last=False)
        if now - first < UNANSWERED or self._heard.get(address[0], first - 1) >= first:
            return False
        self._asked[key] = now
        return True

    def _give_up(self, address: Address, now: float) -> None:
        """The next one is first from now on; this one gets its turn when all others were tried."""
        self.failed = True
        self._given_up[address] = now
        if address in self._addresses:
            self._addresses.remove(address)
            self._addresses.append(address)
