"""What was heard of the phone of one call, what could not pass, and what was said about it already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SILENT_PHONE: Final = 5.0
"""Seconds without media of a phone that wants to send, after which that is said."""
IN_VAIN: Final = 5.0
"""Seconds of a call that is up and in which nothing passes, after which it is hung up if nothing will."""
MOST_SAID: Final = 100
"""Different sentences about one call."""


@dataclass(slots=True)
class PhoneWatch:
    """What was heard of the phone, and what was said already."""

    since: float | None = None
    """When the call was answered."""
    heard: dict[int, float] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    silent: bool = False
    waiting_since: float | None = None
    """Since when nothing passes."""

    def note_answer(self, now: float) -> None:
        """Somebody took the call."""
        self.since = self.waiting_since = now

    def check_in_vain(self, *, passes: bool, hopeless: bool, now: float) -> bool:
        """Note whether anything passes; whether nothing did for so long, and will, that the call is of no use."""
        if passes:
            self.waiting_since = None
        elif self.waiting_since is None:
            self.waiting_since = now
        return hopeless and self.waiting_since is not None and now - self.waiting_since >= IN_VAIN

    def note_phone(self, index: int, now: float) -> None:
        self.heard[index] = now

    def note_said(self, text: str) -> bool:
        """This is about to be said; False if it was said before, or if very much was, so that nothing new follows."""
        if text in self.said or len(self.said) >= MOST_SAID:
            return False
        self.said.add(text)
        return True

    def silence(self, speaking: list[int], now: float) -> bool | None:
        """True when the phone is heard again, False when it has become silent, None as long as that is no news."""
        begun = self.since if self.since is not None else now
        quiet = any(now - max(self.heard.get(index, begun), begun) > SILENT_PHONE for index in speaking)
        if not speaking:
            self.since = now  # on hold nobody is missed; afterwards the phone gets its time again
        if quiet == self.silent or (not speaking and not self.silent):
            return None
        self.silent = quiet
        return not quiet
