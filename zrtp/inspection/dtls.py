"""What a DTLS-SRTP handshake shows without its keys: certificates, the SRTP profile, whether it was completed.

In DTLS 1.2 (RFC 6347) certificates travel in clear, in DTLS 1.3 (RFC 9147) encrypted.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from zrtp.inspection.flows import Datagram
from zrtp.inspection.sessions import Fingerprint

MOST_MESSAGES: Final = 64
LONGEST_MESSAGE: Final = 1 << 16
"""Octets of a handshake message that is put together."""

_RECORD: Final = struct.Struct(">BHHHIH")
_HANDSHAKE, _CHANGE_CIPHER, _APPLICATION = 22, 20, 23
_SERVER_HELLO, _CERTIFICATE = 2, 11
_USE_SRTP: Final = 14
_DIGESTS: Final = {
    "sha-1": hashlib.sha1,
    "sha-224": hashlib.sha224,
    "sha-256": hashlib.sha256,
    "sha-384": hashlib.sha384,
    "sha-512": hashlib.sha512,
}
_PROFILES: Final = {
    1: "SRTP_AES128_CM_HMAC_SHA1_80",
    2: "SRTP_AES128_CM_HMAC_SHA1_32",
    7: "SRTP_AEAD_AES_128_GCM",
    8: "SRTP_AEAD_AES_256_GCM",
}


@dataclass(slots=True)
class Half:
    """What one side sent of a handshake."""

    certificate: bytes = b""
    """DER; empty if it was not seen."""
    profile: str = ""
    """The SRTP profile that this side chose; only a server does."""
    changed: bool = False
    """Whether it went over to encrypted records, as everybody does at the end of a handshake."""
    began: bool = False
    """Whether there was any handshake message."""
    _messages: dict[int, tuple[int, bytearray, int]] = field(default_factory=dict, repr=False)

    def matches(self, announced: Iterable[Fingerprint]) -> bool | None:
        """Whether the certificate is one of those announced; None if either is unknown."""
        known = [each for each in announced if each.algorithm in _DIGESTS]
        if not self.certificate or not known:
            return None
        return any(
            hmac.compare_digest(_DIGESTS[each.algorithm](self.certificate).digest(), each.digest) for each in known
        )


def read(datagrams: Iterable[Datagram]) -> Half:
    """What the DTLS datagrams of one side show; what is broken is left out."""
    half = Half()
    for _, _, payload in datagrams:
        for kind, epoch, body in _records(payload):
            if kind == _CHANGE_CIPHER or (epoch and kind in (_HANDSHAKE, _APPLICATION)):
                half.changed = True
            elif kind == _HANDSHAKE:
                half.began = True
                _handshake(half, body)
        if payload and 0x20 <= payload[0] < 0x40:  # the short header of DTLS 1.3
            half.changed = True
    return half


def _records(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Content type, epoch and content."""
    while len(payload) >= _RECORD.size:
        kind, _, epoch, _, _, length = _RECORD.unpack_from(payload)
        yield kind, epoch, payload[_RECORD.size : _RECORD.size + length]
        payload = payload[_RECORD.size + length :]


def _handshake(half: Half, body: bytes) -> None:
    """The fragments of handshake messages in one record, put together (RFC 6347 section 4.2.3)."""
    while len(body) >= 12:
        kind = body[0]
        length, offset, size = (int.from_bytes(body[at : at + 3], "big") for at in (1, 6, 9))
        number = int.from_bytes(body[4:6], "big")
        part, body = body[12 : 12 + size], body[12 + size :]
        if length > LONGEST_MESSAGE or offset + len(part) > length or len(part) < size:
            return
        if number not in half._messages and len(half._messages) >= MOST_MESSAGES:
            return
        known, octets, filled = half._messages.setdefault(number, (kind, bytearray(length), 0))
        if known != kind or len(octets) != length or offset > filled:
            continue  # of parts that come out of order the missing ones are repeated
        octets[offset : offset + len(part)] = part
        filled = max(filled, offset + len(part))
        half._messages[number] = (kind, octets, filled)
        if filled == length:
            _message(half, kind, bytes(octets))


def _message(half: Half, kind: int, octets: bytes) -> None:
    if kind == _CERTIFICATE and len(octets) >= 6:
        length = int.from_bytes(octets[3:6], "big")
        half.certificate = octets[6 : 6 + length]
    elif kind == _SERVER_HELLO:
        half.profile = _profile(octets)


def _profile(hello: bytes) -> str:
    """The choice in the use_srtp extension of a ServerHello (RFC 5764 section 4.1.1)."""
    position = 34 + 1 + (hello[34] if len(hello) > 34 else 0) + 3
    rest = hello[position + 2 :]
    while len(rest) >= 4:
        code, length = struct.unpack_from(">HH", rest)
        if code == _USE_SRTP and length >= 4:
            chosen = int.from_bytes(rest[6:8], "big")
            return _PROFILES.get(chosen, f"profile 0x{chosen:04x}")
        rest = rest[4 + length :]
    return ""
