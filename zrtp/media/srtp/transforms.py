"""The cryptographic transforms of SRTP: bytes and an index in, bytes out.

Whether the packet may pass, how long its header is and what its index is has been decided before; here it is
only encrypted and authenticated. The initialisation vector of a packet is

    AES-CM    (session salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16)      RFC 3711 section 4.1.1
    AES-GCM    session salt         XOR (SSRC * 2^48) XOR  index              RFC 7714 sections 8.1 and 9.1

for SRTP and SRTCP alike. Everything but the index is the same for all packets of a source, so callers
keep `iv(ssrc)` and hand it back with each packet. Cipher and HMAC objects are made once for a key and reset
for each packet, which costs a tenth of making them anew. They are not safe for use by two threads.
"""

from __future__ import annotations

import hmac
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

from zrtp.media.srtp.errors import SrtpMalformed, SrtpNotAuthentic
from zrtp.media.srtp.kdf import SessionKeys

RTCP_HEADER = 8
"""Octets of an SRTCP packet that stay readable: first header word and SSRC."""

ENCRYPTED = 0x80000000
"""The E flag in front of the 31-bit SRTCP index (RFC 3711 section 3.4)."""


class Transform(Protocol):
    """Protects packets under one set of session keys."""

    def iv(self, ssrc: int) -> int:
        """The part of the initialisation vector that all packets of a source share."""

    def seal_rtp(self, packet: bytes, header: int, iv: int, index: int) -> bytes:
        """Encrypts all but the first `header` octets, and authenticates all."""

    def open_rtp(self, packet: bytes, header: int, iv: int, index: int) -> bytes:
        """Reverses `seal_rtp`; raises SrtpNotAuthentic, or SrtpMalformed when too short."""

    def seal_rtcp(self, packet: bytes, iv: int, word: int, tag_length: int) -> bytes:
        """Protects a compound packet; `word` is E flag and index, E = 0 leaves it readable."""

    def rtcp_word(self, packet: bytes, tag_length: int) -> int:
        """E flag and index of a received packet; raises SrtpMalformed when it is too short."""

    def open_rtcp(self, packet: bytes, iv: int, word: int, tag_length: int) -> bytes:
        """Reverses `seal_rtcp`; raises SrtpNotAuthentic."""


class CounterModeHmac:
    """AES in counter mode with HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1, RFC 6188)."""

    __slots__ = ("_cipher", "_mac", "_salt", "_tag_length")

    def __init__(self, keys: SessionKeys, tag_length: int) -> None:
        self._cipher = Cipher(algorithms.AES(keys.encryption.octets), modes.CTR(bytes(16))).encryptor()
        self._mac = HMAC(keys.authentication.octets, SHA1())  # noqa: S303 - HMAC-SHA1 is what SRTP uses
        self._salt = int.from_bytes(keys.salt.octets, "big") << 16
        self._tag_length = tag_length

    def iv(self, ssrc: int) -> int:
        return self._salt ^ ssrc << 64

    def seal_rtp(self, packet: bytes, header: int, iv: int, index: int) -> bytes:
        # `_crypt` and `_tag` in place: this and the next run for every packet of sound.
        self._cipher.reset_nonce((iv ^ index << 16).to_bytes(16, "big"))
        sealed = packet[:header] + self._cipher.update(packet[header:])
        mac = self._mac.copy()
        mac.update(sealed + (index >> 16).to_bytes(4, "big"))
        return sealed + mac.finalize()[: self._tag_length]

    def open_rtp(self, packet: bytes, header: int, iv: int, index: int) -> bytes:
        end = len(packet) - self._tag_length
        if header > end:
            raise _too_short(packet)
        mac = self._mac.copy()
        mac.update(packet[:end] + (index >> 16).to_bytes(4, "big"))
        if not hmac.compare_digest(mac.finalize()[: self._tag_length], packet[end:]):
            raise _not_authentic()
        self._cipher.reset_nonce((iv ^ index << 16).to_bytes(16, "big"))
        return packet[:header] + self._cipher.update(packet[header:end])

    def seal_rtcp(self, packet: bytes, iv: int, word: int, tag_length: int) -> bytes:
        if word & ENCRYPTED:
            packet = packet[:RTCP_HEADER] + self._crypt(packet[RTCP_HEADER:], iv, word ^ ENCRYPTED)
        sealed = packet + word.to_bytes(4, "big")
        return sealed + self._tag(sealed, tag_length)

    def rtcp_word(self, packet: bytes, tag_length: int) -> int:
        end = len(packet) - tag_length
        if end < RTCP_HEADER + 4:
            raise _too_short(packet)
        return int.from_bytes(packet[end - 4 : end], "big")

    def open_rtcp(self, packet: bytes, iv: int, word: int, tag_length: int) -> bytes:
        end = len(packet) - tag_length
        self._verify(packet[:end], packet[end:])
        body = packet[RTCP_HEADER : end - 4]
        if word & ENCRYPTED:
            body = self._crypt(body, iv, word ^ ENCRYPTED)
        return packet[:RTCP_HEADER] + body

    def _crypt(self, data: bytes, iv: int, index: int) -> bytes:
        self._cipher.reset_nonce((iv ^ index << 16).to_bytes(16, "big"))
        return self._cipher.update(data)

    def _tag(self, data: bytes, length: int) -> bytes:
        mac = self._mac.copy()
        mac.update(data)
        return mac.finalize()[:length]

    def _verify(self, data: bytes, tag: bytes) -> None:
        if not hmac.compare_digest(self._tag(data, len(tag)), tag):
            raise _not_authentic()


