"""The one word of RTCP that a call needs: goodbye (RFC 3550 sections 6.1, 6.4.2, 6.5 and 6.6).

A compound packet starts with a report and names its source, so an empty receiver report and a CNAME go along.
The CNAME is random for each call: it must not tell observers who is talking.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from zrtp.system import RandomSource, system_random

RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
GOODBYE: Final = 203

_CNAME: Final = 1
_CNAME_OCTETS: Final = 12  # in hexadecimal twice as many characters


def goodbye(ssrc: int, random: RandomSource = system_random, *, reason: str = "") -> bytes:
    """A compound packet by which the source `ssrc` leaves; `reason` has at most 255 octets of UTF-8."""
    cname = random(_CNAME_OCTETS).hex().encode()
    chunk = struct.pack("!IBB", ssrc, _CNAME, len(cname)) + cname
    chunk += bytes(4 - len(chunk) % 4)
    return (
        _packet(RECEIVER_REPORT, 0, struct.pack("!I", ssrc))
        + _packet(SOURCE_DESCRIPTION, 1, chunk)
        + _packet(GOODBYE, 1, struct.pack("!I", ssrc) + _text(reason))
    )


def leaving(compound: bytes) -> frozenset[int]:
    """The sources that say goodbye in a received compound packet; never raises."""
    sources: set[int] = set()
    for count, body in _goodbyes(compound):
        sources.update(struct.unpack_from(f"!{count}I", body))
    return frozenset(sources)


def reason(compound: bytes) -> str:
    """Why somebody says goodbye in a received compound packet; empty if that is not told. Never raises."""
    for count, body in _goodbyes(compound):
        text = body[4 * count :]
        if text and len(text) > text[0]:
            return text[1 : 1 + text[0]].decode(errors="replace")
    return ""


def _goodbyes(compound: bytes) -> Iterator[tuple[int, bytes]]:
    """The number of sources and the body of each packet that says goodbye."""
    while len(compound) >= 4 and compound[0] >> 6 == 2:
        length = 4 + 4 * int.from_bytes(compound[2:4], "big")
        body, count = compound[4:length], compound[0] & 31
        if compound[1] == GOODBYE and len(body) >= 4 * count:
            yield count, body
        compound = compound[length:]


def _text(text: str) -> bytes:
    """A text with its length before it, in whole words of 32 bits; nothing for none."""
    octets = text.encode()
    if not octets:
        return b""
    return (bytes([len(octets)]) + octets).ljust((len(octets) + 4) // 4 * 4, b"\0")


def _packet(packet_type: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, packet_type, len(body) // 4) + body
