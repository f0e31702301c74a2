"""What is known of one ZRTP exchange between two ends: its messages in order, and how far it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from zrtp.inspection.chains import Chain
from zrtp.inspection.findings import Findings
from zrtp.inspection.steps import Step
from zrtp.wire.messages import Commit, CommitMode, DHPart1, DHPart2, Hello, Kind

MOST_STEPS: Final = 5000
"""Messages of one exchange that are kept."""


class Progress(Enum):
    """How far an exchange came."""

    DISCOVERY = "discovery"
    """Nothing but Hello, HelloACK, Ping and the like."""
    COMMITTED = "committed"
    AGREED = "agreed"
    """Both halves of the key agreement were sent, no Confirm2."""
    CONFIRMED = "confirmed"
    """Confirm1 and Confirm2 were sent; the acknowledgement is not in the capture."""
    SECURE = "secure"
    FAILED = "failed"
    """One side sent Error before the exchange was complete."""
    CLEARED = "cleared"
    """The call went on in clear after GoClear."""


@dataclass(slots=True)
class RecordedExchange:
    """The messages of one exchange, and what follows from them."""

    findings: Findings
    chains: tuple[Chain, Chain]
    """Of the two sides."""
    steps: list[Step] = field(default_factory=list)
    unlisted: int = 0
    """Messages beyond those that are kept."""
    progress: Progress = Progress.DISCOVERY
    initiator: int | None = None
    """0 or 1, once it is known."""
    commit: Step | None = None
    """The Commit that counts."""
    contention: bool = False
    """Whether both sides sent a Commit."""
    dhpart1: Step | None = None
    dhpart2: Step | None = None
    confirm1: Step | None = None
    confirm2: Step | None = None
    secured: float | None = None
    """When the exchange was complete."""
    errors: list[Step] = field(default_factory=list)

    def first(self, kind: Kind, side: int | None = None) -> Step | None:
        """The first message of a kind, from one side or from any."""
        return next((step for step in self.steps if step.kind is kind and side in (None, step.side)), None)

    def hello_of(self, side: int) -> Hello | None:
        """The Hello of a side that counts: the last one with another content."""
        found = [step.message for step in self.steps if step.side == side and isinstance(step.message, Hello)]
        return found[-1] if found else None

    @property
    def chosen(self) -> Commit | None:
        """The choices that count."""
        message = None if self.commit is None else self.commit.message
        return message if isinstance(message, Commit) else None

    @property
    def mode(self) -> str:
        """For people: "DH", "KEM", "Multistream", "Preshared"."""
        chosen = self.chosen
        if chosen is None:
            return ""
        return "KEM" if chosen.public_key and chosen.mode is CommitMode.DH else chosen.mode.value

    @property
    def began(self) -> float:
        return self.steps[0].time

    @property
    def repetitions(self) -> int:
        return sum(step.repeats is not None for step in self.steps)

    @property
    def halves(self) -> tuple[DHPart1, DHPart2] | None:
        """Both DHParts; None in the modes without them."""
        one = None if self.dhpart1 is None else self.dhpart1.message
        two = None if self.dhpart2 is None else self.dhpart2.message
        return (one, two) if isinstance(one, DHPart1) and isinstance(two, DHPart2) else None
