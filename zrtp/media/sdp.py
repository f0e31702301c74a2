"""The two attributes of a session description that concern ZRTP; the rest of it passes unread.

`a=zrtp-hash` announces ZRTP and binds the media stream to the signalling (RFC 6189 section 8): one line for
each stream with the hash of its Hello. The grammar has no space between version and value where the
example has one, and programs differ in case; so one space and lower case are written, and much more is
read. `a=crypto` (RFC 4568) carries an SRTP key through the signalling, which may be mixed into ZRTP's
secrets as srtps (RFC 6189 section 8.2).

Both belong to a media section (a line `m=` and what follows it); the same lines before the first `m=` mean
nothing. Lines that make no sense are skipped with a warning in the log: they come from the network.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from zrtp.door import need_text, refuse
from zrtp.errors import ApiMisuse
from zrtp.secret import Secret

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZrtpHash:
    """The hash of a Hello, as signalled; `str()` gives the form that the engine takes and gives."""

    version: str
    """ZRTP version of the Hello, e.g. "1.10"."""
    hash: bytes
    """SHA-256 of the Hello message, 32 octets."""

    def __str__(self) -> str:
        return f"{self.version} {self.hash.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoAttribute:
    """One `a=crypto` line (RFC 4568 section 4) with its first key."""

    tag: int
    """Names the line in offer and answer."""
    suite: str
    """Crypto suite, e.g. "AES_CM_128_HMAC_SHA1_80"."""
    key: Secret
    """SRTP master key."""
    salt: Secret
    """SRTP master salt."""


def zrtp_hash_attribute(hello_hash: ZrtpHash | str) -> str:
    """The line "a=zrtp-hash:1.10 <64 hex digits>", without line end, for a stream's `hello_hash`.

    Raises ApiMisuse for a text that is no hello hash.
    """
    parsed = parse_zrtp_hash(str(hello_hash))
    if parsed is None:
        raise ApiMisuse(f"{hello_hash!r} is no hello hash: a version and 64 hexadecimal digits are needed.")
    return f"{_ZRTP_HASH}{parsed}"


def parse_zrtp_hash(value: str) -> ZrtpHash | None:
    """The meaning of what follows "a=zrtp-hash:", or None if it has none.

    Any white space, or none, between version and hash; digits in either case.
    """
    match = _ZRTP_HASH_VALUE.fullmatch(need_text("value", value).strip(_WHITE))
    if match is None:
        return None
    return ZrtpHash(version=match["version"], hash=bytes.fromhex(match["hash"]))


def media_zrtp_hashes(sdp: str) -> list[tuple[ZrtpHash, ...]]:
    """The understood a=zrtp-hash lines of each media section, in order.

    One entry for each m= line, empty where nothing is announced; a sender with several versions gives
    a line for each (RFC 6189 section 4.1.1).
    """
    return _media_attributes(sdp, _ZRTP_HASH, parse_zrtp_hash)


def matching_zrtp_hash(hashes: Iterable[ZrtpHash], version: str = "1.10") -> ZrtpHash | None:
    """The first of a section's hashes for this version, or None. Three characters of a version count."""
    need_text("version", version)
    if not isinstance(hashes, Iterable):
        refuse("hashes", "a list of ZrtpHash", hashes)
    return next((item for item in hashes if item.version[:3] == version[:3]), None)


