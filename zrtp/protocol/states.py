"""The states of a stream, the inputs that move it, and the words of the transition table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from zrtp.wire.messages import Kind

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream


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
    """Both Hellos are through. Waits for a Commit of the peer, for the user, or for another stream."""
    QUIET = "no peer"
    """Discovery ended without success; silent, but a late Hello or Commit still counts."""
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
    """Inputs that are not messages."""

    START = "start"
    DISCOVERY_DEADLINE = "discovery deadline"
    EXHAUSTED = "retransmissions exhausted"
    IDLE_TIMEOUT = "idle timeout"
    ERROR_GRACE_OVER = "error grace over"
    RETRY = "retry"
    """A stream that waited for another exchange looks again."""
    SRTP = "valid SRTP"
    GO_SECURE = "go secure"
    CLOSE = "close"

    __hash__ = object.__hash__


Input: TypeAlias = Kind | Trigger
Handler: TypeAlias = Callable[["Stream", Any, float], State]
"""Takes the stream, the message (None for a trigger) and the time; returns the next state."""


@dataclass(frozen=True, slots=True)
class Go:
    """Call the handler; it ends in one of the targets."""

    handler: Handler
    targets: tuple[State, ...]


@dataclass(frozen=True, slots=True)
class Ignore:
    """Count and drop the input."""

    reason: str


Row: TypeAlias = dict[Input, Go | Ignore]
