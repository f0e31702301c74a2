"""A key agreement that counts its public-key operations."""

from __future__ import annotations

from collections import Counter

from zrtp.crypto.key_agreements.base import CheckedValue, InitiatorShare, KeyAgreement, ResponderShare, ShareContext
from zrtp.secret import Secret


class CountingShare:
    """Either share of an inner key agreement; both of its uses are counted."""

    def __init__(self, inner: InitiatorShare | ResponderShare, operations: Counter[str]) -> None:
        self.inner = inner
        self._operations = operations

    @property
    def code(self) -> bytes:
        return self.inner.code

    @property
    def commit_field(self) -> bytes:
        assert hasattr(self.inner, "commit_field")
        field: bytes = self.inner.commit_field
        return field

    @property
    def dhpart1_field(self) -> bytes:
        assert hasattr(self.inner, "dhpart1_field")
        field: bytes = self.inner.dhpart1_field
        return field

    @property
    def dhpart2_field(self) -> bytes:
        assert hasattr(self.inner, "dhpart2_field")
        field: bytes = self.inner.dhpart2_field
        return field

    def finish(self, pv: CheckedValue, /) -> Secret:
        self._operations["shared secret"] += 1
        return self.inner.finish(pv)

    def wipe(self) -> None:
        self._operations["wiped"] += 1
        self.inner.wipe()


class CountingKeyAgreement:
    """Counts key pairs made and shared secrets computed, and leaves the rest to the inner one.

    Put it in place of the real one: `Config(algorithms=DEFAULT.extended(CountingKeyAgreement(X255)))`.
    """

    def __init__(self, inner: KeyAgreement) -> None:
        self.inner = inner
        self.operations: Counter[str] = Counter()
        self.code = inner.code
        self.rank = inner.rank
        self.is_kem = inner.is_kem
        self.post_quantum = inner.post_quantum
        self.available = inner.available
        self.commit_length = inner.commit_length
        self.dhpart1_length = inner.dhpart1_length
        self.dhpart2_length = inner.dhpart2_length

    @property
    def total(self) -> int:
        """Public-key operations so far."""
        return self.operations["key pair"] + self.operations["shared secret"]

    def initiate(self, context: ShareContext) -> InitiatorShare:
        self.operations["key pair"] += 1
        return CountingShare(self.inner.initiate(context), self.operations)

    def respond(
        self, commit_public_key: CheckedValue, context: ShareContext, own: InitiatorShare | None = None
    ) -> ResponderShare:
        inner_own = own.inner if isinstance(own, CountingShare) else None
        share = self.inner.respond(commit_public_key, context, inner_own)  # type: ignore[arg-type]
        if isinstance(own, CountingShare) and id(share) == id(inner_own):
            self.operations["reused"] += 1
            return own
        self.operations["key pair"] += 1
        return CountingShare(share, self.operations)

    def check_commit(self, public_key: bytes) -> CheckedValue:
        return self.inner.check_commit(public_key)

    def check_dhpart1(self, pv: bytes) -> CheckedValue:
        return self.inner.check_dhpart1(pv)

    def check_dhpart2(self, pv: bytes) -> CheckedValue:
        return self.inner.check_dhpart2(pv)