def add_zrtp_hash(sdp: str, hashes: Sequence[ZrtpHash | str | None]) -> str:
    """The session description with exactly one a=zrtp-hash line in each media section.

    `hashes` has an entry for each m= line, None for a section without ZRTP. Lines that are there already are
    replaced, at whatever place. Line ends stay as they are.

    Raises ApiMisuse if the number of entries is not that of the m= lines, or an entry is no hello hash.
    """
    need_text("sdp", sdp)
    if isinstance(hashes, str) or not isinstance(hashes, Sequence):
        refuse("hashes", "a list with one entry for each m= line", hashes)
    line_end = "\n" if "\n" in sdp and "\r\n" not in sdp else "\r\n"
    session, *sections = re.split(r"^(?=m=)", _A_LINE.sub("", sdp), flags=re.MULTILINE)
    if len(sections) != len(hashes):
        raise ApiMisuse(f"The session description has {len(sections)} m= lines, not {len(hashes)}.")
    for number, hello_hash in enumerate(hashes):
        if hello_hash is not None:
            section = sections[number].rstrip("\r\n")
            sections[number] = section + line_end + zrtp_hash_attribute(hello_hash) + line_end
    return "".join([session, *sections])


def parse_crypto(value: str) -> CryptoAttribute | None:
    """The meaning of what follows "a=crypto:" (RFC 4568 section 9.1), or None if it has none.

    Of several keys in the line the first counts. Lifetime, MKI and session parameters do not matter for srtps
    and are not looked at.
    """
    match = _CRYPTO_VALUE.match(need_text("value", value).strip(_WHITE))
    if match is None or match["suite"] not in _KEY_AND_SALT:
        return None
    key_length, salt_length = _KEY_AND_SALT[match["suite"]]
    try:
        octets = bytearray(base64.b64decode(match["inline"] + "=" * (-len(match["inline"]) % 4)))
    except binascii.Error:
        return None
    if len(octets) != key_length + salt_length:
        return None
    return CryptoAttribute(
        tag=int(match["tag"]),
        suite=match["suite"],
        key=Secret(octets[:key_length]),
        salt=Secret(octets[key_length:]),
    )


def media_crypto(sdp: str) -> list[tuple[CryptoAttribute, ...]]:
    """The understood a=crypto lines of each media section, one entry for each m= line."""
    return _media_attributes(sdp, _CRYPTO, parse_crypto)


def _media_attributes(sdp: str, prefix: str, parse: Callable[[str], T | None]) -> list[tuple[T, ...]]:
    need_text("sdp", sdp)
    sections: list[list[T]] = []
    for line in sdp.split("\n"):  # str.splitlines would also split at characters that may stand in a line
        if line.startswith("m="):
            sections.append([])
        elif line.startswith(prefix) and sections:
            parsed = parse(line[len(prefix) :])
            if parsed is None:
                _log.warning("media section %d: %s is malformed or unknown, skipped", len(sections), prefix)
            else:
                sections[-1].append(parsed)
    return [tuple(section) for section in sections]


_WHITE = " \t\r\n"
_ZRTP_HASH = "a=zrtp-hash:"
_ZRTP_HASH_VALUE = re.compile(r"(?P<version>[0-9]\.[0-9]{2})[ \t]*(?P<hash>[0-9A-Fa-f]{64})")

_A_LINE = re.compile(rf"^{_ZRTP_HASH}[^\n]*(?:\n|\Z)", re.MULTILINE)

_CRYPTO = "a=crypto:"
_CRYPTO_VALUE = re.compile(
    r"(?P<tag>[0-9]{1,9})[ \t]+(?P<suite>[0-9A-Za-z_]+)[ \t]+inline:(?P<inline>[0-9A-Za-z+/]+)=*(?=[|; \t]|$)"
)
_KEY_AND_SALT = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14),
    "AES_CM_128_HMAC_SHA1_32": (16, 14),
    "F8_128_HMAC_SHA1_80": (16, 14),
    "AES_192_CM_HMAC_SHA1_80": (24, 14),
    "AES_192_CM_HMAC_SHA1_32": (24, 14),
    "AES_256_CM_HMAC_SHA1_80": (32, 14),
    "AES_256_CM_HMAC_SHA1_32": (32, 14),
    "AES_CM_256_HMAC_SHA1_80": (32, 14),
    "AES_CM_256_HMAC_SHA1_32": (32, 14),
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
}
"""Octets of master key and salt by suite (RFC 4568, 6188, 7714); AES_CM_256 is an old name of AES_256_CM."""
