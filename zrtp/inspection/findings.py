"""What is worth saying about a stream, and how serious it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MOST_FINDINGS: Final = 200
"""Different findings of one exchange; beyond, they are counted only."""


class Severity(IntEnum):
    """How much a finding matters."""

    NOTE = 0
    """Good to know."""
    ODD = 1
    """Not as the standard says, or unusual; no danger by itself."""
    SERIOUS = 2
    """Somebody may have listened, or may be in between."""


@dataclass(slots=True)
class Finding:
    """One remark."""

    severity: Severity
    text: str
    """A sentence."""
    section: str
    """Where the standard says what is right, e.g. "RFC 6189 section 9"; empty if none applies."""
    step: int | None = None
    """The first message that it is about, by its number in the ladder."""
    times: int = 1


class Findings:
    """The findings of one exchange; equal ones are counted."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}
        self.beyond = 0

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def add(self, severity: Severity, text: str, section: str, step: int | None = None) -> None:
        """Add a finding; `section` of RFC 6189 as "5.2", or a whole reference such as "RFC 4568"."""
        reference = f"RFC 6189 section {section}" if section[:1].isdigit() else section
        known = self._found.get((text, reference))
        if known is not None:
            known.times += 1
        elif len(self._found) < MOST_FINDINGS:
            self._found[text, reference] = Finding(severity, text, reference, step)
        else:
            self.beyond += 1
