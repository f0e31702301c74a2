"""GoClear and ClearACK (RFC 6189 sections 4.7.2, 5.11, 5.12): from SRTP back to RTP, and secure again.

One authenticated GoClear ends SRTP on every stream of the call: the keys are wiped, and ZRTPSess is replaced by a
one-way function of itself, once for each GoClear. Nothing is sent in clear before the local user agrees. Going secure
again takes a Multistream Commit under the new ZRTPSess; Hello and hash chain stay.

GoClears that cross count as one, in whatever order they arrive and whichever gets lost: whoever hears the other's
withdraws its own. Both ends then hold the same ZRTPSess although neither knows what the other received.

A GoClear is accepted only if our Confirm allowed it (A flag), which is off by default. A forged one changes nothing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.errors import ApiMisuse, ErrorCode
from zrtp.protocol import compatibility, limits
from zrtp.protocol.config import ClearDialect
from zrtp.protocol.events import ClearRequested, Role, Sending, WarningCode, WentClear
from zrtp.protocol.exchange import present
from zrtp.protocol.states import IN_EXCHANGE, State
from zrtp.protocol.timers import CLEAR_KEEPALIVE, T2
from zrtp.secret import Secret
from zrtp.wire.messages import CLEAR_ACK, ClearACK, Error, GoClear

if TYPE_CHECKING:
    from zrtp.protocol.session import Session
    from zrtp.protocol.stream import Stream


@dataclass(frozen=True, slots=True)
class LateGoClear:
    """A GoClear that may still come on a stream whose keys are gone."""

    clear_mac: bytes
    counts: bool
    """The peer went clear by itself, so that this one is a second of its own; otherwise it crossed ours."""


def clear_mac(hash_: HashAlgorithm, mackey: Secret, dialect: ClearDialect) -> bytes:
    """clear_mac = MAC(mackey of the sender's role, "GoClear "), leftmost 64 bits."""
    return hash_.mac(mackey.octets, compatibility.goclear_covered(dialect))[:8]


def go_clear(session: Session, now: float) -> None:
    """The local user switches encryption off: one GoClear, on the first secure stream.

    Raises:
        ApiMisuse: nothing is secure, or the peer's Confirm does not allow it.
    """
    stream = next((stream for stream in session.streams if stream.state is State.SECURE), None)
    if stream is None:
        raise ApiMisuse("No stream is secure, so that there is nothing to switch off.")
    peer = present(session.peer_plain)
    if not peer.allow_clear or peer.enrolment:
        raise ApiMisuse("The other side does not accept GoClear (its A flag is not set); end the call instead.")
    exchange = present(stream.exchange)
    mackey = present(exchange.keys).mackey(exchange.role)
    message = GoClear.make(clear_mac=clear_mac(exchange.hash, mackey, stream.endpoint.config.clear_dialect))
    for other in session.streams:
        if other.exchange is None:
            continue
        other.set_sending(Sending.BLOCKED)
        if other.state in IN_EXCHANGE:  # it must not become secure any more
            other.forget_candidates_except(other.exchange.peer)
            other.release()
            other.stop_repeating()
            other.enter(State.CLEAR_PENDING)
    stream.enter(State.GOCLEAR_SENT)
    stream.send_repeatedly(message, T2, now)


def on_goclear(stream: Stream, message: GoClear, now: float) -> State:
    """Arrives from: SECURE, GOCLEAR_SENT. Goes to: CLEAR_PENDING, or SECURE if it is not allowed. Sends: ClearACK, or
    Error 0x100; nothing if the MAC is wrong.
    """
    exchange = present(stream.exchange)
    role, dialect = exchange.role.other, stream.endpoint.config.clear_dialect
    expected = clear_mac(exchange.hash, present(exchange.keys).mackey(role), dialect)
    if not hmac.compare_digest(expected, message.clear_mac):
        return _forged(stream, now)
    own = present(exchange.own_plain)
    if not own.allow_clear or own.enrolment or present(exchange.peer_plain).enrolment:
        stream.answer_limited(Error.make(code=ErrorCode.GOCLEAR_NOT_ALLOWED), now)
        stream.warn(WarningCode.GOCLEAR_REFUSED, "The other side tried to switch encryption off; refused.", now)
        return stream.state
    destroy_keys(stream.session, stream, now, by_peer=True)
    stream.answer_copies(message.raw, CLEAR_ACK)
    stream.emit(ClearRequested(ssrc=stream.ssrc))
    stream.send_repeatedly(CLEAR_ACK, CLEAR_KEEPALIVE, now)
    return State.CLEAR_PENDING


def on_late_goclear(stream: Stream, message: GoClear, now: float) -> State:
    """Arrives from: CLEAR_PENDING, CLEAR, where another GoClear has ended SRTP already. Goes to: the same. Sends:
    ClearACK. If the peer sends one on each stream, ZRTPSess is replaced for each (section 4.7.2.1); one that crossed
    ours does not count.
    """
    late = stream.late_goclear
    if late is None or not hmac.compare_digest(late.clear_mac, message.clear_mac):
        return _forged(stream, now)
    stream.late_goclear = None
    if late.counts:
        replace_zrtpsess(stream.session)
    stream.answer(message.raw, CLEAR_ACK)
    return stream.state


def _forged(stream: Stream, now: float) -> State:
    stream.counters["GoClear MAC wrong"] += 1
    stream.warn(
        WarningCode.GOCLEAR_FORGED,
        "Somebody tried to switch encryption off without the key; nothing has changed.",
        now,
    )
    return stream.state


def on_clear_ack(stream: Stream, _: ClearACK | None, now: float) -> State:
    """Arrives from: GOCLEAR_SENT, by ClearACK or when nobody answers GoClear any more. Goes to: CLEAR. The keys are
    destroyed in either case (section 4.7.2), and RTP may be sent: our user asked for it.
    """
    session = stream.session
    destroy_keys(session, stream, now, by_peer=False)
    session.emit(WentClear(ssrc=stream.ssrc, by_peer=False))
    _open_gates(session)
    stream.set_sending(Sending.CLEAR)
    return State.CLEAR


def agree_to_clear(session: Session) -> None:
    """The local user takes note that the call is not protected any more: RTP may be sent.

    Raises:
        ApiMisuse: the peer did not ask for it.
    """
    pending = [stream for stream in session.streams if stream.state is State.CLEAR_PENDING]
    if not pending:
        raise ApiMisuse("The other side has not switched encryption off, so that there is nothing to agree to.")
    session.emit(WentClear(ssrc=pending[0].ssrc, by_peer=True))
    _open_gates(session)


def _open_gates(session: Session) -> None:
    for stream in session.streams:
        if stream.state is State.CLEAR_PENDING:
            stream.enter(State.CLEAR)
            stream.set_sending(Sending.CLEAR)


def destroy_keys(session: Session, cause: Stream, now: float, *, by_peer: bool) -> None:
    """Wipe the keys of all streams of the call and replace ZRTPSess; every stream waits for its user.

    What a second GoClear would carry is remembered: it proves nothing about keys. On streams that were not secure yet
    a Commit under the old ZRTPSess may still be on its way.
    """
    for stream in session.streams:
        exchange = stream.exchange
        stream.late_goclear = None
        secure = stream.state in (State.SECURE, State.GOCLEAR_SENT)
        if not secure:
            stream.commits_count_from = now + limits.OLD_COMMITS * stream.endpoint.config.timer_scale
        if exchange is None:
            continue
        if secure and exchange.keys is not None and not (by_peer and stream is cause):
            mackey = exchange.keys.mackey(exchange.role.other)
            expected = clear_mac(exchange.hash, mackey, stream.endpoint.config.clear_dialect)
            stream.late_goclear = LateGoClear(expected, by_peer)
        stream.forget_candidates_except(exchange.peer)
        stream.release()
        stream.stop_repeating()
        stream.set_sending(Sending.BLOCKED)
        if stream is not cause:
            stream.enter(State.CLEAR_PENDING)
    session.forget_exported_key()
    replace_zrtpsess(session)


def replace_zrtpsess(session: Session) -> None:
    """The old ZRTPSess cannot be computed from the new one."""
    zrtpsess, hash_, peer_zid = session.zrtpsess, session.hash, session.peer_zid
    if zrtpsess is None or hash_ is None or peer_zid is None:
        return
    zids = (session.zid, peer_zid) if session.role is Role.INITIATOR else (peer_zid, session.zid)
    dialect = session.endpoint.config.clear_dialect
    session.put_zrtpsess(compatibility.zrtpsess_after_goclear(hash_, zrtpsess, *zids, dialect))
