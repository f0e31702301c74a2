"""Confirm1, Confirm2, Conf2ACK (RFC 6189 sections 4.6, 5.7, 5.8): proof that both ends hold the same keys.

Anybody can send a Confirm with a wrong MAC. It is dropped and remembered, and the stream goes on waiting for a right
one; if none comes before the schedule (initiator) or the patience (responder) is over, the exchange fails: 0x70.

The gate for media: from the first Commit on nothing leaves in clear. The responder sends SRTP after Confirm2, the
initiator after Conf2ACK or a valid SRTP packet; both write the cache in the same moment, never earlier. Keys are handed
over once for each stream and exchange, the initiator's before its Confirm2 leaves; a repeated Confirm changes nothing.
"""

from __future__ import annotations

from functools import partial

from zrtp.protocol import announcing, aside, newcomers, other_streams, signing, transmission
from zrtp.protocol.confirm import Box, ConfirmVerified, open_confirm, seal_confirm
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import Continuity, Mode, Secured, WarningCode
from zrtp.protocol.exchange import Confirmed, Derived, Exchange, SignatureChecked, present
from zrtp.protocol.hash_chain import Heard, complete
from zrtp.protocol.hello_hash import MISMATCH
from zrtp.protocol.key_schedule import SessionSecrets, StreamKeys, Transcript
from zrtp.protocol.retained_secrets import Matched
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.system import date_in_words
from zrtp.wire.messages import CLEAR_ACK, CONF2ACK, Conf2ACK, Confirm1, Confirm2


def derive(
    core: Core, exchange: Exchange, s0: Secret, transcript: Transcript, matched: Matched, heard: Heard
) -> Derived:
    """All keys of the exchange from s0, which is wiped (section 4.5), and what the peer's H0 has to open."""
    context = transcript.kdf_context
    salt_bits = core.installation.algorithms.auth_tags[exchange.suite.auth_tag].salt_bits
    keys = StreamKeys.derive(exchange.hash, s0, context, exchange.suite, exchange.cipher.key_length, salt_bits)
    multistream = exchange.mode is Mode.MULTISTREAM
    secrets = None if multistream else SessionSecrets.derive(exchange.hash, s0, context)
    s0.wipe()
    return Derived(Box(hash=exchange.hash, cipher=exchange.cipher, keys=keys), secrets, matched, heard)


def make_confirm(core: Core, exchange: Exchange, now: float) -> Confirm1 | Confirm2:
    """Our Confirm; its IV is fresh, so that it is made once and repeated octet for octet."""
    if core.call.members[1:] and exchange.mode is not Mode.MULTISTREAM:
        core.call.retention.turn_to(exchange.peer.hello.zid)  # another stream may have turned to somebody else
    plain = signing.sign_confirm(core, exchange, core.call.confirm_plain(exchange, core.chain.h0), now)
    exchange.own_plain = plain
    return seal_confirm(present(exchange.derived).box, exchange.role, plain, core.installation.random)


def on_confirm1(core: Core, received: Received[Confirm1]) -> State:
    """Arrives from: DHPART2_SENT; in Multistream and Preshared mode by `initiation.on_confirm1`. Goes to:
    CONFIRM2_SENT; DISCOVERED if another stream makes the keys. Sends: Confirm2 on T2. The keys to receive with are
    handed over before it leaves (section 4).
    """
    exchange = present(core.exchange)
    verified, signature = _check(core, exchange, received.message, received.at)
    if core.call.members[1:] and not other_streams.claim(core, exchange):
        return other_streams.give_way(core, received.at)
    confirm2 = make_confirm(core, exchange, received.at)
    signer = signing.refuse_our_own(core, exchange, signature, received.at)
    exchange.confirmed = confirmed = Confirmed(verified, signature, signer)
    core.note_progress()
    core.forget_candidates_except(exchange.peer)
    transmission.note_answer(core, exchange, received.at)
    core.hand_over_keys(exchange, confirmed)
    transmission.send_in_exchange(core, confirm2, exchange, received.at)
    return State.CONFIRM2_SENT


def on_confirm2(core: Core, received: Received[Confirm2]) -> State:
    """Arrives from: CONFIRM1_SENT. Goes to: SECURE; DISCOVERED if another stream makes the keys. Sends: Conf2ACK."""
    exchange = present(core.exchange)
    verified, signature = _check(core, exchange, received.message, received.at)
    if core.call.members[1:] and not other_streams.claim(core, exchange):
        return other_streams.give_way(core, received.at)
    signer = signing.refuse_our_own(core, exchange, signature, received.at)
    exchange.confirmed = confirmed = Confirmed(verified, signature, signer)
    core.hand_over_keys(exchange, confirmed)
    core.outbox.answer(received.message.raw, CONF2ACK)
    return secure(core, exchange, confirmed, received.at)


