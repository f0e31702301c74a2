"""The combinations of cipher and authentication tag that SRTP has, by ZRTP's codes, with their registered names.

The names are those of SDP security descriptions (RFC 4568, RFC 6188, RFC 7714). The combinations themselves are made in
`zrtp.media.srtp`; the negotiation has to know which there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SUITES: Final[Mapping[tuple[bytes, bytes], str]] = MappingProxyType(
    {
        (b"AES1", b"HS80"): "AES_CM_128_HMAC_SHA1_80",
        (b"AES1", b"HS32"): "AES_CM_128_HMAC_SHA1_32",
        (b"AES2", b"HS80"): "AES_192_CM_HMAC_SHA1_80",
        (b"AES2", b"HS32"): "AES_192_CM_HMAC_SHA1_32",
        (b"AES3", b"HS80"): "AES_256_CM_HMAC_SHA1_80",
        (b"AES3", b"HS32"): "AES_256_CM_HMAC_SHA1_32",
        (b"AES1", b"GCM "): "AEAD_AES_128_GCM",
        (b"AES3", b"GCM "): "AEAD_AES_256_GCM",
    }
)
"""Cipher and tag -> name. AES-192 has no AES-GCM form (RFC 7714)."""
