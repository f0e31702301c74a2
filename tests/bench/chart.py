"""The ratios as a picture for docs/CONTRIBUTING.md: bars, one unit for each group, no dependencies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.results import Results

WIDTH: Final = 720
LABELS: Final = 150
"""Where the bars begin."""

BAR: Final = 16
GAP: Final = 8
HEADING: Final = 44
MARGIN: Final = 16
_BETTER: Final = "#2f855a"
_WORSE: Final = "#b7791f"
_NEUTRAL: Final = "#4a7fb0"
_TEXT: Final = "#718096"
"""Readable on white and on black."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: a suite, and its CPU time in units of something else."""

    label: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Group:
    """Bars in the same unit."""

    heading: str
    bars: tuple[Bar, ...]
    compares: bool
    """The unit is somebody else's work: less than one is better. Otherwise it is a floor that nobody gets below."""

    def colour(self, bar: Bar) -> str:
        if not self.compares:
            return _NEUTRAL
        return _BETTER if bar.ratio <= 1 else _WORSE

    @property
    def height(self) -> int:
        return HEADING + len(self.bars) * (BAR + GAP)


def svg(results: Results) -> str:
    """A whole SVG document; empty groups are left out."""
    return document(_groups(results), "CPU time of complete ZRTP handshakes")


def document(groups: Iterable[Group], title: str) -> str:
    """The groups that have bars, one below the other."""
    groups = [group for group in groups if group.bars]
    height = MARGIN + sum(group.height for group in groups) + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13" fill="{_TEXT}">',
        f"<title>{escape(title)}</title>",
    ]
    top = MARGIN
    for group in groups:
        lines += _draw(group, top)
        top += group.height
    return "\n".join([*lines, "</svg>", ""])


def _groups(results: Results) -> list[Group]:
    named = [(f"{row.scenario.name} {row.scenario.mode}", row) for row in results.handshakes]
    return [
        Group(
            "CPU time of a complete handshake, in units of libbzrtp (C): shorter is faster",
            tuple(Bar(label, row.ratio) for label, row in named if row.ratio is not None and row.floor is not None),
            compares=True,
        ),
        Group(
            "CPU time of a complete handshake, in units of its public-key operations in OpenSSL alone",
            tuple(Bar(label, row.floor_ratio) for label, row in named if row.floor_ratio is not None),
            compares=False,
        ),
    ]


def _draw(group: Group, top: int) -> Iterable[str]:
    longest = max(1.0, *(bar.ratio for bar in group.bars))
    unit = (WIDTH - LABELS - 70) / longest
    one = LABELS + unit
    first = top + HEADING - 14
    yield f'<text x="{MARGIN}" y="{top + 12}" font-weight="bold">{escape(group.heading)}</text>'
    for number, bar in enumerate(group.bars):
        y = first + number * (BAR + GAP)
        middle = y + BAR - 4
        yield f'<text x="{LABELS - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>'
        length = bar.ratio * unit
        yield f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{group.colour(bar)}"/>'
        yield f'<text x="{LABELS + length + 6:.1f}" y="{middle}">{bar.ratio:.2f}</text>'
    bottom = first + len(group.bars) * (BAR + GAP) - GAP // 2
    yield f'<path d="M{one:.1f} {first - 4}V{bottom}" stroke="{_TEXT}" stroke-dasharray="3 3"/>'
