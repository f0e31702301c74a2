"""What OpenSSL takes of a handshake: its floor, and its share.

The floor are the public-key operations that two ends cannot do without: two key pairs and two agreements, by the
engine's own thin layer over `cryptography`. The share is everything that a profile finds inside OpenSSL during whole
handshakes, hashes and HMACs included; the profiler's own time counts as engine.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zrtp.cli.benchmarks.handshakes import Call, config
from zrtp.crypto.key_agreements.base import ShareContext
from zrtp.crypto.registry import DEFAULT
from zrtp.system import system_random

BINDINGS: Final = ("_hashlib.", "_rust.", "x25519.", "x448.", "ec.", "dh.", "mlkem.", "hmac.", "ciphers.")
"""How the profiler names what is implemented by OpenSSL and its bindings."""


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
    """Where time goes: a function of ours, with the C functions of Python that it calls itself."""

    where: str
    calls: float
    """In one handshake."""
    seconds: float
    """In one handshake, not counting what it calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Handshakes under the profiler, which makes Python several times slower, and C code hardly."""

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
        call = profiler.runcall(run)
        call.close()
    inside = 0.0
    places = []
    for (file, line, name), (_, calls, own, _, _) in _entries(profiler).items():
        if file == "~" and any(binding in name for binding in BINDINGS):
            inside += own
        elif file != "~":
            where = f"{_short(file)}:{line} {name}"
            places.append(Place(where=where, calls=calls / handshakes, seconds=own / handshakes))
    places.sort(key=lambda place: -place.seconds)
    return Profile(inside=inside / handshakes, places=tuple(places))
