"""The hash chain H0..H3 and the MAC at the end of each message (RFC 6189 sections 8.1.1 and 9).

Always SHA-256 and HMAC-SHA-256, whatever is negotiated::

    H1 = SHA-256(H0)   H2 = SHA-256(H1)   H3 = SHA-256(H2)

    message    reveals   its MAC is keyed with   which can be checked when
    Hello      H3        H2                      Commit (or DHPart1) is seen
    Commit     H2        H1                      DHPart2 (or Confirm2) is seen
    DHPart1/2  H1        H0                      Confirm1/2 is decrypted

A message whose preimage does not fit comes from somebody else than the earlier messages: it is dropped, and the
exchange goes on. A MAC that turns out to be wrong once its key is known is evidence of an attack: the exchange ends.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TypeAlias

from zrtp.crypto.hashes import sha256
from zrtp.errors import ErrorCode, PeerMisbehaved, ZrtpError
from zrtp.system import RandomSource
from zrtp.wire.messages import Commit, DHPart1, DHPart2, Hello

MAC_LENGTH = 8
"""Octets of a message MAC: the leftmost 64 bits."""


class ChainBroken(ZrtpError):
    """A preimage does not hash to the image seen before; the message is dropped. Never leaves the engine."""


@dataclass(frozen=True, slots=True)
class OwnChain:
    """This stream's H0..H3, 32 octets each; fresh for every stream."""

    h0: bytes = field(repr=False)
    h1: bytes = field(repr=False)
    h2: bytes = field(repr=False)
    h3: bytes

    @classmethod
    def make(cls, random: RandomSource) -> OwnChain:
        h0 = random(32)
        h1 = hashlib.sha256(h0).digest()
        h2 = hashlib.sha256(h1).digest()
        return cls(h0, h1, h2, hashlib.sha256(h2).digest())


def message_mac(key: bytes, covered: bytes) -> bytes:
    """HMAC-SHA-256(key, covered), leftmost 64 bits."""
    return hmac.digest(key, covered, "sha256")[:MAC_LENGTH]


@dataclass(frozen=True, slots=True)
class HelloAuthentic:
    """Evidence that the peer's Hello is from whoever continues its hash chain; made only in this module."""

    hello: Hello
    h2: bytes


@dataclass(frozen=True, slots=True)
class CommitAuthentic:
    """Evidence that a Commit is from whoever continues the hash chain."""

    commit: Commit
    h1: bytes


@dataclass(frozen=True, slots=True)
class ChainComplete:
    """Evidence that H0 of the peer fits everything it sent before; made by `complete`."""

    h0: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HeardResponder:
    """What an initiator heard of the responder in DH mode."""

    hello: HelloAuthentic
    dhpart1: DHPart1


@dataclass(frozen=True, slots=True)
class HeardInitiator:
    """What a responder heard of the initiator in DH mode."""

    hello: HelloAuthentic
    commit: CommitAuthentic
    dhpart2: DHPart2


@dataclass(frozen=True, slots=True)
class HeardHello:
    """What an initiator heard of the responder in Multistream and Preshared mode: nothing after the Hello."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class HeardCommit:
    """What a responder heard of the initiator in Multistream and Preshared mode: nothing after the Commit."""

    hello: HelloAuthentic
    commit: Commit


Heard: TypeAlias = HeardResponder | HeardInitiator | HeardHello | HeardCommit
"""The messages of the peer that its H0, in the Confirm, has to open."""


def verify_hello(hello: Hello, h2: bytes) -> HelloAuthentic:
    """H2 opens a Hello.

    Raises:
        ChainBroken: H2 does not hash to the Hello's H3.
        PeerMisbehaved: the Hello's MAC is wrong: somebody changed the Hello.
    """
    if not hmac.compare_digest(hashlib.sha256(h2).digest(), hello.h3):
        raise ChainBroken("H2 does not belong to the Hello")
    _verify_mac(h2, hello)
    return HelloAuthentic(hello, h2)


def verify_commit(commit: Commit, h1: bytes) -> CommitAuthentic:
    """H1 opens a Commit. Raises as `verify_hello`."""
    if not hmac.compare_digest(hashlib.sha256(h1).digest(), commit.h2):
        raise ChainBroken("H1 does not belong to the Commit")
    _verify_mac(h1, commit)
    return CommitAuthentic(commit, h1)


def complete(heard: Heard, h0: bytes) -> ChainComplete:
    """H0 opens what was heard of the peer, over the messages that the mode leaves out. Raises as `verify_hello`."""
    match heard:
        case HeardResponder():
            return verify_dhpart(heard.dhpart1, h0)
        case HeardInitiator():
            return verify_dhpart(heard.dhpart2, h0)
        case HeardHello():
            return verify_skipped_to_hello(heard.hello, h0)
        case HeardCommit():
            return verify_skipped_to_commit(heard.commit, h0)


def verify_dhpart(dhpart: DHPart1 | DHPart2, h0: bytes) -> ChainComplete:
    """H0 opens a DHPart message. Raises as `verify_hello`."""
    if not hmac.compare_digest(hashlib.sha256(h0).digest(), dhpart.h1):
        raise ChainBroken("H0 does not belong to the DHPart message")
    _verify_mac(h0, dhpart)
    return ChainComplete(h0)


def verify_skipped_to_commit(commit: Commit, h0: bytes) -> ChainComplete:
    """H0 opens a Commit over the DHPart2 that Multistream and Preshared mode leave out."""
    verify_commit(commit, sha256(h0))
    return ChainComplete(h0)


def verify_skipped_to_hello(hello: Hello, h0: bytes) -> ChainComplete:
    """H0 opens a Hello over the Commit and DHPart1 that a responder does not send in those modes."""
    verify_hello(hello, sha256(sha256(h0)))
    return ChainComplete(h0)


def _verify_mac(key: bytes, message: Hello | Commit | DHPart1 | DHPart2) -> None:
    covered = message.raw[:-MAC_LENGTH]
    if not hmac.compare_digest(hmac.digest(key, covered, "sha256")[:MAC_LENGTH], message.mac):
        name = type(message).__name__
        raise PeerMisbehaved(
            ErrorCode.SOFTWARE_ERROR,
            f"The MAC of the peer's {name} is wrong: somebody changed it on the way. Call again, and compare the SAS.",
        )
