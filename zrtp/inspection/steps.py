"""One message of an exchange as it was recorded, and what each check of it said."""

from __future__ import annotations

from dataclasses import dataclass, field

from zrtp.wire.messages import ConfirmPlain, Kind, Message


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that could be verified."""

    what: str
    """For example "MAC" or "H2"."""
    good: bool
    by: str
    """What made the check possible, e.g. "H2 in the Commit"."""


@dataclass(slots=True, kw_only=True)
class Step:
    """One message on its way, or something that should have been one."""

    number: int
    """From 1, in the order of the capture."""
    time: float
    side: int
    """0 or 1: which of the two ends sent it."""
    title: str
    """The type of the message; what it was instead, if it is none."""
    sequence: int | None = None
    ssrc: int | None = None
    octets: int = 0
    """Size of the datagram; of all of them, if the message came in fragments."""
    fragments: int = 1
    message: Message | None = None
    raw: bytes = field(default=b"", repr=False)
    """The message from its preamble on; empty if there is none."""
    plain: ConfirmPlain | None = field(default=None, repr=False)
    """What a Confirm held, if its key was given."""
    repeats: int | None = None
    """The number of the first copy of the same message."""
    checks: list[Check] = field(default_factory=list)

    @property
    def kind(self) -> Kind | None:
        return None if self.message is None else self.message.kind

    def check(self, what: str, good: bool, by: str) -> None:
        """Note the outcome of a check, once."""
        if not any((each.what, each.good) == (what, good) for each in self.checks):
            self.checks.append(Check(what, good, by))
