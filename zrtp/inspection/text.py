"""A report as lines for a terminal, at whatever width; the terminal itself is the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from zrtp.inspection.calls import RecordedCall
from zrtp.inspection.findings import Finding, Severity
from zrtp.inspection.ladder import ladder
from zrtp.inspection.lines import Line, Pen
from zrtp.inspection.report import Report, StreamReport
from zrtp.inspection.streams import text_of
from zrtp.media.demux import DatagramKind

MOST_MESSAGES: Final = 30
"""Lines of one call's signalling."""

_MARKS: Final = {Severity.NOTE: ("note", "dim"), Severity.ODD: ("odd", "yellow"), Severity.SERIOUS: ("serious", "red")}
_COLOURS: Final = {Severity.NOTE: "green", Severity.ODD: "yellow", Severity.SERIOUS: "red"}


def lines(report: Report, pen: Pen, *, fields: bool = False) -> Iterator[Line]:
    """Everything about a capture; `fields` adds each field of each ZRTP message."""
    yield from pen.wrapped(f"{pen.shown(report.path.name)}: {_extent(report)}", "")
    for problem in report.problems:
        yield from pen.wrapped(problem, "  ", style="yellow")
    if len(report.streams) > 1:
        yield from pen.wrapped(_overview(report), "  ", style="bold")
    if not report.streams:
        yield from pen.wrapped(_nothing(report), "  ")
    for call in report.calls:
        yield Line()
        yield from _call(call, report, pen)
    for one, other in report.tls:
        text = f"TLS on {text_of(one)} -> {text_of(other)}: what was signalled there cannot be read here."
        yield from pen.wrapped(text, "")
    for stream in report.streams:
        yield Line()
        yield from _stream(stream, report, pen, fields=fields)


def _extent(report: Report) -> str:
    if report.began is None:
        return "no packets"
    try:
        start = datetime.fromtimestamp(report.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        start = "an impossible time"
    packets = f"{report.frames:,} packet{'s' if report.frames != 1 else ''}"
    return f"{packets}, {_size(report.size)}, {max(0.0, report.ended - report.began):.1f} s from {start}"


def _size(octets: int) -> str:
    for unit, limit in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if octets >= limit:
            return f"{octets / limit:.1f} {unit}"
    return f"{octets} octets"


def _overview(report: Report) -> str:
    """How many streams there are of each kind."""
    counted = Counter(stream.judgement.keying.value for stream in report.streams)
    return f"{len(report.streams)} streams: " + ", ".join(f"{times} {keying}" for keying, times in counted.items())


def _nothing(report: Report) -> str:
    if report.frames == 0:
        return "There is nothing in it."
    return "There is no call in it: neither SIP with media, nor RTP, nor ZRTP."


def _call(call: RecordedCall, report: Report, pen: Pen) -> Iterator[Line]:
    yield from pen.wrapped(f"{pen.shown(call.caller)} -> {pen.shown(call.callee)}", "CALL  ", style="bold")
    began = report.began or 0.0
    for message in call.messages[:MOST_MESSAGES]:
        hop = f"{text_of(message.hop.sender)} -> {text_of(message.hop.receiver)} {message.hop.transport}"
        carries = f" ({', '.join(message.carries)})" if message.carries else ""
        line = f"  {message.time - began:8.3f}  {hop}  {pen.shown(message.title)}{carries}"
        yield Line(
            line if len(line) <= pen.width else line[: pen.width - 3] + "...", "red" * ("keys" in message.carries)
        )
    more = max(0, len(call.messages) - MOST_MESSAGES) + call.unlisted
    if more:
        yield Line(f"            and {more} more")


def _stream(report: StreamReport, whole: Report, pen: Pen, *, fields: bool) -> Iterator[Line]:
    stream, judgement = report.stream, report.judgement
    ends = [
        text_of(end) if name == text_of(end) else f"{pen.shown(name)} {text_of(end)}"
        for end, name in zip(stream.ends, report.names, strict=True)
    ]
    title = f"{pen.shown(stream.kind)}, {ends[0]} <-> {ends[1]}"
    yield from pen.wrapped(title, f"STREAM {report.number}  ", style="bold")
    yield from pen.wrapped(f"{judgement.keying.value}: {judgement.verdict}", "  ", style=_COLOURS[judgement.severity])
    for reason in judgement.reasons:
        yield from pen.wrapped(pen.shown(reason), "  - ")
    yield Line()
    for side in (0, 1):
        yield from _counts(report, side, pen)
    for place, exchange in enumerate(report.exchanges):
        yield Line()
        yield from ladder(exchange, report.names, pen, report.unsealed.get(place), fields=fields)
    found = [*judgement.findings, *(each for exchange in report.exchanges for each in exchange.findings)]
    if found:
        yield Line()
    for finding in sorted(found, key=lambda each: -each.severity):
        yield from _finding(finding, pen)


def _counts(report: StreamReport, side: int, pen: Pen) -> Iterator[Line]:
    """What one side sent."""
    flow = report.stream.flows[side]
    indent = f"  {pen.shown(report.names[side]):<22} "
    if flow is None:
        yield from pen.wrapped("sent nothing here", indent)
        return
    counted = [f"{flow.counts[kind]:,} {kind.value}" for kind in DatagramKind if flow.counts.get(kind)]
    if len(flow.sources) > 1:
        counted.append(f"{len(flow.sources)} sources")
    opened = None if report.opened is None else report.opened[side]
    if opened is not None and opened.tried:
        counted.append(f"keys open {opened.verified:,} of {opened.tried:,}")
    yield from pen.wrapped(", ".join(counted), indent)


def _finding(finding: Finding, pen: Pen) -> Iterator[Line]:
    mark, style = _MARKS[finding.severity]
    section = f" ({finding.section})" if finding.section else ""
    times = f" {finding.times} times." if finding.times > 1 else ""
    yield from pen.wrapped(f"{pen.shown(finding.text)}{times}{section}", f"  {mark + ':':<8} ", style=style)
