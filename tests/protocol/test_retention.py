"""One call between the rules for retained secrets and the cache: load, store or hold back, follow the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.support.cases import every
from tests.support.pair import Clock, seeded
from zrtp.cache.interface import RecordUpdate
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.crypto.hashes import S256
from zrtp.errors import CacheError
from zrtp.protocol import limits
from zrtp.protocol.changes import CallOutcome
from zrtp.protocol.config import Config
from zrtp.protocol.confirm import ConfirmVerified
from zrtp.protocol.events import Mode, Role
from zrtp.protocol.exchange import Confirmed, SignatureChecked
from zrtp.protocol.hash_chain import ChainComplete
from zrtp.protocol.installation import Installation
from zrtp.protocol.key_schedule import srtps
from zrtp.protocol.retained_secrets import KnownSecrets
from zrtp.protocol.retention import Retention
from zrtp.protocol.signing import NOT_US
from zrtp.protocol.store import Read, Search, Write
from zrtp.secret import Secret
from zrtp.wire.messages import ConfirmPlain

OWN, PEER = b"own ZID here", b"peer's ZID.."
FAST = Config(key_agreements=(b"X255",))
OLD, NEW = Secret(b"o" * 32), Secret(b"n" * 32)

CONFIRMED = Confirmed(
    ConfirmVerified(
        ConfirmPlain(
            h0=bytes(32), enrolment=False, verified=False, allow_clear=False, disclosure=False, cache_interval=0
        ),
        ChainComplete(bytes(32)),
    ),
    SignatureChecked(None),
    NOT_US,
)
"""What the engine has when the peer's Confirm passed every check."""


class Fragile(MemoryCache):
    """Fails when it is told to."""

    broken = False

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        if self.broken:
            raise CacheError("broken")
        return super().load(own_zid, peer_zid)

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        if self.broken:
            raise CacheError("broken")
        return super().update(own_zid, peer_zid, change)


@dataclass
class Life:
    """What a call knows and leaves behind, and whoever carries out its requests."""

    kept: Retention
    cache: MemoryCache
    failures: list[CacheError] = field(default_factory=list)
    waiting: list[Read | Write] = field(default_factory=list)
    served: list[bytes] = field(default_factory=list)
    """Whom the requests were about that were carried out."""

    def meet(self, role: Role = Role.INITIATOR) -> KnownSecrets:
        """A Hello makes the peer likely, and an exchange begins."""
        self.kept.ask(PEER, 0.0)
        self.serve()
        return self.kept.take_up_secrets(PEER, S256, role)

    def look(self, now: float) -> list[Read | Write]:
        """Every request that is handed out now, and was not carried out."""
        while (request := self.kept.store.next(now)) is not None:
            assert not isinstance(request, Search)
            self.waiting.append(request)
        return self.waiting

    def asked(self, now: float) -> list[bytes]:
        """Whom they are about."""
        return [request.peer_zid for request in self.look(now) if isinstance(request, Read)]

    def serve(self, now: float = 0.0) -> None:
        """Every request is carried out."""
        while self.look(now):
            request = self.waiting.pop(0)
            self.served.append(request.peer_zid)
            request.run(self.cache)
            if request.error is not None:
                self.failures.append(request.error)
            if isinstance(request, Read):
                self.kept.take_record(request, now)
            elif isinstance(request, Write) and self.kept.store.note_written(request, now) and request.error is None:
                self.kept.note_stored(PEER, request.record)


def life(
    cache: MemoryCache | None, *, aux: Secret | None = None, signalled: tuple[Secret, bytes] | None = None
) -> Life:
    installation = Installation(FAST, cacheless=cache is None, random=seeded(1), wall_clock=Clock(1000.0))
    return Life(Retention(installation, OWN, aux, signalled), cache if cache is not None else MemoryCache())


def outcome(*, s1: Secret | None = None, authenticated: bool = False) -> CallOutcome:
    return CallOutcome(
        new_rs1=NEW.copy(), s1=s1, mode=Mode.DH, role=Role.INITIATOR, interval=FOREVER, authenticated=authenticated
    )


def remembering(record: PeerRecord | None) -> Fragile:
    cache = Fragile()
    if record is not None:
        cache.update(OWN, PEER, lambda _: record)
    return cache


def stored(cache: MemoryCache) -> PeerRecord:
    record = cache.load(OWN, PEER)
    assert record is not None
    return record


def test_what_the_cache_holds_becomes_what_this_side_knows() -> None:
    call = life(remembering(PeerRecord(rs1=OLD, rs2=NEW)))
    known = call.meet()
    assert (known.rs1, known.rs2, known.rs1_expected) == (OLD, NEW, True)
    assert call.kept.loaded


