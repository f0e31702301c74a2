"""Secrets that outlive a call: their IDs on the wire, and which of them both sides hold (RFC 6189 section 4.3)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from zrtp.cache.record import PeerRecord
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.protocol.events import Continuity, Role
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
    unsure: bool = False
    """The peer may have rs2 alone: the last call went by Preshared mode, and nothing showed that it finished."""

    @classmethod
    def of(cls, record: PeerRecord | None, aux: Secret | None, now: float) -> KnownSecrets:
        """What the record of the peer holds, not copied. `now` is wall clock time."""
        if record is None:
            return NOTHING_KNOWN if aux is None else cls(aux=aux)
        return cls(
            rs1=record.rs1,
            rs2=record.rs2,
            aux=aux,
            pbx=record.pbxsecret,
            rs1_expected=record.expects_match(now),
            unsure=record.unsure,
        )

    def wipe(self) -> None:
        """Forget auxsecret, which was made for this exchange alone."""
        if self.aux is not None:
            self.aux.wipe()


NOTHING_KNOWN = KnownSecrets()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretIds:
    """The four ID fields of a DHPart message (section 4.3.1), 8 octets each."""

    rs1: bytes
    rs2: bytes
    aux: bytes
    pbx: bytes


def own_ids(
    hash_: HashAlgorithm,
    known: KnownSecrets,
    role: Role,
    own_h3: bytes,
    random: RandomSource,
    *,
    no_pbxsecret: bytes = b"",
) -> SecretIds:
    """IDs to send: MAC(rs, role), MAC(auxsecret, own H3), leftmost 64 bits; random octets for what is missing, or
    `no_pbxsecret` for the pbxsecret.
    """
    label = _LABELS[role]
    rs1, rs2, aux = [
        random(ID_LENGTH) if secret is None else hash_.mac(secret, data)[:ID_LENGTH]
        for secret, data in ((known.rs1, label), (known.rs2, label), (known.aux, own_h3))
    ]
    pbx = hash_.mac(known.pbx, label)[:ID_LENGTH] if known.pbx is not None else no_pbxsecret or random(ID_LENGTH)
    return SecretIds(rs1=rs1, rs2=rs2, aux=aux, pbx=pbx)


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
    if known is NOTHING_KNOWN:
        return NOTHING_MATCHED
    label = _LABELS[peer_role]
    rs1_id, rs2_id, aux_id, pbx_id = [
        None if secret is None else hash_.mac(secret, data)[:ID_LENGTH]
        for secret, data in ((known.rs1, label), (known.rs2, label), (known.aux, peer_h3), (known.pbx, label))
    ]
    received = (peer_message.rs1_id, peer_message.rs2_id)
    candidates = ((known.rs1, rs1_id), (known.rs2, rs2_id))
    s1 = None
    if peer_role is Role.RESPONDER:  # we are the initiator: our rs1 first, wherever the responder holds it
        pairs = [(secret, want, got) for secret, want in candidates for got in received]
    else:  # the initiator's rs1 first, whichever of ours it is
        pairs = [(secret, want, got) for got in received for secret, want in candidates]
    for secret, want, got in pairs:
        if want is not None and hmac.compare_digest(want, got) and s1 is None:
            s1 = secret
    s2 = known.aux if aux_id is not None and hmac.compare_digest(aux_id, peer_message.aux_secret_id) else None
    s3 = known.pbx if pbx_id is not None and hmac.compare_digest(pbx_id, peer_message.pbx_secret_id) else None
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
