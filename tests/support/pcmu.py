"""G.711 mu-law, independent of the one under test, so that both can be wrong only in different ways."""

from __future__ import annotations

from collections.abc import Iterable

BIAS, CLIP = 0x84, 32635


def encode(samples: Iterable[int]) -> bytes:
    """One octet per signed 16-bit sample."""
    return bytes(map(_encode, samples))


def decode(octets: bytes) -> list[int]:
    """One signed 16-bit sample per octet."""
    return [_DECODED[octet] for octet in octets]


def _encode(sample: int) -> int:
    magnitude = min(abs(sample), CLIP) + BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = magnitude >> exponent + 3 & 15
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | mantissa) & 0xFF


def _decode(octet: int) -> int:
    inverted = ~octet & 0xFF
    exponent, mantissa = inverted >> 4 & 7, inverted & 15
    magnitude = ((mantissa << 3) + BIAS << exponent) - BIAS
    return -magnitude if inverted & 0x80 else magnitude


_DECODED = [_decode(octet) for octet in range(256)]