@pytest.mark.attack("DOS-34")
@pytest.mark.parametrize("why", ["a record is there", "an exchange began", "he hears us"])
def test_strangers_under_ever_new_zids_do_not_push_out_what_is_known_about_the_peer(why: str) -> None:
    """Without this a flood of Hellos during an exchange would look like a peer that lost its secret."""
    call = life(remembering(PeerRecord(rs1=OLD) if why == "a record is there" else None))
    call.kept.ask(PEER, 0.0, heard=why == "he hears us")
    call.serve()
    if why == "an exchange began":
        call.kept.take_up_secrets(PEER, S256, Role.INITIATOR)
        call.kept.turn_to(b"somebody els")
    for number in range(3 * limits.RECORDS):
        call.kept.ask(number.to_bytes(12, "big"), 0.0)
        call.serve()
    assert call.kept.ask_unless_ready(PEER, 0.1)
    known = call.kept.take_up_secrets(PEER, S256, Role.INITIATOR)
    assert call.kept.loaded
    assert (known.rs1 is not None) == (why == "a record is there")


def test_nothing_is_written_before_the_call_is_secure() -> None:
    cache = remembering(PeerRecord(rs1=OLD))
    call = life(cache)
    call.meet()
    call.kept.sas_matched("too early")
    call.serve()
    call.kept.note_peer_finished(CONFIRMED)
    call.serve()
    assert stored(cache).generation == 1


def test_a_call_without_mismatch_stores_its_secret_at_once() -> None:
    cache = remembering(PeerRecord(rs1=OLD))
    call = life(cache)
    known = call.meet()
    call.kept.store_or_hold_back(outcome(s1=known.rs1), mismatch=False)
    call.serve()
    assert not call.kept.held_back
    assert (stored(cache).rs1, stored(cache).rs2) == (NEW, OLD)
    assert call.kept.record is not None and call.kept.record.rs1 == NEW


@pytest.mark.rfc("R-4.6.1.1-03", "R-4.6.1.1-04", "R-4.6.1.1-05")
def test_after_a_mismatch_the_secret_waits_for_the_user_and_is_gone_with_the_call() -> None:
    cache = remembering(PeerRecord(rs1=OLD))
    call = life(cache)
    call.meet()
    result = outcome()
    call.kept.store_or_hold_back(result, mismatch=True)
    call.serve()
    assert call.kept.held_back
    assert stored(cache).rs1 == OLD
    call.kept.wipe()
    assert result.new_rs1.wiped
    assert stored(cache).rs1 == OLD


@pytest.mark.rfc("R-4.6.1.1-01", "R-4.6.1.1-02")
def test_a_secret_that_was_held_back_is_stored_once_however_often_people_compare() -> None:
    cache = remembering(PeerRecord(rs1=OLD))
    call = life(cache)
    call.meet()
    call.kept.store_or_hold_back(outcome(), mismatch=True)
    for name in ("Bob", "Bobby"):
        call.kept.sas_matched(name)
        call.serve()
    assert not call.kept.held_back
    record = stored(cache)
    assert (record.rs1, record.rs2, record.name) == (NEW, OLD, "Bobby")


def test_a_mismatch_that_something_else_makes_up_for_is_stored_at_once_and_a_trusted_signer_does_so_later() -> None:
    cache = remembering(PeerRecord(rs1=OLD, verified=True, verified_at=1.0))
    call = life(cache)
    call.meet()
    call.kept.store_or_hold_back(outcome(authenticated=True), mismatch=True)
    call.serve()
    assert (stored(cache).rs1, stored(cache).verified, stored(cache).trusted_lineage) == (NEW, False, True)

    cache = remembering(PeerRecord(rs1=OLD))
    call = life(cache)
    call.meet()
    call.kept.store_or_hold_back(outcome(), mismatch=True)
    call.serve()
    call.kept.trust_signer()
    call.serve()
    assert not call.kept.held_back
    assert (stored(cache).rs1, stored(cache).trusted_lineage) == (NEW, True)


@pytest.mark.attack("CCH-13")
def test_a_cache_that_cannot_be_read_holds_the_secret_back_and_says_so() -> None:
    cache = remembering(PeerRecord(rs1=OLD))
    call = life(cache)
    cache.broken = True
    known = call.meet()
    assert known.rs1 is None and not call.kept.loaded
    cache.broken = False
    call.kept.store_or_hold_back(outcome(), mismatch=False)
    call.serve()
    assert call.kept.held_back and stored(cache).rs1 == OLD
    call.kept.sas_matched("Bob")
    call.serve()
    assert (stored(cache).rs1, stored(cache).rs2, stored(cache).verified) == (NEW, OLD, True)
    assert len(call.failures) == 1


