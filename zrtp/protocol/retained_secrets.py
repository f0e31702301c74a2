"""Secrets that outlive a call: their IDs on the wire, matching, and what a call writes back.

RFC 6189 sections 4.3, 4.6.1 and 4.9, with the decisions that the RFC leaves open:

* rs2 becomes the secret that matched, otherwise the old rs1. This differs from the letter of 4.6.1 only after a match
  through rs2, changes nothing on the wire, and removes the false alarm after two half-finished calls in a row.
* The first record ever written by a responder is *provisional* until the initiator has proved that it finished too: a
  mismatch against it counts as first contact, since nothing was ever confirmed.
* After a mismatch the new secret is kept apart, and stored only when the user says that the SAS matches.
* Expired secrets may still match; their absence is no alarm, but ends what was verified with them.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace

from zrtp.cache.record import PeerRecord
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.protocol.config import FOREVER
from zrtp.protocol.events import Continuity, Mode, Role
from zrtp.secret import Secret
from zrtp.system import RandomSource
from zrtp.wire.messages import DHPart1, DHPart2

ID_LENGTH = 8

_LABELS = {Role.INITIATOR: b"Initiator", Role.RESPONDER: b"Responder"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSecrets:
    """What this side could share with the peer when the exchange starts; None where there is nothing."""

    rs1: Secret | None = None
    rs2: Secret | None = None
    aux: Secret | None = None
    pbx: Secret | None = None
    rs1_expected: bool = False
    """rs1 exists, has not expired and was confirmed by both sides: its absence at the peer is a cache mismatch."""

    @classmethod
    def of(cls, record: PeerRecord | None, aux: Secret | None, now: float) -> KnownSecrets:
        """From the cache record of the peer. `now` is wall clock time."""
        if record is None:
            return cls(aux=aux)
        return cls(
            rs1=record.rs1,
            rs2=record.rs2,
            aux=aux,
            pbx=record.pbxsecret,
            rs1_expected=record.expects_match(now),
        )


NOTHING_KNOWN = KnownSecrets()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretIds:
    """The four ID fields of a DHPart message (section 4.3.1), 8 octets each."""

    rs1: bytes
    rs2: bytes
    aux: bytes
    pbx: bytes


def own_ids(hash_: HashAlgorithm, known: KnownSecrets, role: Role, own_h3: bytes, random: RandomSource) -> SecretIds:
    """IDs to send: MAC(rs, role), MAC(auxsecret, own H3), leftmost 64 bits; random octets for what is missing."""

    def identify(secret: Secret | None, data: bytes) -> bytes:
        return random(ID_LENGTH) if secret is None else hash_.mac(secret.octets, data)[:ID_LENGTH]

    label = _LABELS[role]
    return SecretIds(
        rs1=identify(known.rs1, label),
        rs2=identify(known.rs2, label),
        aux=identify(known.aux, own_h3),
        pbx=identify(known.pbx, label),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Which secrets both sides hold: s1, s2, s3 (section 4.3)."""

    s1: Secret | None = None
    s2: Secret | None = None
    s3: Secret | None = None
    continuity: Continuity = Continuity.FIRST_CALL
    aux_mismatch: bool = False
    pbx_mismatch: bool = False


NOTHING_MATCHED = Matched()


