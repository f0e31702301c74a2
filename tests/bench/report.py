"""The figures as lines for people, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.bench.latency import OFFSETS, PATIENCE, LatencyPoint
from tests.bench.openssl import Place
from tests.bench.results import MICRO, MILLI, Handshakes, Results
from tests.bench.scale import Crowd, ImportCost, Jitter
from tests.bench.targets import KIB, Target
from zrtp.crypto import codes

PLACES: Final = 15
"""How many functions are listed of those that take the most time."""

_NOTHING: Final = "-"


def sections(results: Results) -> Iterator[tuple[str, list[str]]]:
    """The title and the lines of everything that was measured."""
    if results.handshakes:
        yield "complete handshakes, both ends in this process: CPU time", _handshakes(results.handshakes)
        yield "what is the same on every machine, for one handshake with both ends", _operations(results.handshakes)
    if results.demultiplex is not None:
        yield "media packets of 172 octets: microseconds of CPU time", _packets(results)
    if results.crowd is not None:
        yield "many sessions in one process", _crowd(results.crowd)
    if results.jitter is not None:
        yield "lateness of 20 ms sound in an event loop that makes DH3k handshakes", _jitter(results.jitter)
    if results.imports is not None:
        yield "import zrtp", _imports(results.imports)
    if results.loss:
        yield "handshakes completed under loss, beside what the retry schedule allows", _loss(results)
    if results.latency:
        yield "from the later start until both ends are secure, in virtual time: ms", _latency(results.latency)


def notes(results: Results) -> Iterator[str]:
    """What has to be known to read the figures."""
    if results.handshakes:
        yield (
            "SSL: share inside OpenSSL. KiB: memory of one end. BZRTP: libbzrtp in this run, in ms; RATIO: ours to it. "
            "FLOOR: ours to the public-key operations alone."
        )
    if results.latency:
        yield (
            f"Starts 0 to {max(OFFSETS):g} s apart. MEDIAN, WORST: means over the series. libbzrtp has X255. "
            f"FAILED: not secure {PATIENCE:g} s after the later start."
        )
    if results.without_libbzrtp:
        yield f"libbzrtp was not measured: {results.without_libbzrtp}"


def places(rows: list[Handshakes]) -> Iterator[tuple[str, list[str]]]:
    """Where the time outside OpenSSL goes."""
    for row in rows:
        title = f"{row.scenario.name} {row.scenario.mode}: where the time outside OpenSSL goes, under the profiler"
        yield title, [_place(place) for place in row.profile.places[:PLACES]]


def targets(listed: list[Target]) -> list[str]:
    """A line for each target."""
    width = max(len(target.name) for target in listed)
    return [_target(target, width) for target in listed]


def _handshakes(rows: list[Handshakes]) -> list[str]:
    head = "SUITE MODE           MS SPREAD  WALL  SSL PACKETS OCTETS  KiB  BZRTP RATIO FLOOR"
    return [head, *map(_handshake, rows)]


def _handshake(row: Handshakes) -> str:
    cpu, theirs = row.times.cpu, row.libbzrtp
    return (
        f"{row.scenario.name:<5} {row.scenario.mode:<11} {_ms(cpu.median):>5} {_percent(cpu.spread):>6} "
        f"{_ms(row.times.wall.median):>5} {_percent(row.share):>4} {row.traffic.packets:>7} {row.traffic.octets:>6} "
        f"{row.memory / KIB:>4.1f} {_NOTHING if theirs is None else _ms(theirs.median):>6} "
        f"{_ratio(row.ratio):>5} {_ratio(row.floor_ratio):>5}"
    )


def _operations(rows: list[Handshakes]) -> list[str]:
    lines = ["SUITE MODE        PYTHON CALLS  HASHES  MACS"]
    for row in rows:
        count = row.profile.operations
        counts = f"{count.calls:>13} {count.hashes:>7} {count.macs:>5}"
        lines.append(f"{row.scenario.name:<5} {row.scenario.mode:<11} {counts}")
    return lines


def _packets(results: Results) -> list[str]:
    lines = []
    if results.demultiplex is not None:
        lines.append(f"{'telling it from others':<26} {results.demultiplex.cpu.median * MICRO:8.2f}")
    lines.append(f"{'SRTP PROFILE':<26}  PROTECT  UNPROTECT  LIBSRTP BOTH  RATIO")
    for row in results.packets:
        both = _NOTHING if row.libsrtp is None else f"{row.libsrtp.cpu.median * MICRO:.2f}"
        lines.append(
            f"{row.profile:<26} {row.protect.cpu.median * MICRO:8.2f} {row.unprotect.cpu.median * MICRO:10.2f} "
            f"{both:>13} {_ratio(row.ratio):>6}"
        )
    return lines


def _crowd(crowd: Crowd) -> list[str]:
    return [
        f"sessions held secure          {crowd.sessions:>8}",
        f"memory of each                {crowd.resident / KIB:8.1f} KiB",
        f"X255 handshake without them   {_ms(crowd.alone.median):>8} ms",
        f"X255 handshake beside them    {_ms(crowd.among_many.median):>8} ms",
        f"timers while nothing happens  {crowd.timers:>8}",
    ]


def _jitter(jitter: Jitter) -> list[str]:
    lines = ["                        MEDIAN   99 %  WORST  (ms)"]
    for name, timing in (("nothing else", jitter.quiet), (f"{jitter.handshakes} handshakes", jitter.busy)):
        figures = (timing.median, timing.quantile(0.99), max(timing.samples))
        lines.append(f"{name:<23}" + "".join(f"{figure * MILLI:7.2f}" for figure in figures))
    return lines


def _imports(imports: ImportCost) -> list[str]:
    unwanted = ", ".join(imports.unwanted) or "neither asyncio nor sqlite3"
    return [
        f"CPU time  {_ms(imports.cpu.median):>8} ms",
        f"imports   {unwanted}",
    ]


def _loss(results: Results) -> list[str]:
    lines = ["SUITE   MTU  COMMIT+DHPART1  LOSS  COMPLETED   BOUND   MEDIAN"]
    for row in results.loss:
        seconds = _NOTHING if row.seconds is None else f"{row.seconds:.2f} s"
        lines.append(
            f"{codes.name(row.agreement):<5} {row.mtu:>5} {f'{row.fragments[0]}+{row.fragments[1]} datagrams':>15} "
            f"{row.loss:>5.0%} {row.completed / row.runs:>10.1%} {row.bound:>7.1%} {seconds:>8}"
        )
    return lines


def _latency(rows: list[LatencyPoint]) -> list[str]:
    head = "ONE WAY  LOSS  WHO        MEAN  MEDIAN   WORST    95 %    99 %  FAILED"
    return [head, *map(_latency_of_one, rows)]


def _latency_of_one(row: LatencyPoint) -> str:
    figures = (row.mean, row.median, row.worst, row.within(0.95), row.within(0.99))
    columns = "".join(f"{_NOTHING if figure is None else format(figure * MILLI, '.0f'):>8}" for figure in figures)
    return (
        f"{row.delay * MILLI:>7.0f} {row.loss:>5.0%}  {row.who:<8}{columns[1:]}  {f'{row.failed} of {row.calls}':>10}"
    )


def _place(place: Place) -> str:
    return f"{place.seconds * MICRO:7.1f} us {place.calls:6.1f} calls  {place.where}"[:80]


def _target(target: Target, width: int) -> str:
    value = _NOTHING if target.value is None else f"{target.value:.3g}"
    return f"{target.name:<{width}}  {value:>6} of {target.limit:<5g} {target.unit:<10}  {target.judgement.value}"


def _ms(seconds: float) -> str:
    return f"{seconds * MILLI:.3f}" if seconds < 0.001 else f"{seconds * MILLI:.2f}"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _ratio(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.2f}"
