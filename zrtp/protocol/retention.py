"""What a call knows of its peer from earlier calls, and what it leaves behind for later ones.

The rules stand in `zrtp.protocol.retained_secrets`, the storage in `zrtp.cache`; here is the life of one call between
them: load before the secret IDs are made, store after the exchange or hold back after a mismatch, and follow the
verdict of the user. A cache that fails is told once, and the call goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from zrtp.cache.interface import Change
from zrtp.cache.record import PeerRecord
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.errors import CacheError
from zrtp.protocol.events import Role
from zrtp.protocol.key_schedule import srtps
from zrtp.protocol.retained_secrets import (
    CallOutcome,
    KnownSecrets,
    record_after_call,
    record_after_match,
    record_after_mismatch,
    record_after_trust,
)
from zrtp.secret import Secret

if TYPE_CHECKING:
    from zrtp.protocol.endpoint import Endpoint


class Retention:
    """The retained secrets of one call (RFC 6189 sections 4.3, 4.6.1, 4.9)."""

    __slots__ = (
        "_aux_secret",
        "_before",
        "_endpoint",
        "_on_failure",
        "_outcome",
        "_peer_zid",
        "_provisional",
        "_signalled_key",
        "_zid",
        "held_back",
        "loaded",
        "record",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        zid: bytes,
        aux_secret: Secret | None,
        signalled_key: tuple[Secret, bytes] | None,
        on_failure: Callable[[CacheError], None],
    ) -> None:
        self._endpoint = endpoint
        self._zid = zid
        self._aux_secret = aux_secret
        self._signalled_key = signalled_key
        self._on_failure = on_failure
        self._peer_zid: bytes | None = None
        self._before: PeerRecord | None = None
        self._outcome: CallOutcome | None = None
        self._provisional = False
        self.record: PeerRecord | None = None
        """What the cache holds about the peer now, as far as this call knows."""
        self.loaded = False
        """The cache could be read: a missing record means a first call."""
        self.held_back = False
        """The new secret waits for the user to compare the SAS."""

    def known_secrets(self, peer_zid: bytes, hash_: HashAlgorithm, role: Role) -> KnownSecrets:
        """What this side may share with that peer, in our role."""
        record = self._load(peer_zid)
        return KnownSecrets.of(record, self._auxsecret(peer_zid, hash_, role), self._endpoint.wall_clock())

    def allows_preshared(self, peer_zid: bytes) -> bool:
        """Whether rs1 may carry a call in Preshared mode: its lineage was authenticated, and not too long ago."""
        record = self._load(peer_zid)
        return (
            record is not None
            and record.rs1 is not None
            and record.trusted_lineage
            and not record.rs1_expired(self._endpoint.wall_clock())
            and record.preshared_count < self._endpoint.config.preshared_limit
        )

    def call_secured(self, peer_zid: bytes, outcome: CallOutcome, *, mismatch: bool) -> None:
        """Store the new secret (section 4.6.1), or hold it back: after a mismatch that nothing else makes up for, and
        if the cache could not be read, so that nobody knows whether there is one.
        """
        self._peer_zid = peer_zid
        self._outcome = outcome
        self.held_back = not self.loaded or (mismatch and not outcome.authenticated)
        if self.held_back:
            return
        now = self._endpoint.wall_clock()
        self._update(lambda old: record_after_call(old, outcome, now))
        self._provisional = self.record is not None and self.record.provisional

    def peer_finished(self) -> None:
        """The initiator sent valid SRTP: it has stored its secret, so that ours is not provisional any more."""
        if self._provisional:
            self._provisional = False
            self._update(lambda old: None if old is None else replace(old, provisional=False))

    def sas_matched(self, name: str | None) -> None:
        """The user compared the SAS: verified, and a secret that was held back is stored."""
        held_back = self._outcome if self.held_back else None
        now = self._endpoint.wall_clock()
        self._update(lambda old: record_after_match(old, held_back, name, now))
        self.held_back = False
        self._provisional = False

    def sas_mismatched(self) -> None:
        """The SAS differs: this call's secret is not kept, and the peer is not verified."""
        before, outcome = self._before, self._outcome
        if outcome is not None:
            self._update(lambda old: record_after_mismatch(old, before, outcome.new_rs1))
        self.held_back = False

    def signer_trusted(self) -> None:
        """The exchange is authenticated by a signature: a secret that was held back is stored."""
        if self._outcome is None:
            return
        outcome, now = replace(self._outcome, authenticated=True), self._endpoint.wall_clock()
        if self.held_back:
            self._update(lambda old: record_after_call(old, outcome, now))
            self.held_back = False
        else:
            self._update(lambda old: record_after_trust(old, outcome))

    def unverify(self) -> None:
        """Take back a verification; the secrets stay."""
        self._update(lambda old: None if old is None else old.as_unverified())

    def rename(self, name: str) -> None:
        """Another name; clears the verification unless it is the old name."""
        self._update(lambda old: None if old is None else old.renamed(name))

    def store_pbxsecret(self, secret: Secret) -> None:
        """Remember an enrolment (section 7.3.1)."""
        now = self._endpoint.wall_clock()
        self._update(lambda old: replace(old or PeerRecord(first_seen=now), pbxsecret=secret))

    def wipe(self) -> None:
        """Forget every secret that this call holds; the cache keeps its own."""
        for record in (self.record, self._before):
            if record is not None:
                record.wipe()
        if self._outcome is not None:
            self._outcome.new_rs1.wipe()
        if self._aux_secret is not None:
            self._aux_secret.wipe()
        if self._signalled_key is not None:
            self._signalled_key[0].wipe()
        self._outcome = self._aux_secret = self._signalled_key = None

    def _auxsecret(self, peer_zid: bytes, hash_: HashAlgorithm, role: Role) -> Secret | None:
        """auxsecret, or srtps from the SRTP key of signalling (section 8.2)."""
        if self._signalled_key is None:
            return self._aux_secret
        key, salt = self._signalled_key
        zids = (self._zid, peer_zid) if role is Role.INITIATOR else (peer_zid, self._zid)
        return srtps(hash_, key, salt, *zids)

    def _load(self, peer_zid: bytes) -> PeerRecord | None:
        if self._endpoint.cacheless:
            self.loaded = True
            return None
        try:
            self._before = self._endpoint.cache.load(self._zid, peer_zid)
            self.loaded = True
        except CacheError as error:
            self._on_failure(error)
            self._before = None
            self.loaded = False
        self.record = self._before
        return self._before

    def _update(self, change: Change) -> None:
        if self._peer_zid is None or self._endpoint.cacheless:
            return
        try:
            self.record = self._endpoint.cache.update(self._zid, self._peer_zid, change)
        except CacheError as error:
            self._on_failure(error)
