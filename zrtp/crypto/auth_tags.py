"""SRTP authentication tags (RFC 6189 section 5.1.4): numbers that the key schedule and the media layer need.

The media layer computes the tags themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTag:
    """One entry of the authentication tag list."""

    code: bytes
    """Type block, 4 octets (RFC 6189 table 4)."""
    tag_length: int
    """Octets of the tag on each SRTP packet."""
    auth_key_length: int
    """Octets of the authentication key that the SRTP key derivation yields; 0 for an AEAD."""
    salt_bits: int = 112
    """Bits of the SRTP master salts, an input of the KDF: a short salt is no prefix of a long one."""
    aead: bool = False
    """The negotiated cipher runs in a mode that authenticates by itself (RFC 7714)."""


HS32: Final = AuthTag(code=b"HS32", tag_length=4, auth_key_length=20)
"""HMAC-SHA1, 32 bits; mandatory."""
HS80: Final = AuthTag(code=b"HS80", tag_length=10, auth_key_length=20)
"""HMAC-SHA1, 80 bits; mandatory."""
GCM: Final = AuthTag(code=b"GCM ", tag_length=16, auth_key_length=0, salt_bits=96, aead=True)
"""AES-GCM SRTP (RFC 7714): not in RFC 6189, spoken by bzrtp 5.5."""

AUTH_TAGS: Final = (HS32, HS80, GCM)
