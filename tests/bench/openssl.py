"""What OpenSSL takes of a handshake: its floor, its share, and where the rest goes.

The floor are the four public-key operations of two ends whose Commits cross: two key pairs and two agreements, by the
engine's own thin layer over `cryptography`. The share is this, and all that a profile of whole handshakes finds inside
OpenSSL's hashes, HMACs and ciphers.
"""

from __future__ import annotations

import cProfile
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple, TypeAlias

from tests.bench.handshakes import Call, config
from zrtp.crypto.key_agreements.base import CheckedValue, ShareContext
from zrtp.crypto.registry import DEFAULT
from zrtp.system import system_random

Function: TypeAlias = tuple[str, int, str]
"""File, line and name, as the profiler has them."""

_OPENSSL: Final = re.compile(r"_hashlib\.|'cryptography\.|built-in method (x25519|x448|ec|dh|mlkem|ciphers)\.")
"""How the profiler names what is OpenSSL, or its bindings."""

_SYMMETRIC: Final = re.compile(r"_hashlib\.|hmac\.HMAC|ciphers\.create|CipherContext")
"""The part of it that is no public-key operation."""

_HASH: Final = re.compile(r"'digest' of '_hashlib\.HASH'")
_MAC: Final = re.compile(r"_hashlib\.hmac_digest|'finalize' of '[\w.]+\.HMAC'")


def public_key_operations(agreement: bytes) -> Callable[[], None]:
    """Performs both ends' operations of one key agreement."""
    chosen = config(agreement)
    algorithm = DEFAULT.key_agreements[agreement]
    context = ShareContext(
        hash=DEFAULT.hashes[chosen.hashes[0]],
        exponent_bits=DEFAULT.ciphers[chosen.ciphers[0]].key_length * 16,
        random=system_random,
    )

    def run() -> None:
        initiator, loser = algorithm.initiate(context), algorithm.initiate(context)
        responder = algorithm.respond(CheckedValue(initiator.commit_field), context, loser)
        initiator.finish(CheckedValue(responder.dhpart1_field))
        responder.finish(CheckedValue(initiator.dhpart2_field))

    return run


@dataclass(frozen=True, slots=True)
class Place:
    """A function in which time is spent."""

    where: str
    calls: float
    """In one handshake."""
    seconds: float
    """In one handshake, without the functions that it calls."""


class Operations(NamedTuple):
    """What one handshake takes at both ends together, on any machine."""

    calls: int
    """Of Python functions, as the profiler's statistics list them, without builtins; constructors of dataclasses, which
    have one name and no file, count once there."""
    hashes: int
    macs: int
    """Of messages and Confirms, for IDs of secrets, and one for each key that is derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Handshakes under Python's profiler, which slows down the Python part two or three times, and C code hardly."""

    operations: Operations
    symmetric: float
    """Seconds in OpenSSL's hashes, HMACs and ciphers in one handshake."""
    places: tuple[Place, ...]
    """What is not OpenSSL, the dearest first."""


def profile(run: Callable[[], Call], *, handshakes: int = 50) -> Profile:
    """Where the time of a handshake goes: for each function the median of several handshakes."""
    for _ in range(3):
        run().close()
    seconds: dict[Function, list[float]] = defaultdict(list)
    calls: Counter[Function] = Counter()
    operations: list[Operations] = []
    for _ in range(handshakes):
        profiler = cProfile.Profile()
        profiler.runcall(run).close()
        profiler.create_stats()
        operations.append(_count({function: row[1] for function, row in profiler.stats.items()}))
        for function, (_, number, own, _, _) in profiler.stats.items():
            seconds[function].append(own)
            calls[function] += number
    symmetric = 0.0
    places = []
    for function, samples in seconds.items():
        file, line, name = function
        typical = median(samples + [0.0] * (handshakes - len(samples)))
        if file != "~":
            places.append(Place(f"{_short(file)}:{line} {name}", calls[function] / handshakes, typical))
        elif _SYMMETRIC.search(name):
            symmetric += typical
        elif not _OPENSSL.search(name):
            places.append(Place(name, calls[function] / handshakes, typical))
    places.sort(key=lambda place: -place.seconds)
    return Profile(
        operations=Operations(*(int(median(counts)) for counts in zip(*operations, strict=True))),
        symmetric=symmetric,
        places=tuple(places),
    )


def _count(calls: Mapping[Function, int]) -> Operations:
    return Operations(
        calls=sum(number for (file, _, _), number in calls.items() if file != "~"),
        hashes=sum(number for (_, _, name), number in calls.items() if _HASH.search(name)),
        macs=sum(number for (_, _, name), number in calls.items() if _MAC.search(name)),
    )


def _short(file: str) -> str:
    """The path from the last folder that names a package of ours, or the file alone."""
    parts = Path(file).parts
    return "/".join(parts[parts.index("zrtp") :]) if "zrtp" in parts else parts[-1]