class Gcm:
    """AES-GCM (RFC 7714); the tag has 16 octets for SRTP and SRTCP."""

    __slots__ = ("_aead", "_salt")

    def __init__(self, keys: SessionKeys) -> None:
        self._aead = AESGCM(keys.encryption.octets)
        self._salt = int.from_bytes(keys.salt.octets, "big")

    def iv(self, ssrc: int) -> int:
        return self._salt ^ ssrc << 48

    def seal_rtp(self, packet: bytes, header: int, iv: int, index: int) -> bytes:
        associated = packet[:header]
        return associated + self._aead.encrypt((iv ^ index).to_bytes(12, "big"), packet[header:], associated)

    def open_rtp(self, packet: bytes, header: int, iv: int, index: int) -> bytes:
        if len(packet) - header < GCM_TAG:
            raise _too_short(packet)
        associated = packet[:header]
        return associated + self._open(iv ^ index, packet[header:], associated)

    def seal_rtcp(self, packet: bytes, iv: int, word: int, tag_length: int) -> bytes:
        trailer = word.to_bytes(4, "big")
        clear = RTCP_HEADER if word & ENCRYPTED else len(packet)
        nonce = (iv ^ word & ~ENCRYPTED).to_bytes(12, "big")
        sealed = self._aead.encrypt(nonce, packet[clear:], packet[:clear] + trailer)
        return packet[:clear] + sealed + trailer

    def rtcp_word(self, packet: bytes, tag_length: int) -> int:
        if len(packet) < RTCP_HEADER + GCM_TAG + 4:
            raise _too_short(packet)
        return int.from_bytes(packet[-4:], "big")

    def open_rtcp(self, packet: bytes, iv: int, word: int, tag_length: int) -> bytes:
        end = len(packet) - 4
        clear = RTCP_HEADER if word & ENCRYPTED else end - GCM_TAG
        associated = packet[:clear] + packet[end:]
        return packet[:clear] + self._open(iv ^ word & ~ENCRYPTED, packet[clear:end], associated)

    def _open(self, nonce: int, sealed: bytes, associated: bytes) -> bytes:
        try:
            return self._aead.decrypt(nonce.to_bytes(12, "big"), sealed, associated)
        except InvalidTag:
            raise _not_authentic() from None


GCM_TAG = 16
"""Octets of the AES-GCM authentication tag (RFC 7714 section 13)."""


def _too_short(packet: bytes) -> SrtpMalformed:
    return SrtpMalformed(f"{len(packet)} octets are too short for a packet header and authentication tag.")


def _not_authentic() -> SrtpNotAuthentic:
    return SrtpNotAuthentic(
        "The authentication tag is wrong: the packet is plain RTP, forged, or protected with another key."
    )
