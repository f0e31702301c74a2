"""Two Commits cross (RFC 6189 section 4.2): both sides find the same initiator from both Commits alone."""

from __future__ import annotations

from enum import Enum

from zrtp.errors import ErrorCode, PeerMisbehaved
from zrtp.wire.messages import Commit, CommitMode


class Winner(Enum):
    OWN = "own"
    """Our Commit counts; the peer's is dropped, and the peer does the same."""
    PEER = "peer"
    """We become the responder."""
    NONE = "none"
    """Equal values: only a reflection of our own Commit has them. It is dropped."""


def resolve(own: Commit, own_mitm: bool, peer: Commit, peer_mitm: bool) -> Winner:
    """Who becomes the initiator.

    ==========  =====================  ============================================  ==================
    own \\ peer  DH                     Preshared                                     Multistream
    ==========  =====================  ============================================  ==================
    DH          higher hvi wins        DH wins                                       software error
    Preshared   DH wins                the side without the M flag wins if exactly   software error
                                       one has it; otherwise the higher nonce
    Multistream software error         software error                                higher nonce wins
    ==========  =====================  ============================================  ==================

    hvi is compared as an unsigned number of 256 bits, the nonce of 128 bits, most significant octet first.

    Raises:
        PeerMisbehaved: 0x20, Multistream against another mode.
    """
    if own.mode is not peer.mode:
        if CommitMode.MULTISTREAM in (own.mode, peer.mode):
            raise PeerMisbehaved(
                ErrorCode.SOFTWARE_ERROR,
                "The peer's Commit is in Multistream mode and ours is not, or the reverse. Start the call again.",
            )
        return Winner.OWN if own.mode is CommitMode.DH else Winner.PEER
    if own.mode is CommitMode.PRESHARED and own_mitm is not peer_mitm:
        return Winner.PEER if own_mitm else Winner.OWN
    ours, theirs = _weight(own), _weight(peer)
    if ours == theirs:
        return Winner.NONE
    return Winner.OWN if ours > theirs else Winner.PEER


def _weight(commit: Commit) -> bytes:
    """hvi or nonce: octets compare as unsigned numbers of equal length."""
    return (commit.hvi if commit.mode is CommitMode.DH else commit.nonce) or b""
