"""K255, K448, MLK1 to MLK3, X1M1, X1M2 and X3M3: key encapsulation, and hybrids of two kinds.

Not in RFC 6189; spoken by bzrtp 5.5 (X1M2 by this package alone). The messages keep their types: the
initiator's public key follows hvi in the Commit, the responder's ciphertext takes the place of pvr in
DHPart1, and DHPart2 carries 16 random octets, so that hvi commits to something fresh. Fields are padded with
zeros to a whole word, once, at their end. The formulas that use a hash use the negotiated one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from zrtp.crypto.codes import name
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements.base import (
    CheckedValue,
    InitiatorShare,
    ShareContext,
    check_length,
    check_secret,
    draw,
    rank,
    refuse_public_value,
)
from zrtp.crypto.key_agreements.kem_parts import X448_KEM, X25519_KEM, Decapsulate, KemPart
from zrtp.crypto.key_agreements.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024
from zrtp.errors import BackendUnavailable, EngineDefect, MalformedPacket
from zrtp.secret import Secret

NONCE: Final = 16
"""Octets of DHPart2's field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KemAgreement:
    """A key agreement by one or more encapsulation mechanisms, in wire order."""

    code: bytes
    """Type block, 4 octets."""
    parts: tuple[KemPart, ...]
    """Their public keys, and their ciphertexts, follow one another without padding between them."""

    is_kem: ClassVar[bool] = True
    dhpart2_length: ClassVar[int] = NONCE

    @property
    def rank(self) -> int:
        """Place in the order of speed; lower is faster."""
        return rank(self.code)

    @property
    def post_quantum(self) -> bool:
        """Part of the secret resists a quantum computer."""
        return any(part.post_quantum for part in self.parts)

    @property
    def available(self) -> bool:
        """The library supports every part."""
        return all(part.available for part in self.parts)

    @property
    def commit_length(self) -> int:
        """Octets of the padded public key."""
        return _padded(sum(self.public_lengths))

    @property
    def dhpart1_length(self) -> int:
        """Octets of the padded ciphertext."""
        return _padded(sum(self.ciphertext_lengths))

    @property
    def public_lengths(self) -> tuple[int, ...]:
        """Octets of each part's public key."""
        return tuple(part.public_length for part in self.parts)

    @property
    def ciphertext_lengths(self) -> tuple[int, ...]:
        """Octets of each part's ciphertext."""
        return tuple(part.ciphertext_length for part in self.parts)

    def initiate(self, context: ShareContext) -> KemInitiatorShare:
        """A fresh key pair of every part."""
        self.require()
        return KemInitiatorShare(self, context, [part.key_pair(context) for part in self.parts])

    def respond(
        self, commit_public_key: CheckedValue, context: ShareContext, own: InitiatorShare | None = None
    ) -> KemResponderShare:
        """A fresh secret encapsulated for the Commit's public key; a key pair of our own has no use here."""
        self.require()
        self.check_commit(commit_public_key)
        publics = _split(commit_public_key, self.public_lengths)
        ephemerals = [_ephemeral(part, context) for part in self.parts]
        try:
            pairs = [
                part.encapsulate(public, ephemeral, context.hash)
                for part, public, ephemeral in zip(self.parts, publics, ephemerals, strict=True)
            ]
        except Exception:  # whatever the library dislikes, it is the peer's value, and there is no secret
            refuse_public_value("The peer's public key is not usable.")
        return KemResponderShare(self, context.hash, [ct for ct, _ in pairs], [ss for _, ss in pairs])

    def check_commit(self, public_key: bytes) -> CheckedValue:
        """Length and padding of the public key."""
        _check_field("The public key in the Commit", public_key, sum(self.public_lengths))
        return CheckedValue(public_key)

    def check_dhpart1(self, pv: bytes) -> CheckedValue:
        """Length and padding of the ciphertext."""
        _check_field("The ciphertext in DHPart1", pv, sum(self.ciphertext_lengths))
        return CheckedValue(pv)

    def check_dhpart2(self, pv: bytes) -> CheckedValue:
        """Length of the nonce; its value is hvi's matter."""
        check_length("The nonce in DHPart2", pv, NONCE)
        return CheckedValue(pv)

    def result(self, secrets: Sequence[bytes], ciphertexts: Sequence[bytes], hash: HashAlgorithm) -> Secret:
        """DHResult: the one secret itself, or the combination of several."""
        for secret, part in zip(secrets, self.parts, strict=True):
            check_secret(secret, part.secret_length)
        if len(secrets) == 1:
            return Secret(secrets[0])
        return Secret(combine(hash, secrets, b"".join(ciphertexts)))

    def require(self) -> None:
        """Raises BackendUnavailable, with what to install, if a part is not `available`."""
        for part in self.parts:
            if not part.available:
                raise BackendUnavailable(f"The key agreement {name(self.code)} needs {part.needs}.")


