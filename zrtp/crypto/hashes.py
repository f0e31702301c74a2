"""The negotiated hash with its HMAC and KDF (RFC 6189 sections 5.1.2 and 4.5.1), and the implicit SHA-256.

`hashlib` and `hmac.digest` reach OpenSSL in one call each. A dozen keys come from one s0, all with the same HMAC key:
`kdfs` has `cryptography` set that key up once and copies the state, which takes a third of the time.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from zrtp.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm as LibraryHash

Octets = bytes | bytearray | memoryview
"""Whatever holds octets; the functions of `zrtp.crypto` read it and keep nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashAlgorithm:
    """One entry of the hash list: the hash, and the MAC and KDF built on it.

    A hash that is not in `hashlib`, or whose MAC is not HMAC (Skein), is a subclass that overrides `hash` and
    `mac`; the KDF follows.
    """

    code: bytes
    """Type block, 4 octets (RFC 6189 table 2)."""
    length: int
    """Octets of the hash, of the MAC, and of every value that the RFC calls "negotiated hash length"."""
    algorithm: str = ""
    """The name in `hashlib`."""

    def hash(self, *parts: Octets) -> bytes:
        """The hash of the concatenated parts, `length` octets."""
        digest = _constructor(self.algorithm)()
        for part in parts:
            digest.update(part)
        return digest.digest()

    def mac(self, key: Octets | Secret, data: Octets) -> bytes:
        """The MAC of data, not truncated: `length` octets. HMAC unless a subclass says otherwise."""
        return hmac.digest(key.octets if isinstance(key, Secret) else key, data, self.algorithm)

    def kdf(self, ki: Octets | Secret, label: bytes, context: bytes, bits: int) -> Secret:
        """KDF(KI, Label, Context, L) of RFC 6189 section 4.5.1, `bits` / 8 octets:

            HMAC(KI, i || Label || 0x00 || Context || L)[: L / 8]      i = 1 and L in bits, 32 bits each

        Raises ValueError unless `bits` is a multiple of 8 from 8 to the hash length.
        """
        if bits % 8 or not 8 <= bits <= 8 * self.length:
            raise ValueError(f"A key of {bits} bits cannot be derived with a hash of {8 * self.length} bits.")
        mac = self.mac(ki, b"\x00\x00\x00\x01" + label + b"\x00" + context + bits.to_bytes(4, "big"))
        return Secret(mac[: bits // 8])

    def kdfs(self, ki: Octets | Secret, context: bytes, wanted: Iterable[tuple[bytes, int]]) -> list[Secret]:
        """`kdf` for several pairs of Label and L under one KI and Context."""
        library_hash = _library_hash(self.algorithm)
        if library_hash is None or type(self).mac is not HashAlgorithm.mac:
            return [self.kdf(ki, label, context, bits) for label, bits in wanted]
        from cryptography.hazmat.primitives.hmac import HMAC

        keyed = HMAC(ki.octets if isinstance(ki, Secret) else ki, library_hash)
        keys = []
        for label, bits in wanted:
            if bits % 8 or not 8 <= bits <= 8 * self.length:
                raise ValueError(f"A key of {bits} bits cannot be derived with a hash of {8 * self.length} bits.")
            each = keyed.copy()
            each.update(b"\x00\x00\x00\x01" + label + b"\x00" + context + bits.to_bytes(4, "big"))
            keys.append(Secret(each.finalize()[: bits // 8]))
        return keys


S256: Final = HashAlgorithm(code=b"S256", length=32, algorithm="sha256")
"""SHA-256; mandatory."""
S384: Final = HashAlgorithm(code=b"S384", length=48, algorithm="sha384")
"""SHA-384; needed for EC38."""
S512: Final = HashAlgorithm(code=b"S512", length=64, algorithm="sha512")
"""SHA-512: not in the RFC, spoken by bzrtp 5.5."""
N256: Final = HashAlgorithm(code=b"N256", length=32, algorithm="sha3_256")
"""SHA3-256, with HMAC."""
N384: Final = HashAlgorithm(code=b"N384", length=48, algorithm="sha3_384")
"""SHA3-384, with HMAC."""

HASHES: Final = (S256, S384, S512, N256, N384)


def sha256(data: Octets) -> bytes:
    """SHA-256 where nothing is negotiated: hash chain, zrtp-hash (RFC 6189 section 5.1.2.2)."""
    return hashlib.sha256(data).digest()


def hmac_sha256(key: Octets | Secret, data: Octets) -> bytes:
    """HMAC-SHA-256 where nothing is negotiated: the MAC that ends Hello, Commit, DHPart (5.1.2.2)."""
    return hmac.digest(key.octets if isinstance(key, Secret) else key, data, "sha256")


@cache
def _constructor(algorithm: str) -> Callable[[], hashlib._Hash]:
    """`hashlib.new` without the search for the name."""
    known: Callable[[], hashlib._Hash] = getattr(hashlib, algorithm, partial(hashlib.new, algorithm))
    return known


@cache
def _library_hash(algorithm: str) -> LibraryHash | None:
    """What `cryptography` calls the hash with this name in `hashlib`, if it has it."""
    from cryptography.hazmat.primitives import hashes

    kind: type[LibraryHash] | None = getattr(hashes, algorithm.upper(), None)
    return None if kind is None else kind()
