"""Requests that have to be repeated over UDP until they are answered (RFC 3261 section 17.1).

What a phone sends over UDP it repeats by itself, and every copy passes. Nobody else repeats a BYE of our own, or what
came over a connection and leaves in a datagram.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from zrtp.proxy.routing import Via
from zrtp.proxy.signalling import OutgoingMessage
from zrtp.proxy.sip import SipMessage
from zrtp.proxy.surroundings import Clock

T1: Final = 0.5
"""Seconds that a message and its answer may take, by estimate; the first pause."""
T2: Final = 4.0
"""The longest pause, except for INVITE."""
TIMEOUT: Final = 64 * T1
"""Seconds after which nobody waits for an answer any more."""
MOST: Final = 1024
"""Requests that are repeated at the same time; a further one is sent once."""


@dataclass(slots=True)
class _Pending:
    sending: OutgoingMessage
    invites: bool
    pause: float
    ends: float
    timer: Any


class Transactions:
    """Repeats requests. `send` sends, and is called at once for the first copy."""

    def __init__(self, clock: Clock, send: Callable[[OutgoingMessage], None]) -> None:
        self._clock = clock
        self._send = send
        self._pending: dict[tuple[str, str], _Pending] = {}

    def send(self, sending: OutgoingMessage) -> None:
        """Send a message. A request over UDP is repeated until it is answered; nobody answers an ACK."""
        message = sending.message
        if isinstance(message, SipMessage) and message.is_request and message.method != "ACK":
            self._remember(sending, message)
        self._send(sending)

    def note_answer(self, response: SipMessage) -> None:
        """An answer came; it may be one to something else."""
        pending = self._pending.get(_key(response))
        if pending is None:
            return
        if response.status >= 200 or pending.invites:
            self._forget(_key(response))
        else:
            pending.pause = T2

    def close(self) -> None:
        """Nothing is repeated any more."""
        for key in list(self._pending):
            self._forget(key)

    def _remember(self, sending: OutgoingMessage, request: SipMessage) -> None:
        key = _key(request)
        self._forget(key)
        if len(self._pending) < MOST and _top(request).transport == "UDP":
            now = self._clock.time()
            timer = self._clock.call_at(now + T1, lambda: self._again(key))
            self._pending[key] = _Pending(sending, request.method == "INVITE", T1, now + TIMEOUT, timer)

    def _again(self, key: tuple[str, str]) -> None:
        pending, now = self._pending[key], self._clock.time()
        if now >= pending.ends:
            del self._pending[key]
            return
        pending.pause = 2 * pending.pause if pending.invites else min(2 * pending.pause, T2)
        pending.timer = self._clock.call_at(min(now + pending.pause, pending.ends), lambda: self._again(key))
        self._send(pending.sending)

    def _forget(self, key: tuple[str, str]) -> None:
        pending = self._pending.pop(key, None)
        if pending is not None:
            pending.timer.cancel()


def _key(message: SipMessage) -> tuple[str, str]:
    """What an answer has in common with its request: branch and method (RFC 3261 section 17.1.3)."""
    return _top(message).parameter("branch") or "", message.method


def _top(message: SipMessage) -> Via:
    return Via.parse((message.values("via") or [""])[0]) or Via("", "", None, "")
