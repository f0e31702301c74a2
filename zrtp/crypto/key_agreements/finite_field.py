"""DH2k and DH3k: Diffie-Hellman over the MODP groups of RFC 3526 (RFC 6189 section 5.1.5).

We choose the exponent, twice as long as the AES key: the RFC asks for that, and it is faster than the long
exponents that libraries pick. `cryptography` is about to drop finite-field Diffie-Hellman, which ZRTP cannot do
without because DH3k is mandatory. So there is a fallback in plain Python, ten times slower and **not constant
time**; `backend()` tells which of the two is in use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from zrtp.crypto.key_agreements.base import ShareContext, draw, refuse_public_value
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellman, DiffieHellmanShare, PrivateOperation
from zrtp.errors import RandomnessFailed

if TYPE_CHECKING:
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.dh import DHPublicNumbers

GENERATOR: Final = 2
"""g of both groups."""

_HEAD: Final = """
    FFFFFFFF FFFFFFFF C90FDAA2 2168C234 C4C6628B 80DC1CD1 29024E08 8A67CC74
    020BBEA6 3B139B22 514A0879 8E3404DD EF9519B3 CD3A431B 302B0A6D F25F1437
    4FE1356D 6D51C245 E485B576 625E7EC6 F44C42E9 A637ED6B 0BFF5CB6 F406B7ED
    EE386BFB 5A899FA5 AE9F2411 7C4B1FE6 49286651 ECE45B3D C2007CB8 A163BF05
    98DA4836 1C55D39A 69163FA8 FD24CF5F 83655D23 DCA3AD96 1C62F356 208552BB
    9ED52907 7096966D 670C354E 4ABC9804 F1746C08 CA18217C 32905E46 2E36CE3B
    E39E772C 180E8603 9B2783A2 EC07A28F B5C55DF0 6F4C52C9 DE2BCBF6 95581718
    3995497C EA956AE5 15D22618 98FA0510
"""
"""The digits that both primes begin with."""

MODP_2048: Final = int("".join(f"{_HEAD} 15728E5A 8AACAA68 FFFFFFFF FFFFFFFF".split()), 16)
"""Group 14 of RFC 3526."""

MODP_3072: Final = int(
    "".join(
        f"""{_HEAD}
    15728E5A 8AAAC42D AD33170D 04507A33
    A85521AB DF1CBA64 ECFB8504 58DBEF0A 8AEA7157 5D060C7D B3970F85 A6E1E4C7
    ABF5AE8C DB0933D7 1E8C94E0 4A25619D CEE3D226 1AD2EE6B F12FFA06 D98A0864
    D8760273 3EC86A64 521F2B18 177B200C BBE11757 7A615D6C 770988C0 BAD946E2
    08E24FA0 74E5AB31 43DB5BFC E0FD108E 4B82D120 A93AD2CA FFFFFFFF FFFFFFFF
    """.split()
    ),
    16,
)
"""Group 15 of RFC 3526."""

Power = Callable[[int], bytes]
"""base -> base^k mod p for a private k, big-endian, as wide as p."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiniteField(DiffieHellman):
    """Diffie-Hellman modulo a safe prime p with generator 2."""

    prime: int
    """p."""

    def key_pair(self, context: ShareContext) -> tuple[bytes, PrivateOperation]:
        """pv = g^k mod p for a random k, 1 < k < 2^exponent_bits (RFC 6189 sections 4.4.1.1 and 4.4.1.2)."""
        exponent = int.from_bytes(draw(context.random, context.exponent_bits // 8), "big")
        return self.key_pair_of(exponent)

    def key_pair_of(self, exponent: int) -> tuple[bytes, PrivateOperation]:
        """The key pair with this exponent."""
        if exponent <= 1:
            raise RandomnessFailed("The source of randomness failed: it gave an exponent of 0 or 1.")
        power = _power(self.prime, exponent)
        return power(GENERATOR), lambda pv: power(int.from_bytes(pv, "big"))

    def check_range(self, pv: bytes) -> None:
        """1 < pv < p - 1: the RFC bars 0, 1 and p - 1 (section 5.9); from p on it is no residue at all.

        Non-residues pass, as the RFC has it: against a safe prime they disclose at most one bit of the
        exponent.
        """
        if not 1 < int.from_bytes(pv, "big") < self.prime - 1:
            refuse_public_value("The peer's public value is 0, 1, p - 1, or not below p.")

    def strength(self, context: ShareContext) -> int:
        """The length of the exponent: a short one must not serve a longer AES key."""
        return context.exponent_bits


DH2K: Final = FiniteField(code=b"DH2k", length=256, result_length=256, prime=MODP_2048)
"""2048 bits; fastest, and only for AES-128."""
DH3K: Final = FiniteField(code=b"DH3k", length=384, result_length=384, prime=MODP_3072)
"""3072 bits; mandatory."""

FINITE_FIELDS: Final = {group.code: group for group in (DH2K, DH3K)}


def share_from_private(code: bytes, octets: bytes, context: ShareContext) -> DiffieHellmanShare:
    """A share with a known exponent, big-endian: for known-answer tests."""
    group = FINITE_FIELDS[code]
    public_value, exchange = group.key_pair_of(int.from_bytes(octets, "big"))
    return DiffieHellmanShare(group, group.strength(context), public_value, exchange)


def _library() -> ModuleType | None:
    """The library's classes, from below the public module, which warns at each use of a name it will drop.

    Both hold the same objects. Silencing the warning instead would change the caller's filters for all
    threads.
    """
    try:
        from cryptography.hazmat.bindings._rust import openssl
    except ImportError:
        return None
    module: ModuleType | None = getattr(openssl, "dh", None)
    names = ("DHParameterNumbers", "DHPrivateNumbers", "DHPublicNumbers")
    return module if all(hasattr(module, name) for name in names) else None


def backend() -> str:
    """Which arithmetic is in use: "openssl", or "python", which is slow and not constant time."""
    return "python" if _library() is None else "openssl"


def _power(prime: int, exponent: int) -> Power:
    library = _library()
    return _python_power(prime, exponent) if library is None else _openssl_power(library, prime, exponent)


def _openssl_power(library: ModuleType, prime: int, exponent: int) -> Power:
    """Exponentiation as OpenSSL's exchange does it, in constant time.

    A key pair needs a public value to exist, but the exchange does not use it: g stands in, and the real one
    is what the exchange with g gives.
    """
    stand_in = _public_numbers_of_g(library, prime)
    private_key = library.DHPrivateNumbers(exponent, stand_in).private_key()

    def power(base: int) -> bytes:
        numbers = library.DHPublicNumbers(base, stand_in.parameter_numbers)
        result: bytes = private_key.exchange(numbers.public_key())
        return result

    return power


@cache
def _public_numbers_of_g(library: ModuleType, prime: int) -> DHPublicNumbers:
    numbers: DHPublicNumbers = library.DHPublicNumbers(GENERATOR, library.DHParameterNumbers(prime, GENERATOR))
    return numbers


def _python_power(prime: int, exponent: int) -> Power:
    length = (prime.bit_length() + 7) // 8
    return lambda base: pow(base, exponent, prime).to_bytes(length, "big")
