"""The one word of RTCP that a call needs: goodbye (RFC 3550 sections 6.1, 6.4.2, 6.5 and 6.6).

A compound packet starts with a report and names its source, so an empty receiver report and a CNAME go along.
The CNAME is random for each call: it must not tell observers who is talking.
"""

from __future__ import annotations

import struct
from typing import Final

from zrtp.system import RandomSource, system_random

RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
GOODBYE: Final = 203

_CNAME: Final = 1
_CNAME_OCTETS: Final = 12  # in hexadecimal twice as many characters


def goodbye(ssrc: int, random: RandomSource = system_random) -> bytes:
    """A compound packet by which the source `ssrc` leaves."""
    cname = random(_CNAME_OCTETS).hex().encode()
    chunk = struct.pack("!IBB", ssrc, _CNAME, len(cname)) + cname
    chunk += bytes(4 - len(chunk) % 4)
    return (
        _packet(RECEIVER_REPORT, 0, struct.pack("!I", ssrc))
        + _packet(SOURCE_DESCRIPTION, 1, chunk)
        + _packet(GOODBYE, 1, struct.pack("!I", ssrc))
    )


def leaving(compound: bytes) -> frozenset[int]:
    """The sources that say goodbye in a received compound packet; never raises."""
    sources: set[int] = set()
    while len(compound) >= 4 and compound[0] >> 6 == 2:
        length = 4 + 4 * int.from_bytes(compound[2:4], "big")
        body, count = compound[4:length], compound[0] & 31
        if compound[1] == GOODBYE and len(body) >= 4 * count:
            sources.update(struct.unpack_from(f"!{count}I", body))
        compound = compound[length:]
    return frozenset(sources)


def _packet(packet_type: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, packet_type, len(body) // 4) + body
