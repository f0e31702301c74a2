"""The framing of an OpenPGP version 4 signature packet, and its subpackets (RFC 4880 sections 4.2 and 5.2.3).

RFC 6189 section 7.2.1 demands the URI of the preferred key server in every signature, and no library writes it. Ours
stands among the subpackets that the OpenPGP signature does not cover: it only says where to look for a key, and the
Confirm around it is authenticated. In a peer's signature it may stand in either place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zrtp.crypto.signatures.base import LONGEST_BLOCK, SignatureInvalid

LONGEST_URI = 190
"""Octets of our key server's URI at most, so that one octet tells the length of its subpacket."""

_SIGNATURE_TAG = 2
_VERSION = 4
_BINARY_DOCUMENT = 0
_ISSUER = 16
_PREFERRED_KEY_SERVER = 24
_ISSUER_FINGERPRINT = 33

_APPROVED_HASHES = frozenset({8, 9, 10, 11, 12, 14})
"""SHA-256, SHA-384, SHA-512, SHA-224, SHA3-256, SHA3-512: NIST's, and not SHA-1 (RFC 6189 section 7.2)."""

_URI = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")


def is_uri(octets: bytes) -> bool:
    """Whether this can be the URI of a key server: a scheme, and printable ASCII that is safe to show."""
    return _URI.fullmatch(octets) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePacket:
    """A version 4 signature packet, cut where something may be put in."""

    head: bytes
    """From the version to the end of the hashed subpackets."""
    unhashed: bytes
    """The subpackets that the signature does not cover, without the length in front."""
    tail: bytes
    """The left 16 bits of the hash, and the numbers of the signature."""
    key_id: bytes
    fingerprint: bytes | None
    key_server: str

    @classmethod
    def read(cls, block: bytes, *, need_key_server: bool = True) -> SignaturePacket:
        """The packet at the beginning of a signature block; behind it only padding to a word is left.

        Raises:
            SignatureInvalid: the packet is malformed, or not of the kind that RFC 6189 wants.
        """
        if len(block) > LONGEST_BLOCK:
            raise SignatureInvalid(f"The signature has {len(block)} octets, more than {LONGEST_BLOCK}.")
        body = _packet_body(block)
        if len(body) < 6 or body[0] != _VERSION:
            raise SignatureInvalid("The signature is not of OpenPGP version 4.")
        if body[1] != _BINARY_DOCUMENT:
            raise SignatureInvalid("The OpenPGP signature is not one of a binary document.")
        if body[3] not in _APPROVED_HASHES:
            raise SignatureInvalid("The signature uses SHA-1 or another hash that RFC 6189 forbids.")
        hashed, unhashed_at = _area(body, 4)
        unhashed, tail_at = _area(body, unhashed_at)
        found: dict[int, bytes] = {}
        for kind, value in [*_subpackets(hashed), *_subpackets(unhashed)]:
            found.setdefault(kind, value)
        key_server = found.get(_PREFERRED_KEY_SERVER, b"")
        if need_key_server and not is_uri(key_server):
            raise SignatureInvalid("The signature does not say at which key server its key is, as RFC 6189 demands.")
        fingerprint = found.get(_ISSUER_FINGERPRINT, b"")[1:]
        key_id = found.get(_ISSUER, fingerprint[-8:])
        if len(key_id) != 8 or len(fingerprint) not in (0, 20):
            raise SignatureInvalid("The signature does not say which key made it.")
        return cls(
            head=body[:unhashed_at],
            unhashed=unhashed,
            tail=body[tail_at:],
            key_id=key_id,
            fingerprint=fingerprint or None,
            key_server=key_server.decode("ascii", "replace"),
        )

    def with_key_server(self, uri: bytes) -> bytes:
        """The packet with the URI of a key server among its unhashed subpackets."""
        return self.encode(bytes([1 + len(uri), _PREFERRED_KEY_SERVER]) + uri)

    def encode(self, more: bytes = b"") -> bytes:
        """The packet in new format, with more subpackets if wanted."""
        unhashed = self.unhashed + more
        body = self.head + len(unhashed).to_bytes(2, "big") + unhashed + self.tail
        return bytes([0xC0 | _SIGNATURE_TAG]) + _length_octets(len(body)) + body


def _packet_body(block: bytes) -> bytes:
    """What is in the packet at the beginning of a block, whose rest is padding."""
    try:
        first = block[0]
        if first & 0xC0 == 0xC0:
            tag, (length, start) = first & 0x3F, _new_length(block, 1)
        else:
            # The old format: 1, 2 or 4 octets of length by the lowest two bits; 3 means "to the end".
            octets = (1, 2, 4, 0)[first & 3]
            tag, length, start = first >> 2 & 0xF, int.from_bytes(block[1 : 1 + octets], "big"), 1 + octets
    except IndexError:
        raise SignatureInvalid("The OpenPGP packet is cut off.") from None
    if first < 0x80 or tag != _SIGNATURE_TAG:
        raise SignatureInvalid("There is no OpenPGP signature packet.")
    padding = len(block) - start - length
    if length == 0 or not 0 <= padding < 4:
        raise SignatureInvalid("The length of the OpenPGP packet does not fit the message.")
    return block[start : start + length]


def _new_length(octets: bytes, at: int) -> tuple[int, int]:
    """A length of one, two or five octets, and where what it counts begins (RFC 4880 sections 4.2.2, 5.2.3.1)."""
    first = octets[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + octets[at + 1] + 192, at + 2
    if first == 255:
        return int.from_bytes(octets[at + 1 : at + 5], "big"), at + 5
    raise SignatureInvalid("A length in the OpenPGP signature has a form that it cannot have there.")


def _length_octets(length: int) -> bytes:
    return bytes([length]) if length < 192 else (length - 192 + (192 << 8)).to_bytes(2, "big")


def _area(body: bytes, at: int) -> tuple[bytes, int]:
    """Subpackets with two octets of length in front, and where they end."""
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    if end > len(body) or at + 2 > len(body):
        raise SignatureInvalid("The subpackets of the OpenPGP signature are cut off.")
    return body[at + 2 : end], end


def _subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Type (without the critical bit) and value of each; which critical ones are known is pysequoia's business."""
    at = 0
    try:
        while at < len(area):
            length, start = _new_length(area, at)
            at = start + length
            if length == 0 or at > len(area):
                raise IndexError
            yield area[start] & 0x7F, area[start + 1 : at]
    except IndexError:
        raise SignatureInvalid("A subpacket of the OpenPGP signature is cut off.") from None
