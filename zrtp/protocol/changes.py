"""What a call writes into the record of its peer: small values that make a new record of an old one.

RFC 6189 sections 4.6.1 and 4.9, with the decisions that the RFC leaves open:

* rs2 becomes the secret that matched, otherwise the old rs1. This differs from the letter of 4.6.1 only after a match
  through rs2, changes nothing on the wire, and removes the false alarm after two half-finished calls in a row.
* The first record ever written is *provisional* until the peer has proved by SRTP that it finished too: a mismatch
  against it counts as first contact, since nothing was ever confirmed. Anybody can send a Conf2ACK.
* After a Preshared exchange the secret that carried it is kept as rs2 until the peer has proved that it finished, and
  no longer: otherwise an interrupted call would leave the two ends without a secret in common.
* After a mismatch the new secret is kept apart, and stored only when the user says that the SAS matches.
* Expired secrets may still match; their absence is no alarm, but ends what was verified with them.
* A record that was written in the meantime, by another process or host, keeps its newest secret: the newer of the two
  becomes rs1, the other rs2, so that the peer is recognised whichever call it remembers.

A change is pure and may be applied more than once. Times are wall clock time, seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.protocol.events import Mode, Role
from zrtp.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What a finished DH or Preshared exchange brings to the cache."""

    new_rs1: Secret
    s1: Secret | None
    mode: Mode
    role: Role
    interval: int
    """The smaller of both sides' cache expiration intervals, seconds."""
    authenticated: bool
    """The exchange was authenticated by more than the SAS alone: it continues a trusted lineage, is bound to
    protected signalling, or was signed."""

    def copy(self) -> CallOutcome:
        """The same with secrets of its own, which live until the change is stored."""
        return replace(self, new_rs1=self.new_rs1.copy(), s1=None if self.s1 is None else self.s1.copy())

    def wipe(self) -> None:
        """Forget the secrets."""
        self.new_rs1.wipe()
        if self.s1 is not None:
            self.s1.wipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterCall:
    """A call without mismatch, or with one that something else made up for (section 4.6.1)."""

    outcome: CallOutcome
    version: int
    """Generation of the record that the call began with; 0 if there was none."""
    at: float

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        outcome = self.outcome
        if outcome.interval == 0:
            return None if old is None else replace(old, interval=0)
        expires = None if outcome.interval == FOREVER else self.at + outcome.interval
        if old is not None and old.generation != self.version:
            if outcome.new_rs1 in (old.rs1, old.rs2):
                return old  # stored already: the answer of the cache was lost, and it is asked again
            return self._beside(old, expires)
        base = old if old is not None else PeerRecord(first_seen=self.at)
        if outcome.s1 is None:
            base = base.as_somebody()
        rs2 = outcome.s1 if outcome.s1 is not None else base.rs1
        rs2_expires = expires if outcome.s1 is not None else base.rs1_expires
        return replace(
            base,
            rs1=outcome.new_rs1,
            rs1_expires=expires,
            rs2=rs2,
            rs2_expires=rs2_expires,
            interval=outcome.interval,
            last_seen=self.at,
            provisional=self._provisional and (old is None or old.provisional),
            trusted_lineage=outcome.authenticated or (outcome.s1 is not None and base.trusted_lineage),
            preshared_count=base.preshared_count + 1 if outcome.mode is Mode.PRESHARED else 0,
        )

    def wipe(self) -> None:
        """Forget the secrets."""
        self.outcome.wipe()

    @property
    def _provisional(self) -> bool:
        return self.outcome.s1 is None

    def _beside(self, old: PeerRecord, expires: float | None) -> PeerRecord:
        """Another call with this peer has written its record in the meantime: keep what both have brought."""
        outcome = self.outcome
        base = old if outcome.s1 is not None else old.as_somebody()
        trusted = outcome.authenticated or outcome.s1 is not None
        newer = self.at >= old.last_seen
        first, second = (outcome.new_rs1, expires), (old.rs1, old.rs1_expires)
        (rs1, rs1_expires), (rs2, rs2_expires) = (first, second) if newer else (second, first)
        return replace(
            base,
            rs1=rs1,
            rs1_expires=rs1_expires,
            rs2=rs2,
            rs2_expires=rs2_expires,
            interval=outcome.interval if newer else old.interval,
            last_seen=max(self.at, old.last_seen),
            provisional=self._provisional and old.provisional,
            trusted_lineage=trusted and base.trusted_lineage,
            preshared_count=base.preshared_count + (outcome.mode is Mode.PRESHARED),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterMatch:
    """The user said that the SAS matches."""

    held_back: AfterCall | None
    """The call, if its secret was held back until now."""
    name: str | None
    at: float

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        record = old if self.held_back is None else self.held_back.apply(old)
        name = self.name if self.name is not None or old is None else old.name
        return None if record is None else record.as_verified(self.at, name)

    def wipe(self) -> None:
        """Forget the secrets."""
        if self.held_back is not None:
            self.held_back.wipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterMismatch:
    """The user said that the SAS differs: this call's secret is gone and so is the V flag.

    It is remembered, after a first call in a record that holds no secret.
    """

    before: PeerRecord | None
    """The record before the call; it comes back if the call has stored its secret since."""
    new_rs1: Secret
    at: float

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        record = old
        if old is not None and old.rs1 == self.new_rs1:
            record = self.before
        elif old is not None and old.rs2 == self.new_rs1:  # another call has written its own beside
            record = replace(old, rs2=None, rs2_expires=None)
        return (record if record is not None else PeerRecord(first_seen=self.at)).as_different(self.at)

    def wipe(self) -> None:
        """Forget the secrets."""
        self.new_rs1.wipe()
        if self.before is not None:
            self.before.wipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterTrust:
    """The signer of the SAS was found to be trusted, after the call stored its secret."""

    new_rs1: Secret

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        if old is None or old.rs1 != self.new_rs1:
            return old
        return replace(old, trusted_lineage=True)

    def wipe(self) -> None:
        """Forget the secret."""
        self.new_rs1.wipe()


@dataclass(frozen=True, slots=True)
class PeerFinished:
    """The peer has stored its secret too: ours is not provisional, and what carried a Preshared call goes."""

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        if old is None:
            return None
        sure = replace(old, provisional=False)
        return replace(sure, rs2=None, rs2_expires=None) if old.unsure else sure

    def wipe(self) -> None:
        """Nothing secret is in it."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """The user takes back a verification; the secrets stay."""

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        return None if old is None else old.as_unverified()

    def wipe(self) -> None:
        """Nothing secret is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """Another name, which clears the verification unless it is the old name."""

    name: str

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        return None if old is None else old.renamed(self.name)

    def wipe(self) -> None:
        """Nothing secret is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """The secret of an enrolment with a trusted server (section 7.3.1)."""

    pbxsecret: Secret
    at: float

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        return replace(old or PeerRecord(first_seen=self.at), pbxsecret=self.pbxsecret)

    def wipe(self) -> None:
        """Forget the secret."""
        self.pbxsecret.wipe()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The user wants nothing to be known about the peer any more."""

    def apply(self, old: PeerRecord | None) -> PeerRecord | None:
        return None

    def wipe(self) -> None:
        """Nothing secret is in it."""


Change: TypeAlias = (
    AfterCall | AfterMatch | AfterMismatch | AfterTrust | PeerFinished | Unverified | Renamed | Enrolled | Forgotten
)
