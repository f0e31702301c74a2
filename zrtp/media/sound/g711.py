"""G.711 mu-law: telephone sound as one octet per sample (ITU-T G.711; RTP payload type 0, RFC 3551).

The standard library had this in `audioop`, which is gone from Python 3.13. Both directions are one table
look-up per sample. Encoding what was decoded gives the same octets again.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Final

RATE: Final = 8000
"""Samples per second."""

SILENCE: Final = 0xFF
"""The octet of sample 0."""

_BIAS: Final = 0x84
_CLIP: Final = 32635
_SAMPLE: Final = "h"  # array code of a signed 16-bit sample, in the machine's octet order


def encode(samples: Sequence[int]) -> bytes:
    """One octet for each signed 16-bit sample."""
    unsigned = memoryview(array(_SAMPLE, samples)).cast("B").cast("H")
    return bytes(map(_ENCODED.__getitem__, unsigned))


def decode(octets: bytes) -> array[int]:
    """One signed 16-bit sample (array code "h") for each octet."""
    return array(_SAMPLE, map(_DECODED.__getitem__, octets))


def little_endian(samples: array[int]) -> bytes:
    """The octets of the samples as WAV files store them."""
    if sys.byteorder == "big":
        samples = array(_SAMPLE, samples)
        samples.byteswap()
    return samples.tobytes()


def _decoded(octet: int) -> int:
    """The sample of an octet: sign, three bits of segment, four bits of step, all inverted on the wire."""
    inverted = ~octet & 0xFF
    segment, step = inverted >> 4 & 7, inverted & 15
    magnitude = (((step << 3) + _BIAS) << segment) - _BIAS
    return -magnitude if inverted & 0x80 else magnitude


def _octets_of_magnitudes() -> bytes:
    """The octets, neither inverted nor signed, of magnitudes 0 to 32768: 8 segments of 16 equal steps."""
    steps = b"".join(bytes([code]) * (8 << (code >> 4)) for code in range(128))
    clipped = steps[-1:] * (0x8000 - _CLIP)
    return steps[_BIAS - 128 :] + clipped


def _octets_of_samples() -> bytes:
    """The octet of every sample, at the sample's place as an unsigned 16-bit number."""
    magnitudes = _octets_of_magnitudes()
    positive = bytes(~code & 0xFF for code in magnitudes[:0x8000])
    negative = bytes(~code & 0x7F for code in magnitudes[:0:-1])
    return positive + negative


_ENCODED: Final = _octets_of_samples()
_DECODED: Final = tuple(_decoded(octet) for octet in range(256))
