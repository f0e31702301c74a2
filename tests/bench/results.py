"""The figures of one run as data, and as the one object that `--json` prints, with the units in its names."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import Any

from tests.bench.handshakes import Scenario, Traffic
from tests.bench.latency import LatencyPoint
from tests.bench.loss import LossPoint
from tests.bench.measure import Times, Timing
from tests.bench.media import PacketCost
from tests.bench.openssl import Profile
from tests.bench.scale import Crowd, ImportCost, Jitter
from zrtp import __version__
from zrtp.crypto import codes
from zrtp.wire import crc

MILLI = 1e3
MICRO = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshakes:
    """Complete handshakes of one scenario, both ends together."""

    scenario: Scenario
    times: Times
    profile: Profile
    traffic: Traffic
    memory: int
    """Octets that one end keeps of a secure call, or of a further stream."""
    floor: Timing | None
    """CPU time of the public-key operations alone; None if there are none."""
    libbzrtp: Timing | None
    """CPU time of the same by libbzrtp."""

    @property
    def ratio(self) -> float | None:
        """CPU time in units of libbzrtp's."""
        return None if self.libbzrtp is None else self.times.cpu.in_units_of(self.libbzrtp)

    @property
    def floor_ratio(self) -> float | None:
        """CPU time in units of the public-key operations alone."""
        return None if self.floor is None else self.times.cpu.in_units_of(self.floor)

    @property
    def inside(self) -> float:
        """Seconds of CPU time inside OpenSSL, undisturbed."""
        return self.profile.symmetric + (0.0 if self.floor is None else self.floor.low)

    @property
    def outside(self) -> float:
        """Seconds of CPU time outside OpenSSL, undisturbed."""
        return self.times.cpu.low - self.inside

    @property
    def share(self) -> float:
        """The share of the CPU time that is spent inside OpenSSL."""
        return self.inside / self.times.cpu.low


@dataclass(slots=True, kw_only=True)
class Results:
    """What has been measured; the rest is empty."""

    handshakes: list[Handshakes] = field(default_factory=list)
    without_libbzrtp: str = ""
    """Why libbzrtp was not measured; empty if it was."""
    demultiplex: Times | None = None
    packets: list[PacketCost] = field(default_factory=list)
    imports: ImportCost | None = None
    crowd: Crowd | None = None
    jitter: Jitter | None = None
    loss: list[LossPoint] = field(default_factory=list)
    latency: list[LatencyPoint] = field(default_factory=list)


def as_json(results: Results) -> dict[str, Any]:
    """Everything that was measured, for machines."""
    described: dict[str, Any] = {
        "zrtp": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "crc32c": crc.backend(),
        "handshakes": [_handshakes(row) for row in results.handshakes],
        "packets": [_packet(row) for row in results.packets],
        "loss": [_loss(row) for row in results.loss],
        "latency": [_latency(row) for row in results.latency],
    }
    if results.without_libbzrtp:
        described["without_libbzrtp"] = results.without_libbzrtp
    if results.demultiplex is not None:
        described["demultiplex_us"] = _timing(results.demultiplex.cpu, MICRO)
    if results.imports is not None:
        imports = results.imports
        described["import"] = {"cpu_ms": _timing(imports.cpu, MILLI), "unwanted": list(imports.unwanted)}
    if results.crowd is not None:
        described["crowd"] = _crowd(results.crowd)
    if results.jitter is not None:
        described["jitter"] = _jitter(results.jitter)
    return described


def _handshakes(row: Handshakes) -> dict[str, Any]:
    return {
        "suite": row.scenario.name,
        "mode": row.scenario.mode,
        "cpu_ms": _timing(row.times.cpu, MILLI),
        "wall_ms": _timing(row.times.wall, MILLI),
        "floor_ms": None if row.floor is None else _timing(row.floor, MILLI),
        "openssl_ms": _round(row.inside * MILLI),
        "openssl_share": _round(row.share),
        "outside_ms": _round(row.outside * MILLI),
        "packets": row.traffic.packets,
        "octets": row.traffic.octets,
        "python_calls": row.profile.operations.calls,
        "hashes": row.profile.operations.hashes,
        "macs": row.profile.operations.macs,
        "memory_octets": row.memory,
        "libbzrtp_ms": None if row.libbzrtp is None else _timing(row.libbzrtp, MILLI),
        "ratio_to_libbzrtp": _round(row.ratio),
        "ratio_to_floor": _round(row.floor_ratio),
    }


def _packet(row: PacketCost) -> dict[str, Any]:
    return {
        "profile": row.profile,
        "protect_us": _timing(row.protect.cpu, MICRO),
        "unprotect_us": _timing(row.unprotect.cpu, MICRO),
        "libsrtp_us": None if row.libsrtp is None else _timing(row.libsrtp.cpu, MICRO),
        "ratio_to_libsrtp": _round(row.ratio),
    }


def _loss(row: LossPoint) -> dict[str, Any]:
    return {
        "suite": codes.name(row.agreement),
        "mtu": row.mtu,
        "fragments": list(row.fragments),
        "loss": row.loss,
        "runs": row.runs,
        "completed": row.completed,
        "bound": _round(row.bound),
        "median_seconds": _round(row.seconds),
    }


def _latency(row: LatencyPoint) -> dict[str, Any]:
    return {
        "who": row.who,
        "one_way_ms": row.delay * MILLI,
        "loss": row.loss,
        "calls": row.calls,
        "failed": row.failed,
        "mean_ms": _milliseconds(row.mean),
        "median_ms": _milliseconds(row.median),
        "worst_ms": _milliseconds(row.worst),
        "within_ms": {f"{share:.0%}": _milliseconds(row.within(share)) for share in (0.95, 0.99)},
    }


def _crowd(crowd: Crowd) -> dict[str, Any]:
    return {
        "sessions": crowd.sessions,
        "resident_octets": crowd.resident,
        "handshake_alone_ms": _timing(crowd.alone, MILLI),
        "handshake_among_them_ms": _timing(crowd.among_many, MILLI),
        "timers": crowd.timers,
    }


def _jitter(jitter: Jitter) -> dict[str, Any]:
    return {
        "handshakes": jitter.handshakes,
        "quiet_ms": _timing(jitter.quiet, MILLI) | {"p99": _round(jitter.quiet.quantile(0.99) * MILLI)},
        "busy_ms": _timing(jitter.busy, MILLI) | {"p99": _round(jitter.busy.quantile(0.99) * MILLI)},
    }


def _timing(timing: Timing, unit: float) -> dict[str, float | int | None]:
    return {
        "median": _round(timing.median * unit),
        "low": _round(timing.low * unit),
        "high": _round(timing.high * unit),
        "repeats": len(timing.samples),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else _round(seconds * MILLI)


def _round(value: float | None) -> float | None:
    """Five significant digits: more than can be measured."""
    return None if value is None else float(f"{value:.5g}")
