"""Whether a stream is secure now, or why it is not going to be: what a program that waits for `secured` learns.

Both are of the present. A stream whose search was in vain may find its peer after all, when `start` looks again, when
plain RTP arrives, or when a late Hello does.
"""

from __future__ import annotations

from typing import Final

from zrtp.media.events import CallEvent
from zrtp.protocol.events import Closed, Failed, GoingSecure, NoPeer, PeerDetected, Secured, WentClear
from zrtp.protocol.states import IN_EXCHANGE, State
from zrtp.protocol.stream import Stream

UNDECIDED: Final = IN_EXCHANGE | {State.HELLO_SENT, State.HELLO_ACKED, State.HELLO_RECEIVED, State.DISCOVERED}
"""A search or an exchange is under way: what was said of an earlier one does not count."""


class StreamStanding:
    """What has become of one stream, by its events."""

    __slots__ = ("_stream", "_why_not", "secured")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._why_not: str | None = None
        self.secured: Secured | None = None
        """The event that told it, as long as it holds."""

    @property
    def why_not(self) -> str | None:
        """Why it is not going to be secure, in a sentence; None as long as it is, or may be."""
        return None if self._stream.state in UNDECIDED else self._why_not

    def follow(self, event: CallEvent) -> None:
        """What happened on the stream."""
        match event:
            case Secured():
                self.secured, self._why_not = event, None
            case PeerDetected() | GoingSecure():
                self._why_not = None
            case Failed() | NoPeer():
                self.end(event.text)
            case WentClear():
                self.end("Encryption was switched off in this call.")
            case Closed():
                self.end("The stream is closed.")

    def end(self, why: str) -> None:
        """It is not going to be secure, unless something new happens."""
        self.secured, self._why_not = None, why
