"""The parts that `kem` combines: what they have in common, and X25519 and X448 as such parts.

A part knows raw octets only: no padding, no messages. The peer's octets have the right length when they come
here; whatever else is wrong with them is raised as ValueError, or as the library's own exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements.base import ShareContext, draw
from zrtp.crypto.key_agreements.diffie_hellman import PrivateOperation
from zrtp.crypto.key_agreements.montgomery import x448_key_pair, x25519_key_pair

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
    def ephemeral_length(self) -> int:
        """Of the random octets that `encapsulate` takes; 0 if the library draws its own."""

    @property
    def secret_length(self) -> int: ...
    @property
    def post_quantum(self) -> bool: ...
    @property
    def available(self) -> bool: ...
    @property
    def needs(self) -> str:
        """What to install when it is not `available`."""

    def key_pair(self, context: ShareContext) -> tuple[bytes, Decapsulate]:
        """A fresh public key, and its private key in use."""

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        """The public key of these private octets, and the private key in use."""

    def encapsulate(self, public_key: bytes, ephemeral: bytes, hash: HashAlgorithm) -> tuple[bytes, bytes]:
        """A ciphertext for the public key, and the shared secret in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EcdhKem:
    """X25519 or X448 as a KEM after RFC 9180, with the labels of bzrtp: ct is an ephemeral public key."""

    kem_id: bytes
    """2 octets, as in RFC 9180 section 7.1."""
    length: int
    """Octets of private key, public key, ciphertext and shared secret alike."""
    dh_key_pair: Callable[[bytes], tuple[bytes, PrivateOperation]]
    """The Diffie-Hellman function below."""

    post_quantum: ClassVar[bool] = False
    available: ClassVar[bool] = True
    needs: ClassVar[str] = ""

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
    def ephemeral_length(self) -> int:
        return self.length

    @property
    def secret_length(self) -> int:
        return self.length

    def key_pair(self, context: ShareContext) -> tuple[bytes, Decapsulate]:
        """A fresh key pair of the initiator."""
        return self.key_pair_of(draw(context.random, self.length))

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        """The initiator's key pair with this private key."""
        public_key, exchange = self.dh_key_pair(private)

        def decapsulate(ciphertext: bytes, hash: HashAlgorithm) -> bytes:
            if ciphertext == public_key:
                raise ValueError("Our own public key came back.")
            return self.shared_secret(exchange(ciphertext), ciphertext, public_key, hash)

        return public_key, decapsulate

    def encapsulate(self, public_key: bytes, ephemeral: bytes, hash: HashAlgorithm) -> tuple[bytes, bytes]:
        """The responder's ephemeral private key against the initiator's public key."""
        ciphertext, exchange = self.dh_key_pair(ephemeral)
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


X25519_KEM: Final = EcdhKem(kem_id=b"\x00\x20", length=32, dh_key_pair=x25519_key_pair)
X448_KEM: Final = EcdhKem(kem_id=b"\x00\x21", length=56, dh_key_pair=x448_key_pair)


def _hkdf(hash: HashAlgorithm, ikm: bytes, info: bytes, length: int) -> bytes:
    """HKDF (RFC 5869) with the negotiated MAC and a salt of zeros."""
    prk = hash.mac(bytes(hash.length), ikm)
    okm = block = b""
    for counter in range(1, -(-length // hash.length) + 1):
        block = hash.mac(prk, block + info + bytes((counter,)))
        okm += block
    return okm[:length]
