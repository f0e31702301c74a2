"""The nonces of Multistream and Preshared Commits: never twice in one session (RFC 6189 section 4.4.3.1).

A repeated nonce would bring the same SRTP keys and salts again.
"""

from __future__ import annotations

from typing import NewType

from zrtp.errors import ErrorCode, PeerMisbehaved, RandomnessFailed
from zrtp.protocol import limits
from zrtp.system import RandomSource
from zrtp.wire.messages import Commit

NONCE_LENGTH = 16

FreshNonce = NewType("FreshNonce", bytes)
"""Evidence that a nonce of the peer was never used in this session; made by `Nonces.check`."""


class Nonces:
    """Every nonce that either side used in this session, up to a bound."""

    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used: set[bytes] = set()

    def fresh(self, random: RandomSource) -> bytes:
        """16 random octets for our own Commit.

        Raises:
            RandomnessFailed: the source of randomness repeats itself.
        """
        nonce = random(NONCE_LENGTH)
        if nonce in self._used:
            raise RandomnessFailed("The source of randomness repeats itself; the call cannot be secured.")
        self._used.add(nonce)
        return nonce

    def check(self, commit: Commit) -> FreshNonce:
        """The peer's nonce, if it is new.

        Raises:
            PeerMisbehaved: 0x80, it was used before; 0xA0, too many are remembered.
        """
        if commit.nonce in self._used:
            raise PeerMisbehaved(
                ErrorCode.NONCE_REUSE,
                "The peer used a nonce twice: somebody may replay an old call. Call again.",
            )
        if len(self._used) >= limits.NONCES:
            raise PeerMisbehaved(ErrorCode.SERVICE_UNAVAILABLE, "Too many streams were set up in this call.")
        return FreshNonce(commit.nonce or b"")

    def remember(self, nonce: FreshNonce) -> None:
        """The peer's Commit counts."""
        self._used.add(nonce)
