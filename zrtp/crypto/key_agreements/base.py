"""What every key agreement looks like to the protocol, whether Diffie-Hellman or key encapsulation (KEM).

The initiator makes an `InitiatorShare`, the responder a `ResponderShare`; each knows what its messages carry
and turns the other's field into the DHResult of RFC 6189 section 4.4.1.4. The state machine never asks which
kind runs.

====================  =======================  ============================
field of              Diffie-Hellman           KEM
====================  =======================  ============================
Commit                nothing                  public key, padded
DHPart1 (responder)   pvr                      ciphertext, padded
DHPart2 (initiator)   pvi                      16 random octets
====================  =======================  ============================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NewType, NoReturn, Protocol

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.errors import ErrorCode, MalformedPacket, PeerMisbehaved, RandomnessFailed
from zrtp.secret import Secret
from zrtp.system import RandomSource

MERGED_ORDER: Final[tuple[bytes, ...]] = (
    *(b"DH2k", b"X255", b"E255", b"K255", b"EC25", b"X448", b"K448", b"DH3k", b"E414", b"EC38", b"EC52"),
    *(b"KYB1", b"KYB2", b"KYB3", b"HQD1", b"HQD2", b"HQD3"),
    *(b"X1K1", b"X1H1", b"X3K3", b"X3H3", b"XKR1", b"XKR3"),
    *(b"MLK1", b"MLK2", b"MLK3", b"X1M1", b"X1M2", b"X3M3"),
)
"""Fastest first: decides between two different first choices (RFC 6189 section 4.1.2).

The RFC's order, GNU ZRTP's and bzrtp's are all contained in it, so that every peer reaches the same decision;
names that are not implemented keep their places. X1M2 is this package's own.
"""


CheckedValue = NewType("CheckedValue", bytes)
"""Evidence that a peer's public value, public key or ciphertext passed the checks that need no public-key operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareContext:
    """What a key share depends on besides the key agreement itself."""

    hash: HashAlgorithm
    """The negotiated hash: KEM secrets are derived with it."""
    exponent_bits: int
    """Bits of a finite-field exponent: twice the AES key length (RFC 6189 section 5.1.5)."""
    random: RandomSource
    """Where private values come from."""


class InitiatorShare(Protocol):
    """The initiator's half of one exchange; the repr shows no key."""

    @property
    def code(self) -> bytes: ...
    @property
    def commit_field(self) -> bytes:
        """What the Commit carries after hvi."""

    @property
    def dhpart2_field(self) -> bytes:
        """What DHPart2 carries in place of pv."""

    def finish(self, dhpart1_pv: CheckedValue, /) -> Secret:
        """DHResult, at its fixed width, from the field of the responder's DHPart1.

        The value comes from `KeyAgreement.check_dhpart1`. Raises PeerMisbehaved (0x61) for one that is weak or our
        own, and for every failure of the library; EngineDefect after `wipe`.
        """

    def wipe(self) -> None:
        """Drop the private key; call it right after `finish`, or when the exchange ends without."""


class ResponderShare(Protocol):
    """The responder's half of one exchange; the repr shows no key."""

    @property
    def code(self) -> bytes: ...
    @property
    def dhpart1_field(self) -> bytes:
        """What DHPart1 carries in place of pv."""

    def finish(self, dhpart2_pv: CheckedValue, /) -> Secret:
        """DHResult, at its fixed width, from the field of DHPart2, which comes from `KeyAgreement.check_dhpart2`.

        Raises as the initiator's.
        """

    def wipe(self) -> None:
        """Drop the private key or shared secret."""


class KeyAgreement(Protocol):
    """One entry of the key agreement list. Lengths are octets, padded to words as on the wire."""

    @property
    def code(self) -> bytes:
        """Type block, 4 octets (RFC 6189 table 5)."""

    @property
    def rank(self) -> int:
        """Place in the order of speed; lower is faster."""

    @property
    def is_kem(self) -> bool:
        """The Commit carries a public key."""

    @property
    def post_quantum(self) -> bool:
        """Part of the secret resists a quantum computer."""

    @property
    def available(self) -> bool:
        """The library that computes it is installed and supports it."""

    @property
    def commit_length(self) -> int:
        """Length of the Commit's field; 0 for Diffie-Hellman."""

    @property
    def dhpart1_length(self) -> int:
        """Length of the pv field of DHPart1."""

    @property
    def dhpart2_length(self) -> int:
        """Length of the pv field of DHPart2."""

    def initiate(self, context: ShareContext) -> InitiatorShare:
        """A fresh key pair. Raises BackendUnavailable if the algorithm is not `available`."""

    def respond(
        self, commit_public_key: CheckedValue, context: ShareContext, own: InitiatorShare | None = None
    ) -> ResponderShare:
        """The answer to a Commit with this field, which comes from `check_commit`.

        `own` is the key pair of our own Commit that lost the contention: Diffie-Hellman goes on with it if it
        fits (RFC 6189 section 4.2). If the result is another object, `own` is still the caller's to wipe.
        Raises as `InitiatorShare.finish` does, and BackendUnavailable if the algorithm is not `available`.
        """

    def check_commit(self, public_key: bytes) -> CheckedValue:
        """The Commit's field, after its length and padding; no public-key operation; raises MalformedPacket."""

    def check_dhpart1(self, pv: bytes) -> CheckedValue:
        """The field of DHPart1, after length, padding and range, without any public-key operation.

        Raises MalformedPacket for the length, PeerMisbehaved (0x61) for the value.
        """

    def check_dhpart2(self, pv: bytes) -> CheckedValue:
        """The same for DHPart2."""


def rank(code: bytes) -> int:
    """The place of a code in `MERGED_ORDER`; an application's own code comes after all of them."""
    return MERGED_ORDER.index(code) if code in MERGED_ORDER else len(MERGED_ORDER)


def check_length(what: str, octets: bytes, length: int) -> None:
    """Raises MalformedPacket unless the field has the length that its key agreement fixes."""
    if len(octets) != length:
        raise MalformedPacket(f"{what} has {len(octets)} octets where {length} are needed.")


def refuse_public_value(reason: str) -> NoReturn:
    """Raises PeerMisbehaved with 0x61, "bad pvi or pvr" (RFC 6189 section 5.9)."""
    raise PeerMisbehaved(ErrorCode.PUBLIC_VALUE, reason)


def draw(random: RandomSource, length: int) -> bytes:
    """Private octets from the source of randomness; a failure (too few, all zero) raises RandomnessFailed."""
    octets = random(length)
    if len(octets) != length or not any(octets):
        raise RandomnessFailed("The source of randomness failed: it gave too few octets, or zeros.")
    return octets


def check_secret(result: bytes, length: int) -> bytes:
    """A secret as the library gave it; the peer's value is refused if it is all zero or ill-sized."""
    if len(result) != length or not any(result):
        refuse_public_value("The peer's public value leads to an all-zero or ill-sized secret.")
    return result
