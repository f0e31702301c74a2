"""The negotiated cipher, as far as ZRTP itself uses it: CFB for Confirm and SASrelay (RFC 6189 section
5.1.3).

Counter mode for the media belongs to SRTP, `zrtp.media.srtp`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zrtp.crypto import cfb
from zrtp.crypto.hashes import Octets


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherAlgorithm:
    """One entry of the cipher list. AES unless `encrypt` and `decrypt` say otherwise."""

    code: bytes
    """Type block, 4 octets (RFC 6189 table 3)."""
    key_length: int
    """Octets of zrtpkeyi, zrtpkeyr and the SRTP master keys."""
    encrypt: Callable[[Octets, Octets, Octets], bytes] = cfb.aes_encrypt
    """CFB encryption of (key, iv, data); `zrtp.crypto.cfb.encrypt` makes it from a block cipher."""
    decrypt: Callable[[Octets, Octets, Octets], bytes] = cfb.aes_decrypt
    """CFB decryption of (key, iv, data)."""


AES1: Final = CipherAlgorithm(code=b"AES1", key_length=16)
"""AES-128; mandatory."""
AES2: Final = CipherAlgorithm(code=b"AES2", key_length=24)
"""AES-192."""
AES3: Final = CipherAlgorithm(code=b"AES3", key_length=32)
"""AES-256."""

CIPHERS: Final = (AES1, AES2, AES3)
