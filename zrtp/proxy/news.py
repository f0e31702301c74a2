"""What the proxy has to tell about its calls. Whoever shows it, a terminal or a page, sees the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias

from zrtp.crypto.sas import Sas
from zrtp.errors import ZrtpError
from zrtp.protocol.events import Assurance
from zrtp.proxy.leg import Protection


class Phase(Enum):
    """Of a call."""

    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"


class CallVerdict(Enum):
    """What a person says about the words."""

    MATCH = "match"
    MISMATCH = "mismatch"
    LATER = "later"


class VerdictRefused(ZrtpError):
    """The verdict is about a call, or about words, that are not there any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A call as it is now, or as it was when it ended. No key material is in it."""

    number: int
    """Counts the calls of this proxy, from 1."""
    outgoing: bool
    """The phone called; otherwise it was called."""
    peer: str
    """The SIP address of the other side."""
    phase: Phase
    protection: Protection
    """Of the stream that is worst off."""
    streams: tuple[tuple[str, Protection], ...]
    """ "audio", "video", ... in the order of the session description."""
    sas: Sas | None
    """What to compare; None before the call is secure, and after its end."""
    assurance: Assurance
    verified: bool
    mismatch: bool
    """The person said that the words differ."""
    name: str | None
    """What the person called the other side at an earlier comparison."""
    notice: str
    """The latest sentence that the person has to know."""
    sent: int
    """RTP packets that left protected, or in clear where the policy allows that."""
    verified_packets: int
    withheld: int
    """RTP packets of the phone that did not leave."""

    @property
    def who(self) -> str:
        """The other side for a person: what they call it, and its address."""
        named = self.name and self.name.casefold() != self.peer.casefold()
        return f"{self.name} ({self.peer})" if named else self.peer


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged:
    """A call began, changed, or ended."""

    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyNotice:
    """A sentence for the person."""

    text: str
    call: int | None = None
    """The number of the call it is about."""
    loud: bool = False
    """It must not be overlooked."""


ProxyNews: TypeAlias = CallChanged | ProxyNotice
Tell: TypeAlias = Callable[[ProxyNews], None]


class Switchboard(Protocol):
    """Whoever has calls, for whoever shows them."""

    def views(self) -> list[View]: ...

    def judge(self, number: int, words: str, verdict: CallVerdict, name: str | None = None) -> None:
        """A person's verdict about these words of that call. Raises VerdictRefused if either is not what it was."""
        ...


def described(view: View) -> dict[str, Any]:
    """A call for machines, and for the page."""
    sas = view.sas
    return {
        "call": view.number,
        "direction": "out" if view.outgoing else "in",
        "peer": view.peer,
        "who": view.who,
        "phase": view.phase.value,
        "state": view.protection.value,
        "streams": [{"kind": kind, "state": protection.value} for kind, protection in view.streams],
        "sas": sas.rendered if sas is not None else None,
        "words": list(sas.words()) if sas is not None else None,
        "letters": sas.letters() if sas is not None else None,
        "assurance": view.assurance.value,
        "verified": view.verified,
        "mismatch": view.mismatch,
        "name": view.name,
        "notice": view.notice or None,
        "sent": view.sent,
        "verified_packets": view.verified_packets,
        "withheld": view.withheld,
    }


def headline(view: View) -> tuple[object, ...]:
    """What a person sees of a call at a glance: as long as it is the same, nothing has to be shown again."""
    sas = view.sas.rendered if view.sas is not None else ""
    look = (view.phase, view.protection, view.streams, sas, view.assurance, view.verified, view.mismatch, view.name)
    return (view.number, *look, view.notice)
