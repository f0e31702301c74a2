"""Whose fault it was, and what to tell the other side.

The tree, without what single modules add for themselves::

    ZrtpError
      ApiMisuse                 our caller's fault; raised
      EngineDefect              a mistake in this package; raised, or the end of the exchange in which it shows
      RandomnessFailed          the source of randomness failed or repeats itself; raised, or the end of the exchange
      BackendUnavailable        a needed library or algorithm is not installed; raised
      CacheError                the store of retained secrets failed; raised by caches, caught by the engine
      SrtpError                 an SRTP or SRTCP packet did not verify; raised by zrtp.media.srtp
      PeerError                 the peer's fault; never leaves the engine: becomes event and Error
        MalformedPacket         0x10
        PeerMisbehaved          what no honest, correct peer sends
        PeerIncompatible        what this side does not offer
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "ApiMisuse",
    "BackendUnavailable",
    "CacheError",
    "EngineDefect",
    "ErrorCode",
    "MalformedPacket",
    "PeerError",
    "PeerIncompatible",
    "PeerMisbehaved",
    "RandomnessFailed",
    "SrtpError",
    "ZrtpError",
]


class ErrorCode(IntEnum):
    """Codes of the Error message (RFC 6189 section 5.9, table 8)."""

    MALFORMED_PACKET = 0x10
    SOFTWARE_ERROR = 0x20
    UNSUPPORTED_VERSION = 0x30
    HELLO_MISMATCH = 0x40
    HASH_UNSUPPORTED = 0x51
    CIPHER_UNSUPPORTED = 0x52
    KEY_AGREEMENT_UNSUPPORTED = 0x53
    AUTH_TAG_UNSUPPORTED = 0x54
    SAS_UNSUPPORTED = 0x55
    NO_SHARED_SECRET = 0x56
    PUBLIC_VALUE = 0x61
    HVI_MISMATCH = 0x62
    UNTRUSTED_SAS_RELAY = 0x63
    CONFIRM_MAC = 0x70
    NONCE_REUSE = 0x80
    EQUAL_ZIDS = 0x90
    SSRC_COLLISION = 0x91
    SERVICE_UNAVAILABLE = 0xA0
    PROTOCOL_TIMEOUT = 0xB0
    GOCLEAR_NOT_ALLOWED = 0x100

    @property
    def text(self) -> str:
        """What the code means, as a clause for people."""
        return _TEXTS[self]


_TEXTS = {
    ErrorCode.MALFORMED_PACKET: "a malformed message was received",
    ErrorCode.SOFTWARE_ERROR: "a critical software error occurred",
    ErrorCode.UNSUPPORTED_VERSION: "the ZRTP version is not supported",
    ErrorCode.HELLO_MISMATCH: "the two sides have no usable algorithms in common",
    ErrorCode.HASH_UNSUPPORTED: "the hash algorithm is not supported",
    ErrorCode.CIPHER_UNSUPPORTED: "the cipher is not supported",
    ErrorCode.KEY_AGREEMENT_UNSUPPORTED: "the key agreement is not supported",
    ErrorCode.AUTH_TAG_UNSUPPORTED: "the SRTP authentication tag is not supported",
    ErrorCode.SAS_UNSUPPORTED: "the SAS rendering is not supported",
    ErrorCode.NO_SHARED_SECRET: "no shared secret is available, a Diffie-Hellman exchange is required",
    ErrorCode.PUBLIC_VALUE: "the public value is not acceptable",
    ErrorCode.HVI_MISMATCH: "the committed hash does not match DHPart2: an attack, or a broken peer",
    ErrorCode.UNTRUSTED_SAS_RELAY: "a relayed SAS came from an untrusted server",
    ErrorCode.CONFIRM_MAC: "the Confirm message did not verify",
    ErrorCode.NONCE_REUSE: "a nonce was used twice",
    ErrorCode.EQUAL_ZIDS: "both sides use the same ZID",
    ErrorCode.SSRC_COLLISION: "both sides use the same SSRC",
    ErrorCode.SERVICE_UNAVAILABLE: "the service is unavailable",
    ErrorCode.PROTOCOL_TIMEOUT: "the protocol timed out",
    ErrorCode.GOCLEAR_NOT_ALLOWED: "GoClear was received but is not allowed",
}


def describe(code: int) -> str:
    """Name and meaning of a received error code; codes outside table 8 are "other"."""
    try:
        known = ErrorCode(code)
    except ValueError:
        return f"other error (0x{code:X})"
    return known.text


class ZrtpError(Exception):
    """Base of everything that this package raises on purpose."""


class ApiMisuse(ZrtpError):
    """The calling program asked for something that is not possible now; never caused by what a peer sent."""


class EngineDefect(ZrtpError):
    """The engine contradicts itself: please report it, with the text and what led there."""


class RandomnessFailed(ZrtpError):
    """The source of randomness failed, or gave what no key can be made of: nothing can be secured with it."""


class BackendUnavailable(ZrtpError):
    """An algorithm or optional library is not installed; the message says what to install."""


class CacheError(ZrtpError):
    """The store of retained secrets cannot be read or written; the message says what to do."""


class SrtpError(ZrtpError):
    """An SRTP or SRTCP packet was refused: authentication failed, replayed, or too short."""


class PeerError(ZrtpError):
    """The peer is at fault. `code` is what an Error message would carry (RFC 6189 section 5.9)."""

    def __init__(self, code: ErrorCode, text: str = "") -> None:
        super().__init__(text or code.text)
        self.code = code


class MalformedPacket(PeerError):
    """Octets that are not a well-formed message although the CRC is right (0x10)."""

    def __init__(self, text: str) -> None:
        super().__init__(ErrorCode.MALFORMED_PACKET, text)


class PeerMisbehaved(PeerError):
    """A well-formed message that no honest, correct peer sends."""


class PeerIncompatible(PeerError):
    """A message that asks for something that this side does not offer."""
