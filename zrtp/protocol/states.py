"""The states of a stream and the inputs that move it."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from zrtp.wire.messages import Kind


class State(Enum):
    """Where a stream stands. Values are the words that a person sees."""

    IDLE = "idle"
    """`start` was not called; nothing is sent, nothing is answered."""
    HELLO_SENT = "looking for peer"
    """Own Hello on T1; nothing heard."""
    HELLO_ACKED = "peer heard us"
    """HelloACK received, the peer's Hello not yet."""
    HELLO_RECEIVED = "peer found"
    """The peer's Hello received, own Hello not acknowledged yet."""
    DISCOVERED = "ready"
    """Both Hellos are through. Waits for a Commit of the peer, for the user, for the store, or for another stream."""
    QUIET = "no peer"
    """Discovery ended without success; a late Hello or Commit still counts."""
    COMMIT_SENT = "commit sent"
    """Initiator: Commit on T2."""
    DHPART1_SENT = "dhpart1 sent"
    """Responder, DH mode: waits for DHPart2."""
    DHPART2_SENT = "dhpart2 sent"
    """Initiator, DH mode: DHPart2 on T2."""
    CONFIRM1_SENT = "confirm1 sent"
    """Responder: waits for Confirm2."""
    CONFIRM2_SENT = "confirm2 sent"
    """Initiator: Confirm2 on T2."""
    SECURE = "secure"
    GOCLEAR_SENT = "goclear sent"
    """We switch encryption off: GoClear on T2."""
    CLEAR_PENDING = "clear requested"
    """The peer switched encryption off; nothing is sent until the user agrees."""
    CLEAR = "clear"
    FAILED = "failed"
    """The exchange ended without keys; an Error may still be on T2."""
    CLOSED = "closed"

    __hash__ = object.__hash__  # as in `Kind`: equal means identical

    def __str__(self) -> str:
        return self.value


IN_EXCHANGE = frozenset(
    {State.COMMIT_SENT, State.DHPART1_SENT, State.DHPART2_SENT, State.CONFIRM1_SENT, State.CONFIRM2_SENT}
)
"""A Commit counts, and the second Confirm has not verified yet."""

WITHOUT_ENCRYPTION = frozenset({State.GOCLEAR_SENT, State.CLEAR_PENDING, State.CLEAR})
"""A GoClear was sent or received."""


class Trigger(Enum):
    """Inputs that are not messages: deadlines, decisions, the store, and what other streams of the call do."""

    START = "start"
    DISCOVERY_DEADLINE = "discovery deadline"
    EXHAUSTED = "retransmissions exhausted"
    IDLE_TIMEOUT = "idle timeout"
    ERROR_GRACE_OVER = "error grace over"
    RETRY = "retry"
    """A stream that waited for another exchange looks again."""
    RECORD = "record read"
    """The store answered what is known about a peer."""
    NO_RECORD = "no answer of the store"
    """The store failed, or its time is over."""
    HELLO_EXPECTED = "hello expected"
    """Signalling told the hash of the peer's Hello."""
    NEW_CHAIN = "new hash chain"
    """Nobody proved to be the peer, and no Commit of our hash chain can reach the others any more."""
    SRTP = "valid SRTP"
    GO_SECURE = "go secure"
    GO_CLEAR = "go clear"
    """Our user switches encryption off, by a GoClear on this stream."""
    GOING_CLEAR = "going clear elsewhere"
    """Our user switches encryption off, by a GoClear on another stream of this call."""
    CLEARED_BY_US = "cleared by us"
    """Our GoClear on another stream has ended SRTP in the whole call."""
    CLEARED_BY_PEER = "cleared by the peer"
    """The peer's GoClear on another stream has ended SRTP in the whole call."""
    CLEAR_AGREED = "clear agreed"
    """Our user takes note that the call is not protected any more."""
    OUTRUN = "outrun"
    """The peer's Confirm has verified on another stream, which makes the keys of the call."""
    CROWDED_OUT = "crowded out"
    """Too many exchanges of strangers are unfinished, and this is one that makes room."""
    REFUSED = "refused"
    """A check of another input failed, and the rules of this state decide what follows."""
    COMPUTED = "computed"
    """A public-key operation that ran elsewhere has its result."""
    CLOSE = "close"

    __hash__ = object.__hash__


Input: TypeAlias = Kind | Trigger
