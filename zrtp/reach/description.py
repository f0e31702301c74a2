"""Where one side can be reached, as octets and as one line that people paste into a messenger.

====== ======================================================================================
octets meaning
====== ======================================================================================
1      version (upper four bits, now 1) and side (0 whoever listens, 1 whoever calls)
16     seed; user name and password of ICE are hashed from it
32     hash of the Hello, as in a=zrtp-hash (RFC 6189 section 8)
7, 19  each candidate: kind and IP version (1), address (4 or 16), port (2); at most eight
3      checksum: the start of the SHA-256 of everything before
====== ======================================================================================

The line is `zrtp:` and base64url of these octets without padding: 93 characters with a local and a public IPv4
address. The checksum finds damage, nothing else: a line is as trustworthy as the way it came.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from zrtp.reach.errors import BadLine

PREFIX: Final = "zrtp:"
MOST_CANDIDATES: Final = 8
"""A computer with more addresses shows the first ones."""
SEED: Final = 16
"""Octets of the seed."""


class Side(IntEnum):
    """Who made a description; the listener controls ICE."""

    LISTENER = 0
    CALLER = 1


class CandidateType(Enum):
    """What an address is (RFC 8445 section 5.1.1); the value is that of the octets."""

    HOST = 0
    """The computer's own."""
    PUBLIC = 1
    """What a STUN server saw: server reflexive."""
    RELAY = 2
    """Lent by a TURN server."""


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """An address at which a side may be reached."""

    kind: CandidateType
    host: str
    """IPv4 or IPv6 address in its usual text form."""
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What one side tells the other before a call."""

    side: Side
    seed: bytes
    """Random octets, new for each call; whoever knows them can answer for this side's connectivity checks."""
    hello_hash: bytes
    """SHA-256 of the Hello of this side, 32 octets."""
    candidates: tuple[IceCandidate, ...]

    def octets(self) -> bytes:
        """The octets of the table above."""
        body = bytes([_VERSION << 4 | self.side]) + self.seed + self.hello_hash
        for candidate in self.candidates[:MOST_CANDIDATES]:
            address = ipaddress.ip_address(candidate.host)
            body += bytes([candidate.kind.value << 4 | address.version]) + address.packed
            body += candidate.port.to_bytes(2, "big")
        return body + _checksum(body)

    def line(self) -> str:
        """The line that people paste."""
        return PREFIX + base64.urlsafe_b64encode(self.octets()).decode().rstrip("=")

    @classmethod
    def of_octets(cls, octets: bytes) -> Description:
        """The description in these octets. Raises BadLine."""
        body = octets[: -len(_checksum(b""))]
        if len(body) < _FIXED or octets[len(body) :] != _checksum(body):
            raise BadLine(_DAMAGED)
        if body[0] >> 4 != _VERSION:
            raise BadLine("The line was made by another version of this program. Install the same one on both sides.")
        if body[0] & 15 not in (Side.LISTENER, Side.CALLER):
            raise BadLine(_DAMAGED)
        return cls(
            side=Side(body[0] & 15),
            seed=body[1 : 1 + SEED],
            hello_hash=body[1 + SEED : _FIXED],
            candidates=_candidates(body[_FIXED:]),
        )

    @classmethod
    def of_line(cls, line: str) -> Description:
        """The description in a pasted line; white space in it does not count. Raises BadLine."""
        text = "".join(line.split())
        if not is_line(text):
            raise BadLine("That is no line of this program: it begins with zrtp: and has about 93 characters.")
        if len(text) > _LONGEST:
            raise BadLine("That is more than one line. Copy the line alone.")
        encoded = text[len(PREFIX) :]
        try:
            octets = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadLine(_DAMAGED) from None
        return cls.of_octets(octets)

    def answers(self, own: Description) -> None:
        """Raises BadLine unless this can be the other side of `own`."""
        if self.seed == own.seed:
            raise BadLine("That is your own line. Paste the one that the other person got.")
        if self.side is own.side:
            raise BadLine("Both lines were made in the same role. One side listens, the other one calls.")


def is_line(text: str) -> bool:
    """Whether a text wants to be such a line."""
    return text.lstrip()[: len(PREFIX)].lower() == PREFIX


def ice_credentials(seed: bytes) -> tuple[str, str]:
    """User name fragment and password of ICE, 4 and 24 characters (RFC 8445 section 5.3)."""
    digest = hashlib.sha256(b"zrtp ice" + seed).digest()
    return base64.b64encode(digest[:3]).decode(), base64.b64encode(digest[3:21]).decode()


def _candidates(octets: bytes) -> tuple[IceCandidate, ...]:
    """The candidates of a description; those that nobody can have are left out. Raises BadLine."""
    found: list[IceCandidate] = []
    while octets:
        size = _SIZES.get(octets[0] & 15)
        if size is None or len(octets) < size + 3 or octets[0] >> 4 not in _KINDS or len(found) == MOST_CANDIDATES:
            raise BadLine(_DAMAGED)
        address = ipaddress.ip_address(octets[1 : 1 + size])
        port = int.from_bytes(octets[1 + size : 3 + size], "big")
        if port and not address.is_multicast and not address.is_unspecified:
            found.append(IceCandidate(CandidateType(octets[0] >> 4), str(address), port))
        octets = octets[3 + size :]
    return tuple(found)


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:3]


_DAMAGED: Final = "The line is damaged or not complete. Copy all of it again."
_VERSION: Final = 1
_FIXED: Final = 1 + SEED + 32
_SIZES: Final = {4: 4, 6: 16}
_KINDS: Final = {kind.value for kind in CandidateType}
_LONGEST: Final = len(PREFIX) + (_FIXED + MOST_CANDIDATES * 19 + 3) * 4 // 3 + 3
