"""Error, ErrorACK, silence, refusals, and closing (RFC 6189 sections 4.7, 5.9, 5.10, 6).

An Error is not authenticated: anybody can send one. It is acknowledged, and during an exchange it takes effect only if
no valid next message follows within a second. Once secure it has no effect. It never draws another Error, touches
the cache, or opens the gate for clear media.

We repeat one, on T2 until ErrorACK or exhaustion, only when an exchange failed whose other side had proved something. A
candidate is told of its fault once a second at most, and only while nobody else is there. A Hello that cannot be the
peer's is refused with one.
"""

from __future__ import annotations

from zrtp.errors import ErrorCode, describe
from zrtp.protocol import aside, limits, transmission
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import Closed, Failed, NoPeer, Sending, WarningCode
from zrtp.protocol.exchange import Refusal, present
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import T2
from zrtp.wire.messages import ERROR_ACK, Error, ErrorACK

DISTURBED = "Messages of somebody else came in between: this call is being disturbed. Call again."


def on_error(core: Core, received: Received[Error]) -> State:
    """Arrives from: every state of an exchange. Goes to: the same. FAILED follows a second later. Sends: ErrorACK."""
    transmission.answer_limited(core, ERROR_ACK, received.at)
    _tell_at_once(core, received)
    if Trigger.ERROR_GRACE_OVER not in core.deadlines:
        core.peer_error = received.message.code
        core.deadlines[Trigger.ERROR_GRACE_OVER] = core.later(received.at, limits.ERROR_GRACE)
    return core.state


def on_error_without_effect(core: Core, received: Received[Error]) -> State:
    """Arrives from: SECURE, GOCLEAR_SENT, CLEAR_PENDING, CLEAR, FAILED. Goes to: the same. Sends: ErrorACK."""
    transmission.answer_limited(core, ERROR_ACK, received.at)
    core.counters["Error without effect"] += 1
    return core.state


def on_error_in_discovery(core: Core, received: Received[Error]) -> State:
    """Arrives from: every state of discovery, QUIET. Goes to: the same. Sends: ErrorACK. What a likely peer says is
    told, and remembered for the case that nothing else comes; so is what somebody says whose Hello did not count, or
    did not come, as long as nobody is likelier.
    """
    if core.knows(received.ssrc):
        _tell_at_once(core, received)
    elif not core.candidates:
        core.past.said_by_nobody = describe(received.message.code)
    return on_error_without_effect(core, received)


def _tell_at_once(core: Core, received: Received[Error]) -> None:
    core.past.said = describe(received.message.code)
    core.warn(
        WarningCode.PEER_ERROR,
        f"The other side, or somebody else, says: {core.past.said}. That is not proved; the key agreement goes on.",
        received.at,
    )


def on_grace_over(core: Core, due: Received[None]) -> State:
    """Arrives from: every state of an exchange. Goes to: FAILED; QUIET if the other side has proved nothing;
    COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an exchange beside it goes on. The peer's Error was not
    overridden.
    """
    code, exchange = core.peer_error or 0, present(core.exchange)
    if not exchange.proved:
        core.call.note_failed_exchange(exchange)
        core.past.ended_by_error = (*core.past.ended_by_error, exchange.peer.hello.h3)[-limits.CANDIDATES :]
        return _candidate_is_gone(core, "Whoever took part in the key agreement ended it; this call is not encrypted.")
    return fail(
        core,
        code,
        f"The other side ended the key agreement: {describe(code)}. (Error messages are not authenticated.)",
        due.at,
        tell_peer=False,
        by_peer=True,
    )


def on_error_ack_in_exchange(core: Core, received: Received[ErrorACK]) -> State:
    """Arrives from: every state of an exchange. Goes to: the same. If we complained about a message, its sender may
    have given up, as libzrtp does without another word. Anybody can send this.
    """
    if core.last_error_sent is None:
        core.counters["no Error was sent"] += 1
    else:
        core.warn(
            WarningCode.PEER_ERROR,
            "The other side, or somebody else, heard that one of its messages could not be read, and may have given "
            "up. That is not proved; the key agreement goes on.",
            received.at,
        )
    return core.state


def on_error_ack(core: Core, received: Received[ErrorACK]) -> State:
    """Arrives from: FAILED. Goes to: FAILED. Our Error got through."""
    transmission.stop_repeating(core)
    return State.FAILED


