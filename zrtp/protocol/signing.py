"""Signatures of the SAS in Confirm and SASrelay (RFC 6189 section 7.2): when to send one, and what one is worth.

A signature that verifies proves who signed, and no more: the application decides whether it trusts the signer, with
`Session.peer.trust_signer`. A wrong one ends the exchange; one that cannot be checked is a warning and counts for
nothing. Both ends sign the same sashash, so that our own signature could be sent back to us: one by our own key ends
the exchange too.
"""

from __future__ import annotations

import hmac
from dataclasses import replace

from zrtp.crypto import codes
from zrtp.crypto.signatures import (
    LONGEST_BLOCK,
    KeyVerifier,
    SignatureInvalid,
    SignatureVerifier,
    Signer,
    SignerUnknown,
    choose_signer,
)
from zrtp.errors import ErrorCode, PeerMisbehaved, ZrtpError
from zrtp.protocol.core import Core
from zrtp.protocol.events import Mode, SignatureReceived, WarningCode
from zrtp.protocol.exchange import Exchange, SignatureChecked, SignerIsNotUs
from zrtp.wire.messages import ConfirmPlain
from zrtp.wire.packet import CRC, HEADER

SIGNED_MODES = (Mode.DH, Mode.KEM)
"""Only the first stream of a call, and only if public keys were exchanged, is signed."""

OVERHEAD = HEADER + 4 * 19 + 4 + CRC
"""Octets of a Confirm or SASrelay packet around its signature block."""


class SignerFailed(ZrtpError):
    """A signer raised what it may not raise, or gave what is no block; the text has nothing of the SAS."""


NOT_US = SignerIsNotUs()


def sign_confirm(core: Core, exchange: Exchange, plain: ConfirmPlain, now: float) -> ConfirmPlain:
    """Our Confirm with a signature, where there has to be one."""
    secrets = None if exchange.derived is None else exchange.derived.secrets
    if not core.installation.signers or exchange.mode not in SIGNED_MODES or secrets is None:
        return plain
    signature_type, signature = sign(core, exchange, secrets.sashash, now)
    return plain if signature_type is None else replace(plain, signature_type=signature_type, signature=signature)


def sign(core: Core, exchange: Exchange, sashash: bytes, now: float) -> tuple[bytes | None, bytes]:
    """Type and block of our signature, or (None, b""): no signer, a peer that cannot check it, or too long a block.

    A Confirm is not sent in fragments, and routers drop those of UDP: the signature is left out, not the Confirm.

    Raises:
        SignerFailed: the signer is broken.
    """
    signer = choose_signer(core.installation.signers, exchange.suite.key_agreement)
    if signer is None or not exchange.peer.hello.signature_capable:
        return None, b""
    try:
        block = block_of(signer, sashash)
    except SignerFailed:
        raise
    except ZrtpError as error:
        core.warn(WarningCode.SIGNATURE_WITHHELD, f"The SAS was not signed: {error}", now)
        return None, b""
    mtu = core.installation.config.mtu
    if OVERHEAD + len(block) > mtu or len(block) > LONGEST_BLOCK:
        core.warn(
            WarningCode.SIGNATURE_WITHHELD,
            f"The SAS was not signed: with {len(block)} octets the signature does not fit into a packet of {mtu}. "
            "Use a shorter certificate.",
            now,
        )
        return None, b""
    return signer.signature_type, block


def block_of(signer: Signer, sashash: bytes) -> bytes:
    """What the signer makes. Whatever else it raises may hold the sashash: only its type is told.

    Raises:
        ZrtpError: the key cannot be used now.
        SignerFailed: anything else went wrong.
    """
    problem = "gave something that is not a number of whole words"
    try:
        block: object = signer.sign(sashash)
    except ZrtpError:
        raise
    except Exception as error:  # whatever a card, an agent or a library may raise
        block, problem = None, f"raised {type(error).__name__}"
    if isinstance(block, bytes) and len(block) % 4 == 0:
        return block
    raise SignerFailed(f"The SAS could not be signed: the signer {problem}. Repair it, or call without it.")


