"""CRC-32C (Castagnoli), the checksum of every ZRTP packet.

RFC 6189 section 5 takes it from SCTP (RFC 4960 appendix B): reflected, first and last inverted. The
standard library does not have it. google-crc32c computes it in C; where its C code cannot be loaded, tables in
Python do it. Media packets have no CRC.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from functools import cache

_POLYNOMIAL = 0x82F63B78
"""0x1EDC6F41 with its bits reversed."""

_ALL_ONES = 0xFFFFFFFF


RESIDUE = 0x48674BC7
"""The CRC of whatever ends in its own CRC, least significant octet first."""


def backend() -> str:
    """What computes it here: "c", or "python", which takes twenty times as long."""
    return "python" if crc32c is python_crc32c else "c"


def python_crc32c(data: bytes) -> int:
    """The same number without a library: 32 bits per step, through tables of 11, 11 and 10 bits.

    Wide tables make fewer steps, and these three still fit into a processor's cache; they are made on
    first use.
    """
    low, middle, high = _word_tables()
    whole, rest = divmod(len(data), 4)
    register = _ALL_ONES
    for word in struct.unpack_from(f"<{whole}I", data):
        word ^= register
        register = low[word & 0x7FF] ^ middle[word >> 11 & 0x7FF] ^ high[word >> 22]
    if rest:
        octet_table = _octet_table()
        for octet in data[-rest:]:
            register = octet_table[(register ^ octet) & 0xFF] ^ register >> 8
    return register ^ _ALL_ONES


@cache
def _word_tables() -> tuple[list[int], list[int], list[int]]:
    return _table(11, 32), _table(11, 21), _table(10, 10)


@cache
def _octet_table() -> list[int]:
    return _table(8, 8)


def _table(width: int, steps: int) -> list[int]:
    """What the register becomes after `steps` bits, for each value of its lowest `width` bits.

    The division is linear, so the entry of a sum is the sum of the entries: each further bit doubles the
    table.
    """
    table = [0]
    for bit in range(width):
        register = 1 << bit
        for _ in range(steps):
            register = register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)
        table += [entry ^ register for entry in table]
    return table


def _library() -> Callable[[bytes], int] | None:
    """The function of google-crc32c, if it does the work in C."""
    with warnings.catch_warnings():
        # It warns when it has to fall back to its own Python code, which is slower than ours.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            import google_crc32c
        except ImportError:
            return None
    value: Callable[[bytes], int] = google_crc32c.value
    return value if google_crc32c.implementation == "c" else None


crc32c: Callable[[bytes], int] = _library() or python_crc32c
"""The CRC-32C of octets as a number; on the wire its least significant octet comes first."""
