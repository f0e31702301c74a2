"""The file under fire: killed at every system call, written by a crowd, cut off in the middle of a write.

Whatever happens, a record is the old one or the new one, and the next start works without help.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from tests.cache.processes import exit_code, fork, in_child, killed_at
from tests.cache.test_interface import OTHER, OWN, PEER
from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.errors import CacheError
from zrtp.secret import Secret

resource = pytest.importorskip("resource")
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the other processes are forked"),
    pytest.mark.long,
]

PATIENCE = 60.0
"""Busy timeout for crowds: nobody may be turned away on a slow machine."""

FIRST = PeerRecord(rs1=Secret(b"1" * 32), name="bob", first_seen=1.0, last_seen=1.0, generation=1)
SECOND = replace(FIRST, rs1=Secret(b"2" * 32), rs2=FIRST.rs1, verified=True, last_seen=2.0, generation=2)


def call_again(old: PeerRecord | None) -> PeerRecord | None:
    """What a second call does: rs1 moves to rs2, a new one takes its place."""
    return old and replace(old, rs1=Secret(b"2" * 32), rs2=old.rs1, verified=True, last_seen=2.0)


def count_up(old: PeerRecord | None) -> PeerRecord:
    return PeerRecord() if old is None else replace(old, preshared_count=old.preshared_count + 1)


def is_old_or_new_and_usable(path: Path, old: PeerRecord | None, new: PeerRecord | None) -> bool:
    """Whether the file opens, holds one of the two records, and takes further updates."""
    with SqliteCache(path) as cache:
        found = cache.load(OWN, PEER)
        cache.update(OWN, OTHER, count_up)
        return found in (old, new) and cache.load(OWN, PEER) == found and len(cache.peers()) >= 1


# ---- Killed


CASES: dict[str, tuple[PeerRecord | None, PeerRecord | None, Callable[[SqliteCache], object]]] = {
    "first call": (None, FIRST, lambda cache: cache.update(OWN, PEER, lambda _: FIRST)),
    "second call": (FIRST, SECOND, lambda cache: cache.update(OWN, PEER, call_again)),
    "forgotten": (FIRST, None, lambda cache: cache.update(OWN, PEER, lambda _: None)),
}


@pytest.mark.attack("CCH-10")
@pytest.mark.parametrize("stride", [97, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_system_call_a_record_is_old_or_new(path: Path, case: str, stride: int) -> None:
    old, new, action = CASES[case]
    outcomes = set()
    for position in count(step=stride):
        cache = SqliteCache(path)
        if old is not None:
            cache.update(OWN, PEER, lambda _: old)
        killed = killed_at(position, partial(action, cache))
        outcomes.add(SqliteCache(path).load(OWN, PEER) == new)
        assert is_old_or_new_and_usable(path, old, new), position
        if not killed:
            break
        shutil.rmtree(path.parent)
    assert outcomes == {False, True}


@pytest.mark.attack("CCH-10")
@pytest.mark.parametrize("stride", [211, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_any_system_call_of_the_first_start_the_next_one_works(path: Path, stride: int) -> None:
    def start() -> bytes:
        return SqliteCache(path).own_zid(lambda: OWN)

    for position in count(step=stride):
        killed = killed_at(position, start)
        assert SqliteCache(path).own_zid(lambda: OTHER) in (OWN, OTHER), position
        if not killed:
            break
        shutil.rmtree(path.parent)


def keep_calling(path: Path) -> None:
    """Update without end. Every field tells the number of the call, so that a mixture would show."""
    cache = SqliteCache(path)

    def next_call(old: PeerRecord | None) -> PeerRecord:
        number = 0 if old is None else old.preshared_count + 1
        return PeerRecord(
            rs1=Secret(number.to_bytes(4) * 8),
            rs2=None if old is None else old.rs1,
            name=f"call {number}",
            preshared_count=number,
            last_seen=float(number),
        )

    while True:
        cache.update(OWN, PEER, next_call)


def interrupt_at_random(path: Path, times: int) -> None:
    generator = random.Random(6189)
    last = -1
    for _ in range(times):
        killed_at(generator.randrange(1200), lambda: keep_calling(path))
        record = SqliteCache(path).load(OWN, PEER)
        if record is None:
            assert last == -1
            continue
        number = record.preshared_count
        assert number >= last, "an update that was finished has been lost"
        last = number
        assert record.rs1 == Secret(number.to_bytes(4) * 8)
        assert record.rs2 == (Secret((number - 1).to_bytes(4) * 8) if number else None)
        assert (record.name, record.last_seen, record.generation) == (f"call {number}", number, number + 1)
    assert last > times / 2


@pytest.mark.attack("CCH-10")
def test_killed_at_random_again_and_again_no_record_is_mixed(path: Path) -> None:
    interrupt_at_random(path, 8)


@pytest.mark.long
@pytest.mark.attack("CCH-10")
def test_ten_thousand_random_kills(path: Path) -> None:
    interrupt_at_random(path, 10_000)


@pytest.mark.attack("CCH-10")
@pytest.mark.parametrize("stride", [8191, pytest.param(97, marks=pytest.mark.long)])
@pytest.mark.parametrize("reaction", [signal.SIG_DFL, signal.SIG_IGN], ids=["killed", "refused"])
def test_cut_off_in_the_middle_of_a_write_a_record_is_old_or_new(
    path: Path, reaction: signal.Handlers, stride: int
) -> None:
    """The system lets no file grow beyond a limit: a process that crosses it is killed, or gets an error."""
    for limit in count(start=1, step=stride):
        SqliteCache(path).update(OWN, PEER, lambda _: FIRST)
        assert path.stat().st_size < 20_000

        def limited(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            signal.signal(signal.SIGXFSZ, reaction)
            try:
                SqliteCache(path).update(OWN, PEER, call_again)
            except CacheError as error:
                os._exit(7 if "cannot be read or written" in str(error) else 8)

        code = in_child(limited)
        assert code in (0, -signal.SIGXFSZ if reaction is signal.SIG_DFL else 7), limit
        assert is_old_or_new_and_usable(path, FIRST, SECOND), limit
        if code == 0 and limit > 40_000:
            assert SqliteCache(path).load(OWN, PEER) == SECOND
            break
        shutil.rmtree(path.parent)


# ---- Crowds


@pytest.mark.attack("CCH-11")
@pytest.mark.parametrize("updates", [25, pytest.param(1000, marks=pytest.mark.long)])
def test_eight_processes_lose_no_update(path: Path, updates: int) -> None:
    """They use the object that they inherit from their parent: it holds nothing that a fork would break."""
    cache = SqliteCache(path, busy_timeout=PATIENCE)
    cache.update(OWN, PEER, count_up)

    def many() -> None:
        for _ in range(updates):
            cache.update(OWN, PEER, count_up)

    children = [fork(many) for _ in range(8)]
    assert [exit_code(child) for child in children] == [0] * 8
    record = cache.load(OWN, PEER)
    assert record is not None
    assert (record.preshared_count, record.generation) == (8 * updates, 8 * updates + 1)


@pytest.mark.attack("CCH-11")
def test_four_threads_that_share_one_object_lose_no_update(path: Path) -> None:
    cache = SqliteCache(path, busy_timeout=PATIENCE)
    cache.update(OWN, PEER, count_up)

    def many(_: int) -> None:
        for _ in range(20):
            cache.update(OWN, PEER, count_up)
            assert cache.load(OWN, PEER) is not None

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(many, range(4)))
    record = cache.load(OWN, PEER)
    assert record is not None
    assert record.preshared_count == 80


@pytest.mark.attack("CCH-11")
@pytest.mark.rfc("R-4.9-01")
def test_processes_that_start_together_agree_on_one_zid(path: Path) -> None:
    def start() -> None:
        mine = os.getpid().to_bytes(12)
        zid = SqliteCache(path, busy_timeout=PATIENCE).own_zid(lambda: mine)
        path.parent.with_name(f"zid-{os.getpid()}").write_bytes(zid)

    children = [fork(start) for _ in range(8)]
    assert [exit_code(child) for child in children] == [0] * 8
    zids = {path.parent.with_name(f"zid-{child}").read_bytes() for child in children}
    assert len(zids) == 1
    assert SqliteCache(path).own_zid(lambda: OTHER) in zids
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.attack("CCH-11")
def test_peers_are_read_whole_while_others_write(path: Path) -> None:
    """Readers wait for nobody, and see each record before or after an update."""
    cache = SqliteCache(path, busy_timeout=PATIENCE)
    cache.update(OWN, PEER, lambda _: FIRST)

    def flip() -> None:
        for _ in range(60):
            cache.update(OWN, PEER, call_again)
            cache.update(OWN, PEER, lambda _: FIRST)

    writer = fork(flip)
    seen = set()
    for _ in range(60):
        [entry] = cache.peers()
        record = replace(entry.record, generation=0)
        seen.add((record == replace(FIRST, generation=0), record == replace(SECOND, generation=0)))
    assert exit_code(writer) == 0
    assert seen <= {(True, False), (False, True)}
