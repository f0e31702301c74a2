"""EC25, EC38 and EC52: Diffie-Hellman on the NIST curves P-256, P-384 and P-521 (RFC 6189 section 5.1.5).

A public value is X || Y at fixed width without the leading 04 of other protocols; DHResult is the shared
point's X.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zrtp.crypto.key_agreements.base import ShareContext, draw, refuse_public_value
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellman, DiffieHellmanShare, PrivateOperation
from zrtp.errors import RandomnessFailed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

_UNCOMPRESSED: Final = b"\x04"
_TRIES: Final = 64
"""A random scalar is out of range once in 2^32 at most: so many in a row mean a broken source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elliptic(DiffieHellman):
    """Diffie-Hellman on a NIST curve."""

    curve: Callable[[], ec.EllipticCurve]
    """The curve, from the library, when it is first needed."""
    prime: int
    """The field: coordinates are below it."""

    def key_pair(self, context: ShareContext) -> tuple[bytes, PrivateOperation]:
        """The point k * G for a random scalar k below the order of G."""
        excess = 8 * self.result_length - self.prime.bit_length()
        for _ in range(_TRIES):
            scalar = int.from_bytes(draw(context.random, self.result_length), "big") >> excess
            try:
                return self.key_pair_of(scalar)
            except ValueError:  # not below the order: draw again
                continue
        raise RandomnessFailed("The source of randomness failed: it gives no usable scalar.")

    def key_pair_of(self, scalar: int) -> tuple[bytes, PrivateOperation]:
        """The key pair with this scalar; raises ValueError if it is out of range."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        private_key = ec.derive_private_key(scalar, self.curve())
        point = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

        def exchange(pv: bytes) -> bytes:
            # Here the partial validation happens: on the curve, in range, not infinity; else ValueError.
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self.curve(), _UNCOMPRESSED + pv)
            return private_key.exchange(ec.ECDH(), peer)

        return point[1:], exchange

    def check_range(self, pv: bytes) -> None:
        """Both coordinates below p and not both zero; `finish` finds out whether they are on the curve."""
        width = self.result_length
        x, y = int.from_bytes(pv[:width], "big"), int.from_bytes(pv[width:], "big")
        if x >= self.prime or y >= self.prime or x == y == 0:
            refuse_public_value("The coordinates of the peer's public value are out of range.")

    def same_point(self, pv: bytes, other: bytes) -> bool:
        """Equal X: P and -P lead to the same DHResult."""
        return pv[: self.result_length] == other[: self.result_length]


def _p256() -> ec.EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.SECP256R1()


def _p384() -> ec.EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.SECP384R1()


def _p521() -> ec.EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.SECP521R1()


EC25: Final = Elliptic(
    code=b"EC25", length=64, result_length=32, curve=_p256, prime=2**256 - 2**224 + 2**192 + 2**96 - 1
)
"""P-256."""
EC38: Final = Elliptic(
    code=b"EC38", length=96, result_length=48, curve=_p384, prime=2**384 - 2**128 - 2**96 + 2**32 - 1
)
"""P-384; only together with S384 or N384."""
EC52: Final = Elliptic(code=b"EC52", length=132, result_length=66, curve=_p521, prime=2**521 - 1)
"""P-521; SHOULD NOT be used (RFC 6189 section 5.1.5), so it is never offered unasked."""

NIST_CURVES: Final = {curve.code: curve for curve in (EC25, EC38, EC52)}


def share_from_private(code: bytes, octets: bytes, context: ShareContext) -> DiffieHellmanShare:
    """A share with a known scalar, big-endian: for known-answer tests."""
    curve = NIST_CURVES[code]
    public_value, exchange = curve.key_pair_of(int.from_bytes(octets, "big"))
    return DiffieHellmanShare(curve, curve.strength(context), public_value, exchange)
