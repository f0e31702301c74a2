"""Notices when what arrives on a secure stream does not verify, or when nothing arrives at all.

Anybody can send packets that do not verify. So trouble is told only if many fail in a row over a whole second
without a single good one in between, which nobody can bring about who does not hold back the peer's packets.
"""

from __future__ import annotations

from typing import Final

from zrtp.media.events import Trouble

FAILURES: Final = 10
"""Refused packets in a row before anything is told,"""

SECONDS: Final = 1.0
"""and the time that they take at least."""


class MediaWatch:
    """One stream under one set of keys. `silence` is in seconds; None never tells of it."""

    __slots__ = ("_failures", "_repeated", "_since", "_told", "ever", "heard_at", "silence", "troubled")

    def __init__(self, silence: float | None, now: float) -> None:
        self.silence = silence
        self.heard_at = now
        """When the peer was heard last; set by whoever verifies a packet."""
        self.troubled = True
        """None has verified yet, packets failed, or trouble was told: `note_good` has to know of the next packet that
        verifies."""
        self.ever = False
        """A packet has verified."""
        self._failures = self._repeated = 0
        self._since = 0.0
        self._told = False

    def note_refused(self, repeated: bool, now: float) -> Trouble | None:
        """A packet did not verify; returns what to tell, once."""
        if not self._failures:
            self._since = now
        self.troubled = True
        self._failures += 1
        self._repeated += repeated
        if self._told or self._failures < FAILURES or now - self._since < SECONDS:
            return None
        self._told = True
        if self._repeated == self._failures:
            return Trouble.REPEATED
        return Trouble.NO_LONGER_VERIFIED if self.ever else Trouble.UNVERIFIED

    def note_good(self) -> bool:
        """A packet verified; returns whether trouble that was told is over."""
        told, self._told = self._told, False
        self.ever = True
        self._failures = self._repeated = 0
        self.troubled = False
        return told

    @property
    def due(self) -> float | None:
        """When to look whether the peer is silent; None if nobody wants to know, or it was told."""
        return None if self.silence is None or self._told else self.heard_at + self.silence

    def look(self, now: float) -> Trouble | None:
        """It is time: returns what to tell, once."""
        if self.due is None or now < self.due:
            return None
        return self.tell(Trouble.SILENT)

    def tell(self, trouble: Trouble) -> Trouble | None:
        """Trouble that others noticed; None if trouble was told already."""
        if self._told:
            return None
        self._told = self.troubled = True
        return trouble
