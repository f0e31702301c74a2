"""What the tests of key agreements share."""

from __future__ import annotations

import random
from collections.abc import Callable

from zrtp.crypto.hashes import S256, HashAlgorithm
from zrtp.crypto.key_agreements import ShareContext
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellmanShare
from zrtp.crypto.key_agreements.elliptic import NIST_CURVES
from zrtp.crypto.key_agreements.elliptic import share_from_private as elliptic_share
from zrtp.crypto.key_agreements.finite_field import FINITE_FIELDS
from zrtp.crypto.key_agreements.finite_field import share_from_private as finite_field_share
from zrtp.crypto.key_agreements.montgomery import MONTGOMERY_CURVES
from zrtp.crypto.key_agreements.montgomery import share_from_private as montgomery_share


def context(
    seed: int = 1,
    *,
    hash: HashAlgorithm = S256,
    exponent_bits: int = 256,
    random_source: Callable[[int], bytes] | None = None,
) -> ShareContext:
    """A context with repeatable randomness."""
    return ShareContext(hash=hash, exponent_bits=exponent_bits, random=random_source or random.Random(seed).randbytes)


def diffie_hellman_share(code: bytes, private: bytes) -> DiffieHellmanShare:
    """A share of any Diffie-Hellman form with a known private value."""
    families = (
        (FINITE_FIELDS, finite_field_share),
        (NIST_CURVES, elliptic_share),
        (MONTGOMERY_CURVES, montgomery_share),
    )
    for members, share_from_private in families:
        if code in members:
            return share_from_private(code, private, context(exponent_bits=8 * len(private)))
    raise KeyError(code)
