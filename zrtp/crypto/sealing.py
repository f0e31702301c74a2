"""One message, sealed under a key made for it alone: HKDF with SHA-256 (RFC 5869), ChaCha20-Poly1305 (RFC 8439).

The nonce is zero, which is right only because each purpose gives another key: never seal twice with the same secret and
purpose unless the octets are the same.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from zrtp.secret import Secret

OVERHEAD = 16
"""Octets that sealing adds."""


def seal(secret: Secret, purpose: bytes, message: bytes) -> bytes:
    """The sealed message, `OVERHEAD` octets longer."""
    return _cipher(secret, purpose).encrypt(bytes(12), message, None)


def unseal(secret: Secret, purpose: bytes, sealed: bytes) -> bytes | None:
    """The message, or None if it was not sealed so, or changed on its way."""
    try:
        return _cipher(secret, purpose).decrypt(bytes(12), sealed, None)
    except InvalidTag:
        return None


def _cipher(secret: Secret, purpose: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), 32, None, purpose).derive(bytes(secret.octets)))
