"""Encryption of what is stored: AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits.

One key seals up to 2^32 messages; a store that writes more takes a new key before.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zrtp.secret import Secret
from zrtp.system import RandomSource

KEY_LENGTH = 32
"""Octets of a key."""

_NONCE_LENGTH = 12


def seal(key: Secret, bound_to: bytes, message: bytes | bytearray, random: RandomSource) -> bytes:
    """Nonce and sealed message, 28 octets longer; only together with `bound_to` can it be opened."""
    nonce = random(_NONCE_LENGTH)
    return nonce + AESGCM(bytes(key.octets)).encrypt(nonce, message, bound_to)


def unseal(key: Secret, bound_to: bytes, sealed: bytes | bytearray) -> bytes | None:
    """The message, or None if it was not sealed so, or has changed since."""
    nonce, message = bytes(sealed[:_NONCE_LENGTH]), bytes(sealed[_NONCE_LENGTH:])
    if len(nonce) != _NONCE_LENGTH:
        return None
    try:
        return AESGCM(bytes(key.octets)).decrypt(nonce, message, bound_to)
    except InvalidTag:
        return None
