"""What the proxy tells, as lines for people and as JSON lines for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TextIO

from zrtp.cli.screen import wording
from zrtp.cli.screen.terminal import Terminal
from zrtp.protocol.events import Assurance
from zrtp.proxy.leg import Protection
from zrtp.proxy.news import CallChanged, Phase, ProxyNews, ProxyNotice, View, described, headline

MOST_CALLS: Final = 256
"""Calls whose last line is remembered."""

_PROTECTION: Final = {
    Protection.IDLE: "ringing",
    Protection.SECURING: "not secure yet, nothing leaves",
    Protection.CLEAR: "NOT ENCRYPTED",
    Protection.BLOCKED: "nothing is sent",
}
_COLOURS: Final = {Protection.CLEAR: ("bold", "red"), Protection.BLOCKED: ("bold", "red")}


def line(view: View, shows: Callable[[str], bool] = str.isascii) -> str:
    """One call in one line: number, way, who, state, and the words as long as they are to be compared."""
    arrow = "to" if view.outgoing else "from"
    start = f"{view.number} {arrow} {view.who}"
    if view.phase is Phase.ENDED:
        return f"{start}: ended"
    if view.mismatch:
        return f"{start}: the words differ, the sound is cut off"
    if view.protection is not Protection.SECURE:
        return f"{start}: {_PROTECTION[view.protection]}"
    streams = "" if len(view.streams) < 2 else f" ({', '.join(kind for kind, _ in view.streams)})"
    words = "" if view.sas is None else f"   {wording.sas(view.sas, shows).large}"
    return f"{start}: {wording.STATES[view.assurance]}{streams}{words}"


class ProxyLines:
    """For people: a line whenever a call looks different, and notices."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._shown: dict[int, str] = {}

    def show(self, news: ProxyNews) -> None:
        match news:
            case CallChanged(view=view):
                self._show(view)
            case ProxyNotice():
                number = f"{news.call}: " if news.call is not None else ""
                self._terminal.note(number + news.text, *(("bold", "red") if news.loud else ()))

    def again(self, views: list[View]) -> None:
        """All calls, since the person asks."""
        if not views:
            self._terminal.note("no calls yet")
        for view in views:
            self._terminal.result(line(view, self._terminal.shows), *_styles(view))

    def _show(self, view: View) -> None:
        text = line(view, self._terminal.shows)
        if self._shown.get(view.number) == text:
            return
        self._shown[view.number] = text
        while len(self._shown) > MOST_CALLS:
            self._shown.pop(next(iter(self._shown)))
        self._terminal.result(text, *_styles(view))


class ProxyJson:
    """For machines: every change, and every notice."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self._out = out
        self._clock = clock
        self._shown: dict[int, tuple[object, ...]] = {}

    def show(self, news: ProxyNews) -> None:
        match news:
            case CallChanged(view=view):
                if self._shown.get(view.number) != headline(view):
                    self._shown[view.number] = headline(view)
                    self.write({"event": "call", **described(view)})
                while len(self._shown) > MOST_CALLS:
                    self._shown.pop(next(iter(self._shown)))
            case ProxyNotice():
                self.write({"event": "notice", "text": news.text, "call": news.call, "loud": news.loud})

    def write(self, event: dict[str, Any]) -> None:
        """One object."""
        self._out.write(json.dumps({"t": round(self._clock(), 3), **event}, separators=(",", ":")) + "\n")
        self._out.flush()


def _styles(view: View) -> tuple[str, ...]:
    if view.phase is Phase.ENDED:
        return ("dim",)
    if view.mismatch or view.assurance is Assurance.MISMATCH:
        return ("bold", "red")
    if view.protection is Protection.SECURE:
        return wording.COLOURS.get(view.assurance, ("bold",))
    return _COLOURS.get(view.protection, ())