def on_conf2ack(core: Core, received: Received[Conf2ACK | None]) -> State:
    """Arrives from: CONFIRM2_SENT, by Conf2ACK or the first valid SRTP packet (section 4.6). Goes to: SECURE."""
    exchange = present(core.exchange)
    confirmed = present(exchange.confirmed)
    target = secure(core, exchange, confirmed, received.at)
    if received.message is None and exchange.mode is not Mode.MULTISTREAM:
        core.call.retention.note_peer_finished(confirmed)
    return target


def on_srtp_when_secure(core: Core, due: Received[None]) -> State:
    """Arrives from: SECURE. Goes to: SECURE. The peer proved that it finished: our new secret is sure."""
    core.call.retention.note_peer_finished(present(present(core.exchange).confirmed))
    return State.SECURE


def secure(core: Core, exchange: Exchange, confirmed: Confirmed, now: float) -> State:
    """Both Confirms are verified: open the gate, update the cache, show the SAS."""
    call, plain = core.call, confirmed.confirm.plain
    core.note_progress()
    transmission.stop_repeating(core)
    core.outbox.forget_reply(CLEAR_ACK)
    core.finish()
    core.open_gate(confirmed)
    announcing.correct(core, exchange.peer)
    if not core.expects(exchange.peer.hello):
        core.warn(WarningCode.HELLO_HASH_MISMATCH, MISMATCH, now)
    call.take_results(core, exchange, confirmed)
    if exchange.mode is not Mode.MULTISTREAM:
        _warn_of_mismatches(core, exchange, confirmed, now)
        call.announce_sas(core.ssrc)
    exchange.forget_messages()
    core.reassembler = None
    core.past.recent_commits = ()
    core.forget_candidates_except(exchange.peer)
    core.emit(
        Secured(
            ssrc=core.ssrc,
            mode=exchange.mode,
            role=exchange.role,
            suite=exchange.suite,
            zid=exchange.peer.hello.zid,
            client_id=exchange.peer.hello.client_id,
            verified=call.verified,
            peer_name=call.peer_name,
            verified_at=call.verified_at,
            disclosure=plain.disclosure,
            allow_clear=plain.allow_clear and not plain.enrolment,
        )
    )
    newcomers.tell_who_came_before(core, now)
    return State.SECURE


def _check(
    core: Core, exchange: Exchange, confirm: Confirm1 | Confirm2, now: float
) -> tuple[ConfirmVerified, SignatureChecked]:
    """MAC, decryption, the peer's whole hash chain, and its signature of the SAS, if it signed."""
    derived = present(exchange.derived)
    verified = open_confirm(derived.box, exchange.role.other, confirm, partial(complete, derived.heard))
    exchange.proved = verified.chain
    aside.give_up_others(core)
    return verified, signing.check_confirm(core, exchange, verified.plain, now)


def _warn_of_mismatches(core: Core, exchange: Exchange, confirmed: Confirmed, now: float) -> None:
    matched = present(exchange.derived).matched
    if core.call.continuity is Continuity.MISMATCH:
        core.warn(
            WarningCode.CACHE_MISMATCH,
            f"{_claimed(core.call.retention.unproved_name)} no longer has the key from your last call. A new phone "
            "explains this; so does a wiretapper. Compare the words before you talk.",
            now,
        )
    elif (name := core.call.retention.unproved_name) is not None:
        core.warn(
            WarningCode.NAME_NOT_PROVED,
            f"This device says that it is the one you know as {name}, and nothing proves it: the key from your last "
            f"call has expired or is lost. Compare the words; until then {name}'s entry stays as it is.",
            now,
        )
    _warn_of_the_past(core, now)
    if matched.aux_mismatch:
        core.warn(
            WarningCode.AUX_MISMATCH,
            "The other side does not have the extra secret (auxsecret) that was set here. Compare the words.",
            now,
        )
    if matched.pbx_mismatch:
        core.warn(WarningCode.PBX_MISMATCH, "The trusted server no longer has the secret of its enrolment.", now)
    if present(exchange.own_plain).verified and not confirmed.confirm.plain.verified:
        core.warn(
            WarningCode.PEER_NOT_VERIFIED,
            f"You verified {core.call.peer_name or 'this peer'}; they have not.",
            now,
        )


def _warn_of_the_past(core: Core, now: float) -> None:
    """Somebody else was expected, or a comparison with this peer found a difference."""
    call = core.call
    if (doubt := call.doubt) is not None:
        core.warn(*doubt, now)
    record = call.retention.record
    if record is not None and record.differed_at is not None:
        core.warn(
            WarningCode.SAS_MISMATCH,
            f"The words differed in the call with {call.peer_name or 'this peer'} on "
            f"{date_in_words(record.differed_at)}, and have not matched since: compare them now.",
            now,
        )


def _claimed(name: str | None) -> str:
    """Whoever claims the ZID of a known peer, at the beginning of a sentence."""
    return "This peer" if name is None else f"Whoever claims to be {name}"