class KemInitiatorShare:
    """The initiator's key pairs."""

    __slots__ = ("_agreement", "_decapsulations", "_hash", "code", "commit_field", "dhpart2_field")

    def __init__(
        self,
        agreement: KemAgreement,
        context: ShareContext,
        key_pairs: Sequence[tuple[bytes, Decapsulate]],
    ) -> None:
        self.code = agreement.code
        self.commit_field = _pad(b"".join(public for public, _ in key_pairs))
        self.dhpart2_field = draw(context.random, NONCE)
        self._agreement = agreement
        self._hash = context.hash
        self._decapsulations: Sequence[Decapsulate] | None = [decapsulate for _, decapsulate in key_pairs]

    def finish(self, dhpart1_pv: CheckedValue) -> Secret:
        """DHResult from the ciphertext.

        A forged ML-KEM ciphertext raises nothing: it leads to another secret, and the Confirm does not
        verify.
        """
        if self._decapsulations is None:
            raise EngineDefect("A key pair was used after it had been wiped; please report this defect.")
        agreement = self._agreement
        agreement.check_dhpart1(dhpart1_pv)
        ciphertexts = _split(dhpart1_pv, agreement.ciphertext_lengths)
        try:
            secrets = [
                decapsulate(ciphertext, self._hash)
                for decapsulate, ciphertext in zip(self._decapsulations, ciphertexts, strict=True)
            ]
        except Exception:  # whatever the library dislikes, it is the peer's value, and there is no secret
            refuse_public_value("The peer's ciphertext is not usable.")
        return agreement.result(secrets, ciphertexts, self._hash)

    def wipe(self) -> None:
        """Let go of the private keys; the library clears its memory."""
        self._decapsulations = None

    def __repr__(self) -> str:
        return f"KemInitiatorShare({self.code!r})"


class KemResponderShare:
    """The responder's ciphertext, and the secret that is in it."""

    __slots__ = ("_agreement", "_result", "code", "dhpart1_field")

    def __init__(
        self,
        agreement: KemAgreement,
        hash: HashAlgorithm,
        ciphertexts: Sequence[bytes],
        secrets: Sequence[bytes],
    ) -> None:
        self.code = agreement.code
        self.dhpart1_field = _pad(b"".join(ciphertexts))
        self._agreement = agreement
        self._result: Secret | None = agreement.result(secrets, ciphertexts, hash)

    def finish(self, dhpart2_pv: CheckedValue) -> Secret:
        """DHResult; the nonce does not enter it."""
        if self._result is None:
            raise EngineDefect("A shared secret was used after it had been wiped; please report this defect.")
        self._agreement.check_dhpart2(dhpart2_pv)
        return self._result.copy()

    def wipe(self) -> None:
        """Overwrite the shared secret."""
        if self._result is not None:
            self._result.wipe()
            self._result = None

    def __repr__(self) -> str:
        return f"KemResponderShare({self.code!r})"