def on_silence_of_candidate(core: Core, due: Received[None]) -> State:
    """Arrives from: COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, when retransmission or the responder's patience ends.
    Goes to: QUIET; COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an exchange beside it goes on. Sends:
    perhaps Error.

    Nobody has proved to be there: a DHPart1 and what follows can be sent by anybody who knows address and port.
    """
    exchange = present(core.exchange)
    code = ErrorCode.PROTOCOL_TIMEOUT
    text = "The key agreement was begun and not completed; this call is not encrypted."
    if exchange.refusal is not None:
        code, text = exchange.refusal.code, f"{text} {exchange.refusal.text}"
    elif exchange.disturbed:
        text += f" {DISTURBED}"
    if not core.aside:
        transmission.complain_to_candidate(core, code, due.at)
    return _candidate_is_gone(core, text)


def on_silence(core: Core, due: Received[None]) -> State:
    """Arrives from: CONFIRM1_SENT, CONFIRM2_SENT, when retransmission or the responder's patience ends. Goes to:
    FAILED; QUIET if the other side has proved nothing; COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an
    exchange beside it goes on. Sends: Error, because the peer may hear us although we do not hear it.
    """
    exchange = present(core.exchange)
    if not exchange.proved:
        core.call.note_failed_exchange(exchange)
        return on_silence_of_candidate(core, due)
    code, text = ErrorCode.PROTOCOL_TIMEOUT, "The other side stopped answering during the key agreement. Call again."
    if exchange.refusal is not None:
        code, text = exchange.refusal.code, exchange.refusal.text
    elif exchange.disturbed:
        text = f"The key agreement did not finish. {DISTURBED}"
    return fail(core, code, core.with_what_was_said(text), due.at, tell_peer=True)


def _candidate_is_gone(core: Core, text: str) -> State:
    """An exchange ends whose other side may have been anybody: a late Hello or Commit starts everything again."""
    if core.aside:
        return aside.leave(core, core.state)
    return _as_if_nobody_came(core, text)


def _as_if_nobody_came(core: Core, text: str) -> State:
    aside.leave(core, State.QUIET)
    transmission.stop_repeating(core)
    core.past.new_chains = 0
    core.hello_acknowledged, core.acknowledged_by = False, None
    core.emit(NoPeer(ssrc=core.ssrc, text=core.with_what_was_said(text)))
    return State.QUIET


def on_refused(core: Core, refusal: Received[Refusal]) -> State:
    """Arrives from: every started state but SECURE and GOCLEAR_SENT and FAILED, when a check fails in a way that only a
    wrong peer, or an attack, explains; or when randomness or a library of ours fails. Goes to: FAILED; COMMIT_SENT,
    DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an exchange beside it goes on. Sends: Error.
    """
    return fail(core, refusal.message.code, refusal.message.text, refusal.at, tell_peer=True)


def on_crowded_out(core: Core, due: Received[None]) -> State:
    """Arrives from: every state of an exchange, when too many strangers begin one at once. Goes to: the same if its
    own is not the one that makes room; QUIET; COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an exchange
    beside it goes on.
    """
    for exchange in core.exchanges():
        if not exchange.crowded_out:
            continue
        if not core.aside:
            return _as_if_nobody_came(
                core,
                "Too many calls are being set up at once, and whoever began this one did not go on; this call is not "
                "encrypted.",
            )
        aside.give_up(core, exchange)
    return core.state


def on_error_exhausted(core: Core, due: Received[None]) -> State:
    """Arrives from: FAILED, SECURE. Goes to: the same. Several peers never acknowledge."""
    return core.state


def on_close(core: Core, due: Received[None]) -> State:
    """Arrives from: IDLE, every started state. Goes to: CLOSED. Sends: nothing. Without keys nothing may be sent on a
    stream that was secure.
    """
    aside.give_up_others(core)
    core.release()
    if core.sending is Sending.SRTP:
        core.set_sending(Sending.BLOCKED)
    core.note_progress()
    core.candidates.clear()
    core.past.others = ()
    core.outbox.clear()
    core.emit(Closed(ssrc=core.ssrc))
    return State.CLOSED


def fail(core: Core, code: int, text: str, now: float, *, tell_peer: bool, by_peer: bool = False) -> State:
    """End the exchange without keys: event, secrets wiped, clear media stays blocked, the cache untouched.

    If others run beside it, only this one ends, and nobody hears of it.
    """
    if core.aside:
        return aside.leave(core, State.FAILED)
    if core.exchange is not None:
        core.past.open_to_others = not core.exchange.proved
    name = ErrorCode(code).name if code in ErrorCode._value2member_map_ else "OTHER"
    core.log_failure(text)
    if core.exchange is not None:
        core.call.note_failed_exchange(core.exchange)
    core.release()
    core.note_progress()
    transmission.stop_repeating(core)
    core.set_sending(Sending.BLOCKED)
    if tell_peer:
        transmission.send_repeatedly(core, Error.make(code=code), T2, now)
    core.emit(Failed(ssrc=core.ssrc, code=code, name=name, by_peer=by_peer, text=text))
    return State.FAILED