@pytest.mark.attack("CCH-18")
def test_they_differ_brings_the_record_of_before_the_call_back() -> None:
    cache = remembering(PeerRecord(rs1=OLD, verified=True, verified_at=1.0))
    call = life(cache)
    known = call.meet()
    call.kept.store_or_hold_back(outcome(s1=known.rs1), mismatch=False)
    call.serve()
    call.kept.sas_mismatched()
    call.serve()
    assert (stored(cache).rs1, stored(cache).verified) == (OLD, False)


def test_an_answer_that_comes_after_the_call_gave_up_is_wiped_and_not_used() -> None:
    call = life(remembering(PeerRecord(rs1=OLD)))
    call.kept.ask(PEER, 0.0)
    read = call.kept.store.next(0.0)
    assert isinstance(read, Read)
    assert read.deadline == FAST.store_deadline
    call.kept.go_on_without(PEER, 3.0)
    read.run(call.cache)
    call.kept.take_record(read, 3.1)
    assert read.record is not None and read.record.rs1 is not None and read.record.rs1.wiped
    assert call.kept.take_up_secrets(PEER, S256, Role.INITIATOR).rs1 is None
    assert not call.kept.loaded


def test_a_verification_that_is_taken_back_leaves_the_secrets() -> None:
    cache = remembering(PeerRecord(rs1=OLD, verified=True, verified_at=1.0))
    call = life(cache)
    known = call.meet()
    call.kept.store_or_hold_back(outcome(s1=known.rs1), mismatch=False)
    call.serve()
    assert stored(cache).verified
    call.kept.unverify()
    call.serve()
    assert (stored(cache).verified, stored(cache).rs1) == (False, NEW)


def test_that_the_peer_has_finished_is_written_once() -> None:
    cache = remembering(None)
    call = life(cache)
    call.meet(Role.RESPONDER)
    call.kept.store_or_hold_back(replace(outcome(), role=Role.RESPONDER), mismatch=False)
    call.serve()
    assert stored(cache).provisional
    for _ in range(3):
        call.kept.note_peer_finished(CONFIRMED)
    assert len(call.kept.store.pending(PEER)) == 1
    call.serve()
    assert not stored(cache).provisional


def test_a_cacheless_endpoint_writes_nothing() -> None:
    call = life(None)
    call.meet()
    call.kept.store_or_hold_back(outcome(), mismatch=False)
    call.serve()
    call.kept.sas_matched("Bob")
    call.serve()
    call.kept.unverify()
    call.serve()
    call.kept.rename("Eve")
    call.serve()
    assert call.kept.record is None
    assert call.failures == []


def test_the_record_of_the_moment_of_hello_counts_for_a_while_and_only_if_the_store_told_it() -> None:
    """Another call has stored the first secret since."""
    came = 100.0
    for waited, told, expected in ((5.0, True, False), (12.1, True, True), (5.0, False, True)):
        cache = remembering(None)
        call = life(cache)
        cache.broken = not told
        call.kept.ask(PEER, came)
        call.serve(came)
        cache.broken = False
        cache.update(OWN, PEER, lambda _: PeerRecord(rs1=OLD))
        assert not call.kept.ask_unless_ready(PEER, came + waited)
        call.serve(came + waited)
        assert call.kept.ask_unless_ready(PEER, came + waited)
        known = call.kept.take_up_secrets(PEER, S256, Role.INITIATOR)
        assert (known.rs1, known.rs1_expected) == (OLD, expected)


def test_an_answer_that_came_too_late_is_none_of_the_moment_of_hello() -> None:
    call = life(remembering(None))
    call.kept.ask(PEER, 0.0)
    late = call.kept.store.next(0.0)
    call.kept.go_on_without(PEER, 3.0)
    assert isinstance(late, Read)
    late.run(call.cache)
    call.kept.take_record(late, 3.1)
    call.cache.update(OWN, PEER, lambda _: PeerRecord(rs1=OLD))
    assert not call.kept.ask_unless_ready(PEER, 6.0)
    call.serve(6.0)
    assert call.kept.take_up_secrets(PEER, S256, Role.INITIATOR).rs1_expected


