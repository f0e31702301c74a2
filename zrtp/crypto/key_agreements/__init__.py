"""Key agreements by their names: finite field, NIST curves, Montgomery curves, KEMs and hybrids."""

from __future__ import annotations

from typing import Final

from zrtp.crypto.key_agreements.base import (
    MERGED_ORDER,
    InitiatorShare,
    KeyAgreement,
    ResponderShare,
    ShareContext,
)
from zrtp.crypto.key_agreements.elliptic import EC25, EC38, EC52
from zrtp.crypto.key_agreements.finite_field import DH2K, DH3K
from zrtp.crypto.key_agreements.kem import K255, K448, MLK1, MLK2, MLK3, X1M1, X1M2, X3M3
from zrtp.crypto.key_agreements.montgomery import E255, X255, X448

KEY_AGREEMENTS: Final[tuple[KeyAgreement, ...]] = (
    *(DH2K, X255, E255, K255, EC25, X448, K448, DH3K, EC38, EC52),
    *(MLK1, MLK2, MLK3, X1M1, X1M2, X3M3),
)
"""All that are implemented, fastest first; whether one is `available` depends on the library."""

__all__ = [
    "DH2K",
    "DH3K",
    "E255",
    "EC25",
    "EC38",
    "EC52",
    "K255",
    "K448",
    "KEY_AGREEMENTS",
    "MERGED_ORDER",
    "MLK1",
    "MLK2",
    "MLK3",
    "X1M1",
    "X1M2",
    "X3M3",
    "X255",
    "X448",
    "InitiatorShare",
    "KeyAgreement",
    "ResponderShare",
    "ShareContext",
]
