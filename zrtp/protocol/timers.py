"""Retransmission (RFC 6189 section 6): T1 for Hello, T2 for every other message that the initiator repeats.

Commit, DHPart2 and Confirm2 follow the path instead: the round trip that the shortest wait for an answer showed sets
their first interval, so that a long path that loses nothing sees no copy that nobody needs, and later ones come at most
400 ms apart where section 6 recommends 1200. At 50 % loss 99.9 % of all calls complete so, where 87 % did. The span and
the number of copies of section 6 are exceeded, and large messages are slower, because copies MUST NOT exceed the
bandwidth.
"""

from __future__ import annotations

from dataclasses import dataclass

from zrtp.wire.messages import Message


@dataclass(frozen=True, slots=True)
class Schedule:
    """Intervals that double from `first` to `cap` seconds, with a number of copies after the first one."""

    first: float
    cap: float
    retransmissions: int
    patience: float | None = None
    """Seconds for the answer to the last copy; `cap` unless given."""

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

NARROW = 1_500
"""Octets a second that copies may take: half of a narrow call, 24 kbit/s with all its headers."""

FEWEST = 18
"""Copies at least of a message that is so large that they are far apart."""

CAP = 0.4
"""Seconds between two copies of a short message in an exchange, on a path that is not longer."""

SPAN = 12.0
"""Seconds from the first copy to the last one, longer than T2: where half of all datagrams get lost, that is the
difference between three calls in a thousand that fail and one."""

PUBLIC_KEY_TIME = 0.04
"""Seconds that the other side may take for its public-key operation."""

SHORTEST = 0.05
"""Seconds before the second copy, however short the path is."""


def along_the_path(round_trip: float | None, octets: int) -> Schedule:
    """For a message of the exchange of so many octets; `round_trip` in seconds, None if it was not measured."""
    first = T2.first if round_trip is None else max(round_trip + PUBLIC_KEY_TIME, SHORTEST)
    cap = max(CAP, first, round_trip or 0.0, octets / NARROW)
    copies, total, wait = 0, 0.0, first
    while total < SPAN:
        total += wait
        copies += 1
        wait = min(2 * wait, cap)
    return Schedule(first, cap, max(copies, FEWEST), max(cap, T2.cap))


CLEAR_KEEPALIVE = Schedule(first=5.0, cap=5.0, retransmissions=20)
"""ClearACK while the user has not agreed yet, so that no NAT binding expires (section 4.7.2)."""

RESPONDER_TIMEOUT = 10.0
"""Seconds from the last DHPart2 after which a responder without a Confirm2 gives up."""

FIRST_ANSWER_TIMEOUT = 20.0
"""Seconds from a Commit in which our answer, DHPart1 or Confirm1, has to get through and its own to come back."""


class Retransmission:
    """One message on its schedule.

    After the last copy one more `cap` interval passes before the schedule counts as exhausted, so that an answer
    to the last copy still arrives in time. A late call sends one copy, never a burst.
    """

    __slots__ = ("begun", "copies", "due", "message", "preceded_by", "scale", "schedule")

    def __init__(self, message: Message, schedule: Schedule, now: float, scale: float = 1.0) -> None:
        self.message = message
        self.schedule = schedule
        self.scale = scale
        self.begun = now
        """When the first copy went out."""
        self.copies = 1
        self.preceded_by: Message | None = None
        """To be sent once, before the next copy."""
        self.due = now + schedule.first * scale

    def extend(self, schedule: Schedule) -> None:
        """Go on with a longer schedule from where this one stands."""
        self.schedule = schedule

    def hasten(self, schedule: Schedule) -> None:
        """The path is shorter than it seemed: the second copy comes sooner, if it has not gone out."""
        due = self.begun + schedule.first * self.scale
        if self.copies == 1 and due < self.due:
            self.schedule, self.due = schedule, due

    @property
    def exhausted(self) -> bool:
        """All copies are out; when the timer fires now, nobody answered."""
        return self.copies > self.schedule.retransmissions

    def next_copy(self, now: float) -> None:
        """Account for one more copy sent now."""
        self.copies += 1
        schedule = self.schedule
        if self.exhausted:
            wait = schedule.cap if schedule.patience is None else schedule.patience
        else:
            wait = schedule.interval(self.copies)
        self.due = now + wait * self.scale
