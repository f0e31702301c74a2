"""The encapsulation mechanisms that `kem` puts together: X25519 and X448 as KEMs, and ML-KEM (FIPS 203).

A part knows raw octets only: no padding, no messages. The peer's octets have the right length when they come
here; whatever else is wrong with them is raised as ValueError, or as the library's own exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements.base import ShareContext, draw
from zrtp.crypto.key_agreements.diffie_hellman import Exchange
from zrtp.crypto.key_agreements.montgomery import x448_key_pair, x25519_key_pair

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import mlkem

Decapsulate = Callable[[bytes, HashAlgorithm], bytes]
"""The private key in use: from the ciphertext and the negotiated hash to the shared secret."""


class KemPart(Protocol):
    """One encapsulation mechanism. Lengths are octets, without padding."""

    @property
    def public_length(self) -> int: ...
    @property
    def ciphertext_length(self) -> int: ...
    @property
    def private_length(self) -> int:
        """Of the private form that `key_pair_of` takes."""

    @property
    def secret_length(self) -> int: ...
    @property
    def post_quantum(self) -> bool: ...
    @property
    def available(self) -> bool: ...

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        """The public key of these private octets, and the private key in use."""

    def encapsulate(self, public_key: bytes, context: ShareContext) -> tuple[bytes, bytes]:
        """A fresh ciphertext for the public key, and the shared secret in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EcdhKem:
    """X25519 or X448 as a KEM after RFC 9180, with the labels of bzrtp: ct is an ephemeral public key."""

    kem_id: bytes
    """2 octets, as in RFC 9180 section 7.1."""
    length: int
    """Octets of private key, public key, ciphertext and shared secret alike."""
    dh_key_pair: Callable[[bytes], tuple[bytes, Exchange]]
    """The Diffie-Hellman function below."""

    post_quantum: ClassVar[bool] = False
    available: ClassVar[bool] = True

    @property
    def public_length(self) -> int:
        return self.length

    @property
    def ciphertext_length(self) -> int:
        return self.length

    @property
    def private_length(self) -> int:
        return self.length

    @property
    def secret_length(self) -> int:
        return self.length

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        """The key pair of the initiator."""
        public_key, exchange = self.dh_key_pair(private)

        def decapsulate(ciphertext: bytes, hash: HashAlgorithm) -> bytes:
            if ciphertext == public_key:
                raise ValueError("Our own public key came back.")
            return self.shared_secret(exchange(ciphertext), ciphertext, public_key, hash)

        return public_key, decapsulate

    def encapsulate(self, public_key: bytes, context: ShareContext) -> tuple[bytes, bytes]:
        """An ephemeral key pair against the initiator's public key."""
        return self.encapsulate_with(draw(context.random, self.length), public_key, context.hash)

    def encapsulate_with(self, private: bytes, public_key: bytes, hash: HashAlgorithm) -> tuple[bytes, bytes]:
        """`encapsulate` with a known ephemeral private key."""
        ciphertext, exchange = self.dh_key_pair(private)
        return ciphertext, self.shared_secret(exchange(public_key), ciphertext, public_key, hash)

    def shared_secret(self, dh: bytes, ciphertext: bytes, public_key: bytes, hash: HashAlgorithm) -> bytes:
        """The secret from a Diffie-Hellman result; n is its length as 2 octets:

        ikm  = "ZRTPKEM" || id || "eae_prk" || dh
        info = n || "ZRTP-v1.1KEM" || id || "shared_secret" || ct || pk
        ss   = HKDF-H(salt = hash-length zero octets, ikm, info, n octets)          (RFC 5869)
        """
        ikm = b"ZRTPKEM" + self.kem_id + b"eae_prk" + dh
        length = self.length.to_bytes(2, "big")
        info = length + b"ZRTP-v1.1KEM" + self.kem_id + b"shared_secret" + ciphertext + public_key
        return _hkdf(hash, ikm, info, self.length)


@dataclass(frozen=True, slots=True, kw_only=True)
class MlKem:
    """ML-KEM (FIPS 203) at one security level, from the library if it has it."""

    level: int
    """768 or 1024."""
    public_length: int
    ciphertext_length: int

    private_length: ClassVar[int] = 64
    secret_length: ClassVar[int] = 32
    post_quantum: ClassVar[bool] = True

    @property
    def available(self) -> bool:
        """Whether the library and the OpenSSL below it know ML-KEM; found out once, at first use."""
        return _mlkem_works()

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        """The key pair of a seed d || z."""
        from cryptography.hazmat.primitives.asymmetric import mlkem

        key: mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey
        if self.level == 768:
            key = mlkem.MLKEM768PrivateKey.from_seed_bytes(private)
        else:
            key = mlkem.MLKEM1024PrivateKey.from_seed_bytes(private)
        return key.public_key().public_bytes_raw(), lambda ciphertext, _: key.decapsulate(ciphertext)

    def encapsulate(self, public_key: bytes, context: ShareContext) -> tuple[bytes, bytes]:
        """A secret of the library's own randomness; raises ValueError if the key fails FIPS 203's check."""
        from cryptography.hazmat.primitives.asymmetric import mlkem

        key: mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey
        if self.level == 768:
            key = mlkem.MLKEM768PublicKey.from_public_bytes(public_key)
        else:
            key = mlkem.MLKEM1024PublicKey.from_public_bytes(public_key)
        shared_secret, ciphertext = key.encapsulate()
        return ciphertext, shared_secret


X25519_KEM: Final = EcdhKem(kem_id=b"\x00\x20", length=32, dh_key_pair=x25519_key_pair)
X448_KEM: Final = EcdhKem(kem_id=b"\x00\x21", length=56, dh_key_pair=x448_key_pair)
ML_KEM_768: Final = MlKem(level=768, public_length=1184, ciphertext_length=1088)
ML_KEM_1024: Final = MlKem(level=1024, public_length=1568, ciphertext_length=1568)


def _hkdf(hash: HashAlgorithm, ikm: bytes, info: bytes, length: int) -> bytes:
    """HKDF (RFC 5869) with the negotiated MAC and a salt of zeros."""
    prk = hash.mac(bytes(hash.length), ikm)
    okm = block = b""
    for counter in range(1, -(-length // hash.length) + 1):
        block = hash.mac(prk, block + info + bytes((counter,)))
        okm += block
    return okm[:length]


@cache
def _mlkem_works() -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

        MLKEM768PrivateKey.from_seed_bytes(bytes(MlKem.private_length))
    except (ImportError, UnsupportedAlgorithm):
        return False
    return True
