"""Error, ErrorACK, silence, and closing (RFC 6189 sections 4.7, 5.9, 5.10, 6).

An Error is not authenticated: anybody can send one. It is acknowledged, and during an exchange it takes effect only if
no valid next message follows within a second. Once secure it has no effect. It never answers an Error, never touches
the cache, and never opens the gate for clear media.

We send one only about an exchange with a pinned peer, on T2 until ErrorACK or exhaustion, and to refuse a Hello.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zrtp.errors import ErrorCode, describe
from zrtp.protocol import limits
from zrtp.protocol.states import State
from zrtp.wire.messages import Error, ErrorACK

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream


def on_error(stream: Stream, error: Error, now: float) -> State:
    """Arrives from: every state of an exchange. Goes to: the same, or FAILED a second later. Sends: ErrorACK."""
    stream.acknowledge_error(now)
    if stream.error_grace_until is None:
        stream.peer_error = error.code
        stream.error_grace_until = now + limits.ERROR_GRACE * stream.endpoint.config.timer_scale
    return stream.state


def on_error_without_effect(stream: Stream, error: Error, now: float) -> State:
    """Arrives from: every state without a running exchange. Goes to: the same. Sends: ErrorACK."""
    stream.acknowledge_error(now)
    stream.counters["Error without effect"] += 1
    return stream.state


def on_grace_over(stream: Stream, _: None, now: float) -> State:
    """Arrives from: every state of an exchange. Goes to: FAILED. The peer's Error was not overridden."""
    code = stream.peer_error or 0
    stream.fail(
        code,
        f"The other side ended the key agreement: {describe(code)}. (Error messages are not authenticated.)",
        now,
        tell_peer=False,
        by_peer=True,
    )
    return State.FAILED


def on_error_ack(stream: Stream, _: ErrorACK, now: float) -> State:
    """Arrives from: FAILED. Goes to: FAILED. Our Error got through."""
    stream.stop_repeating()
    return State.FAILED


def on_silence(stream: Stream, _: None, now: float) -> State:
    """Arrives from: every state of an exchange, when retransmission or the responder's patience ends. Goes to:
    FAILED. Sends: Error, because the peer may hear us although we do not hear it.
    """
    exchange = stream.exchange
    if exchange is not None and exchange.confirm_refused:
        stream.fail(
            ErrorCode.CONFIRM_MAC,
            "The peer's Confirm did not verify: the two sides hold different keys, or somebody interferes. "
            "Call again; if it happens again, do not trust this connection.",
            now,
            tell_peer=True,
        )
    elif exchange is not None and exchange.disturbed:
        stream.fail(
            ErrorCode.PROTOCOL_TIMEOUT,
            "The key agreement did not finish, and messages of somebody else came in between: this call is being "
            "disturbed. Call again.",
            now,
            tell_peer=True,
        )
    else:
        stream.fail(
            ErrorCode.PROTOCOL_TIMEOUT,
            "The other side stopped answering during the key agreement. Call again.",
            now,
            tell_peer=True,
        )
    return State.FAILED


def on_error_exhausted(stream: Stream, _: None, now: float) -> State:
    """Arrives from: FAILED, SECURE. Goes to: the same. Several peers never acknowledge."""
    return stream.state


def on_close(stream: Stream, _: None, now: float) -> State:
    """Arrives from: every state. Goes to: CLOSED. Sends: nothing."""
    return stream.closed()
