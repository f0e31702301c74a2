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

DOOR = ("tests/test_public_api.py", "tests/test_front_door.py")
FURTHER = {"protocol": ("tests/test_vectors.py", *DOOR, "tests/media"), "media": DOOR, "cache": DOOR}
"""What shows beyond its own folder how a room works."""

UNREAD = "a wider table has more entries, and none of them is ever read"
TABLES = "return (_table(11, 32), _table(11, 21), _table(10, 10))"
BUSY = "a thread that looks again at once does the same things at the same moments, and costs more CPU time"
ELSEWHERE = "where it is not true these tests are not run"

REASONS: dict[str, str] = {
    # wire
    f"crc.py _word_tables: 10 in {TABLES} -> 11": UNREAD,
    f"crc.py _word_tables: 11 in {TABLES} -> 12": UNREAD,
    "crc.py _octet_table: 8 in return _table(8, 8) -> 9": UNREAD,
    "fragments.py _tilings.from_word: position == end or position in dead -> position == end": (
        "a place from which no way led to the end has none the second time either, which only saves time"
    ),
    # protocol
    "call.py Call.take_relayed_sas: "
    "shown is not None and shown.sashash != sas.sashash -> shown.sashash != sas.sashash": (
        "a SAS is relayed in a secure call only, and that has one of its own"
    ),
    "call.py Call.verified: self.compromised or self.sas is None -> self.compromised": (
        "without a SAS there was no Confirm yet, and the V flags of both are what verified_before asks for"
    ),
    "changes.py AfterCall._beside: outcome.authenticated or outcome.s1 is not None -> outcome.s1 is not None": (
        "a call without s1 has taken the trust of the lineage away already"
    ),
    "changes.py AfterCall._beside: trusted and base.trusted_lineage -> base.trusted_lineage": (
        "a call without s1 has taken the trust of the lineage away already"
    ),
    "changes.py AfterCall._beside: self.at >= old.last_seen -> self.at > old.last_seen": (
        "of two calls that end at the same instant either may be the newer one"
    ),
    "config.py default_key_agreements: code in usable and usable[code].available -> usable[code].available": (
        "the registry has every code that is wanted, whether its library is there or not"
    ),
    "transmission.py send_hello_limited: core.hello_copies and core.hello_copies[-1] >= now -> "
    "core.hello_copies[-1] >= now": "whoever answers has started, and sent a copy then",
    "dispatch.py _handle_timers: core.beside is not None -> True": (
        "where nothing is repeated beside there is nothing due; it saves a call"
    ),
    "discovery.py add_candidate: 1 in candidate = replace(candidate, copies=candidates[key].copies + 1) -> 2": (
        "whoever asks wants to know whether a Hello came again, and not how often"
    ),
    "dispatch.py _go: target is not core.state -> True": (
        "to enter the state that a stream is in does nothing; not to try saves a call"
    ),
    "dispatch.py _in_question: 1 in return (likely or [present(core.exchange)])[:1] -> 2": (
        "a Commit that one exchange refuses is refused in the next one too, and nothing follows from that"
    ),
    "driver.py Driver.tell: self.store.open -> True": "without requests there is nothing to serve; it saves a call",
    "endpoint.py Endpoint.session: driver.store.open -> True": (
        "without requests there is nothing to serve; it saves a call"
    ),
    "negotiation.py choose_key_agreement: our_first == their_first -> False": (
        "of two equal first choices the faster one is the same"
    ),
    "retained_secrets.py KnownSecrets: False in unsure: bool = False -> True": (
        "it is about rs2, and whoever gives an rs2 says it"
    ),
    "retained_secrets.py KnownSecrets.of: aux is None -> False": "one that knows nothing is like another",
    "retained_secrets.py match: known is NOTHING_KNOWN -> False": (
        "of nothing nothing matches; not to look saves the comparisons"
    ),
    "retention.py Retention.store_or_hold_back: self._installation.cacheless -> False": (
        "without a cache a change is thrown away anyway; not to make it saves copies of the secrets"
    ),
    "retention.py Retention.turn_to: "
    "self._installation.cacheless or (known is not None and known.loaded) -> known is not None and known.loaded": (
        "without a cache nothing is stored, whether it is held back or not"
    ),
    "session.py Session.add_stream: driver.generation != process.generation -> True": (
        "in the process that made the call the check that follows finds nothing"
    ),
    "session.py Session.next_event: driver.generation != process.generation -> True": (
        "in the process that made the call the check that follows finds nothing"
    ),
    "signing.py sign_confirm: signature_type is None -> False": (
        "a Confirm without a signature has these very values in its place already"
    ),
    "signing.py sign_confirm: not core.installation.signers or exchange.mode not in SIGNED_MODES or secrets... -> "
    "not core.installation.signers or exchange.mode not in SIGNED_MODES": (
        "in the modes in which a Confirm is signed there are always secrets of the call"
    ),
    "timers.py along_the_path: round_trip or 0.0 -> 0.0": "the first wait is longer than the round trip already",
    "timers.py Retransmission.hasten: due < self.due -> due <= self.due": (
        "a schedule whose second copy comes at the same moment is that of the same path"
    ),
    "timers.py along_the_path: total < SPAN -> total <= SPAN": "no sum of such waits is exactly as long as that",
    # media
    "stream.py SecureStream.__init__: "
    "127 in payload_type = need_whole('payload_type', options.get('payload_type', ... -> 128": (
        "what sends the packets refuses the number too, in the same sentence"
    ),
    "call.py AsyncCall._leave_host: "
    "self._host is not None and self.closed and (not self._storing) "
    "-> self._host is not None and (not self._storing)": (
        "only a call that is closed, or was closed before its last request came back, gets there"
    ),
    "concealment.py Concealment.__init__: self._passage = 0 -> gone": (
        "it is set anew for each sound that is passed into, and not read before"
    ),
    "concealment.py _backwards: _HISTORY - len(following) -> _HISTORY + len(following)": (
        "only the end of what was is looked at, and more zeros before it change nothing"
    ),
    "layer.py MediaLayer.to_network: type(data) is bytes -> type(data) is not bytes": (
        "the octets of octets are the same, which only saves a copy"
    ),
    "mailbox.py Mailbox._wake: self._waiters and count -> self._waiters": (
        "whoever is woken and finds nothing waits again, behind the others"
    ),
    "replay.py PacketHistory.estimate: 0 -> 1": "before index 0 there is no rollover: the number is the index then too",
    "stream.py SecureStream.open: len(addresses) > 1 -> len(addresses) >= 1": (
        "a socket for both families that talks to one address of IPv6 does the same"
    ),
    "stream.py SecureStream.send_rtcp: not self._closed and self.layer.send(compound) -> self.layer.send(compound)": (
        "the gate of a call that is closed is shut"
    ),
    "threads.py SecureSocket._keep_time: due is None or due > now -> False": BUSY,
    "threads.py SecureSocket._keep_time: self._changed.wait(None if due is None else due - now) -> gone": BUSY,
    "udp.py UdpTransport._receive_with_local: 8 in local = (level, kind, struct.pack('=I4s4x', 0, value[4:8])) -> 9": (
        "struct takes the four octets that it was told of, and no fifth one"
    ),
    "unreachable.py ask: _LINUX -> True": ELSEWHERE,
    "unreachable.py take_notes: _LINUX -> True": ELSEWHERE,
    "wav.py WavReader._skip: 65536 -> 65537": "how much is read at a time makes no difference to what is skipped",
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
