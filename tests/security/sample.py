"""Change the package in small ways, at random but repeatably, and see how many changes the tests notice.

    python -m tests.security.sample --seed 1 --count 300
    python -m tests.security.sample --only wire --count 50

Each change (`tests.security.mutations`) meets first the tests of its own module, tests/<same path>/test_<module>.py,
then all tests of its folder, then those of the room. Nothing is written. The share that was noticed is printed at the
end, after the changes that nobody noticed; the exit status is 1 if one of those has no reason in `REASONS`.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.security.laboratory import ROOT, Change, failures
from tests.security.mutations import Mutation, mutations

PACKAGE = ROOT / "zrtp"
ROOMS = ("protocol", "wire", "cache", "media")

FURTHER = {"protocol": ("tests/test_vectors.py", "tests/test_public_api.py", "tests/media")}
"""What shows beyond its own folder how a room works."""

UNREAD = "a wider table has more entries, and none of them is ever read"
TABLES = "return (_table(11, 32), _table(11, 21), _table(10, 10))"

REASONS: dict[str, str] = {
    f"crc.py _word_tables: 10 in {TABLES} -> 11": UNREAD,
    f"crc.py _word_tables: 11 in {TABLES} -> 12": UNREAD,
    "crc.py _octet_table: 8 in return _table(8, 8) -> 9": UNREAD,
    "commitment.py _become_responder: False in core.commit_waits = False -> True": (
        "an exchange does not listen to the store, and whoever waits for it again says so anew"
    ),
    "dispatch.py _go: target is not core.state -> True": (
        "to enter the state that a stream is in does nothing; not to try saves a call"
    ),
    "layer.py MediaLayer.to_network: type(data) is bytes -> type(data) is not bytes": (
        "the octets of octets are the same, which only saves a copy"
    ),
}
"""A change as it is printed, without its line -> why no test can notice it."""


def sample(seed: int, count: int, rooms: Sequence[str] = ROOMS) -> list[Mutation]:
    """So many changes of these folders, each equally likely.

    A change draws its lot by what it says: where the code stays as it is, the same ones are chosen next time.
    """
    all_of_them = [
        mutation for room in rooms for path in sorted((PACKAGE / room).rglob("*.py")) for mutation in mutations(path)
    ]
    return heapq.nsmallest(count, all_of_them, key=lambda mutation: _lot(seed, mutation))


def _lot(seed: int, mutation: Mutation) -> bytes:
    drawn = (seed, mutation.path.name, mutation.function, mutation.before, mutation.after)
    return hashlib.sha256(repr(drawn).encode()).digest()


def stages(path: Path) -> Iterator[tuple[str, ...]]:
    """The tests of a module itself, then those around it."""
    place = path.relative_to(PACKAGE)
    own = ROOT / "tests" / place.parent / f"test_{place.stem}.py"
    if own.exists():
        yield (own.relative_to(ROOT).as_posix(),)
    room = place.parts[0]
    if place.parent.as_posix() != room:
        yield (f"tests/{place.parent.as_posix()}",)
    yield (f"tests/{room}", *FURTHER.get(room, ()))


def reason(mutation: Mutation) -> str | None:
    place, _, change = str(mutation).partition(" ")
    return REASONS.get(f"{place.partition(':')[0]} {change}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Change the package at random; how many changes do tests notice?")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300, help="how many changes")
    parser.add_argument("--only", choices=ROOMS, help="changes of one folder")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time")
    options = parser.parse_args(arguments)
    chosen = sample(options.seed, options.count, (options.only,) if options.only else ROOMS)
    noticed: Counter[str] = Counter()
    survivors = []
    changes = (Change(one, one.path, one.source(), tuple(stages(one.path))) for one in chosen)
    for mutation, failed in failures(changes, options.workers):
        room = mutation.path.relative_to(PACKAGE).parts[0]
        noticed[room] += failed is not None
        if failed is None:
            survivors.append(mutation)
            print(f"NOT NOTICED  {mutation}", flush=True)
        else:
            print(f"noticed      {mutation}  by {failed}", flush=True)
    _report(chosen, survivors, noticed)
    return int(any(reason(one) is None for one in survivors))


def _report(chosen: Sequence[Mutation], survivors: Sequence[Mutation], noticed: Counter[str]) -> None:
    print()
    for mutation in survivors:
        print(f"NOT NOTICED  {mutation}\n             {reason(mutation) or 'no reason is known'}")
    of_each = Counter(one.path.relative_to(PACKAGE).parts[0] for one in chosen)
    for room, count in sorted(of_each.items()):
        print(f"{room}: {noticed[room]} of {count} noticed")
    print(f"{noticed.total()} of {len(chosen)} changes noticed by a test ({noticed.total() / len(chosen):.1%})")


if __name__ == "__main__":
    sys.exit(main())
