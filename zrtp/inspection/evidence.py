"""What is known of one stream, and what is said about it: what goes into a verdict, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from zrtp.inspection import appearance
from zrtp.inspection.appearance import Appearance
from zrtp.inspection.dtls import Half
from zrtp.inspection.exchange import Progress, RecordedExchange
from zrtp.inspection.findings import Findings, Severity
from zrtp.inspection.streams import MediaStream
from zrtp.media.addresses import Address

FINISHED: Final = (Progress.SECURE, Progress.CONFIRMED, Progress.CLEARED)
"""Exchanges that gave keys to the media."""


class Keying(Enum):
    """Where the keys of a stream came from."""

    CLEAR = "clear"
    SDES = "SDES"
    DTLS_SRTP = "DTLS-SRTP"
    ZRTP = "ZRTP"
    UNKNOWN = "unknown"
    """Encrypted, and the capture does not show how the keys were agreed."""
    UNDETERMINED = "undetermined"
    """Too little was recorded to tell."""


@dataclass(slots=True, kw_only=True)
class Judgement:
    """What is said about one stream."""

    keying: Keying
    verdict: str
    """One sentence."""
    severity: Severity
    """SERIOUS: somebody else could hear it. NOTE: nobody, on the conditions that the verdict names."""
    reasons: list[str] = field(default_factory=list)
    """Sentences on which the verdict rests."""
    findings: Findings = field(default_factory=Findings)
    """What is odd about the stream apart from its ZRTP messages."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What is known of one stream, for `judgement.judge`."""

    stream: MediaStream
    names: tuple[str, str]
    exchanges: list[RecordedExchange]
    dtls: tuple[Half, Half]
    looks: tuple[Appearance, Appearance] = (Appearance.UNKNOWN, Appearance.UNKNOWN)
    tls: Sequence[tuple[Address, Address]] = ()
    """Connections of the capture in which signalling went by TLS."""

    @property
    def exchange(self) -> RecordedExchange | None:
        """The exchange whose keys were used last, or else the last one that was tried."""
        finished = [each for each in self.exchanges if each.progress in FINISHED]
        tried = finished or self.exchanges
        return tried[-1] if tried else None

    @property
    def encrypted(self) -> bool | None:
        """Whether what was sent looks encrypted; None if one cannot tell."""
        if Appearance.CLEAR in self.looks:
            return False
        return True if Appearance.ENCRYPTED in self.looks else None


def look_at(stream: MediaStream) -> tuple[Appearance, Appearance]:
    """What the kept packets of both sides look like."""
    left, right = (
        Appearance.UNKNOWN if flow is None else appearance.of([p for s in flow.sources.values() for p in s.samples])
        for flow in stream.flows
    )
    return left, right
