"""Signatures of the SAS (RFC 6189 section 7.2): what the protocol asks of a signer and of a verifier.

The signed data is the whole sashash, 32 octets. The signature block is what follows the type block in a Confirm,
padded with zeros to a word.
"""

from __future__ import annotations

from typing import Protocol

from zrtp.errors import ZrtpError


class SignatureInvalid(ZrtpError):
    """The signature does not verify, or is made in a way that RFC 6189 forbids; the text says which."""


class Signer(Protocol):
    """Signs with the local user's long-term key."""

    @property
    def signature_type(self) -> bytes:
        """Type block, 4 octets: b"X509" or b"PGP "."""

    def sign(self, sashash: bytes) -> bytes:
        """The signature block over 32 octets, a multiple of 4 octets long, at most 2040."""


class SignatureVerifier(Protocol):
    """Checks what a peer signed. Whether the signer is trusted is for the application to say."""

    @property
    def signature_type(self) -> bytes:
        """Type block, 4 octets: b"X509" or b"PGP "."""

    def verify(self, block: bytes, sashash: bytes) -> bytes:
        """Who signed: a DER certificate, or the fingerprint of an OpenPGP key.

        Raises:
            SignatureInvalid: the block is malformed, or does not fit the sashash.
        """
