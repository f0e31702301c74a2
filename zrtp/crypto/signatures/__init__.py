"""Signatures of the SAS (RFC 6189 section 7.2).

This package itself holds only what the protocol asks of signers and verifiers, so a program without signatures loads
nothing more.
The two types of RFC 6189 are in modules of their own: `zrtp.crypto.signatures.x509` (ECDSA with X.509 certificates)
and `zrtp.crypto.signatures.openpgp` (OpenPGP, with the optional library pysequoia).
"""

from zrtp.crypto.signatures.base import (
    LONGEST_BLOCK,
    EllipticSigner,
    KeyVerifier,
    SignatureInvalid,
    SignatureVerifier,
    Signer,
    SignerUnknown,
    choose_signer,
)

__all__ = [
    "LONGEST_BLOCK",
    "EllipticSigner",
    "KeyVerifier",
    "SignatureInvalid",
    "SignatureVerifier",
    "Signer",
    "SignerUnknown",
    "choose_signer",
]
