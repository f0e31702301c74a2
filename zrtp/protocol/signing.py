"""Signatures of the SAS in Confirm and SASrelay (RFC 6189 section 7.2): when to send one, and what one is worth.

A signature that verifies proves who signed, and no more: the application decides whether it trusts the signer, with
`Session.trust_signer`. A wrong one ends the exchange, one that cannot be checked is a warning and counts for nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zrtp.crypto import codes
from zrtp.crypto.signatures import LONGEST_BLOCK, SignatureInvalid, SignerUnknown, choose_signer
from zrtp.errors import ErrorCode, PeerMisbehaved, ZrtpError
from zrtp.protocol.events import Mode, SignatureReceived, WarningCode
from zrtp.protocol.exchange import Exchange
from zrtp.wire.messages import ConfirmPlain
from zrtp.wire.packet import CRC, HEADER

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream

SIGNED_MODES = (Mode.DH, Mode.KEM)
"""Only the first stream of a call, and only if public keys were exchanged, is signed."""

OVERHEAD = HEADER + 4 * 19 + 4 + CRC
"""Octets of a Confirm or SASrelay packet around its signature block."""


def sign_confirm(stream: Stream, exchange: Exchange, plain: ConfirmPlain, now: float) -> ConfirmPlain:
    """Our Confirm with a signature, where there has to be one."""
    if exchange.mode not in SIGNED_MODES or exchange.secrets is None:
        return plain
    signature_type, signature = sign(stream, exchange, exchange.secrets.sashash, now)
    return plain if signature_type is None else replace(plain, signature_type=signature_type, signature=signature)


def sign(stream: Stream, exchange: Exchange, sashash: bytes, now: float) -> tuple[bytes | None, bytes]:
    """Type and block of our signature, or (None, b""): no signer, a peer that cannot check it, or too long a block.

    A Confirm is not sent in fragments, and routers drop those of UDP: the signature is left out, not the Confirm.
    """
    signer = choose_signer(stream.endpoint.signers, exchange.suite.key_agreement)
    if signer is None or not exchange.peer.hello.signature_capable:
        return None, b""
    try:
        block = signer.sign(sashash)
    except ZrtpError as error:
        stream.warn(WarningCode.SIGNATURE_WITHHELD, f"The SAS was not signed: {error}", now)
        return None, b""
    mtu = stream.endpoint.config.mtu
    if OVERHEAD + len(block) > mtu or len(block) > LONGEST_BLOCK:
        stream.warn(
            WarningCode.SIGNATURE_WITHHELD,
            f"The SAS was not signed: with {len(block)} octets the signature does not fit into a packet of {mtu}. "
            "Use a shorter certificate.",
            now,
        )
        return None, b""
    return signer.signature_type, block


def check_confirm(stream: Stream, exchange: Exchange, plain: ConfirmPlain, now: float) -> SignatureReceived | None:
    """The peer's signature in its Confirm, if it verifies.

    Raises:
        PeerMisbehaved: 0x20, the signature is wrong.
    """
    if plain.signature_type is None:
        return None
    if exchange.mode not in SIGNED_MODES or exchange.secrets is None:
        stream.warn(
            WarningCode.SIGNATURE_IGNORED,
            "The other side signed where RFC 6189 has no signature; that counts for nothing.",
            now,
        )
        return None
    try:
        return check(stream, plain.signature_type, plain.signature, exchange.secrets.sashash, now)
    except SignatureInvalid as error:
        raise PeerMisbehaved(
            ErrorCode.SOFTWARE_ERROR, f"The other side's signature of the SAS is wrong: {error} Call again."
        ) from None


def check(stream: Stream, signature_type: bytes, block: bytes, sashash: bytes, now: float) -> SignatureReceived | None:
    """A signature of that sashash, if it verifies; None, with a warning, if it cannot be checked here.

    Raises:
        SignatureInvalid: the signature is wrong; there is a warning too.
    """
    verifier = stream.endpoint.verifier_of(signature_type)
    if verifier is None:
        stream.warn(
            WarningCode.SIGNATURE_IGNORED,
            f"The other side signed the SAS in a way that is not checked here ({codes.name(signature_type)}): "
            "compare the words.",
            now,
        )
        return None
    try:
        signer = verifier.verify(block, sashash)
    except SignerUnknown as error:
        stream.warn(
            WarningCode.SIGNATURE_IGNORED,
            f"The other side's signature of the SAS cannot be checked: {error} Compare the words.",
            now,
        )
        return None
    except SignatureInvalid as error:
        stream.warn(WarningCode.SIGNATURE_INVALID, f"The other side's signature is wrong: {error}", now)
        raise
    return SignatureReceived(ssrc=stream.ssrc, signature_type=signature_type, signer=signer)
