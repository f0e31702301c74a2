"""X255, E255 and X448: X25519 and X448 of RFC 7748 as ZRTP key agreements, which RFC 6189 does not have.

bzrtp calls X25519 "X255" and GNU ZRTP calls it "E255"; the computation is the same. Public values and DHResult
are the octets of RFC 7748.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zrtp.crypto.key_agreements.base import ShareContext, draw
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellman, DiffieHellmanShare, PrivateOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class Montgomery(DiffieHellman):
    """Diffie-Hellman with one of the functions of RFC 7748."""

    key_pair_of: Callable[[bytes], tuple[bytes, PrivateOperation]]
    """From raw private octets, not clamped, to the key pair."""
    ignored_bits: int
    """Leftmost bits of a public value's last octet that the function masks away."""

    def key_pair(self, context: ShareContext) -> tuple[bytes, PrivateOperation]:
        """A random private key and its public value."""
        return self.key_pair_of(draw(context.random, self.length))

    def check_range(self, pv: bytes) -> None:
        """Every value is allowed (RFC 7748 section 5); low order shows in an all-zero result."""

    def same_point(self, pv: bytes, other: bytes) -> bool:
        """Equal up to the bits that the function does not look at."""
        mask = 0xFF >> self.ignored_bits
        return pv[:-1] == other[:-1] and pv[-1] & mask == other[-1] & mask


def x25519_key_pair(private: bytes) -> tuple[bytes, PrivateOperation]:
    """X25519 (RFC 7748 section 6.1) with this key; the exchange raises ValueError for an all-zero result."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    key = X25519PrivateKey.from_private_bytes(private)
    return key.public_key().public_bytes_raw(), lambda pv: key.exchange(X25519PublicKey.from_public_bytes(pv))


def x448_key_pair(private: bytes) -> tuple[bytes, PrivateOperation]:
    """X448 (RFC 7748 section 6.2) with this key; the exchange raises ValueError for an all-zero result."""
    from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey

    key = X448PrivateKey.from_private_bytes(private)
    return key.public_key().public_bytes_raw(), lambda pv: key.exchange(X448PublicKey.from_public_bytes(pv))


X255: Final = Montgomery(code=b"X255", length=32, result_length=32, key_pair_of=x25519_key_pair, ignored_bits=1)
"""X25519, as bzrtp names it."""
E255: Final = Montgomery(code=b"E255", length=32, result_length=32, key_pair_of=x25519_key_pair, ignored_bits=1)
"""X25519, as GNU ZRTP names it."""
X448: Final = Montgomery(code=b"X448", length=56, result_length=56, key_pair_of=x448_key_pair, ignored_bits=0)
"""X448, as bzrtp names it."""

MONTGOMERY_CURVES: Final = {curve.code: curve for curve in (X255, E255, X448)}


def share_from_private(code: bytes, octets: bytes, context: ShareContext) -> DiffieHellmanShare:
    """A share with known private octets, little-endian and not clamped: for known-answer tests."""
    curve = MONTGOMERY_CURVES[code]
    public_value, exchange = curve.key_pair_of(octets)
    return DiffieHellmanShare(curve, curve.strength(context), public_value, exchange)
