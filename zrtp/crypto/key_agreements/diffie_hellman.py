"""The flow that all Diffie-Hellman forms share (RFC 6189 section 4.4.1): one key pair, whatever the role.

The families (finite field, NIST curves, Montgomery curves) add how a key pair is made and which values are
sound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from zrtp.crypto.key_agreements.base import (
    CheckedValue,
    InitiatorShare,
    ShareContext,
    check_length,
    check_secret,
    rank,
    refuse_public_value,
)
from zrtp.errors import EngineDefect
from zrtp.secret import Secret

PrivateOperation = Callable[[bytes], bytes]
"""The private key in use: from the peer's public value to DHResult. The key stays inside the library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffieHellman(ABC):
    """A key agreement whose public values travel in DHPart1 and DHPart2."""

    code: bytes
    """Type block, 4 octets."""
    length: int
    """Octets of a public value."""
    result_length: int
    """Octets of DHResult."""

    is_kem: ClassVar[bool] = False
    post_quantum: ClassVar[bool] = False
    available: ClassVar[bool] = True
    commit_length: ClassVar[int] = 0

    @property
    def rank(self) -> int:
        """Place in the order of speed; lower is faster."""
        return rank(self.code)

    @property
    def dhpart1_length(self) -> int:
        """Octets of pvr."""
        return self.length

    @property
    def dhpart2_length(self) -> int:
        """Octets of pvi."""
        return self.length

    def initiate(self, context: ShareContext) -> DiffieHellmanShare:
        """A fresh key pair."""
        public_value, exchange = self.key_pair(context)
        return DiffieHellmanShare(self, self.strength(context), public_value, exchange)

    def respond(
        self, commit_public_key: CheckedValue, context: ShareContext, own: InitiatorShare | None = None
    ) -> DiffieHellmanShare:
        """The key pair of the lost contention if it is of the same kind and strength, else a fresh one."""
        self.check_commit(commit_public_key)
        if isinstance(own, DiffieHellmanShare) and own.fits(self.code, self.strength(context)):
            return own
        return self.initiate(context)

    def check_commit(self, public_key: bytes) -> CheckedValue:
        """A Diffie-Hellman Commit carries nothing after hvi."""
        check_length("The Commit's public key", public_key, 0)
        return CheckedValue(public_key)

    def check_dhpart1(self, pv: bytes) -> CheckedValue:
        """Length and range of pvr."""
        check_length("The public value pvr", pv, self.length)
        self.check_range(pv)
        return CheckedValue(pv)

    def check_dhpart2(self, pv: bytes) -> CheckedValue:
        """Length and range of pvi."""
        check_length("The public value pvi", pv, self.length)
        self.check_range(pv)
        return CheckedValue(pv)

    @abstractmethod
    def key_pair(self, context: ShareContext) -> tuple[bytes, PrivateOperation]:
        """A fresh public value, and its private key in use."""

    @abstractmethod
    def check_range(self, pv: bytes) -> None:
        """Raises PeerMisbehaved (0x61) for a value of the right length that cannot be a public value."""

    def same_point(self, pv: bytes, other: bytes) -> bool:
        """Whether two public values stand for the same element, up to what the exchange ignores."""
        return pv == other

    def strength(self, context: ShareContext) -> int:
        """What of the context a key pair depends on: equal for key pairs that may stand in for each other."""
        return 0


class DiffieHellmanShare:
    """One key pair, in either role: it implements `InitiatorShare` and `ResponderShare`."""

    __slots__ = ("_agreement", "_exchange", "_strength", "code", "dhpart1_field", "dhpart2_field", "public_value")

    commit_field: ClassVar[bytes] = b""

    def __init__(
        self, agreement: DiffieHellman, strength: int, public_value: bytes, exchange: PrivateOperation
    ) -> None:
        self.code = agreement.code
        self.public_value = public_value
        self.dhpart1_field = self.dhpart2_field = public_value
        """pvr or pvi, at its fixed width (RFC 6189 sections 5.5 and 5.6)."""
        self._agreement = agreement
        self._strength = strength
        self._exchange: PrivateOperation | None = exchange

    def fits(self, code: bytes, strength: int) -> bool:
        """Whether this key pair can serve an exchange of that kind and strength."""
        return self._exchange is not None and self.code == code and self._strength == strength

    def finish(self, pv: CheckedValue) -> Secret:
        """DHResult (RFC 6189 section 4.4.1.4), after the checks of sections 4.4.1.2 and 4.4.1.3."""
        if self._exchange is None:
            raise EngineDefect("A key pair was used after it had been wiped; please report this defect.")
        agreement = self._agreement
        agreement.check_dhpart1(pv)
        if agreement.same_point(pv, self.public_value):
            refuse_public_value("The peer sent our own public value back.")
        try:
            result = self._exchange(pv)
        except Exception:  # whatever the library dislikes, it is the peer's value, and there is no secret
            refuse_public_value("The peer's public value is not usable.")
        return Secret(check_secret(result, agreement.result_length))

    def wipe(self) -> None:
        """Let go of the private key; the library clears its memory."""
        self._exchange = None

    def __repr__(self) -> str:
        return f"DiffieHellmanShare({self.code!r})"
