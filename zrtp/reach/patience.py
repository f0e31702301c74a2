"""ICE for two people who are not there at the same moment: what `aioice` needs besides what it does.

Seven things are missing in aioice 0.13 (`aioice/ice.py`, read and measured between two home routers):

* A check that comes in begins ours anew only if ours is frozen, waiting or failed. RFC 8445 section 7.3.1.4 wants
  it for one in progress as well. Without, the side that was there first waits for its next retransmission: 0.5 s if
  both are there at once, up to 32 s if the other one is late. Here: `check_incoming`.
* A check ends after seven tries, 63.5 s, and is never made again by itself; a line pasted later than that ends in no
  call at all. RFC 8863 wants patience. Here: every unfinished check begins anew every 3 s, which also keeps the
  router open for the other side's first check; and the end of candidates is never signalled, so that nothing fails
  for good.
* Nothing keeps the binding of a router alive between gathering and connecting. Here: a request to the STUN server
  every 15 s.
* When the router of the controlling side forgets its port in mid-call, the controlled side learns the new one but goes
  on sending to the old one: a consent check nominates nothing. Here it does, so that the controlled side follows
  (and both settle on one pair, which they do not always by aggressive nomination). Here: `build_request`.
* Consent checks come every four to six seconds, so long one direction is lost when a router forgets. Here: whoever
  hears nothing for 1.5 s asks at once.
* A relay's channel is bound anew every 500 s, but the permission that comes with it lasts 300 s (RFC 8656 section 9).
  coturn does not mind, others may. Here: every 240 s.
* A STUN attribute of a wrong length raises struct.error out of the receiving function, and received data goes into
  a queue without bound that nobody reads before the call. Here: what cannot be parsed is dropped, data goes to
  a function at once or is dropped.

`PRIVATE_NAMES` are the names of aioice that this uses although nobody promised them: the version is pinned below the
next minor one, in which one of them may be gone or have another meaning.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import aioice
from aioice import ice, stun, turn

from zrtp.reach.description import MOST_CANDIDATES

_log = logging.getLogger(__name__)

PRIVATE_NAMES: Final = {
    "Connection": (
        "_check_list",
        "_check_list_done",
        "_nominated",
        "_protocols",
        "build_request",
        "check_incoming",
        "check_start_task",
        "check_state",
        "data_received",
        "get_component_candidates",
        "request_received",
    ),
    "CandidatePair": ("local_candidate", "protocol", "remote_addr", "remote_candidate", "state", "task"),
    "StunProtocol": ("local_candidate", "send_stun", "transport"),
}
"""Class of `aioice.ice` -> names that are not part of its documented interface."""

AGAIN: Final = 3.0
"""Seconds until unfinished checks begin anew."""
KEEP: Final = 15.0
"""Seconds between two requests that keep a router's binding; routers forget UDP after 30 s at the earliest."""
TOO_SOON: Final = 0.1
"""Seconds between two beginnings that incoming checks cause: time for the answer to the last one."""
MOST_PAIRS: Final = 100
"""Pairs of addresses (RFC 8445 section 6.1.2.5): a peer that calls from ever new ports does not fill our memory."""
SILENCE: Final = 1.5
"""Seconds without data after which the other side is asked, and so learns where we are now; then as often again."""
CHANNEL: Final = 240
"""Seconds after which a relay's channel is bound anew, well before its permission ends."""
GATHERING: Final = 2
"""Seconds that a STUN or TURN server may take: time for three packets each way."""

Pair = ice.CandidatePair