def match(
    hash_: HashAlgorithm,
    known: KnownSecrets,
    peer_message: DHPart1 | DHPart2,
    peer_role: Role,
    peer_h3: bytes,
) -> Matched:
    """Compare the peer's IDs with what it would send if it held our secrets.

    The search goes through the initiator's secrets first, so that both sides find the same s1.
    """

    def expected(secret: Secret | None, data: bytes) -> bytes | None:
        return None if secret is None else hash_.mac(secret.octets, data)[:ID_LENGTH]

    label = _LABELS[peer_role]
    received = (peer_message.rs1_id, peer_message.rs2_id)
    candidates = ((known.rs1, expected(known.rs1, label)), (known.rs2, expected(known.rs2, label)))
    s1 = None
    if peer_role is Role.RESPONDER:  # we are the initiator: our rs1 first, wherever the responder holds it
        pairs = [(secret, want, got) for secret, want in candidates for got in received]
    else:  # the initiator's rs1 first, whichever of ours it is
        pairs = [(secret, want, got) for got in received for secret, want in candidates]
    for secret, want, got in pairs:
        if want is not None and hmac.compare_digest(want, got) and s1 is None:
            s1 = secret
    s2 = known.aux if _equal(expected(known.aux, peer_h3), peer_message.aux_secret_id) else None
    s3 = known.pbx if _equal(expected(known.pbx, label), peer_message.pbx_secret_id) else None
    return Matched(
        s1=s1,
        s2=s2,
        s3=s3,
        continuity=continuity(known, s1),
        aux_mismatch=known.aux is not None and s2 is None,
        pbx_mismatch=known.pbx is not None and s3 is None,
    )


def continuity(known: KnownSecrets, s1: Secret | None) -> Continuity:
    """What a match, or its absence, means."""
    if s1 is not None:
        return Continuity.CONTINUED
    return Continuity.MISMATCH if known.rs1_expected else Continuity.FIRST_CALL


def _equal(expected: bytes | None, received: bytes) -> bool:
    return expected is not None and hmac.compare_digest(expected, received)


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


def record_after_call(old: PeerRecord | None, outcome: CallOutcome, now: float) -> PeerRecord | None:
    """The cache record after a call without mismatch (section 4.6.1). Pure; `now` is wall clock time."""
    if outcome.interval == 0:
        return None if old is None else replace(old, interval=0)
    expires = None if outcome.interval == FOREVER else now + outcome.interval
    base = old if old is not None else PeerRecord(first_seen=now)
    if outcome.s1 is None:
        base = base.as_unverified()  # whoever has none of the old secrets may be somebody else
    if outcome.mode is Mode.PRESHARED:
        rs2, rs2_expires = base.rs2, base.rs2_expires
    else:
        rs2 = outcome.s1 if outcome.s1 is not None else base.rs1
        rs2_expires = expires if outcome.s1 is not None else base.rs1_expires
    return replace(
        base,
        rs1=outcome.new_rs1,
        rs1_expires=expires,
        rs2=rs2,
        rs2_expires=rs2_expires,
        interval=outcome.interval,
        last_seen=now,
        provisional=outcome.s1 is None and outcome.role is Role.RESPONDER and (old is None or old.provisional),
        trusted_lineage=outcome.authenticated or (outcome.s1 is not None and base.trusted_lineage),
        preshared_count=base.preshared_count + 1 if outcome.mode is Mode.PRESHARED else 0,
    )


def record_after_trust(old: PeerRecord | None, outcome: CallOutcome) -> PeerRecord | None:
    """The record after the signer of the SAS was found to be trusted, if it still holds the secret of this call."""
    if old is None or old.rs1 != outcome.new_rs1:
        return old
    return replace(old, trusted_lineage=True)


def record_after_match(
    old: PeerRecord | None, outcome: CallOutcome | None, name: str | None, now: float
) -> PeerRecord | None:
    """The record after the user said that the SAS matches. `outcome` is given when its secret was held back."""
    record = record_after_call(old, outcome, now) if outcome is not None else old
    if record is None:
        return None
    return record.as_verified(now, name)


def record_after_mismatch(stored: PeerRecord | None, before: PeerRecord | None, new_rs1: Secret) -> PeerRecord | None:
    """The record after the user said that the SAS differs: this call's secret is gone, and so is the V flag.

    `before` is the record as it was before the call; it comes back if the call has stored its secret since.
    """
    record = before if stored is not None and stored.rs1 == new_rs1 else stored
    return None if record is None else record.as_unverified()
