"""What an endpoint knows at one moment, as plain values: to show that a refused message left no trace.

    before = snapshot(stream)
    stream.receive_datagram(forged, now)
    assert snapshot(stream) == before

Everything that can be reached from the stream is in it: its session, the streams beside it, the exchange with its
messages and secrets, the endpoint and the cache. Left out is only what counts or limits and never decides what a
message means: counters, sequence numbers, rate limits, round-trip times, the times of the last warning and the last
Error, who else introduced himself, the notes that something did not verify or was said unproved (they word a later
failure), the source of randomness, and what waits to be fetched (events and datagrams).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum

from zrtp.protocol.call import Call
from zrtp.protocol.config import Config
from zrtp.protocol.core import Core
from zrtp.protocol.exchange import Exchange, Past
from zrtp.protocol.installation import Installation
from zrtp.protocol.outbox import Outbox
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.messages import Message

LEFT_OUT: dict[type, frozenset[str]] = {
    Core: frozenset({"counters", "last_error_sent", "_debug", "_logger", "warned", "hello_copies", "round_trips"}),
    Past: frozenset(
        {
            *("said", "refused_hello", "refused_commit", "nothing_in_common", "refused_for_room"),
            *("newcomer", "told_of_newcomer", "first_hello_ack"),
        }
    ),
    Outbox: frozenset({"bucket", "_datagrams", "sequence"}),
    Call: frozenset({"clock", "events", "events_lost"}),
    Exchange: frozenset({"refusal", "disturbed", "round_trip"}),
    Installation: frozenset({"algorithms", "config", "inputs", "offer", "random", "wall_clock"}),
}

_PLAIN = (int, float, str, bytes, bytearray, Enum, type(None), Config)

Snapshot = dict[str, object]
"""From a path, like "stream._core.exchange.derived.keys.mackeyi", to a value."""


def snapshot(stream: Stream) -> Snapshot:
    """All that can be reached from a stream. Snapshots of the same stream compare with ==."""
    found: Snapshot = {}
    _collect(stream, "stream", found, set())
    return found


def difference(before: Snapshot, after: Snapshot) -> list[str]:
    """The paths whose values are not the same any more."""
    absent = object()
    return sorted(path for path in before.keys() | after.keys() if before.get(path, absent) != after.get(path, absent))


def _collect(value: object, path: str, found: Snapshot, seen: set[int]) -> None:
    if isinstance(value, _PLAIN):
        found[path] = bytes(value) if isinstance(value, bytearray) else value
    elif isinstance(value, Secret):
        found[path] = "wiped" if value.wiped else bytes(value.octets)
    elif isinstance(value, Message):
        found[path] = value.raw
    elif id(value) in seen:
        found[path] = id(value)
    else:
        seen.add(id(value))
        parts = list(_parts(value))
        found[path] = len(parts) if parts else id(value) if callable(value) else type(value)
        for name, part in parts:
            _collect(part, f"{path}.{name}", found, seen)


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for place, (key, part) in enumerate(value.items()):
            yield f"{place}key", key
            yield f"{place}", part
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield f"{place}", part
    elif isinstance(value, set | frozenset):
        yield "members", repr(sorted(value))
    elif type(value).__module__.startswith(("zrtp.", "tests.")):
        for name in _attributes(type(value)):
            yield name, getattr(value, name, None)
        for name, part in getattr(value, "__dict__", {}).items():
            if name not in LEFT_OUT.get(type(value), ()):
                yield name, part


def _attributes(kind: type) -> tuple[str, ...]:
    if kind in _ATTRIBUTES:
        return _ATTRIBUTES[kind]
    names = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
    _ATTRIBUTES[kind] = tuple(name for name in names if name not in LEFT_OUT.get(kind, ()))
    return _ATTRIBUTES[kind]


_ATTRIBUTES: dict[type, tuple[str, ...]] = {}
