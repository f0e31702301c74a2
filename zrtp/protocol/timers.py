"""Retransmission (RFC 6189 section 6): T1 for Hello, T2 for every other message that the initiator repeats."""

from __future__ import annotations

from dataclasses import dataclass

from zrtp.wire.messages import Message


@dataclass(frozen=True, slots=True)
class Schedule:
    """Intervals that double from `first` to `cap` seconds, with a number of copies after the first one."""

    first: float
    cap: float
    retransmissions: int

    def interval(self, copies_sent: int) -> float:
        """Seconds to wait after that many copies."""
        return min(self.first * (1 << min(copies_sent - 1, 16)), self.cap)

    @property
    def total(self) -> float:
        """Seconds from the first copy to the last one."""
        return sum(self.interval(copies) for copies in range(1, self.retransmissions + 1))


T1 = Schedule(first=0.05, cap=0.2, retransmissions=20)
"""Hello; the last copy goes out after 3.75 s."""

T1_EXTENDED = Schedule(first=0.05, cap=0.2, retransmissions=62)
"""Hello when there is evidence of a ZRTP peer: at least 12 s."""

T2 = Schedule(first=0.15, cap=1.2, retransmissions=10)
"""Commit, DHPart2, Confirm2, GoClear, Error, SASrelay; the last copy goes out after 9.45 s."""

CLEAR_KEEPALIVE = Schedule(first=5.0, cap=5.0, retransmissions=20)
"""ClearACK while the user has not agreed yet, so that no NAT binding expires (section 4.7.2)."""

RESPONDER_TIMEOUT = 10.0
"""Seconds without a message of the initiator after which the responder gives up."""


class Retransmission:
    """One message on its schedule.

    After the last copy one more `cap` interval passes before the schedule counts as exhausted, so that an answer
    to the last copy still arrives in time. A late call sends one copy, never a burst.
    """

    __slots__ = ("copies", "due", "message", "preceded_by", "scale", "schedule")

    def __init__(self, message: Message, schedule: Schedule, now: float, scale: float = 1.0) -> None:
        self.message = message
        self.schedule = schedule
        self.scale = scale
        self.copies = 1
        self.preceded_by: Message | None = None
        """To be sent once, before the next copy."""
        self.due = now + schedule.first * scale

    def extend(self, schedule: Schedule) -> None:
        """Go on with a longer schedule from where this one stands."""
        self.schedule = schedule

    @property
    def exhausted(self) -> bool:
        """All copies are out; when the timer fires now, nobody answered."""
        return self.copies > self.schedule.retransmissions

    def next_copy(self, now: float) -> None:
        """Account for one more copy sent now."""
        self.copies += 1
        wait = self.schedule.cap if self.exhausted else self.schedule.interval(self.copies)
        self.due = now + wait * self.scale
