"""A call as a person sees it: what is going on, its state by name, the words to compare.

Knows the engine's events and the command's notices, and nothing about sockets or keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import assert_never

from zrtp.cli.calls.notices import (
    Agreed,
    Calling,
    Ended,
    Listening,
    Media,
    Mismatched,
    News,
    Reaching,
    SoundNote,
    Standing,
    Waiting,
)
from zrtp.cli.errors import Exit, as_line
from zrtp.cli.screen import columns, wording
from zrtp.cli.screen.jsonlines import text
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.sas import Sas
from zrtp.media.events import MediaRecovered, MediaTrouble, PeerLeft
from zrtp.media.secure import Counters
from zrtp.protocol.events import (
    AnotherPeer,
    Assurance,
    ClearRequested,
    Closed,
    Continuity,
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

SAID_BY_HEADING = (WarningCode.CACHE_MISMATCH, WarningCode.PEER_NOT_VERIFIED, WarningCode.NEW_DEVICE)
"""Warnings that the name of the state and its reason repeat."""


class Presenter:
    """One call on a terminal; `clock` tells the seconds since the command started.

    `keys` says that some can be pressed, `verbose` that technology is of interest.
    """

    def __init__(
        self, terminal: Terminal, clock: Callable[[], float], *, keys: bool = False, verbose: bool = False
    ) -> None:
        self._terminal = terminal
        self._clock = clock
        self._keys = keys
        self._verbose = verbose
        self._keys_told = False
        self._sas: SasReady | None = None
        self._secured: Secured | None = None
        self._name: str | None = None
        self._assurance = Assurance.INSECURE
        self._stranger_to = ""
        self._began: float | None = None
        self._later: list[tuple[str, tuple[str, ...]]] = []  # notes that would tear the line that is growing
        self._counters: Counters | None = None
        self._microphone = False
        self._asking = False

    def show(self, news: News) -> None:
        match news:
            case Listening():
                self._listening(news)
            case Calling():
                self._terminal.note(f"calling {text(news.remote)}")
                self._terminal.begin("looking for peer ...")
            case Reaching():
                self._reaching(news)
            case PeerDetected():
                self._terminal.begin_unless_begun("looking for peer ...")
                self._finish("found")
            case GoingSecure():
                if self._began is None:
                    self._began = self._clock()
                    self._terminal.begin("going secure ...")
            case SasReady():
                self._sas = news
            case Agreed():
                self._show_agreed(news)
            case Standing():
                self._assurance = news.assurance
            case Verified():
                self._name = news.peer_name
                if (self._name or "").casefold() == self._stranger_to.casefold():
                    self._stranger_to = ""
            case Waiting():
                self._waiting(news)
            case SoundNote():
                self._terminal.aside(news.text)
            case Media():
                self._media(news)
            case SecurityWarning():
                if news.code not in SAID_BY_HEADING:
                    self._note(f"warning: {as_line(news.text)}", "yellow")
            case SasRelayed():
                self._show_relayed(news)
            case Mismatched():
                self._alarm(news.text)
            case NoPeer():
                self._finish("none")
                self._state(Assurance.INSECURE, wording.NO_KEYS)
            case Failed():
                self._finish("failed")
                self._state(Assurance.INSECURE, wording.NOT_AGREED)
            case ClearRequested():
                self._began = None
                self._state(Assurance.INSECURE, wording.NOTHING_SENT)
            case WentClear():
                self._began = None
                who = wording.switched_off(self._name) if news.by_peer else "you switched encryption off"
                self._state(Assurance.INSECURE, f"{who}; sound is sent unprotected now")
            case EnrolmentOffered():
                self._note(wording.OFFERS_ENROLMENT)
            case SignatureReceived():
                self._note(wording.signature(news))
            case PongReceived():
                if self._verbose:
                    self._note(wording.pong(news), "dim")
            case MediaTrouble():
                self._note(f"warning: {as_line(news.text)}", "yellow")
            case MediaRecovered():
                self._note(wording.HEARD_AGAIN)
            case Ended():
                self._show_ended(news)
            case PeerLeft() | AnotherPeer() | Secured() | SendingChanged() | KeysReady() | Closed():
                pass  # told by Agreed and by the state, or nothing that a person here could act upon
            case _:
                assert_never(news)

    def show_state(self) -> None:
        """How the call stands, and with whom."""
        with_whom = wording.name(self._name)
        self._state(self._assurance, f"with {with_whom}")

    def show_sas(self, sas: Sas, *, big: bool = True, relayed: bool = False) -> None:
        """The words to compare, by themselves between empty lines, or dimmed where nothing is to be done."""
        terminal = self._terminal
        shown = wording.sas(sas, terminal.shows)
        aside = shown.aside.replace(")", ", relayed)") if relayed else shown.aside
        large = [shown.large] if columns.width(shown.large) + 4 <= terminal.width else list(shown.parts)
        beside = len(large) == 1 and columns.width(f"    {shown.large}        {aside}") <= terminal.width
        lines = [f"    {terminal.bold(line) if big else line}" for line in large]
        aside = terminal.dim(aside) if big else aside
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

    def show_verified(self, peer_name: str | None) -> None:
        """The person has said that the words match."""
        self._terminal.result(f" secure with {wording.name(peer_name)} - verified", "bold", "green")

    def show_unverified(self, assurance: Assurance) -> None:
        """The person has taken that back."""
        self._state(assurance, wording.TAKEN_BACK)

    def _listening(self, news: Listening) -> None:
        self._terminal.note(f"waiting on {text(news.bind)}")
        self._terminal.note("on the other computer run")
        command = f"zrtp {news.verb} {text(news.advertised)} {news.options}".rstrip()
        self._terminal.detail(f"          {command}", "bold")
        if news.caveat:
            self._terminal.note(news.caveat, "dim")

    def _reaching(self, news: Reaching) -> None:
        self._terminal.note(news.text)
        if news.give:
            fits = len(news.give) + 10 < self._terminal.width  # a longer line is copied more easily without margin
            self._terminal.detail(f"          {news.give}" if fits else news.give, "bold")

    def _show_agreed(self, agreed: Agreed) -> None:
        news = agreed.secured
        first, self._secured = self._secured is None, news
        self._name, self._assurance, self._stranger_to = news.peer_name, agreed.assurance, agreed.stranger_to
        self._terminal.finish(" done")
        if self._verbose:
            self._technology(agreed)
        self._catch_up()
        if not first:
            self._state(agreed.assurance, wording.SECURE_AGAIN)
            return
        self._terminal.result()
        continuity = self._sas.continuity if self._sas is not None else Continuity.NONE
        self._state(agreed.assurance, wording.reason(agreed, continuity))
        if agreed.assurance is Assurance.MISMATCH and self._sas is not None:
            self._paragraph(wording.mismatch_advice(self._sas.sas))
        if agreed.enrolled:
            self._paragraph(wording.through(news.peer_name))
        elif agreed.server:
            self._terminal.note(f"warning: {wording.SERVER}", "yellow")
        if news.disclosure:
            self._terminal.note(f"warning: {wording.DISCLOSURE}", "yellow")
        if self._sas is not None:
            self.show_sas(self._sas.sas, big=not news.verified)
            if fallback := wording.sas_fallback(agreed.sas_wanted, self._sas.sas.code):
                self._terminal.note(fallback)

    def _technology(self, agreed: Agreed) -> None:
        """What the key agreement chose, and what it took."""
        suite = agreed.secured.suite
        took = "" if self._began is None else f", {round((self._clock() - self._began) * 1000)} ms"
        self._terminal.note(wording.suite(suite), "dim")
        traffic = wording.traffic(agreed.packets, agreed.octets)
        self._terminal.note(f"{wording.suite_codes(suite)}, {traffic}{took}", "dim")

    def _finish(self, words: str) -> None:
        """Complete the line that is growing, and say what had to wait for that."""
        self._terminal.finish(f" {words}")
        self._catch_up()

    def _catch_up(self) -> None:
        later, self._later = self._later, []
        for words, styles in later:
            self._terminal.note(words, *styles)

    def _note(self, words: str, *styles: str) -> None:
        """At once, or after the key agreement, which takes no time: its line is not to be torn."""
        if self._began is not None and self._terminal.growing:
            self._later.append((words, styles))
        else:
            self._terminal.note(words, *styles)

    def _show_relayed(self, news: SasRelayed) -> None:
        self._paragraph(f"{wording.through(self._name)}: compare what it relays from the far end")
        self.show_sas(news.sas, relayed=True)
        if news.signature is not None:
            self._note(wording.signature(news.signature))

    def _state(self, assurance: Assurance, why: str) -> None:
        if self._is_with_a_stranger(assurance):
            self._paragraph(wording.not_with(self._name, self._stranger_to), "bold", "yellow")
        else:
            self._paragraph(wording.state(assurance, why), *wording.COLOURS.get(assurance, ("bold",)))

    def _is_with_a_stranger(self, assurance: Assurance) -> bool:
        """Whether the key is known as somebody else's than the person expects, and nothing worse is to be said."""
        return bool(self._stranger_to) and assurance not in (Assurance.INSECURE, Assurance.MISMATCH)

    def _paragraph(self, words: str, *styles: str) -> None:
        for line in self._terminal.wrapped(words):
            self._terminal.result(line, *styles)

    def _alarm(self, words: str) -> None:
        self._terminal.result()
        self._paragraph(words, "bold", "red")
        self._terminal.result()

    def show_keys(self) -> None:
        """What can be pressed now."""
        if self._secured is None:
            self._terminal.note(f"keys:{wording.KEY_QUIT}")
        else:
            self._terminal.note(f"keys:{self._pressable(self._secured)}")

    def _waiting(self, news: Waiting) -> None:
        """A line the first time; after that how long it has taken, where a line can change."""
        if news.since is None:
            self._terminal.note(news.text)
        elif not self._asking:
            patience = "" if news.patience is None else f" of {wording.duration(news.patience)}"
            keys = wording.KEY_QUIT if self._keys else ""
            waited = f" {news.text}  {wording.duration(news.since)}{patience}"
            short = f" still trying  {wording.duration(news.since)}{patience}"
            self._terminal.status(f"{waited}{keys}", waited, f"{short}{keys}", short)

    def _pressable(self, secured: Secured) -> str:
        return wording.keys(self._assurance, clear=secured.allow_clear, mute=self._microphone)

    def _media(self, news: Media) -> None:
        self._counters = news.counters
        self._microphone = news.muted is not None
        if news.final or self._asking or self._secured is None:
            return
        if self._keys and not self._terminal.live:
            if not self._keys_told:
                self.show_keys()
            self._keys_told = True
            return
        state = wording.STATES[self._assurance].lower()
        if self._is_with_a_stranger(self._assurance):
            state = f"secure, but not with {self._stranger_to}"
        if news.silent:
            state += ", but nothing is heard"
        counters = news.counters
        sound = f"sent {counters.sent} heard {counters.received - counters.early - counters.rejected}"
        keys = self._pressable(self._secured) if self._keys else ""
        since = f" {state}  {wording.duration(news.seconds)}{wording.meter(news.level, news.muted)}"
        self._terminal.status(f"{since}  {sound}{keys}", f"{since}{keys}", f" {state}{keys}", f"{since}", f" {state}")

    def _show_ended(self, news: Ended) -> None:
        self._terminal.end()
        self._catch_up()
        counters = self._counters
        if counters is not None and self._secured is not None and (self._verbose or counters.rejected):
            self._terminal.note(f"packets: {wording.sound(counters)}")
        if news.code in (Exit.ENDED, Exit.INTERRUPTED):
            self._terminal.note(news.text)
        else:
            self._terminal.error(news.text, news.hint)
