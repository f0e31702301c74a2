"""A report as a picture: for each ZRTP exchange a ladder, with the verdict above it. No dependencies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from zrtp.inspection import decode
from zrtp.inspection.exchange import RecordedExchange
from zrtp.inspection.findings import Severity
from zrtp.inspection.ladder import headline, rows
from zrtp.inspection.lines import Pen
from zrtp.inspection.report import Report, StreamReport
from zrtp.inspection.steps import Step
from zrtp.inspection.streams import text_of

WIDTH: Final = 860
MOST_STEPS: Final = 120
"""Messages of one exchange that are drawn."""

_MARGIN: Final = 24
_LEFT: Final = 110
_RIGHT: Final = WIDTH - 110
_LINE: Final = 17
_CHARACTERS: Final = 112
"""Characters of a line of text."""

_TEXT: Final = "#718096"
"""Readable on white and on black."""

_COLOURS: Final = {Severity.NOTE: "#2f855a", Severity.ODD: "#b7791f", Severity.SERIOUS: "#c53030"}


def svg(report: Report) -> str:
    """A whole SVG document."""
    drawing = _Drawing()
    drawing.text(_MARGIN, report.path.name, bold=True, size=16)
    for stream in report.streams:
        _stream(drawing, stream)
    if not report.streams:
        drawing.text(_MARGIN, "There is no call in it.")
    return drawing.document(f"What {report.path.name} shows")


class _Drawing:
    """Elements from the top down."""

    def __init__(self) -> None:
        self._elements: list[str] = []
        self.y = 10

    def space(self, height: int) -> None:
        self.y += height

    def text(
        self,
        x: int,
        text: str,
        *,
        bold: bool = False,
        size: int = 13,
        colour: str = "",
        anchor: str = "start",
        advance: bool = True,
    ) -> None:
        """A line of text, below what is there; one beside it without `advance`."""
        y = self.y + size + 2
        weight = ' font-weight="bold"' if bold else ""
        fill = f' fill="{colour}"' if colour else ""
        self._elements.append(
            f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}"{weight}{fill}>{_escaped(text)}</text>'
        )
        if advance:
            self.y = y + 4

    def paragraph(self, text: str, *, colour: str = "") -> None:
        """Text in as many lines as it needs."""
        for line in Pen(width=_CHARACTERS).wrapped(text, ""):
            self.text(_MARGIN, line.text, colour=colour)

    def path(self, path: str, *, colour: str = _TEXT, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._elements.append(f'<path d="{path}" stroke="{colour}" fill="none"{dash}/>')

    def document(self, title: str) -> str:
        height = self.y + _MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
                f'height="{height}" font-family="sans-serif" fill="{_TEXT}">',
                f"<title>{_escaped(title)}</title>",
                *self._elements,
                "</svg>",
                "",
            ]
        )


def _stream(drawing: _Drawing, report: StreamReport) -> None:
    stream, judgement = report.stream, report.judgement
    drawing.space(18)
    drawing.text(_MARGIN, f"Stream {report.number}: {stream.kind}, {stream.name}", bold=True, size=14)
    drawing.paragraph(f"{judgement.keying.value}: {judgement.verdict}", colour=_COLOURS[judgement.severity])
    for place, exchange in enumerate(report.exchanges):
        drawing.space(6)
        drawing.paragraph(headline(exchange, report.names, report.unsealed.get(place)))
        _ladder(drawing, report, exchange)
    found = [*judgement.findings, *(each for exchange in report.exchanges for each in exchange.findings)]
    for finding in sorted(found, key=lambda each: -each.severity):
        section = f" ({finding.section})" if finding.section else ""
        drawing.paragraph(f"{finding.text}{section}", colour=_COLOURS[finding.severity] if finding.severity else "")


def _ladder(drawing: _Drawing, report: StreamReport, exchange: RecordedExchange) -> None:
    drawing.space(8)
    for side, x in enumerate((_LEFT, _RIGHT)):
        name, place = report.names[side], text_of(report.stream.ends[side])
        shown = place if name == place else f"{name}  {place}"
        drawing.text(x, shown, bold=True, anchor="middle", advance=side == 1)
    top = drawing.y
    for row in rows(exchange, MOST_STEPS):
        if isinstance(row, str):
            drawing.text((_LEFT + _RIGHT) // 2, row, anchor="middle")
        else:
            _rung(drawing, row, exchange.began)
    drawing.space(6)
    for x in (_LEFT, _RIGHT):
        drawing.path(f"M{x} {top}V{drawing.y}")
    drawing.space(6)


def _rung(drawing: _Drawing, step: Step, began: float) -> None:
    """One message: its title on an arrow, and below it what it says."""
    repeated = step.repeats is not None
    middle = (_LEFT + _RIGHT) // 2
    bad = any(not check.good for check in step.checks)
    colour = _COLOURS[Severity.SERIOUS] if bad else _TEXT
    title = f"{step.title}{' again' if repeated else ''}"
    if step.fragments > 1:
        title += f" in {step.fragments} fragments"
    drawing.space(4)
    drawing.text(_LEFT - 10, f"{1000 * (step.time - began):.1f} ms", anchor="end", size=11, advance=False)
    drawing.text(middle, title, bold=not repeated, anchor="middle", colour=colour)
    start, end = (_LEFT, _RIGHT) if step.side == 0 else (_RIGHT, _LEFT)
    back = -8 if step.side == 0 else 8
    y = drawing.y
    drawing.path(f"M{start} {y}H{end}", colour=colour, dashed=repeated)
    drawing.path(f"M{end + back} {y - 5}L{end} {y}L{end + back} {y + 5}", colour=colour)
    drawing.space(2)
    if repeated:
        return
    for line in _said(step):
        drawing.text(middle, line, anchor="middle", size=11, colour=colour if line.startswith("WRONG") else "")


def _said(step: Step) -> Iterator[str]:
    yield from decode.summary(step)
    yield from decode.checks(step)


def _escaped(text: str) -> str:
    """XML has no place for control characters, not even as references."""
    return escape("".join(each if each.isprintable() else "?" for each in text))