def combine(hash: HashAlgorithm, secrets: Sequence[bytes], ciphertexts: bytes) -> bytes:
    """The secret of a hybrid, as long as the hash:

    T1 = HMAC(key = empty, ss_1)    T2 = HMAC(key = T1, ss_2)    DHResult = HMAC(key = T2, ct_1 || ct_2)
    """
    key = b""
    for secret in secrets:
        key = hash.mac(key, secret)
    return hash.mac(key, ciphertexts)


K255: Final = KemAgreement(code=b"K255", parts=(X25519_KEM,))
"""X25519 as a KEM."""
K448: Final = KemAgreement(code=b"K448", parts=(X448_KEM,))
"""X448 as a KEM."""
MLK1: Final = KemAgreement(code=b"MLK1", parts=(ML_KEM_512,))
"""ML-KEM-512 alone."""
MLK2: Final = KemAgreement(code=b"MLK2", parts=(ML_KEM_768,))
"""ML-KEM-768 alone."""
MLK3: Final = KemAgreement(code=b"MLK3", parts=(ML_KEM_1024,))
"""ML-KEM-1024 alone."""
X1M1: Final = KemAgreement(code=b"X1M1", parts=(X25519_KEM, ML_KEM_512))
"""X25519 and ML-KEM-512."""
X1M2: Final = KemAgreement(code=b"X1M2", parts=(X25519_KEM, ML_KEM_768))
"""X25519 and ML-KEM-768: this package's own, after the pattern of X3M3."""
X3M3: Final = KemAgreement(code=b"X3M3", parts=(X448_KEM, ML_KEM_1024))
"""X448 and ML-KEM-1024."""

KEMS: Final = {kem.code: kem for kem in (K255, K448, MLK1, MLK2, MLK3, X1M1, X1M2, X3M3)}


def share_from_private(code: bytes, octets: bytes, context: ShareContext) -> KemInitiatorShare:
    """An initiator's share with known private octets, the parts' one after another: for known-answer tests.

    X25519 takes 32, X448 56, ML-KEM its seed d || z of 64, but ML-KEM-512 its expanded private key of 1632.
    """
    kem = KEMS[code]
    privates = _split(octets, [part.private_length for part in kem.parts])
    pairs = [part.key_pair_of(private) for part, private in zip(kem.parts, privates, strict=True)]
    return KemInitiatorShare(kem, context, pairs)


def response_from_private(
    code: bytes, privates: Sequence[bytes], commit_field: bytes, dhpart1_field: bytes, context: ShareContext
) -> KemResponderShare:
    """A responder's share with known secrets, one for each part: for known-answer tests.

    X25519 and X448 take the ephemeral private key, ML-KEM the shared secret: what went into its ciphertext
    only the library knew, so the ciphertexts are given too.
    """
    kem = KEMS[code]
    publics = _split(commit_field, kem.public_lengths)
    ciphertexts = _split(dhpart1_field, kem.ciphertext_lengths)
    secrets = [
        part.encapsulate(public, private, context.hash)[1] if part.ephemeral_length else private
        for part, private, public in zip(kem.parts, privates, publics, strict=True)
    ]
    return KemResponderShare(kem, context.hash, ciphertexts, secrets)


def _ephemeral(part: KemPart, context: ShareContext) -> bytes:
    return draw(context.random, part.ephemeral_length) if part.ephemeral_length else b""


def _padded(length: int) -> int:
    return length + -length % 4


def _pad(field: bytes) -> bytes:
    return field.ljust(_padded(len(field)), b"\x00")


def _check_field(what: str, field: bytes, length: int) -> None:
    check_length(what, field, _padded(length))
    if any(field[length:]):
        raise MalformedPacket(f"{what} is padded with something else than zeros.")


def _split(field: bytes, lengths: Sequence[int]) -> list[bytes]:
    """The field cut into parts; what is left over is padding."""
    parts = []
    start = 0
    for length in lengths:
        parts.append(field[start : start + length])
        start += length
    return parts
