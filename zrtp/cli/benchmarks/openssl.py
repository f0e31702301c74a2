"""What OpenSSL takes of a handshake: its floor, its share, and where the rest goes.

The floor are the public-key operations that two ends cannot do without: two key pairs and two agreements, by the
engine's own thin layer over `cryptography`. The share is all that a profile finds inside OpenSSL during whole
handshakes, hashes and HMACs included.
"""

from __future__ import annotations

import cProfile
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zrtp.cli.benchmarks.handshakes import Call, config
from zrtp.crypto.key_agreements.base import ShareContext
from zrtp.crypto.registry import DEFAULT
from zrtp.system import system_random

_OPENSSL: Final = re.compile(r"_hashlib\.|'cryptography\.|built-in method (x25519|x448|ec|dh|mlkem|ciphers|hmac)\.")
"""How the profiler names what is OpenSSL, or its bindings."""


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
        initiator = algorithm.initiate(context)
        responder = algorithm.respond(initiator.commit_field, context)
        initiator.finish(responder.dhpart1_field)
        responder.finish(initiator.dhpart2_field)

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A function in which time is spent."""

    where: str
    calls: float
    """In one handshake."""
    seconds: float
    """In one handshake, without the functions that it calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Handshakes under Python's profiler, which slows down the Python part two or three times, and C code hardly."""

    inside: float
    """Seconds inside OpenSSL in one handshake."""
    places: tuple[Place, ...]
    """Everything else, the dearest first."""


def profile(run: Callable[[], Call], *, handshakes: int = 40) -> Profile:
    """Where the time of a handshake goes."""
    for _ in range(3):
        run().close()
    profiler = cProfile.Profile()
    for _ in range(handshakes):
        profiler.runcall(run).close()
    profiler.create_stats()
    inside = 0.0
    places = []
    for (file, line, name), (_, calls, own, _, _) in profiler.stats.items():  # type: ignore[attr-defined]
        if file == "~" and _OPENSSL.search(name):
            inside += own / handshakes
        else:
            where = name if file == "~" else f"{_short(file)}:{line} {name}"
            places.append(Place(where=where, calls=calls / handshakes, seconds=own / handshakes))
    places.sort(key=lambda place: -place.seconds)
    return Profile(inside=inside, places=tuple(places))


def _short(file: str) -> str:
    """The path from the last folder that names a package of ours, or the file alone."""
    parts = Path(file).parts
    return "/".join(parts[parts.index("zrtp") :]) if "zrtp" in parts else parts[-1]
