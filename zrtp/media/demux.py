"""Tells the protocols on one media port apart by looking at a few octets.

RTP, RTCP, STUN, DTLS and ZRTP share the port of a media stream. This runs for every datagram, fifty times a
second in each stream, so it looks at a few octets only: what it calls RTP can still be malformed.

First octets (RFC 7983 section 7; RFC 6189 section 5 for ZRTP):

======== ==========================================================================
0..3     STUN
16..31   ZRTP, when the magic cookie follows at octet 4; 0x11 is a ZRTP fragment
20..63   DTLS
128..191 RTP, or RTCP when the second octet is 192..223 (RFC 5761 section 4)
======== ==========================================================================
"""

from __future__ import annotations

from enum import Enum


class DatagramKind(Enum):
    """What a datagram on a media port is."""

    ZRTP = "ZRTP"
    RTP = "RTP"
    RTCP = "RTCP"
    STUN = "STUN"
    DTLS = "DTLS"
    OTHER = "other"


def classify(datagram: bytes) -> DatagramKind:
    """The protocol of a received datagram; RTP and RTCP also stand for SRTP and SRTCP.

    Never raises. A datagram shorter than the fixed header of its protocol is OTHER.
    """
    length = len(datagram)
    if length < _SHORTEST:
        return _OTHER
    first = datagram[0]
    if 128 <= first <= 191:
        if 192 <= datagram[1] <= 223:
            return _RTCP
        return _RTP if length >= _RTP_HEADER else _OTHER
    if 16 <= first <= 31 and datagram[4:8] == _MAGIC_COOKIE:
        return _ZRTP
    if first <= 3:
        return _STUN if length >= _STUN_HEADER else _OTHER
    if 20 <= first <= 63:
        return _DTLS if length >= _DTLS_HEADER else _OTHER
    return _OTHER


def is_keep_alive(datagram: bytes) -> bool:
    """Whether it only keeps a router's port open, as nothing, CRLF and zeros do (RFC 6263 section 4.1): it is shorter
    than any packet, and does not begin as RTP does."""
    return len(datagram) < _SHORTEST and not b"\x80" <= datagram[:1] <= b"\xbf"


_MAGIC_COOKIE = b"ZRTP"
_SHORTEST = 8  # an empty RTCP receiver report; also the end of the ZRTP magic cookie
_RTP_HEADER = 12
_STUN_HEADER = 20
_DTLS_HEADER = 13

# Members of an Enum as plain globals: two look-ups less for each packet.
_ZRTP = DatagramKind.ZRTP
_RTP = DatagramKind.RTP
_RTCP = DatagramKind.RTCP
_STUN = DatagramKind.STUN
_DTLS = DatagramKind.DTLS
_OTHER = DatagramKind.OTHER
