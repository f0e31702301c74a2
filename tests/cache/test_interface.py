"""What every cache does alike: the same tests run over each implementation and the helpers for people."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from zrtp.cache.interface import PeerEntry, SecretCache, beginning, entries, find, in_order, other_devices, page
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.errors import ApiMisuse, CacheError
from zrtp.secret import Secret

OWN = bytes.fromhex("00112233445566778899aabb")
PEER = bytes.fromhex("a0b1c2d3e4f5061728394a5b")
OTHER = bytes.fromhex("a0b1ffffffffffffffffffff")

FULL = PeerRecord(
    rs1=Secret(b"\x01" * 32),
    rs1_expires=2_000_000_000.125,
    rs2=Secret(b"\x02" * 32),
    rs2_expires=None,
    pbxsecret=Secret(b"\x03" * 32),
    interval=3600,
    verified=True,
    verified_at=1_700_000_000.5,
    differed_at=1_650_000_000.25,
    name="Bøb „Ж“ 🎺",
    provisional=True,
    trusted_lineage=True,
    preshared_count=19,
    first_seen=1_600_000_000.0,
    last_seen=1_700_000_000.75,
    generation=1,
)
"""Nothing in it is a default value, so that a field that gets lost is noticed."""


def put(cache: SecretCache, record: PeerRecord, peer_zid: bytes = PEER, own_zid: bytes = OWN) -> None:
    cache.update(own_zid, peer_zid, lambda _: record)


def named(name: str, **fields: object) -> PeerRecord:
    return replace(PeerRecord(rs1=Secret(b"\x0f" * 32), name=name), **fields)  # type: ignore[arg-type]


# ---- ZIDs of this installation (RFC 6189 section 4.9)


@pytest.mark.rfc("R-4.9-01", "R-4.9-05", "R-4.9-06")
def test_the_own_zid_is_made_once_from_the_given_randomness(cache: SecretCache) -> None:
    made: list[bytes] = []

    def make() -> bytes:
        made.append(bytes([len(made)]) * 12)
        return made[-1]

    assert cache.own_zid(make) == bytes(12)
    assert cache.own_zid(make) == bytes(12)
    assert made == [bytes(12)]


@pytest.mark.rfc("R-4.9-02")
@pytest.mark.attack("ZID-07")
def test_each_label_has_a_zid_of_its_own(cache: SecretCache) -> None:
    assert cache.own_zid(lambda: OWN) == OWN
    assert cache.own_zid(lambda: PEER, "sip:bob@example.org") == PEER
    assert cache.own_zid(lambda: OTHER) == OWN
    assert cache.own_zid(lambda: OTHER, "sip:bob@example.org") == PEER


@pytest.mark.rfc("R-4.9-04")
@pytest.mark.attack("ZID-06")
def test_a_zid_can_be_replaced_and_old_records_stay(cache: SecretCache) -> None:
    cache.own_zid(lambda: OWN)
    put(cache, FULL)

    assert cache.own_zid(lambda: OTHER, renew=True) == OTHER
    assert cache.own_zid(lambda: OWN) == OTHER
    assert cache.load(OTHER, PEER) is None
    assert cache.load(OWN, PEER) == FULL


def test_a_zid_has_12_octets(cache: SecretCache) -> None:
    with pytest.raises(ApiMisuse, match="12 octets"):
        cache.own_zid(lambda: b"short")
    with pytest.raises(ApiMisuse, match="12 octets"):
        cache.load(OWN, PEER + b"\0")
    with pytest.raises(ApiMisuse, match="12 octets"):
        cache.update(b"", PEER, lambda old: old)
    assert cache.own_zid(lambda: OWN) == OWN


def test_failing_randomness_leaves_no_zid_behind(cache: SecretCache) -> None:
    def broken() -> bytes:
        raise OSError("no entropy")

    with pytest.raises(OSError, match="no entropy"):
        cache.own_zid(broken)
    assert cache.own_zid(lambda: OWN) == OWN


# ---- Records


@pytest.mark.rfc("R-4.1-03", "R-4.3-01")
def test_a_record_comes_back_as_it_was_under_its_pair_of_zids_alone(cache: SecretCache) -> None:
    put(cache, FULL)

    assert cache.load(OWN, PEER) == FULL
    assert cache.load(OWN, OTHER) is None
    assert cache.load(OTHER, PEER) is None
    assert [(entry.own_zid, entry.peer_zid, entry.record) for entry in cache.peers()] == [(OWN, PEER, FULL)]


@pytest.mark.attack("ZID-02")
@pytest.mark.parametrize("zid", [bytes(12), b"\xff" * 12], ids=["zeros", "ones"])
def test_zids_are_opaque(cache: SecretCache, zid: bytes) -> None:
    put(cache, FULL, peer_zid=zid)

    assert cache.load(OWN, zid) == FULL


@pytest.mark.parametrize(
    "record",
    [
        PeerRecord(),
        PeerRecord(rs1=Secret(b""), interval=0),
        PeerRecord(first_seen=-0.0, last_seen=-1.5, interval=FOREVER, rs1_expires=1e308),
        PeerRecord(first_seen=5, last_seen=7, verified_at=6),
        PeerRecord(pbxsecret=Secret(bytes(range(256)))),
    ],
    ids=["defaults", "empty secret", "odd times", "whole seconds", "long secret"],
)
def test_unusual_records_come_back_too(cache: SecretCache, record: PeerRecord) -> None:
    put(cache, record)

    assert cache.load(OWN, PEER) == replace(record, generation=1)


def test_a_change_sees_the_old_record_and_its_result_is_stored_and_returned(cache: SecretCache) -> None:
    seen: list[str] = []

    def grow(old: PeerRecord | None) -> PeerRecord:
        seen.append("nobody" if old is None else old.name)
        return named("a") if old is None else replace(old, name=old.name + "a")

    names = [record.name for record in (cache.update(OWN, PEER, grow) for _ in range(3)) if record]

    assert names == ["a", "aa", "aaa"]
    assert seen == ["nobody", "a", "aa"]


@pytest.mark.rfc("R-4.6.1-05")
@pytest.mark.attack("CCH-10")
def test_rs1_moves_to_rs2_in_one_step(cache: SecretCache) -> None:
    put(cache, PeerRecord(rs1=Secret(b"1" * 32)))
    cache.update(OWN, PEER, lambda old: old and replace(old, rs2=old.rs1, rs1=Secret(b"2" * 32)))

    record = cache.load(OWN, PEER)
    assert record is not None
    assert (record.rs1, record.rs2) == (Secret(b"2" * 32), Secret(b"1" * 32))


def test_a_change_to_none_forgets_the_peer(cache: SecretCache) -> None:
    put(cache, FULL)
    put(cache, FULL, peer_zid=OTHER)

    assert cache.update(OWN, PEER, lambda _: None) is None
    assert cache.load(OWN, PEER) is None
    assert [entry.peer_zid for entry in cache.peers()] == [OTHER]


def test_forgetting_an_unknown_peer_is_no_error(cache: SecretCache) -> None:
    assert cache.update(OWN, PEER, lambda old: old) is None
    assert cache.peers() == []


@pytest.mark.attack("CCH-12")
def test_the_cache_counts_generations_whatever_the_change_says(cache: SecretCache) -> None:
    put(cache, named("a", generation=77))
    put(cache, named("b", generation=0))

    record = cache.load(OWN, PEER)
    assert record is not None
    assert record.generation == 2


def test_an_equal_record_is_not_written_again(cache: SecretCache) -> None:
    put(cache, FULL)

    assert cache.update(OWN, PEER, lambda old: old and old.copy()) == FULL
    assert cache.load(OWN, PEER) == FULL


def test_a_change_that_fails_changes_nothing(cache: SecretCache) -> None:
    put(cache, FULL)

    def broken(old: PeerRecord | None) -> PeerRecord:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.update(OWN, PEER, broken)
    assert cache.load(OWN, PEER) == FULL
    put(cache, named("next"))


@pytest.mark.parametrize("way", ["load", "update", "peers"])
def test_a_caller_may_wipe_what_it_was_handed(cache: SecretCache, way: str) -> None:
    put(cache, FULL)
    ways: dict[str, Callable[[], PeerRecord | None]] = {
        "load": lambda: cache.load(OWN, PEER),
        "update": lambda: cache.update(OWN, PEER, lambda old: old),
        "peers": lambda: cache.peers()[0].record,
    }
    handed = ways[way]()
    assert handed is not None
    handed.wipe()

    assert cache.load(OWN, PEER) == FULL


def test_a_caller_may_wipe_what_it_handed_in(cache: SecretCache) -> None:
    mine = FULL.copy()
    put(cache, mine)
    mine.wipe()

    assert cache.load(OWN, PEER) == FULL


def test_the_record_that_a_change_got_is_wiped_afterwards(cache: SecretCache) -> None:
    put(cache, FULL)
    given: list[PeerRecord | None] = []

    def remember(old: PeerRecord | None) -> PeerRecord | None:
        given.append(old)
        return old

    cache.update(OWN, PEER, remember)

    assert given[0] is not None
    assert given[0].rs1 is not None and given[0].rs1.wiped


# ---- For people


def test_peers_are_listed_by_name_and_the_nameless_last(cache: SecretCache) -> None:
    for number, name in enumerate(["", "carol", "Bob", "", "alice"]):
        put(cache, named(name), peer_zid=bytes([9 - number]) * 12)

    listed = [(entry.record.name, entry.peer_zid[0]) for entry in cache.peers()]
    assert listed == [("alice", 5), ("Bob", 7), ("carol", 8), ("", 6), ("", 9)]
    assert cache.peers() == in_order(reversed(cache.peers()))


def test_every_cache_is_read_in_pages_by_the_two_zids(cache: SecretCache) -> None:
    pairs = [(own, peer) for own in (OWN, OTHER) for peer in (bytes([number]) * 12 for number in (0, 5, 9))]
    for own, peer in reversed(pairs):
        put(cache, FULL, peer_zid=peer, own_zid=own)

    first = page(cache, size=4)
    second = page(cache, first[-1].zids, 4)
    assert [entry.zids for entry in first] == pairs[:4]
    assert [entry.zids for entry in second] == pairs[4:]
    assert [entry.zids for entry in entries(cache)] == pairs
    assert {entry.record.name for entry in entries(cache)} == {FULL.name}
    assert page(cache, pairs[-1]) == []


def test_a_cache_that_has_pages_is_never_read_whole() -> None:
    class Large(MemoryCache):
        def peers(self) -> list[PeerEntry]:
            raise AssertionError("all of them at once")

        def page(self, after: tuple[bytes, bytes] | None, size: int) -> list[PeerEntry]:
            return [] if after else super().peers()[:size]

    large = Large()
    put(large, FULL)
    assert [entry.record for entry in entries(large)] == [replace(FULL, generation=1)]


def test_a_name_is_looked_up_whatever_the_case_of_its_letters(cache: SecretCache) -> None:
    for zid, name in ((PEER, "STRASSE"), (OTHER, "straße"), (OWN, "Straße 9")):
        put(cache, named(name), peer_zid=zid)

    assert {entry.peer_zid for entry in other_devices(cache, b"", " straße ")} == {PEER, OTHER}


def test_a_zid_is_looked_up_by_its_first_digits_also_by_an_odd_number_of_them(cache: SecretCache) -> None:
    for zid in (PEER, OTHER, OWN):
        put(cache, FULL, peer_zid=zid)

    for digits, found in (("", 3), ("a0b", 2), ("a0b1c", 1), (PEER.hex(), 1), ("a0b1e", 0)):
        assert len(beginning(cache, digits)) == found
    assert [entry.peer_zid for entry in beginning(cache, "a0b1f")] == [OTHER]


@pytest.mark.rfc("R-12-01")
@pytest.mark.parametrize(
    "text",
    ["bob", "BOB", " Bob ", "a0b1c2", "A0B1C2D3E4F5061728394A5B", f"{OWN.hex()}/{PEER.hex()}"],
)
def test_a_peer_is_found_by_name_by_zid_and_by_address(cache: SecretCache, text: str) -> None:
    put(cache, named("Bob"))
    put(cache, named("Bobby"), peer_zid=OTHER)

    assert find(cache, text).peer_zid == PEER


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a0b1", "alice (a0b1ffffffffffffffffffff), Bob (a0b1c2d3e4f5061728394a5b)"),
        ("carol", "Known are: alice (a0b1ffffffffffffffffffff), Bob (a0b1c2d3e4f5061728394a5b)"),
        ("a0b", "No peer has the name"),
        ("", "No peer has the name"),
        ("\x1b[2Jbob", 'the name "[2Jbob"'),
    ],
    ids=["two", "none", "too short", "empty", "terminal control"],
)
def test_who_is_not_found_meets_candidates(cache: SecretCache, text: str, sentence: str) -> None:
    put(cache, named("Bob"))
    put(cache, named("alice"), peer_zid=OTHER)

    with pytest.raises(CacheError) as caught:
        find(cache, text)
    assert sentence in str(caught.value)


def test_two_devices_of_one_name_are_told_apart_by_zid(cache: SecretCache) -> None:
    put(cache, named("bob"))
    put(cache, named("bob"), peer_zid=OTHER)

    with pytest.raises(CacheError, match="may be any of these"):
        find(cache, "bob")
    assert find(cache, OTHER.hex()).peer_zid == OTHER


def test_one_peer_under_two_own_zids_is_told_apart_by_address(cache: SecretCache) -> None:
    put(cache, named("bob"))
    put(cache, named("bob"), own_zid=OTHER)

    with pytest.raises(CacheError, match=f"{OWN.hex()}/{PEER.hex()}"):
        find(cache, "bob")
    assert find(cache, f"{OTHER.hex()}/{PEER.hex()}").own_zid == OTHER


def test_an_empty_cache_says_how_it_fills(cache: SecretCache) -> None:
    with pytest.raises(CacheError, match="No peer is known yet"):
        find(cache, "bob")


def test_a_long_list_of_candidates_is_cut() -> None:
    cache = MemoryCache()
    for number in range(20):
        put(cache, named(""), peer_zid=bytes([number]) * 12)

    with pytest.raises(CacheError, match="and 12 more"):
        find(cache, "bob")


def test_of_two_threads_that_change_a_record_at_once_neither_undoes_what_the_other_did(cache: SecretCache) -> None:
    put(cache, named("Bob"))
    other = threading.Thread(target=lambda: cache.update(OWN, PEER, lambda old: old and replace(old, interval=60)))

    def rename(old: PeerRecord | None) -> PeerRecord | None:
        if other.ident is None:
            other.start()
            other.join(0.05)  # in vain: it has to wait until this change is written
        return old and replace(old, name="Robert")

    cache.update(OWN, PEER, rename)
    other.join(5.0)
    stored = cache.load(OWN, PEER)
    assert stored is not None
    assert (stored.name, stored.interval) == ("Robert", 60)


@pytest.mark.attack("ZID-04", "ZID-05")
def test_a_known_name_with_a_new_zid_points_to_the_known_device(cache: SecretCache) -> None:
    put(cache, named("Bob"))
    put(cache, named(""), peer_zid=OTHER)

    assert [entry.peer_zid for entry in other_devices(cache, OTHER, "bob")] == [PEER]
    assert other_devices(cache, PEER, "bob") == []
    assert other_devices(cache, OTHER, "") == []


@pytest.mark.attack("CCH-14")
def test_entries_and_caches_show_no_key_octets(cache: SecretCache) -> None:
    put(cache, FULL)
    shown = repr(cache.peers()) + repr(cache)

    for secret in (FULL.rs1, FULL.rs2, FULL.pbxsecret):
        assert secret is not None
        assert secret.octets.hex() not in shown
        assert repr(bytes(secret.octets))[2:-1] not in shown
