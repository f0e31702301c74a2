"""What a call knows of its peer from earlier calls, and what it leaves behind for later ones.

The rules stand in `zrtp.protocol.retained_secrets` and `zrtp.protocol.changes`, the requests in `zrtp.protocol.store`;
here is the life of one call between them: ask when a Hello makes a peer likely, store after the exchange or hold back
after a mismatch, and follow the verdict of the user.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from zrtp.cache.record import PeerRecord
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.protocol import compatibility, limits
from zrtp.protocol.changes import (
    AfterCall,
    AfterMatch,
    AfterMismatch,
    AfterTrust,
    CallOutcome,
    Change,
    Enrolled,
    Forgotten,
    PeerFinished,
    Renamed,
    Unverified,
)
from zrtp.protocol.events import Role
from zrtp.protocol.exchange import Confirmed, present
from zrtp.protocol.installation import Installation
from zrtp.protocol.key_schedule import srtps
from zrtp.protocol.retained_secrets import KnownSecrets
from zrtp.protocol.store import Read, Store
from zrtp.secret import Secret


@dataclass(slots=True)
class _Knowledge:
    """What the store said about one peer."""

    hello_came: float
    told_at: float
    """When the store answered last."""
    reads: int = 0
    at_hello: Read | None = None
    """The request that the Hello led to, if it was answered."""
    wanted_since: float = inf
    """When an exchange was first about to begin; it waits for the answer."""
    looked_at: float = inf
    """When an exchange was last about to begin."""
    open: Read | None = None
    """The request that is not answered yet."""
    record: PeerRecord | None = None
    loaded: bool = False
    """The store answered: a missing record means a first call."""
    failed: bool = False
    """The store could not answer."""
    heard: bool = False
    """Whoever claims this ZID is known to hear us."""
    used: bool = False
    """An exchange with this peer began."""


class Retention:
    """The retained secrets of one call (RFC 6189 sections 4.3, 4.6.1, 4.9)."""

    __slots__ = (
        "_aux_secret",
        "_before",
        "_installation",
        "_kept",
        "_known",
        "_outcome",
        "_peer_zid",
        "_signalled_key",
        "_unsure",
        "_version",
        "_zid",
        "held_back",
        "loaded",
        "names_peer",
        "record",
        "store",
    )

    def __init__(
        self,
        installation: Installation,
        zid: bytes,
        aux_secret: Secret | None,
        signalled_key: tuple[Secret, bytes] | None,
    ) -> None:
        self._installation = installation
        self._zid = zid
        self._aux_secret = aux_secret
        self._signalled_key = signalled_key
        self._known: dict[bytes, _Knowledge] = {}
        self._kept: list[PeerRecord] = []
        self._peer_zid: bytes | None = None
        self._before: PeerRecord | None = None
        self._version = 0
        self._outcome: CallOutcome | None = None
        self._unsure = False
        self.store = Store()
        self.record: PeerRecord | None = None
        """What is known about the peer now, as far as this call can tell."""
        self.loaded = False
        """The store answered about the peer: a missing record means a first call."""
        self.held_back = False
        """The new secret waits for the user to compare the SAS."""
        self.names_peer = True
        """The name and the date in the record belong to the key of this peer, not only to the ZID that it claims."""

    # Asking.

    def ask(self, peer_zid: bytes, now: float, *, heard: bool = False) -> None:
        """Have the record of a likely peer read, unless that was done, or no other one may be given up for it; `heard`
        says that he is known to hear us.
        """
        if self._installation.cacheless:
            return
        if peer_zid not in self._known:
            if not self._make_room(heard):
                return
            self._ask_store(peer_zid, now)
        self._known[peer_zid].heard |= heard

    def ask_unless_ready(self, peer_zid: bytes, now: float, *, heard: bool = False) -> bool:
        """Have the record of that peer read, unless it is here; whether an exchange with the peer can begin.

        A record that was read some time ago may have been replaced by another call: it is read again.
        """
        if self._installation.cacheless:
            return True
        self.ask(peer_zid, now, heard=heard)
        known = self._known.get(peer_zid)
        if known is None:
            return False  # no room now: it is tried again when another record comes
        known.looked_at, known.wanted_since = now, min(known.wanted_since, now)
        if self.is_ready(peer_zid, now):
            return True
        if known.open is None:
            self._ask_store(peer_zid, now)
        present(known.open).urgency = 1 + known.heard
        return False

    def is_ready(self, peer_zid: bytes, now: float) -> bool:
        """Whether the record of that peer is here, and fresh."""
        known = self._known.get(peer_zid)
        return (
            known is not None
            and known.open is None
            and not known.failed
            and now - known.told_at <= limits.RECORD_LIFETIME
        )

    def take_record(self, request: Read, now: float) -> bool:
        """The store answered, or failed: False if somebody is not known who was asked for. What nobody waits for any
        more is wiped.
        """
        self.store.note_read(request)
        known = self._known.get(request.peer_zid)
        if known is None or known.open is not request:
            if request.record is not None:
                request.record.wipe()
            return True
        self._keep(request.record)
        known.open, known.record, known.loaded, known.told_at = None, request.record, request.answered, now
        known.failed = not request.answered
        if request.answered and known.reads == 1:
            known.at_hello = request
        return request.answered

    def waited_in_vain(self, peer_zid: bytes, now: float) -> bool:
        """Whether the store failed to tell about this peer, or did not in time."""
        known = self._known.get(peer_zid)
        if known is None:
            return False
        late = now - known.wanted_since >= self._installation.config.store_deadline
        return known.failed or (known.open is not None and late)

    def waits_until(self, peer_zid: bytes, now: float) -> float:
        """When to look whether it was in vain to wait for this record."""
        known, patience = self._known.get(peer_zid), self._installation.config.store_deadline
        until = now if known is None else known.wanted_since + patience
        return until if now < until < inf else now + patience

    def go_on_without(self, peer_zid: bytes, now: float) -> None:
        """Do without what the store does not tell about this peer: nothing is known, and nothing counts as unknown."""
        known = self._known.setdefault(peer_zid, _Knowledge(now, now))
        known.open, known.loaded, known.failed, known.told_at = None, False, False, now

    def stop_waiting(self, peer_zid: bytes) -> None:
        """Whoever waited for this record has given up; later ones ask again."""
        known = self._known.pop(peer_zid, None)
        if known is not None and known.open is not None:
            self.store.withdraw(known.open)

    def take_up_secrets(self, peer_zid: bytes, hash_: HashAlgorithm, role: Role) -> KnownSecrets:
        """Turn to that peer: what we may share with it, in our role. All but auxsecret belongs to this object."""
        self.turn_to(peer_zid)
        now, record, known = self._installation.wall_clock(), self._before, self._known.get(peer_zid)
        secrets = KnownSecrets.of(record, self._auxsecret(peer_zid, hash_, role), now)
        if known is None or known.at_hello is None:
            return secrets
        waited = known.looked_at - known.hello_came
        return compatibility.secrets_of_hello(secrets, record, known.at_hello.record, waited=waited, now=now)

    def turn_to(self, peer_zid: bytes) -> None:
        """The exchange in hand is with this peer, as far as it says itself."""
        known = self._known.get(peer_zid)
        self._peer_zid = peer_zid
        if known is not None:
            known.used = True
        self.loaded = self._installation.cacheless or (known is not None and known.loaded)
        self.record = self._before = None if known is None else known.record
        self._version = 0 if self._before is None else self._before.generation

    def allows_preshared(self, peer_zid: bytes, role: Role) -> bool:
        """Whether rs1 may carry a call in Preshared mode: its lineage was authenticated, and not too long ago. We do
        not begin with one of which it is not sure that the peer has it.
        """
        known = self._known.get(peer_zid)
        record = None if known is None else known.record
        return (
            record is not None
            and record.rs1 is not None
            and not (record.unsure and role is Role.INITIATOR)
            and record.trusted_lineage
            and not record.rs1_expired(self._installation.wall_clock())
            and record.preshared_count < self._installation.config.preshared_limit
        )

    # Writing.

    def store_or_hold_back(self, outcome: CallOutcome, *, mismatch: bool) -> None:
        """Store the new secret (section 4.6.1), or hold it back: after a mismatch that nothing else makes up for, if
        nothing matched of a peer that has a name, and if the store did not answer, so that nobody knows any of this.

        Anybody can claim a ZID. Without a mismatch nothing matches when the secrets have expired or are lost.
        """
        self._outcome = outcome
        before = self._before
        described = before is not None and (before.name != "" or before.verified)
        self.names_peer = outcome.s1 is not None or not described
        if self._installation.cacheless:
            return
        unproved = mismatch or self.unproved_name is not None
        self.held_back = not self.loaded or (unproved and not outcome.authenticated)
        if not self.held_back:
            self._change(self._after_call(outcome))
            self._unsure = self.record is not None and (self.record.provisional or self.record.unsure)

    @property
    def unproved_name(self) -> str | None:
        """The name of the peer whose ZID this one claims, as long as nothing proves that it is the same."""
        if self.names_peer or self.record is None:
            return None
        return self.record.name or None

    def note_peer_finished(self, confirmed: Confirmed) -> None:
        """The peer sent valid SRTP: it has stored its secret, so that ours is sure."""
        if self._unsure:
            self._unsure = False
            self._change(PeerFinished())

    def sas_matched(self, name: str | None) -> None:
        """The user compared the SAS: verified, and a secret that was held back is stored."""
        held_back = self._after_call(self._outcome) if self.held_back and self._outcome is not None else None
        self._change(AfterMatch(held_back=held_back, name=name, at=self._installation.wall_clock()))
        self.held_back = self._unsure = False
        self.names_peer = True

    def sas_mismatched(self) -> None:
        """The SAS differs: this call's secret is not kept, and the peer is not verified."""
        if self._outcome is not None:
            before = None if self._before is None else self._before.copy()
            at = self._installation.wall_clock()
            self._change(AfterMismatch(before=before, new_rs1=self._outcome.new_rs1.copy(), at=at))
        self.held_back = False

    def trust_signer(self) -> None:
        """The exchange is authenticated by a signature: a secret that was held back is stored."""
        if self._outcome is None:
            return
        if self.held_back:
            self._change(self._after_call(replace(self._outcome, authenticated=True)))
            self.held_back = False
        else:
            self._change(AfterTrust(new_rs1=self._outcome.new_rs1.copy()))

    def unverify(self) -> None:
        """Take back a verification; the secrets stay."""
        self._change(Unverified())

    def rename(self, name: str) -> None:
        """Another name; clears the verification unless it is the old name."""
        self._change(Renamed(name=name))

    def forget(self) -> None:
        """Nothing is known about the peer any more, and nothing of this call will be."""
        self._change(Forgotten())
        self.held_back = False

    def store_pbxsecret(self, secret: Secret) -> None:
        """Remember an enrolment (section 7.3.1)."""
        self._change(Enrolled(pbxsecret=secret.copy(), at=self._installation.wall_clock()))

    def note_stored(self, peer_zid: bytes, record: PeerRecord | None) -> None:
        """The store has carried out a change; this is the record now."""
        self._keep(record)
        if peer_zid != self._peer_zid:
            return
        for change in self.store.pending(peer_zid):
            record = change.apply(record)
        self.record = record

    def wipe(self) -> None:
        """Forget every secret that this call holds, except in changes that are not stored yet."""
        for record in self._kept:
            record.wipe()
        self._kept.clear()
        self._known.clear()
        if self._outcome is not None:
            self._outcome.wipe()
        if self._aux_secret is not None:
            self._aux_secret.wipe()
        if self._signalled_key is not None:
            self._signalled_key[0].wipe()
        self.record = self._before = self._outcome = self._aux_secret = self._signalled_key = None

    def _make_room(self, heard: bool) -> bool:
        """For one more: anybody can say Hello under ever new ZIDs. No record is given up that an exchange waits for,
        unless it is for somebody who hears us, in place of one who is not known to.
        """
        if len(self._known) < limits.RECORDS:
            return True
        first = min(self._known, key=self._worth)
        if self._is_wanted(first) and (self._known[first].heard or not heard):
            return False
        given_up = self._known.pop(first)
        if given_up.open is not None:
            self.store.withdraw(given_up.open)
        return True

    def _worth(self, peer_zid: bytes) -> tuple[bool, bool, bool, bool, bool]:
        """Whose record is given up first, the oldest of equals."""
        known = self._known[peer_zid]
        wanted = self._is_wanted(peer_zid)
        return peer_zid == self._peer_zid, known.heard, wanted, known.record is not None, known.used

    def _is_wanted(self, peer_zid: bytes) -> bool:
        known = self._known[peer_zid]
        return known.open is not None and known.wanted_since < inf

    def _ask_store(self, peer_zid: bytes, now: float) -> None:
        deadline = now + self._installation.config.store_deadline
        request = self.store.read(self._zid, peer_zid, deadline)
        known = self._known.setdefault(peer_zid, _Knowledge(now, now))
        known.open, known.failed = request, False
        known.reads += 1

    def _keep(self, record: PeerRecord | None) -> None:
        """Records of the store are wiped at the end of the call: exchanges and later records share their secrets."""
        if record is not None:
            self._kept.append(record)

    def _auxsecret(self, peer_zid: bytes, hash_: HashAlgorithm, role: Role) -> Secret | None:
        """A copy of auxsecret, or srtps from the SRTP key of signalling (section 8.2)."""
        if self._signalled_key is None:
            return None if self._aux_secret is None else self._aux_secret.copy()
        key, salt = self._signalled_key
        zids = (self._zid, peer_zid) if role is Role.INITIATOR else (peer_zid, self._zid)
        return srtps(hash_, key, salt, *zids)

    def _after_call(self, outcome: CallOutcome) -> AfterCall:
        return AfterCall(outcome=outcome.copy(), version=self._version, at=self._installation.wall_clock())

    def _change(self, change: Change) -> None:
        """Show the change at once, and have it stored."""
        if self._peer_zid is None or self._outcome is None or self._installation.cacheless:
            change.wipe()
            return
        self.record = change.apply(self.record)
        self.store.write(self._zid, self._peer_zid, change)
