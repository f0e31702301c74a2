"""A call as a person sees it: what is going on, its state by name, the words to compare.

Knows the engine's events and the command's notices, and nothing about sockets or keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import assert_never

from zrtp.cli import columns, wording
from zrtp.cli.errors import Exit, as_line
from zrtp.cli.jsonlines import text
from zrtp.cli.notices import Agreed, Calling, Ended, Listening, Media, Mismatched, News, Waiting
from zrtp.cli.terminal import Terminal
from zrtp.crypto.sas import Sas
from zrtp.protocol.events import (
    ClearRequested,
    Closed,
    EnrolmentOffered,
    Failed,
    GoingSecure,
    KeysReady,
    NoPeer,
    PeerDetected,
    PongReceived,
    SasReady,
    SasRelayed,
    Secured,
    SecurityWarning,
    SendingChanged,
    SignatureReceived,
    Verified,
    WarningCode,
    WentClear,
)

_SAID_BY_HEADING = (WarningCode.CACHE_MISMATCH, WarningCode.PEER_NOT_VERIFIED, WarningCode.SAS_MISMATCH)


class Presenter:
    """One call on a terminal; `clock` tells the seconds since the command started, `keys` that some can be pressed."""

    def __init__(self, terminal: Terminal, clock: Callable[[], float], *, keys: bool = False) -> None:
        self._terminal = terminal
        self._clock = clock
        self._keys = keys
        self._sas: SasReady | None = None
        self._secured: Secured | None = None
        self._verified: Verified | None = None
        self._began: float | None = None
        self._sound = ""
        self._asking = False

    def show(self, news: News) -> None:
        match news:
            case Listening():
                self._listening(news)
            case Calling():
                self._terminal.note(f"calling {text(news.remote)}")
                self._terminal.begin("looking for peer ...")
            case PeerDetected():
                self._terminal.begin_unless_begun("looking for peer ...")
                self._terminal.finish(" found")
            case GoingSecure():
                if self._began is None:
                    self._began = self._clock()
                    self._terminal.begin("going secure ...")
            case SasReady():
                self._sas = news
            case Agreed():
                self._agreed(news)
            case Verified():
                self._verified = news
            case Waiting():
                self._terminal.note(news.text)
            case Media():
                self._show_media(news)
            case SecurityWarning():
                if news.code not in _SAID_BY_HEADING:
                    self._terminal.note(f"warning: {as_line(news.text)}", "yellow")
            case SasRelayed():
                self._terminal.result(" a trusted server relayed the SAS of the far end; compare this one instead")
                self.show_sas(news.sas)
            case Mismatched():
                self._alarm(news.text)
            case NoPeer():
                self._terminal.finish(" none")
                self._state(wording.INSECURE, "no keys were agreed, so no sound was sent", "red")
            case Failed():
                self._terminal.finish(" failed")
                self._state(wording.INSECURE, "the key agreement failed", "red")
            case ClearRequested():
                self._state(wording.INSECURE, "the other side switched encryption off; nothing more is sent", "red")
            case WentClear():
                self._state(wording.INSECURE, "encryption is switched off", "red")
            case EnrolmentOffered():
                self._terminal.note(
                    "warning: the other side asks to be trusted with relaying the SAS; refused", "yellow"
                )
            case SignatureReceived():
                self._terminal.note("the other side signed the SAS; whether you trust the signer is up to you")
            case Ended():
                self._ended(news)
            case Secured() | SendingChanged() | KeysReady() | Closed() | PongReceived():
                pass
            case _:
                assert_never(news)

    def show_sas(self, sas: Sas, *, big: bool = True) -> None:
        """The words to compare, by themselves between empty lines, or dimmed where nothing is to be done."""
        terminal = self._terminal
        shown = wording.sas(sas, terminal.shows)
        large = [shown.large] if columns.width(shown.large) + 4 <= terminal.width else list(shown.parts)
        beside = len(large) == 1 and columns.width(f"    {shown.large}        {shown.aside}") <= terminal.width
        lines = [f"    {terminal.bold(line) if big else line}" for line in large]
        aside = terminal.dim(shown.aside) if big else shown.aside
        lines = [f"{lines[0]}        {aside}"] if beside else [*lines, f"    {aside}"]
        if not big:
            for line in lines:
                terminal.result(line, "dim")
            return
        terminal.result()
        for line in lines:
            terminal.result(line)
        terminal.result()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a question is open the line at the bottom stays away."""
        self._asking = True
        try:
            yield
        finally:
            self._asking = False

    def remark(self, words: str) -> None:
        """Something the person may want to know."""
        self._terminal.note(words)

    def verified(self, peer_name: str | None) -> None:
        """The person has said that the words match."""
        self._terminal.result(f" secure with {peer_name or 'this peer'} - verified", "bold", "green")

    def unverified(self) -> None:
        """The person has taken that back."""
        self._state(wording.NOT_VERIFIED, "you took the verification back", "bold")

    def _listening(self, news: Listening) -> None:
        self._terminal.note(f"waiting on {text(news.bind)}")
        self._terminal.note("on the other computer run")
        self._terminal.detail(f"          zrtp call {text(news.advertised)}", "bold")

    def _agreed(self, agreed: Agreed) -> None:
        news = agreed.secured
        first, self._secured = self._secured is None, news
        if not first:
            return
        took = "" if self._began is None else f"  [{round((self._clock() - self._began) * 1000)} ms]"
        self._terminal.finish(f" {wording.suite(news.suite)}{took}")
        details = f"{wording.suite_codes(news.suite)}, {wording.traffic(agreed.packets, agreed.octets)}"
        self._terminal.note(details, "dim")
        state, why = wording.heading(news, self._sas)
        self._terminal.result()
        colours = {wording.VERIFIED: ("bold", "green"), wording.MISMATCH: ("bold", "red")}
        self._state(state, why, *colours.get(state, ("bold",)))
        if state == wording.MISMATCH:
            for line in self._terminal.wrapped(wording.MISMATCH_ADVICE):
                self._terminal.result(line)
        if news.disclosure:
            self._terminal.note(f"warning: {wording.DISCLOSURE}", "yellow")
        if self._sas is not None:
            self.show_sas(self._sas.sas, big=not news.verified)

    def _state(self, state: str, why: str, *styles: str) -> None:
        for line in self._terminal.wrapped(f"{state} - {why}"):
            self._terminal.result(line, *styles)

    def _alarm(self, words: str) -> None:
        self._terminal.result()
        for line in self._terminal.wrapped(words):
            self._terminal.result(line, "bold", "red")
        self._terminal.result()

    def _show_media(self, news: Media) -> None:
        self._sound = wording.sound(news.counters)
        if news.final or self._asking or self._secured is None:
            return
        verified = self._verified.verified if self._verified is not None else self._secured.verified
        state = (wording.VERIFIED if verified else wording.NOT_VERIFIED).lower()
        sound = f"sent {news.counters.sent} heard {news.counters.verified}"
        keys = (wording.KEYS_VERIFIED if verified else wording.KEYS_NOT_VERIFIED) if self._keys else ""
        self._terminal.status(f" {state}  {wording.duration(news.seconds)}  {sound}{keys}")

    def _ended(self, news: Ended) -> None:
        self._terminal.end()
        if self._sound and self._secured is not None:
            self._terminal.note(f"packets: {self._sound}")
        if news.code in (Exit.ENDED, Exit.INTERRUPTED):
            self._terminal.note(news.text)
        else:
            self._terminal.error(news.text, news.hint)
