"""What the protocol asks of a signer and of a verifier of the SAS (RFC 6189 section 7.2).

The signed data is the whole sashash, 32 octets. The signature block is what follows the type block in a Confirm,
padded to a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from zrtp.errors import ZrtpError

LONGEST_BLOCK = 2040
"""Octets of the longest signature block: 511 words with the type block (sections 7.2.1, 7.2.2)."""


class SignatureInvalid(ZrtpError):
    """The signature does not verify, or is made in a way that RFC 6189 forbids; the text says which."""


class SignerUnknown(ZrtpError):
    """The signature cannot be checked, because the signer's key is not at hand; the text says which one it is."""


@runtime_checkable
class Signer(Protocol):
    """Signs with the local user's long-term key."""

    @property
    def signature_type(self) -> bytes:
        """Type block, 4 octets: b"X509" or b"PGP "."""

    def sign(self, sashash: bytes) -> bytes:
        """The signature block over 32 octets, a multiple of 4 octets long, at most `LONGEST_BLOCK`.

        Raises:
            ZrtpError: the key cannot be used now; the call goes on without a signature. Anything else ends it.
        """


@runtime_checkable
class EllipticSigner(Signer, Protocol):
    """A signer that tells the size of its ECDSA key, so that it can be chosen to fit the key agreement."""

    @property
    def curve_bits(self) -> int:
        """256 or 384; 0 if the key is not an ECDSA key after all."""


class SignatureVerifier(Protocol):
    """Checks what a peer signed. Whether the signer is trusted is for the application to say."""

    @property
    def signature_type(self) -> bytes:
        """Type block, 4 octets: b"X509" or b"PGP "."""

    def verify(self, block: bytes, sashash: bytes) -> bytes:
        """Who signed: a DER certificate, or the fingerprint of an OpenPGP key.

        Raises:
            SignatureInvalid: the block is malformed, or does not fit the sashash.
            SignerUnknown: the signer's key is not at hand.
        """


@runtime_checkable
class KeyVerifier(SignatureVerifier, Protocol):
    """A verifier by which one key can have several signers, such as the certificates that were issued for it."""

    def key_of(self, signer: bytes) -> bytes:
        """The public key of what `verify` returned, in a form that is the same for all signers with that key."""


_CURVE_BITS = {b"EC25": 256, b"EC38": 384, b"EC52": 521}


def choose_signer(signers: Sequence[Signer], key_agreement: bytes) -> Signer | None:
    """The first signer; after ECDH the first with an ECDSA key, of the same size if there is one (section 7.2)."""
    wanted = _CURVE_BITS.get(key_agreement, 0)

    def fitness(signer: Signer) -> int:
        bits = signer.curve_bits if isinstance(signer, EllipticSigner) else 0
        return (bits > 0) + (bits == wanted) if wanted else 0

    return max(signers, key=fitness, default=None)
