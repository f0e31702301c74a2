"""What was heard of the phone of one call, what could not pass, and what was said about it already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SILENT_PHONE: Final = 5.0
"""Seconds without media of a phone that wants to send, after which that is said."""
IN_VAIN: Final = 5.0
"""Seconds of a call that is up and in which nothing may pass, after which it is hung up."""
MOST_SAID: Final = 100
"""Different sentences about one call."""


@dataclass(slots=True)
class Watch:
    """What was heard of the phone, and what was said already."""

    since: float | None = None
    """When the call was answered."""
    heard: dict[int, float] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    silent: bool = False
    blocked_since: float | None = None

    def in_vain(self, blocked: bool, now: float) -> bool:
        """Whether nothing could pass for so long that the call is of no use."""
        if not blocked:
            self.blocked_since = None
        elif self.blocked_since is None:
            self.blocked_since = now
        return self.blocked_since is not None and now - self.blocked_since >= IN_VAIN

    def phone_heard(self, index: int, now: float) -> None:
        self.heard[index] = now

    def first(self, text: str) -> bool:
        """Whether this is said for the first time; nothing new is said any more once very much was."""
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
