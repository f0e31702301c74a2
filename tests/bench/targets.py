"""What this package wants to reach, and whether this run did.

The limits are ratios wherever something comparable runs in the same run: a ratio holds on any machine. Nothing fails
when a target is missed; that is for people to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.bench.results import MICRO, MILLI, Results

KIB: Final = 1024

CALLS: Final = {"X255": 975, "Mult": 725}
"""Python functions of one handshake, both ends together: the same on every machine, so that a test holds them."""


class Judgement(Enum):
    MET = "met"
    MISSED = "missed"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to reach."""

    name: str
    unit: str
    limit: float
    """Must not be exceeded."""
    value: float | None
    """What was measured; None if it was not."""

    @property
    def judgement(self) -> Judgement:
        if self.value is None:
            return Judgement.UNKNOWN
        return Judgement.MET if self.value <= self.limit else Judgement.MISSED


def targets(results: Results) -> list[Target]:
    """Every target with what this run measured for it."""
    return [
        Target(name=name, unit=unit, limit=limit, value=measured(results)) for name, unit, limit, measured in _TARGETS
    ]


def _ratio(suite: str) -> Callable[[Results], float | None]:
    return lambda results: next((row.ratio for row in results.handshakes if row.scenario.name == suite), None)


def _cpu_ms(suite: str) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        rows = (row for row in results.handshakes if row.scenario.name == suite)
        return next((row.times.cpu.median * MILLI for row in rows), None)

    return measured


def _calls(suite: str) -> Callable[[Results], float | None]:
    """Of Python functions: the same on every machine."""
    return lambda results: next(
        (row.profile.operations.calls for row in results.handshakes if row.scenario.name == suite), None
    )


def _demultiplex_us(results: Results) -> float | None:
    return None if results.demultiplex is None else results.demultiplex.cpu.median * MICRO


def _srtp_ratio(results: Results) -> float | None:
    return next((row.ratio for row in results.packets if row.ratio is not None), None)


def _session_kib(results: Results) -> float | None:
    """Of the dearest exchange, as Python counts, or what the operating system gave for a crowd, if that is more."""
    traced = [row.memory / KIB for row in results.handshakes]
    resident = [] if results.crowd is None else [results.crowd.resident / KIB]
    return max(traced + resident, default=None)


def _slowdown(results: Results) -> float | None:
    return None if results.crowd is None else results.crowd.slowdown


def _timers(results: Results) -> float | None:
    return None if results.crowd is None else results.crowd.timers


def _lateness_ms(results: Results) -> float | None:
    """What handshakes add to the lateness of all but one in a hundred packets."""
    jitter = results.jitter
    return None if jitter is None else max(0.0, jitter.busy.quantile(0.99) - jitter.quiet.quantile(0.99)) * MILLI


def _import_ms(results: Results) -> float | None:
    return None if results.imports is None else results.imports.cpu.median * MILLI


def _unwanted(results: Results) -> float | None:
    return None if results.imports is None else len(results.imports.unwanted)


_TARGETS: Final[tuple[tuple[str, str, float, Callable[[Results], float | None]], ...]] = (
    ("DH3k handshake", "x libbzrtp", 0.5, _ratio("DH3k")),
    ("DH2k handshake", "x libbzrtp", 0.6, _ratio("DH2k")),
    ("X255 handshake", "x libbzrtp", 1.5, _ratio("X255")),
    ("X448 handshake", "x libbzrtp", 1.6, _ratio("X448")),
    ("further stream (Multistream)", "ms", 0.5, _cpu_ms("Mult")),
    ("EC25 handshake", "ms", 1.0, _cpu_ms("EC25")),
    ("hybrid handshake (X1M2)", "ms", 1.6, _cpu_ms("X1M2")),
    ("X255 handshake, both ends", "calls", CALLS["X255"], _calls("X255")),
    ("further stream, both ends", "calls", CALLS["Mult"], _calls("Mult")),
    ("telling a packet from others", "us", 0.3, _demultiplex_us),
    ("SRTP both ways, 172 octets", "x libsrtp", 4.0, _srtp_ratio),
    ("memory of a secure session", "KiB", 16.0, _session_kib),
    ("handshake among 10,000 sessions", "x alone", 1.2, _slowdown),
    ("timers of idle secure sessions", "", 0.0, _timers),
    ("lateness of sound added by DH3k", "ms", 5.0, _lateness_ms),
    ("import of zrtp", "ms", 150.0, _import_ms),
    ("asyncio, sqlite3 in the engine", "", 0.0, _unwanted),
)
