"""GoClear and ClearACK (RFC 6189 sections 4.7.2, 5.11, 5.12): from SRTP back to RTP, and secure again.

One authenticated GoClear ends SRTP on every stream of the call (in the dialect of libzrtp on its own): the keys are
wiped, and ZRTPSess is replaced by a one-way function of itself, once for each GoClear. Nothing is sent in clear before
the local user agrees. Going secure again takes a Multistream Commit under the new ZRTPSess; Hello and hash chain stay.

GoClears that cross count as one, in whatever order they arrive and whichever gets lost: whoever hears the other's
withdraws its own. Both ends then hold the same ZRTPSess although neither knows what the other received.

A GoClear is accepted only if our Confirm allowed it (A flag), which is off by default. A forged one changes nothing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.errors import ApiMisuse, ErrorCode
from zrtp.protocol import aside, compatibility, limits, transmission
from zrtp.protocol.call import Call
from zrtp.protocol.config import ClearDialect
from zrtp.protocol.core import Core, LateGoClear, Received
from zrtp.protocol.events import ClearRequested, Role, Sending, WarningCode, WentClear
from zrtp.protocol.exchange import Exchange, present
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import CLEAR_KEEPALIVE, T2
from zrtp.secret import Secret
from zrtp.wire.messages import CLEAR_ACK, ClearACK, Error, GoClear


@dataclass(frozen=True, slots=True)
class GoClearVerified:
    """Evidence that whoever holds the key asked for it; made by `_verify`."""

    message: GoClear


@dataclass(frozen=True, slots=True)
class ClearAllowed:
    """Evidence that both sides said in their Confirms that a GoClear is accepted; made by `_allowed`."""

    goclear: GoClearVerified


def clear_mac(hash_: HashAlgorithm, mackey: Secret, dialect: ClearDialect) -> bytes:
    """clear_mac = MAC(mackey of the sender's role, "GoClear "), leftmost 64 bits."""
    return hash_.mac(mackey.octets, compatibility.goclear_covered(dialect))[:8]


# Our user switches encryption off.


def streams_to_clear(streams: list[Core]) -> list[Core]:
    """On which our GoClear goes out: the first secure stream of a call, or each where one ends only its own.

    Raises:
        ApiMisuse: nothing is secure, or the peer's Confirm does not allow it.
    """
    secure = [core for core in streams if core.state is State.SECURE]
    if not secure:
        raise ApiMisuse("No stream is secure, so that there is nothing to switch off.")
    peer = present(secure[0].call.peer_plain)
    if not peer.allow_clear or peer.enrolment:
        raise ApiMisuse("The other side does not accept GoClear (its A flag is not set); end the call instead.")
    return secure[:1] if _ends_every_stream(secure[0]) else secure


def _ends_every_stream(core: Core) -> bool:
    return compatibility.goclear_ends_every_stream(core.installation.config.clear_dialect)


def _tell_others(core: Core, trigger: Trigger) -> None:
    """What a GoClear on this stream means for the others."""
    if _ends_every_stream(core):
        core.call.tell_others(core, trigger)


def on_go_clear(core: Core, decision: Received[None]) -> State:
    """Arrives from: SECURE, when our user switches encryption off. Goes to: GOCLEAR_SENT. Sends: GoClear on T2."""
    exchange = present(core.exchange)
    mackey = exchange.keys.mackey(exchange.role)
    message = GoClear.make(clear_mac=clear_mac(exchange.hash, mackey, core.installation.config.clear_dialect))
    core.set_sending(Sending.BLOCKED)
    _tell_others(core, Trigger.GOING_CLEAR)
    transmission.send_repeatedly(core, message, T2, decision.at)
    return State.GOCLEAR_SENT


def on_going_clear(core: Core, decision: Received[None]) -> State:
    """Arrives from: SECURE, when our GoClear goes out on another stream. Goes to: the same. Nothing more is sent."""
    core.set_sending(Sending.BLOCKED)
    return State.SECURE


def on_going_clear_in_exchange(core: Core, decision: Received[None]) -> State:
    """Arrives from: every state of an exchange, when our GoClear goes out on another stream. Goes to: CLEAR_PENDING.
    It must not become secure any more.
    """
    core.set_sending(Sending.BLOCKED)
    aside.give_up_others(core)
    core.forget_candidates_except(present(core.exchange).peer)
    core.release()
    transmission.stop_repeating(core)
    return State.CLEAR_PENDING


def on_clear_ack(core: Core, received: Received[ClearACK | None]) -> State:
    """Arrives from: GOCLEAR_SENT, by ClearACK or when nobody answers GoClear any more. Goes to: CLEAR. The keys are
    destroyed in either case (section 4.7.2), and RTP may be sent: our user asked for it.
    """
    exchange = present(core.exchange)
    _replace_secrets(core.call)
    core.late_goclear = _late_goclear(core, exchange, counts=False)
    _let_go(core, exchange)
    _tell_others(core, Trigger.CLEARED_BY_US)
    core.emit(WentClear(ssrc=core.ssrc, by_peer=False))
    _tell_others(core, Trigger.CLEAR_AGREED)
    core.set_sending(Sending.CLEAR)
    return State.CLEAR


# The peer switches encryption off.


def on_goclear(core: Core, received: Received[GoClear]) -> State:
    """Arrives from: SECURE, GOCLEAR_SENT. Goes to: CLEAR_PENDING, or the same if it is forged or not allowed. Sends:
    ClearACK, or Error 0x100; nothing if the MAC is wrong.
    """
    exchange, now = present(core.exchange), received.at
    verified = _verify(core, exchange, received.message)
    if verified is None:
        return _refuse_forged(core, now)
    allowed = _allowed(exchange, verified)
    if allowed is None:
        transmission.answer_limited(core, Error.make(code=ErrorCode.GOCLEAR_NOT_ALLOWED), now)
        core.warn(WarningCode.GOCLEAR_REFUSED, "The other side tried to switch encryption off; refused.", now)
        return core.state
    return _clear_for_peer(core, exchange, allowed, now)


def _verify(core: Core, exchange: Exchange, message: GoClear) -> GoClearVerified | None:
    mackey = exchange.keys.mackey(exchange.role.other)
    expected = clear_mac(exchange.hash, mackey, core.installation.config.clear_dialect)
    return GoClearVerified(message) if hmac.compare_digest(expected, message.clear_mac) else None


def _allowed(exchange: Exchange, goclear: GoClearVerified) -> ClearAllowed | None:
    own, peer = present(exchange.own_plain), present(exchange.peer_plain)
    return None if not own.allow_clear or own.enrolment or peer.enrolment else ClearAllowed(goclear)


def _clear_for_peer(core: Core, exchange: Exchange, allowed: ClearAllowed, now: float) -> State:
    _replace_secrets(core.call)
    core.late_goclear = None
    _let_go(core, exchange)
    _tell_others(core, Trigger.CLEARED_BY_PEER)
    core.outbox.answer_copies(allowed.goclear.message.raw, CLEAR_ACK)
    core.emit(ClearRequested(ssrc=core.ssrc))
    transmission.send_repeatedly(core, CLEAR_ACK, CLEAR_KEEPALIVE, now)
    return State.CLEAR_PENDING


def on_late_goclear(core: Core, received: Received[GoClear]) -> State:
    """Arrives from: CLEAR_PENDING, CLEAR, where another GoClear has ended SRTP already. Goes to: the same. Sends:
    ClearACK. If the peer sends one on each stream, ZRTPSess is replaced for each (section 4.7.2.1); one that crossed
    ours does not count.
    """
    late = core.late_goclear
    verified = _verify_late(late, received.message)
    if late is None or verified is None:
        return _refuse_forged(core, received.at)
    core.late_goclear = None
    if late.counts:
        _replace_zrtpsess(core.call)
    core.outbox.answer(verified.message.raw, CLEAR_ACK)
    return core.state


def _verify_late(late: LateGoClear | None, message: GoClear) -> GoClearVerified | None:
    is_right = late is not None and hmac.compare_digest(late.clear_mac, message.clear_mac)
    return GoClearVerified(message) if is_right else None


def _refuse_forged(core: Core, now: float) -> State:
    core.counters["GoClear MAC wrong"] += 1
    core.warn(
        WarningCode.GOCLEAR_FORGED,
        "Somebody tried to switch encryption off without the key; nothing has changed.",
        now,
    )
    return core.state


# What a GoClear on one stream means for the others.


def on_cleared_by_us(core: Core, due: Received[None]) -> State:
    """Arrives from: SECURE and every state of an exchange, when our GoClear on another stream has ended SRTP. Goes to:
    CLEAR_PENDING.
    """
    return _follow_clearing(core, due.at, by_peer=False)


def on_cleared_by_peer(core: Core, due: Received[None]) -> State:
    """Arrives from: SECURE, GOCLEAR_SENT and every state of an exchange, when the peer's GoClear on another stream has
    ended SRTP. Goes to: CLEAR_PENDING.
    """
    return _follow_clearing(core, due.at, by_peer=True)


def on_cleared_without_keys(core: Core, due: Received[None]) -> State:
    """Arrives from: every state of discovery, QUIET, CLEAR_PENDING, CLEAR, FAILED, when SRTP has ended in the call.
    Goes to: the same. A Commit under the old ZRTPSess may still be on its way.
    """
    core.late_goclear = None
    _distrust_old_commits(core, due.at)
    return core.state


def on_clear_agreed(core: Core, due: Received[None]) -> State:
    """Arrives from: CLEAR_PENDING, when our user takes note that the call is not protected. Goes to: CLEAR."""
    core.set_sending(Sending.CLEAR)
    return State.CLEAR


def agree_to_clear(streams: list[Core]) -> list[Core]:
    """The streams that wait for our user to take note; the application is told that RTP may be sent.

    Raises:
        ApiMisuse: the peer did not ask for it.
    """
    pending = [core for core in streams if core.state is State.CLEAR_PENDING]
    if not pending:
        raise ApiMisuse("The other side has not switched encryption off, so that there is nothing to agree to.")
    pending[0].emit(WentClear(ssrc=pending[0].ssrc, by_peer=True))
    return pending


def _follow_clearing(core: Core, now: float, *, by_peer: bool) -> State:
    exchange = present(core.exchange)
    secure = core.state in (State.SECURE, State.GOCLEAR_SENT)
    core.late_goclear = _late_goclear(core, exchange, counts=by_peer) if secure else None
    if not secure:
        _distrust_old_commits(core, now)
    _let_go(core, exchange)
    return State.CLEAR_PENDING


def _late_goclear(core: Core, exchange: Exchange, *, counts: bool) -> LateGoClear:
    """What another GoClear of the peer on this stream would carry: it proves nothing about keys."""
    mackey = exchange.keys.mackey(exchange.role.other)
    return LateGoClear(clear_mac(exchange.hash, mackey, core.installation.config.clear_dialect), counts)


def _let_go(core: Core, exchange: Exchange) -> None:
    aside.give_up_others(core)
    core.forget_candidates_except(exchange.peer)
    core.release()
    transmission.stop_repeating(core)
    core.set_sending(Sending.BLOCKED)


def _distrust_old_commits(core: Core, now: float) -> None:
    core.commits_count_from = core.later(now, limits.OLD_COMMITS)


def _replace_secrets(call: Call) -> None:
    call.forget_exported_key()
    _replace_zrtpsess(call)


def _replace_zrtpsess(call: Call) -> None:
    """The old ZRTPSess cannot be computed from the new one."""
    zrtpsess, hash_, peer_zid = call.zrtpsess, call.hash, call.peer_zid
    if zrtpsess is None or hash_ is None or peer_zid is None:
        return
    zids = (call.zid, peer_zid) if call.role is Role.INITIATOR else (peer_zid, call.zid)
    dialect = call.installation.config.clear_dialect
    call.put_zrtpsess(compatibility.zrtpsess_after_goclear(hash_, zrtpsess, *zids, dialect))
