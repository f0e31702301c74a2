"""A trusted PBX in the middle (RFC 6189 sections 5.13, 5.14, 7.3): SASrelay, RelayACK, enrolment.

A PBX that ends ZRTP on both sides of a call makes two different SAS values. It tells one phone the SAS of the other
leg, so that both people see the same. The phone shows a relayed SAS only if the PBX declared itself (M flag) and
proved the secret of an earlier enrolment (s3); anybody else's is acknowledged and never shown.
"""

from __future__ import annotations

from zrtp.crypto.signatures import SignatureInvalid
from zrtp.errors import ApiMisuse
from zrtp.protocol import limits, signing, transmission
from zrtp.protocol.call import Call
from zrtp.protocol.confirm import open_sas_relay, seal_sas_relay
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import SasRelayed, WarningCode
from zrtp.protocol.exchange import Exchange, present
from zrtp.protocol.states import State
from zrtp.protocol.timers import T2
from zrtp.wire.messages import RELAY_ACK, RelayACK, SASrelay, SASrelayPlain

NO_SASHASH = bytes(32)
"""Sent to a phone that does not trust the PBX: only the rendering scheme counts."""


def relay_between(one: list[Core], other: list[Core], now: float) -> Call | None:
    """Relay the SAS between the two legs of a call through this PBX, as section 7.3 says; the leg that got it.

    Each leg is the list of its streams. Trusted by nobody: nothing is sent. Trusted by one: it gets the SAS of the
    other leg. Trusted by both: exactly one gets it, and if one of them is a PBX itself, the one that is not. The other
    leg learns only the rendering scheme.

    Raises:
        ApiMisuse: a leg is not secure yet, or this endpoint does not declare itself a PBX.
    """
    streams = [_first_secure(leg) for leg in (one, other)]
    trusting = [stream for stream in streams if stream.call.pbx_matched]
    if not trusting:
        return None
    phones = [stream for stream in trusting if not present(stream.call.peer).hello.mitm]
    target = (phones or trusting)[0]
    (source,) = [stream for stream in streams if stream is not target]
    relayed = present(source.call.sas)
    _send(target, relayed.sashash, relayed.code, source.call, now)
    _send(source, NO_SASHASH, relayed.code, target.call, now)
    return target.call


def _first_secure(leg: list[Core]) -> Core:
    """Raises ApiMisuse as `relay_between`."""
    stream = next((stream for stream in leg if stream.state is State.SECURE), None)
    if stream is None or stream.call.sas is None:
        raise ApiMisuse("Both legs must be secure before a SAS is relayed.")
    if not stream.installation.config.trusted_mitm:
        raise ApiMisuse("Only an endpoint with Config.trusted_mitm may relay a SAS.")
    return stream


def _send(core: Core, sashash: bytes, sas_type: bytes, far: Call, now: float) -> None:
    exchange = present(core.exchange)
    flags = present(far.peer_plain)
    relays = sashash != NO_SASHASH
    signature_type, signature = _sign(core, exchange, sashash, now) if relays else (None, b"")
    plain = SASrelayPlain(
        verified=flags.verified,
        allow_clear=flags.allow_clear,
        disclosure=flags.disclosure,
        sas_type=sas_type,
        sashash=sashash,
        signature_type=signature_type,
        signature=signature,
    )
    transmission.send_repeatedly(
        core, seal_sas_relay(exchange.box, exchange.role, plain, core.installation.random), T2, now
    )


def _sign(core: Core, exchange: Exchange, sashash: bytes, now: float) -> tuple[bytes | None, bytes]:
    """As `signing.sign`; a broken signer costs the signature, not the call."""
    try:
        return signing.sign(core, exchange, sashash, now)
    except signing.SignerFailed as error:
        core.warn(WarningCode.SIGNATURE_WITHHELD, str(error), now)
        return None, b""


def on_relay_ack(core: Core, ack: Received[RelayACK]) -> State:
    """Arrives from: SECURE. Goes to: SECURE. The phone got our SASrelay."""
    transmission.stop_repeating(core)
    return State.SECURE


def on_sas_relay(core: Core, relay: Received[SASrelay]) -> State:
    """Arrives from: SECURE. Goes to: SECURE. Sends: RelayACK for every SASrelay with a good MAC; never an Error."""
    exchange, now = present(core.exchange), relay.at
    if relay.message.mac in exchange.relays:  # also with another IV, which the MAC does not cover
        transmission.answer_limited(core, RELAY_ACK, now)
        return State.SECURE
    plain = open_sas_relay(exchange.box, exchange.role.other, relay.message)
    exchange.relays = (*exchange.relays, relay.message.mac)[-limits.RELAYS :]
    core.outbox.answer(relay.message.raw, RELAY_ACK)
    call = core.call
    if plain.sas_type not in core.installation.algorithms.sas_types:
        core.warn(WarningCode.UNTRUSTED_RELAY, "The server relayed a SAS in a form that is unknown here.", now)
        return State.SECURE
    if not exchange.peer.hello.mitm:
        core.warn(
            WarningCode.UNTRUSTED_RELAY, "The other side relayed a SAS without being a server; it is not shown.", now
        )
        return State.SECURE
    if exchange.matched.s3 is None:
        if plain.sashash != NO_SASHASH:
            core.warn(
                WarningCode.UNTRUSTED_RELAY,
                "A server that you never enrolled with relayed a SAS; it is not shown.",
                now,
            )
        call.render_as(plain.sas_type)
        return State.SECURE
    if plain.sashash == NO_SASHASH:
        call.render_as(plain.sas_type)
        return State.SECURE
    _show(core, plain, now)
    return State.SECURE


def _show(core: Core, plain: SASrelayPlain, now: float) -> None:
    """The SAS of the far end, in place of the server's; nothing if its signature is wrong."""
    sas = core.installation.algorithms.sas_types[plain.sas_type].sas(plain.sashash)
    signature = None
    if plain.signature_type is not None:
        try:
            signature = signing.check(core, plain.signature_type, plain.signature, plain.sashash, now)
        except SignatureInvalid:
            return
    if core.call.take_relayed_sas(sas, plain):
        core.warn(
            WarningCode.RELAYED_SAS_CHANGED,
            "The words have changed because the call was transferred: compare them again.",
            now,
        )
    core.emit(SasRelayed(ssrc=core.ssrc, sas=sas, signature=signature))
