"""A trusted PBX in the middle (RFC 6189 sections 5.13, 5.14, 7.3): SASrelay, RelayACK, enrolment.

A PBX that ends ZRTP on both sides of a call makes two different SAS values. It tells one phone the SAS of the other
leg, so that both people see the same. The phone shows a relayed SAS only if the PBX declared itself (M flag) and
proved the secret of an earlier enrolment (s3); anybody else's is acknowledged and never shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zrtp.crypto.sas import Sas
from zrtp.crypto.signatures import SignatureInvalid
from zrtp.errors import ApiMisuse
from zrtp.protocol import signing
from zrtp.protocol.confirm import open_sas_relay, seal_sas_relay
from zrtp.protocol.events import SasRelayed, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.protocol.timers import T2
from zrtp.wire.messages import RELAY_ACK, RelayACK, SASrelay, SASrelayPlain

if TYPE_CHECKING:
    from zrtp.protocol.session import Session
    from zrtp.protocol.stream import Stream

NO_SASHASH = bytes(32)
"""Sent to a phone that does not trust the PBX: only the rendering scheme counts."""


def relay_between(one: Session, other: Session, now: float) -> Session | None:
    """Relay the SAS between the two legs of a call through this PBX, as section 7.3 says; the leg that got it.

    Trusted by nobody: nothing is sent. Trusted by one: it gets the SAS of the other leg. Trusted by both: exactly one
    gets it, and if one of them is a PBX itself, the one that is not. The other leg learns only the rendering scheme.

    Raises:
        ApiMisuse: a leg is not secure yet, or this endpoint does not declare itself a PBX.
    """
    for leg in (one, other):
        if leg.sas is None or _first_secure(leg) is None:
            raise ApiMisuse("Both legs must be secure before a SAS is relayed.")
        if not leg.endpoint.config.trusted_mitm:
            raise ApiMisuse("Only an endpoint with Config.trusted_mitm may relay a SAS.")
    trusting = [leg for leg in (one, other) if leg.pbx_matched]
    if not trusting:
        return None
    phones = [leg for leg in trusting if not leg.peer_is_pbx]
    target = (phones or trusting)[0]
    source = other if target is one else one
    relayed = present(source.sas)
    _send(target, relayed.sashash, relayed.code, source, now)
    _send(source, NO_SASHASH, relayed.code, target, now)
    return target


def _send(leg: Session, sashash: bytes, sas_type: bytes, far: Session, now: float) -> None:
    stream = present(_first_secure(leg))
    exchange = present(stream.exchange)
    flags = present(far.peer_plain)
    relays = sashash != NO_SASHASH
    signature_type, signature = signing.sign(stream, exchange, sashash, now) if relays else (None, b"")
    plain = SASrelayPlain(
        verified=flags.verified,
        allow_clear=flags.allow_clear,
        disclosure=flags.disclosure,
        sas_type=sas_type,
        sashash=sashash,
        signature_type=signature_type,
        signature=signature,
    )
    message = seal_sas_relay(exchange.box, exchange.role, plain, stream.endpoint.random)
    stream.send_repeatedly(message, T2, now)


def _first_secure(session: Session) -> Stream | None:
    return next((stream for stream in session.streams if stream.state is State.SECURE), None)


def on_relay_ack(stream: Stream, _: RelayACK, now: float) -> State:
    """Arrives from: SECURE. Goes to: SECURE. The phone got our SASrelay."""
    stream.stop_repeating()
    return State.SECURE


def on_sas_relay(stream: Stream, message: SASrelay, now: float) -> State:
    """Arrives from: SECURE. Goes to: SECURE. Sends: RelayACK for every SASrelay with a good MAC; never an Error."""
    exchange = present(stream.exchange)
    plain = open_sas_relay(exchange.box, exchange.role.other, message)
    stream.answer(message.raw, RELAY_ACK)
    session = stream.session
    if plain.sas_type not in stream.endpoint.algorithms.sas_types:
        stream.warn(WarningCode.UNTRUSTED_RELAY, "The server relayed a SAS in a form that is unknown here.", now)
        return State.SECURE
    if not exchange.peer.hello.mitm:
        stream.warn(
            WarningCode.UNTRUSTED_RELAY, "The other side relayed a SAS without being a server; it is not shown.", now
        )
        return State.SECURE
    if exchange.matched.s3 is None:
        if plain.sashash != NO_SASHASH:
            stream.warn(
                WarningCode.UNTRUSTED_RELAY,
                "A server that you never enrolled with relayed a SAS; it is not shown.",
                now,
            )
        session.render_as(plain.sas_type)
        return State.SECURE
    if plain.sashash == NO_SASHASH:
        session.render_as(plain.sas_type)
        return State.SECURE
    render = stream.endpoint.algorithms.sas_types[plain.sas_type].render
    sas = Sas(sashash=plain.sashash, code=plain.sas_type, rendered=render(plain.sashash))
    signature = None
    if plain.signature_type is not None:
        try:
            signature = signing.check(stream, plain.signature_type, plain.signature, plain.sashash, now)
        except SignatureInvalid:
            return State.SECURE
    if session.take_relayed_sas(sas, plain):
        stream.warn(
            WarningCode.RELAYED_SAS_CHANGED,
            "The words have changed because the call was transferred: compare them again.",
            now,
        )
    stream.emit(SasRelayed(ssrc=stream.ssrc, sas=sas, signature=signature))
    return State.SECURE
