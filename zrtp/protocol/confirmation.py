"""Confirm1, Confirm2, Conf2ACK (RFC 6189 sections 4.6, 5.7, 5.8): proof that both ends hold the same keys.

Anybody can send a Confirm with a wrong MAC. It is dropped and remembered, and the stream goes on waiting for a right
one; if none comes before the schedule (initiator) or ten seconds of silence (responder) end, the exchange fails: 0x70.

The gate for media: from the first Commit on nothing leaves in clear. The responder sends SRTP after Confirm2, the
initiator after Conf2ACK or a valid SRTP packet; both write the cache in the same moment, never earlier. Keys are handed
over once for each stream and exchange, the initiator's before its Confirm2 leaves; a repeated Confirm changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zrtp.protocol import signing
from zrtp.protocol.confirm import ConfirmVerified, open_confirm, seal_confirm
from zrtp.protocol.events import Mode, Role, Secured, Sending
from zrtp.protocol.exchange import Exchange, present
from zrtp.protocol.hash_chain import (
    ChainComplete,
    verify_dhpart,
    verify_skipped_to_commit,
    verify_skipped_to_hello,
)
from zrtp.protocol.key_schedule import SessionSecrets, StreamKeys, Transcript
from zrtp.protocol.states import State
from zrtp.protocol.timers import T2
from zrtp.secret import Secret
from zrtp.wire.messages import CLEAR_ACK, CONF2ACK, Conf2ACK, Confirm1, Confirm2

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream


def derive(stream: Stream, exchange: Exchange, s0: Secret, transcript: Transcript) -> None:
    """All keys of the exchange from s0, which is wiped (section 4.5)."""
    algorithms = stream.endpoint.algorithms
    context = transcript.kdf_context
    exchange.keys = StreamKeys.derive(
        exchange.hash,
        s0,
        context,
        exchange.suite,
        exchange.cipher.key_length,
        algorithms.auth_tags[exchange.suite.auth_tag].salt_bits,
    )
    if exchange.mode is not Mode.MULTISTREAM:
        exchange.secrets = SessionSecrets.derive(exchange.hash, s0, context)
    s0.wipe()


def make_confirm(stream: Stream, exchange: Exchange, now: float) -> Confirm1 | Confirm2:
    """Our Confirm; its IV is fresh, so that it is made once and repeated octet for octet."""
    plain = signing.sign_confirm(stream, exchange, stream.session.confirm_plain(stream, exchange), now)
    exchange.own_plain = plain
    return seal_confirm(exchange.box, exchange.role, plain, stream.endpoint.random)


def on_confirm1(stream: Stream, confirm: Confirm1, now: float) -> State:
    """Arrives from: DHPART2_SENT; COMMIT_SENT in Multistream and Preshared mode. Goes to: CONFIRM2_SENT. Sends:
    Confirm2 on T2. The keys to receive with are handed over before it leaves (section 4).
    """
    exchange = present(stream.exchange)
    if exchange.keys is None:
        stream.counters["Confirm1 before DHPart1"] += 1
        return stream.state
    verified = _open(exchange, Role.RESPONDER, confirm)
    exchange.signature = signing.check_confirm(stream, exchange, verified.plain, now)
    exchange.peer_plain = verified.plain
    confirm2 = make_confirm(stream, exchange, now)
    stream.progressed()
    stream.hand_over_keys()
    stream.send_repeatedly(confirm2, T2, now)
    return State.CONFIRM2_SENT


def on_confirm2(stream: Stream, confirm: Confirm2, now: float) -> State:
    """Arrives from: CONFIRM1_SENT. Goes to: SECURE. Sends: Conf2ACK."""
    exchange = present(stream.exchange)
    verified = _open(exchange, Role.INITIATOR, confirm)
    exchange.signature = signing.check_confirm(stream, exchange, verified.plain, now)
    exchange.peer_plain = verified.plain
    stream.hand_over_keys()
    stream.answer(confirm.raw, CONF2ACK)
    return secure(stream, exchange, now)


def on_conf2ack(stream: Stream, _: Conf2ACK | None, now: float) -> State:
    """Arrives from: CONFIRM2_SENT, by Conf2ACK or the first valid SRTP packet (section 4.6). Goes to: SECURE."""
    exchange = present(stream.exchange)
    return secure(stream, exchange, now)


def on_srtp_when_secure(stream: Stream, _: None, now: float) -> State:
    """Arrives from: SECURE. Goes to: SECURE. The initiator proved that it finished: the record is not provisional."""
    stream.session.retention.peer_finished()
    return State.SECURE


def secure(stream: Stream, exchange: Exchange, now: float) -> State:
    """Both Confirms are verified: open the gate, update the cache, show the SAS."""
    peer_plain = present(exchange.peer_plain)
    stream.progressed()
    stream.stop_repeating()
    stream.forget_reply(CLEAR_ACK)
    stream.endpoint.finish_exchange(stream)
    stream.set_sending(Sending.SRTP)
    session = stream.session
    session.exchange_finished(stream, exchange, now)
    exchange.forget_messages()
    stream.emit(
        Secured(
            ssrc=stream.ssrc,
            mode=exchange.mode,
            role=exchange.role,
            suite=exchange.suite,
            verified=session.verified,
            peer_name=session.peer_name,
            verified_at=session.verified_at,
            disclosure=peer_plain.disclosure,
            allow_clear=peer_plain.allow_clear and not peer_plain.enrolment,
        )
    )
    return State.SECURE


def _open(exchange: Exchange, peer_role: Role, confirm: Confirm1 | Confirm2) -> ConfirmVerified:
    """MAC, decryption, and the peer's whole hash chain; messages that a mode leaves out are skipped."""

    def verify_chain(h0: bytes) -> ChainComplete:
        if peer_role is Role.RESPONDER:
            if exchange.dhpart1 is not None:
                return verify_dhpart(exchange.dhpart1, h0)
            return verify_skipped_to_hello(exchange.peer.hello, h0)
        if exchange.dhpart2 is not None:
            return verify_dhpart(exchange.dhpart2, h0)
        return verify_skipped_to_commit(exchange.commit, h0)

    return open_confirm(exchange.box, peer_role, confirm, verify_chain)