def test_no_record_is_given_up_that_an_exchange_waits_for() -> None:
    """A ninth one has to wait until one of the eight is here."""
    call = life(remembering(None))
    zids = [bytes([number]) * 12 for number in range(1, limits.RECORDS + 2)]
    for zid in zids:
        assert not call.kept.ask_unless_ready(zid, 0.0)
    assert call.asked(0.0) == zids[: limits.READS_AT_ONCE]
    call.kept.take_record(Read(OWN, zids[0], 3.0), 0.1)  # of another time
    assert not call.kept.ask_unless_ready(zids[-1], 0.1)
    assert call.asked(0.1) == zids[: limits.READS_AT_ONCE]
    call.serve(0.1)
    assert not call.kept.ask_unless_ready(zids[-1], 0.2)
    call.serve(0.2)
    assert call.kept.ask_unless_ready(zids[-1], 0.3)


@pytest.mark.attack("DOS-35")
def test_what_nobody_waits_for_leaves_the_queue_for_somebody_new() -> None:
    call = life(remembering(None))
    for number in range(100):
        call.kept.ask(number.to_bytes(12, "big"), 0.0)
    call.serve()
    assert call.served == [number.to_bytes(12, "big") for number in range(100 - limits.RECORDS, 100)]


def test_no_more_than_four_are_read_at_once_unless_their_time_is_over() -> None:
    call = life(remembering(None))
    for number in range(limits.RECORDS):
        call.kept.ask(number.to_bytes(12, "big"), 0.0)
    assert len(call.look(0.0)) == limits.READS_AT_ONCE
    late = call.kept.store.next(FAST.store_deadline)
    assert isinstance(late, Read)


@pytest.mark.rfc("R-8.2-01")
@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
def test_the_srtp_key_of_signalling_becomes_auxsecret_in_the_roles_of_the_exchange(role: Role) -> None:
    call = life(MemoryCache(), signalled=(Secret(b"k" * 16), b"s" * 14))
    zids = (OWN, PEER) if role is Role.INITIATOR else (PEER, OWN)
    known = call.meet(role)
    assert known.aux == srtps(S256, Secret(b"k" * 16), b"s" * 14, *zids)


@every(
    ("record", "allowed"),
    [
        (PeerRecord(rs1=OLD, trusted_lineage=True), True),
        (PeerRecord(rs1=OLD), False),
        (PeerRecord(trusted_lineage=True), False),
        (PeerRecord(rs1=OLD, trusted_lineage=True, rs1_expires=999.0), False),
        (PeerRecord(rs1=OLD, trusted_lineage=True, preshared_count=20), False),
        (PeerRecord(rs1=OLD, rs2=OLD, trusted_lineage=True, preshared_count=1), False),  # perhaps the peer has only rs2
        (None, False),
    ],
)
@pytest.mark.attack("DWN-05")
@pytest.mark.attack("DWN-07")
def test_preshared_mode_needs_a_trusted_fresh_secret(record: PeerRecord | None, allowed: bool) -> None:
    call = life(remembering(record))
    call.meet()
    assert call.kept.allows_preshared(PEER, Role.INITIATOR) == allowed


@pytest.mark.attack("SID-06")
def test_wiping_leaves_no_secret_of_the_call_and_the_cache_intact() -> None:
    cache = remembering(PeerRecord(rs1=OLD))
    aux, signalled = Secret(b"a" * 32), Secret(b"k" * 16)
    for call in (life(cache, aux=aux), life(cache, signalled=(signalled, b"salt"))):
        known = call.meet(Role.RESPONDER)
        result = outcome(s1=None if known.rs1 is None else known.rs1.copy())
        call.kept.store_or_hold_back(result, mismatch=False)
        call.serve()
        call.kept.wipe()
        assert known.rs1 is not None and known.rs1.wiped
        assert result.new_rs1.wiped
    assert aux.wiped and signalled.wiped
    assert stored(cache).rs1 == NEW


def test_what_another_call_stores_for_a_new_peer_meanwhile_is_kept_beside() -> None:
    cache = remembering(None)
    call = life(cache)
    call.meet()
    cache.update(OWN, PEER, lambda _: PeerRecord(rs1=OLD, last_seen=1001.0))
    call.kept.store_or_hold_back(outcome(), mismatch=False)
    call.serve()
    assert (stored(cache).rs1, stored(cache).rs2) == (OLD, NEW)


def test_whoever_finishes_a_call_whose_secret_is_held_back_has_stored_nothing_of_an_earlier_one() -> None:
    cache = remembering(PeerRecord(rs1=OLD, provisional=True))
    call = life(cache)
    call.meet()
    call.kept.store_or_hold_back(outcome(), mismatch=True)
    call.kept.note_peer_finished(CONFIRMED)
    call.serve()
    assert (stored(cache).rs1, stored(cache).provisional) == (OLD, True)
