"""ML-KEM (FIPS 203) as a part of key agreements.

ML-KEM-768 and ML-KEM-1024 come from `cryptography`, if the OpenSSL below it knows them. ML-KEM-512, which
it does not offer, comes from the optional package `pqcrypto`. Nothing is imported, and nothing fails,
before a part is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements.base import ShareContext, draw
from zrtp.crypto.key_agreements.kem_parts import Decapsulate
from zrtp.errors import BackendUnavailable

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True, slots=True, kw_only=True)
class MlKem:
    """ML-KEM-768 or ML-KEM-1024."""

    level: int
    """The number in the name."""
    public_length: int
    """Octets of the encapsulation key."""
    ciphertext_length: int
    """Octets of the ciphertext."""

    private_length: ClassVar[int] = 64
    ephemeral_length: ClassVar[int] = 0
    secret_length: ClassVar[int] = 32
    post_quantum: ClassVar[bool] = True
    needs: ClassVar[str] = "a newer `cryptography`"

    @property
    def available(self) -> bool:
        """Whether the library has ML-KEM; found out once, at first use."""
        return _library_has_mlkem()

    def key_pair(self, context: ShareContext) -> tuple[bytes, Decapsulate]:
        """A fresh key pair."""
        return self.key_pair_of(draw(context.random, self.private_length))

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        """The key pair of a seed d || z."""
        key = _library_class(self.level, "PrivateKey").from_seed_bytes(private)
        return key.public_key().public_bytes_raw(), lambda ciphertext, _: key.decapsulate(ciphertext)

    def encapsulate(self, public_key: bytes, ephemeral: bytes, hash: HashAlgorithm) -> tuple[bytes, bytes]:
        """A secret of the library's own randomness; raises ValueError if the key fails FIPS 203's check."""
        key = _library_class(self.level, "PublicKey").from_public_bytes(public_key)
        shared_secret, ciphertext = key.encapsulate()
        return ciphertext, shared_secret


class MlKem512:
    """ML-KEM-512, with key pairs and secrets of the optional package's own randomness."""

    public_length: ClassVar[int] = 800
    ciphertext_length: ClassVar[int] = 768
    private_length: ClassVar[int] = 1632
    ephemeral_length: ClassVar[int] = 0
    secret_length: ClassVar[int] = 32
    post_quantum: ClassVar[bool] = True
    needs: ClassVar[str] = "the package `pqcrypto`, for example by the extra zrtp[mlkem512]"

    @property
    def available(self) -> bool:
        """Whether the package is installed; found out once, at first use."""
        return _package() is not None

    def key_pair(self, context: ShareContext) -> tuple[bytes, Decapsulate]:
        """A fresh key pair; the package takes no randomness from outside."""
        _, private = _required_package().keygen()
        return self.key_pair_of(private)

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        """The key pair of an expanded private key, dkPKE || ek || H(ek) || z (FIPS 203 algorithm 16)."""
        package = _required_package()
        start = self.ciphertext_length  # 384 * k octets of dkPKE: for k = 2 as many as the ciphertext has
        return (
            private[start : start + self.public_length],
            lambda ciphertext, _: package.decaps(private, ciphertext),
        )

    def encapsulate(self, public_key: bytes, ephemeral: bytes, hash: HashAlgorithm) -> tuple[bytes, bytes]:
        """A secret of the package's own randomness; raises ValueError if the key fails FIPS 203's check."""
        ciphertext, shared_secret = _required_package().encaps(public_key)
        return ciphertext, shared_secret


ML_KEM_512: Final = MlKem512()
ML_KEM_768: Final = MlKem(level=768, public_length=1184, ciphertext_length=1088)
ML_KEM_1024: Final = MlKem(level=1024, public_length=1568, ciphertext_length=1568)


def _library_class(level: int, kind: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import mlkem

    return getattr(mlkem, f"MLKEM{level}{kind}")


@cache
def _library_has_mlkem() -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        _library_class(768, "PrivateKey").from_seed_bytes(bytes(MlKem.private_length))
    except (ImportError, AttributeError, UnsupportedAlgorithm):
        return False
    return True


@cache
def _package() -> ModuleType | None:
    try:
        return import_module("pqcrypto.kem.ml_kem_512")
    except ImportError:
        return None


def _required_package() -> ModuleType:
    package = _package()
    if package is None:
        raise BackendUnavailable(f"ML-KEM-512 needs {MlKem512.needs}.")
    return package
