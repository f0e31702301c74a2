"""Both ends of the demo side by side: one column each, one row for everything that happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from zrtp.cli.calls.notices import Agreed, Calling, Ended, Listening, Media, Mismatched, News, SoundNote, Waiting
from zrtp.cli.errors import Exit, as_line
from zrtp.cli.screen import columns, wording
from zrtp.cli.screen.jsonlines import text
from zrtp.cli.screen.presenter import SAID_BY_HEADING
from zrtp.cli.screen.terminal import Terminal
from zrtp.cli.screen.wording import ShownSas
from zrtp.crypto.sas import Sas
from zrtp.protocol.events import (
    Continuity,
    Failed,
    GoingSecure,
    NoPeer,
    PeerDetected,
    SasReady,
    SecurityWarning,
    Verified,
)

SIDES: Final = ("alice", "bob")
_TIME: Final = 8  # columns of " 0.000  "
_NAME: Final = 7  # columns of "alice  "
_TWO_COLUMNS: Final = 72


class DemoTable:
    """Writes rows; below 72 columns the sides take turns instead of standing side by side."""

    def __init__(self, terminal: Terminal, clock: Callable[[], float], *, verbose: bool = False) -> None:
        self._terminal = terminal
        self._clock = clock
        self.verbose = verbose
        """Technology is of interest."""
        self._sas: dict[str, Sas] = {}
        self._wide = terminal.width >= _TWO_COLUMNS
        self._width = (terminal.width - _TIME) // 2 if self._wide else terminal.width - _TIME - _NAME

    def introduce(self) -> None:
        """Say what is to be seen."""
        self._terminal.note("alice calls bob, both here, over real UDP on loopback")
        self._terminal.result()
        if self._wide:
            heading = "".join(columns.padded(side, self._width) for side in SIDES)
            self._terminal.result("seconds".ljust(_TIME) + heading.rstrip(), "bold")

    def column(self, side: str) -> DemoColumn:
        """The audience of one side."""
        return DemoColumn(self, side)

    def show_sas(self, side: str, sas: Sas) -> None:
        """One side shows its SAS: when both do, they are put where they can be compared."""
        self._sas[side] = sas
        if len(self._sas) < len(SIDES):
            return
        self._terminal.result()
        shown = [wording.sas(self._sas[name], self._terminal.shows) for name in SIDES]
        if self._wide:
            self._side_by_side(shown)
        else:
            self._below_each_other(shown)
        self._terminal.result()

    def row(self, side: str, words: str, *styles: str) -> None:
        """Something happened on one side."""
        moment = f"{self._clock():6.3f}  "
        for number, line in enumerate(columns.wrapped(words, self._width - 1)):
            start = moment if number == 0 else " " * _TIME
            if self._wide:
                start += " " * self._width * SIDES.index(side)
            else:
                start += f"{side if number == 0 else '':<{_NAME}}"
            self._terminal.show_marked(start, line, *styles)

    def error(self, news: Ended) -> None:
        """The demo itself went wrong."""
        self._terminal.error(news.text, news.hint)

    def _side_by_side(self, shown: Sequence[ShownSas]) -> None:
        fits = all(columns.width(sas.large) < self._width for sas in shown)
        large = zip(*([sas.large] if fits else sas.parts for sas in shown), strict=True)
        rows = [*((row, "bold") for row in large), (tuple(sas.aside for sas in shown), "dim")]
        for row, style in rows:
            line = "".join(columns.padded(part, self._width) for part in row)
            self._terminal.show_marked(" " * _TIME, line, style)

    def _below_each_other(self, shown: Sequence[ShownSas]) -> None:
        terminal = self._terminal
        fits = all(columns.width(f"{sas.large}   {sas.aside}") <= self._width for sas in shown)
        for name, sas in zip(SIDES, shown, strict=True):
            start = f"{'':<{_TIME}}{name:<{_NAME}}"
            if fits:
                terminal.result(f"{start}{terminal.bold(sas.large)}   {terminal.dim(sas.aside)}")
            else:
                terminal.show_marked(start, sas.large, "bold")
                terminal.show_marked(" " * len(start), sas.aside, "dim")


class DemoColumn:
    """One side."""

    def __init__(self, table: DemoTable, side: str) -> None:
        self._table = table
        self._side = side
        self._sas: SasReady | None = None
        self._going = self._secure = False

    def show(self, news: News) -> None:
        match news:
            case Listening():
                self._row(f"waiting on {text(news.bind)}")
            case Calling():
                self._row(f"calling {text(news.remote)}")
            case PeerDetected():
                self._row("looking for peer ... found")
            case GoingSecure():
                if not self._going:
                    self._row("going secure ...")
                self._going = True
            case SasReady():
                self._sas = news
            case Agreed():
                self._show_agreed(news)
            case Verified(verified=True):
                self._row(f"{wording.VERIFIED} - {wording.name(news.peer_name)}", "bold", "green")
            case SecurityWarning() if news.code not in SAID_BY_HEADING:
                self._row(f"warning: {as_line(news.text)}", "yellow")
            case Mismatched():
                self._row(news.text, "bold", "red")
            case NoPeer():
                self._row(f"{wording.INSECURE} - {wording.NO_KEYS}", "red")
            case Failed():
                self._row(f"{wording.INSECURE} - {wording.NOT_AGREED}", "red")
            case Waiting(since=None) | SoundNote():
                self._row(news.text)
            case Media(final=True):
                self._row(wording.sound(news.counters))
            case Ended():
                self._show_ended(news)
            case _:
                pass

    def _show_agreed(self, agreed: Agreed) -> None:
        if self._secure:
            return
        self._secure = True
        news = agreed.secured
        if self._table.verbose:
            self._row(f"{wording.suite(news.suite)}, as {news.role.value}", "dim")
            self._row(wording.suite_codes(news.suite), "dim")
            self._row(wording.traffic(agreed.packets, agreed.octets), "dim")
        continuity = self._sas.continuity if self._sas is not None else Continuity.NONE
        words = wording.state(agreed.assurance, wording.reason(agreed, continuity))
        self._row(words, *wording.COLOURS.get(agreed.assurance, ("bold",)))
        if self._sas is not None:
            self._table.show_sas(self._side, self._sas.sas)

    def _show_ended(self, news: Ended) -> None:
        if news.code is Exit.LOCAL or news.code is Exit.USAGE:
            self._table.error(news)
        else:
            self._row(as_line(news.text))

    def _row(self, words: str, *styles: str) -> None:
        self._table.row(self._side, words, *styles)
