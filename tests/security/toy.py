"""Cryptography for exploring and flooding: a key agreement that costs nothing, and randomness that can be compared.

The protocol takes it for any other algorithm: it is registered like an application's own. Numbers of 31 bits are no
protection at all; what is tested with them is everything around them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from zrtp.crypto.key_agreements.base import ShareContext, draw, refuse_public_value
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellman, PrivateOperation
from zrtp.crypto.registry import DEFAULT, Algorithms
from zrtp.protocol.config import Config

P = 2**31 - 1
G = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyDiffieHellman(DiffieHellman):
    """Diffie-Hellman modulo 2^31 - 1."""

    def key_pair(self, context: ShareContext) -> tuple[bytes, PrivateOperation]:
        private = 2 + int.from_bytes(draw(context.random, 4), "big") % (P - 3)

        def exchange(pv: bytes) -> bytes:
            return pow(int.from_bytes(pv, "big"), private, P).to_bytes(4, "big")

        return pow(G, private, P).to_bytes(4, "big"), exchange

    def check_range(self, pv: bytes) -> None:
        if not 1 < int.from_bytes(pv, "big") < P - 1:
            refuse_public_value("A public value of the toy is out of range.")


TOY = ToyDiffieHellman(code=b"TOY1", length=4, result_length=4)
TOY_ALGORITHMS: Algorithms = DEFAULT.extended(TOY)


def toy_config(**changes: object) -> Config:
    """A configuration that agrees on the toy and on the cheapest of everything else."""
    values: dict[str, object] = {
        "hashes": (b"S256",),
        "ciphers": (b"AES1",),
        "auth_tags": (b"HS80",),
        "key_agreements": (b"TOY1",),
        "sas_types": (b"B32 ",),
        "algorithms": TOY_ALGORITHMS,
        "client_id": b"zrtp Python toy",
    }
    return Config(**values | changes)  # type: ignore[arg-type]


class Draws:
    """Randomness that depends on its owner, on the length, and on how often that length was drawn before.

    The order in which values of different lengths are drawn does not matter, so that two ways to the same state of
    a protocol lead to the same octets.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.drawn: Counter[int] = Counter()

    def __call__(self, count: int) -> bytes:
        self.drawn[count] += 1
        seed = f"{self.owner} {count} {self.drawn[count]}".encode()
        return hashlib.shake_128(seed).digest(count)
