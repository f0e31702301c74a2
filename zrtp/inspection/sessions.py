"""Session descriptions as an observer reads them: where media goes, and what they say about keys (RFC 8866)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from zrtp.media.addresses import Address
from zrtp.media.sdp import CryptoAttribute, ZrtpHash, parse_crypto, parse_zrtp_hash

MOST_SECTIONS: Final = 32
MOST_LINES: Final = 2000
MOST_ATTRIBUTES: Final = 64
"""Keys, fingerprints, hashes and candidates of one section each."""

ANNOUNCING: Final = ("zrtp-hash", "zrtp-hash-fork")
"""Attributes that announce a Hello: that of RFC 6189, and that of `zrtp proxy` for a second place that rings."""

_FINGERPRINT: Final = re.compile(r"([A-Za-z0-9-]+)[ \t]+((?:[0-9A-Fa-f]{2}:)+[0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash of a certificate for DTLS-SRTP (RFC 8122)."""

    algorithm: str
    """In lower case, e.g. "sha-256"."""
    digest: bytes


@dataclass(slots=True, kw_only=True)
class MediaSection:
    """One m= line and what belongs to it."""

    kind: str
    """ "audio", "video" and so on."""
    protocol: str
    """For example "RTP/AVP" or "UDP/TLS/RTP/SAVPF"."""
    port: int
    """0 for a section that is refused or over."""
    host: str = ""
    """IP address as text; empty if there is none, or a name."""
    rtcp_port: int | None = None
    """None: the next port after `port`."""
    crypto: list[CryptoAttribute] = field(default_factory=list)
    unreadable_crypto: int = 0
    """Lines with a=crypto that are not understood."""
    fingerprints: list[Fingerprint] = field(default_factory=list)
    zrtp_hashes: list[ZrtpHash] = field(default_factory=list)
    candidates: list[Address] = field(default_factory=list)

    @property
    def has_keys(self) -> bool:
        """Whether keys for SRTP stand in it, understood or not."""
        return bool(self.crypto or self.unreadable_crypto)

    @property
    def addresses(self) -> list[Address]:
        """Where RTP of this section may be received."""
        return ([(self.host, self.port)] if self.host and self.port else []) + self.candidates


def parse(sdp: str) -> list[MediaSection]:
    """The media sections in order; lines that are not understood are left out."""
    sections: list[MediaSection] = []
    host, fingerprints = "", list[Fingerprint]()
    for line in sdp.split("\n")[:MOST_LINES]:
        kind, _, value = line.strip("\r").partition("=")
        if kind == "m":
            section = _media(value)
            if section is None or len(sections) >= MOST_SECTIONS:
                break
            section.host, section.fingerprints = host, list(fingerprints)
            sections.append(section)
        elif kind == "c":
            if sections:
                sections[-1].host = _connection(value)
            else:
                host = _connection(value)
        elif kind == "a" and sections:
            _attribute(sections[-1], value)
        elif kind == "a" and value.startswith("fingerprint:"):
            fingerprints += _fingerprint(value)
    return sections


def _media(value: str) -> MediaSection | None:
    words = value.split()
    port = words[1].partition("/")[0] if len(words) > 2 else ""
    if not port.isdecimal() or len(port) > 5 or int(port) > 0xFFFF:
        return None
    return MediaSection(kind=words[0], protocol=words[2], port=int(port))


def _connection(value: str) -> str:
    words = value.split()
    return _ip(words[2].partition("/")[0]) if len(words) > 2 else ""


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _attribute(section: MediaSection, value: str) -> None:
    name, _, rest = value.partition(":")
    if name == "crypto" and len(section.crypto) < MOST_ATTRIBUTES:
        crypto = parse_crypto(rest)
        if crypto is None:
            section.unreadable_crypto += 1
        else:
            section.crypto.append(crypto)
    elif name in ANNOUNCING and len(section.zrtp_hashes) < MOST_ATTRIBUTES:
        announced = parse_zrtp_hash(rest)
        section.zrtp_hashes += [announced] if announced is not None else []
    elif name == "fingerprint" and len(section.fingerprints) < MOST_ATTRIBUTES:
        section.fingerprints += _fingerprint(value)
    elif name == "rtcp" and rest.split(" ")[0].isdecimal():
        section.rtcp_port = min(0xFFFF, int(rest.split(" ")[0][:6]))
    elif name == "candidate" and len(section.candidates) < MOST_ATTRIBUTES:
        words = rest.split()
        if len(words) > 5 and words[1] == "1" and words[2].lower() == "udp" and words[5].isdecimal() and _ip(words[4]):
            section.candidates.append((_ip(words[4]), int(words[5][:6])))


def _fingerprint(value: str) -> list[Fingerprint]:
    found = _FINGERPRINT.match(value.partition(":")[2].strip())
    if found is None:
        return []
    return [Fingerprint(found[1].lower(), bytes.fromhex(found[2].replace(":", "")))]