def check_confirm(core: Core, exchange: Exchange, plain: ConfirmPlain, now: float) -> SignatureChecked:
    """The peer's signature in its Confirm, if there is one and it verifies.

    Raises:
        PeerMisbehaved: 0x20, the signature is wrong.
    """
    if plain.signature_type is None:
        return SignatureChecked(None)
    secrets = None if exchange.derived is None else exchange.derived.secrets
    if exchange.mode not in SIGNED_MODES or secrets is None:
        core.warn(
            WarningCode.SIGNATURE_IGNORED,
            "The other side signed where RFC 6189 has no signature; that counts for nothing.",
            now,
        )
        return SignatureChecked(None)
    try:
        return SignatureChecked(check(core, plain.signature_type, plain.signature, secrets.sashash, now))
    except SignatureInvalid as error:
        raise PeerMisbehaved(
            ErrorCode.SOFTWARE_ERROR, f"The other side's signature of the SAS is wrong: {error} Call again."
        ) from None


def refuse_our_own(core: Core, exchange: Exchange, signature: SignatureChecked, now: float) -> SignerIsNotUs:
    """Refuse a peer that signed with the key that we sign with in this exchange, whatever certificate it shows for it.

    Raises:
        PeerMisbehaved: 0x20, the key is our own.
    """
    own, received = exchange.own_plain, signature.received
    secrets = None if exchange.derived is None else exchange.derived.secrets
    if own is None or own.signature_type is None or secrets is None or received is None:
        return NOT_US
    if own.signature_type != received.signature_type:
        return NOT_US
    try:
        verifier = core.installation.verifiers[own.signature_type]
        ours = verifier.verify(own.signature, secrets.sashash)
        same = hmac.compare_digest(_key_of(verifier, ours), _key_of(verifier, received.signer))
    except Exception:  # not to be checked here: then the peer's is that of another key
        return NOT_US
    if same:
        text = (
            "The other side signed the SAS with our own key: somebody sends our signature back, or two endpoints "
            "share a key. Give each a key of its own."
        )
        core.warn(WarningCode.SIGNATURE_INVALID, text, now)
        raise PeerMisbehaved(ErrorCode.SOFTWARE_ERROR, text)
    return NOT_US


def _key_of(verifier: SignatureVerifier, signer: bytes) -> bytes:
    return verifier.key_of(signer) if isinstance(verifier, KeyVerifier) else signer


def check(core: Core, signature_type: bytes, block: bytes, sashash: bytes, now: float) -> SignatureReceived | None:
    """A signature of that sashash, if it verifies; None, with a warning, if it cannot be checked here.

    Raises:
        SignatureInvalid: the signature is wrong; there is a warning too.
    """
    verifier = core.installation.verifiers.get(signature_type)
    if verifier is None:
        core.warn(
            WarningCode.SIGNATURE_IGNORED,
            f"The other side signed the SAS in a way that is not checked here ({codes.name(signature_type)}): "
            "compare the words.",
            now,
        )
        return None
    try:
        signer = verifier.verify(block, sashash)
    except SignerUnknown as error:
        core.warn(
            WarningCode.SIGNATURE_IGNORED,
            f"The other side's signature of the SAS cannot be checked: {error} Compare the words.",
            now,
        )
        return None
    except SignatureInvalid as error:
        core.warn(WarningCode.SIGNATURE_INVALID, f"The other side's signature is wrong: {error}", now)
        raise
    except Exception as error:  # whatever a library raises about octets from the network
        core.warn(
            WarningCode.SIGNATURE_IGNORED,
            f"The other side's signature of the SAS cannot be checked: the verifier raised {type(error).__name__}. "
            "Compare the words.",
            now,
        )
        return None
    return SignatureReceived(ssrc=core.ssrc, signature_type=signature_type, signer=signer)