class PatientConnection(aioice.Connection):
    """An aioice connection with one component that does not give up, and hands data to `receiver`."""

    def __init__(self, *, addresses: list[str] | None, **options: Any) -> None:
        make_strict()
        super().__init__(**options)
        self.receiver: Callable[[bytes], None] | None = None
        """Is given each datagram that is not STUN; without it they are dropped."""
        self._own_addresses = addresses
        self._begun: dict[Pair, float] = {}
        self._heard_at = 0.0
        self._patience: list[asyncio.Task[None]] = []

    async def gather_candidates(self) -> None:
        """As in aioice; from now on the bindings are kept."""
        await super().gather_candidates()
        self._patience.append(asyncio.create_task(self._keep_bindings()))

    async def connect(self) -> None:
        """As in aioice, but patient: it returns when there is a way, and otherwise goes on until it is cancelled."""
        again = asyncio.create_task(self._check_again())
        try:
            await super().connect()
        finally:
            again.cancel()
            self._stop_patience()
        self._patience.append(asyncio.create_task(self._ask_in_silence()))

    async def close(self) -> None:
        """As in aioice."""
        self._stop_patience()
        self.receiver = None
        await super().close()

    def send_now(self, octets: bytes) -> None:
        """Send at once, without a queue; dropped if there is no way at the moment."""
        pair = self._nominated.get(1)
        if pair is not None:  # none from the moment on at which the connection is closed
            pair.protocol.transport.sendto(octets, pair.remote_addr)

    @property
    def way(self) -> Pair | None:
        """The pair that is used."""
        return self._nominated.get(1)

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = GATHERING
    ) -> list[aioice.Candidate]:
        """As in aioice, at addresses that are worth showing, and without its five seconds for a silent server."""
        if self._own_addresses is not None and addresses:
            addresses = self._own_addresses
        return await super().get_component_candidates(component, worth_showing(addresses), min(timeout, GATHERING))

    def data_received(self, data: bytes, component: int) -> None:
        """No queue: what comes before somebody listens is lost, as it would be in any network."""
        self._heard_at = self._now()
        if self.receiver is not None:
            self.receiver(data)

    def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: ice.StunProtocol) -> None:
        """A request that aioice cannot digest is dropped instead of raising out of the receiving function."""
        try:
            super().request_received(message, addr, protocol)
        except Exception:
            _log.debug("a STUN request of %s was dropped", addr, exc_info=True)

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: ice.StunProtocol) -> None:
        """RFC 8445 section 7.3.1.4, also for a check that is in progress."""
        for pair in self._check_list:
            if pair.protocol is protocol and pair.remote_addr == addr and pair.state is Pair.State.IN_PROGRESS:
                since = self._now() - self._begun.get(pair, 0.0)
                if since > TOO_SOON:
                    self._begin_anew(pair)
                else:
                    asyncio.get_running_loop().call_later(TOO_SOON - since, self._begin_unanswered, pair)
        if len(self._check_list) < MOST_PAIRS:
            super().check_incoming(message, addr, protocol)

    def check_start_task(self, pair: Pair) -> None:
        """As in aioice; what an odd answer raises in the task ends that check and nothing else."""
        super().check_start_task(pair)
        if pair.task is not None:
            pair.task.add_done_callback(_note_failure)

    def build_request(self, pair: Pair, nominate: bool) -> stun.Message:
        """As in aioice; a check of the pair that the controlling side uses says so."""
        return super().build_request(pair, nominate or (self.ice_controlling and pair is self.way))

    def _stop_patience(self) -> None:
        while self._patience:
            self._patience.pop().cancel()

    async def _check_again(self) -> None:
        while not self._check_list_done:
            await asyncio.sleep(AGAIN)
            for pair in list(self._check_list):
                if pair.state in (Pair.State.FAILED, Pair.State.IN_PROGRESS) and not self._check_list_done:
                    self._begin_anew(pair)
                    self.check_start_task(pair)

    def _begin_unanswered(self, pair: Pair) -> None:
        if pair.state is Pair.State.IN_PROGRESS and not self._check_list_done:
            self._begin_anew(pair)
            self.check_start_task(pair)

    def _begin_anew(self, pair: Pair) -> None:
        if pair.task is not None:
            pair.task.cancel()
            pair.task = None
        self._begun[pair] = self._now()
        self.check_state(pair, Pair.State.WAITING)

    async def _keep_bindings(self) -> None:
        if self.stun_server is None:
            return
        with suppress(OSError):
            (*_, server), *_ = await asyncio.get_running_loop().getaddrinfo(*self.stun_server, family=socket.AF_INET)
            while True:
                await asyncio.sleep(KEEP)
                for protocol in self._protocols:
                    candidate = protocol.local_candidate
                    if candidate.type == "host" and ipaddress.ip_address(candidate.host).version == 4:
                        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
                        protocol.send_stun(request, (str(server[0]), int(server[1])))

    async def _ask_in_silence(self) -> None:
        """One more consent check without waiting for the answer, which aioice's own ones look after."""
        self._heard_at = self._now()
        while True:
            await asyncio.sleep(max(SILENCE / 2, SILENCE - (self._now() - self._heard_at)))
            pair = self.way
            if pair is not None and self.remote_password is not None and self._now() - self._heard_at >= SILENCE:
                request = self.build_request(pair, nominate=False)
                request.add_message_integrity(self.remote_password.encode())
                pair.protocol.send_stun(request, pair.remote_addr)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def worth_showing(addresses: list[str]) -> list[str]:
    """The addresses under which another computer may reach this one, at most eight, without order changed.

    Left out are link-local ones and private IPv6 ones where there is a public one: they only make the line longer.
    """
    parsed = {text: ipaddress.ip_address(text.partition("%")[0]) for text in addresses}
    public_v6 = any(address.version == 6 and address.is_global for address in parsed.values())
    shown = [
        text
        for text, address in parsed.items()
        if not (address.is_link_local or address.is_unspecified)
        and not (address.version == 6 and address.is_private and not address.is_loopback and public_v6)
    ]
    return shown[:MOST_CANDIDATES]


def make_strict() -> None:
    """Make aioice's parser say ValueError, which its callers expect, where it says struct.error, and its relays'
    channels be bound in time. Done once."""
    if stun.parse_message is not _parse_message:
        stun.parse_message = _parse_message
        turn.create_turn_endpoint = partial(turn.create_turn_endpoint, channel_refresh_time=CHANNEL)


def _parse_message(data: bytes) -> stun.Message:
    try:
        return _aioice_parse_message(data)
    except struct.error as error:
        raise ValueError("a STUN attribute has a wrong length") from error


def _note_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.debug("a connectivity check was given up: %r", task.exception())


_aioice_parse_message: Final = stun.parse_message
