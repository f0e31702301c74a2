"""A proxy at work: shown to people and machines, judged by keys, by `--verify` or on a page, until it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from zrtp.cli.calls import loops
from zrtp.cli.calls.signals import interruptible
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import logs
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.keyboard import END_OF_INPUT, keyboard
from zrtp.cli.screen.proxy_lines import ProxyJson, ProxyLines, line
from zrtp.cli.screen.terminal import Terminal
from zrtp.errors import ZrtpError
from zrtp.media.addresses import Address
from zrtp.protocol.events import Assurance
from zrtp.proxy.news import CallChanged, CallVerdict, Phase, ProxyNews, Switchboard, VerdictRefused, View

KEYS: Final = "keys: [v]erify  [s]how all calls  [q]uit"
WEB_KEY: Final = "  [w]eb address"

OPENED: Final = {
    "outbound_proxy": "outbound proxy for the phone",
    "phone": "the phone sends RTP to",
    "bind": "towards the network",
    "web": "web",
}
"""What is told when the proxy is open: names for machines, and for people."""

_JUDGEMENTS: Final = {
    Verdict.MATCH: CallVerdict.MATCH,
    Verdict.MISMATCH: CallVerdict.MISMATCH,
    Verdict.LATER: CallVerdict.LATER,
}


class Proxy(Switchboard, Protocol):
    """What is run here."""

    async def open(self) -> dict[str, str]:
        """Open all ports; returns their addresses, by the names that `OPENED` has."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """What the command line says beside the proxy itself."""

    json: bool
    plain: bool
    verbose: bool
    verdict: Verdict | None
    """None: a person is asked when they press a key."""
    name: str | None
    web: Address | None


@dataclass(slots=True)
class _Audience:
    """Everybody who is told what happens."""

    listeners: list[Callable[[ProxyNews], None]] = field(default_factory=list)
    early: list[ProxyNews] | None = field(default_factory=list)
    """What happened before anybody was told that the proxy is open; None from then on."""

    def begin(self) -> None:
        early, self.early = self.early or [], None
        for news in early:
            self.tell(news)

    def tell(self, news: ProxyNews) -> None:
        if self.early is not None:
            self.early.append(news)
            return
        for listener in self.listeners:
            listener(news)


def run_proxy(make: Callable[[Callable[[ProxyNews], None]], Awaitable[Proxy]], settings: ProxySettings) -> int:
    """Run the proxy that `make` makes within the event loop; returns the exit code. Raises CommandError."""
    terminal = Terminal.of_process(json=settings.json, plain=settings.plain)
    logs.to_terminal(terminal, verbose=settings.verbose)
    begun = time.monotonic()
    machines = ProxyJson(sys.stdout, lambda: time.monotonic() - begun) if settings.json else None
    run = _Run(make, settings, terminal, machines)
    try:
        code, hint = loops.run(run.run()), ""
        text = "ended" if code is Exit.ENDED else "interrupted"
    except CommandError as error:
        code, text, hint = error.code, str(error), error.hint
        if machines is None:
            raise
        terminal.error(text, hint)
    if machines is not None:
        end = {"exit": int(code), "text": text, "hint": hint or None, "verdict": run.verdict}
        machines.write({"event": "ended", **end})
    return int(code)


class _Run:
    def __init__(
        self,
        make: Callable[[Callable[[ProxyNews], None]], Awaitable[Proxy]],
        settings: ProxySettings,
        terminal: Terminal,
        machines: ProxyJson | None,
    ) -> None:
        self._make = make
        self._settings = settings
        self._terminal = terminal
        self._machines = machines
        self._lines = ProxyLines(terminal)
        self._audience = _Audience([self._lines.show])
        if machines is not None:
            self._audience.listeners.append(machines.show)
        self._page: Any = None
        self._code = Exit.INTERRUPTED
        self.verdict = "none"
        """About the call that was heard of last, of those whose words could be compared."""
        self._audience.listeners.append(self._note_verdict)

    async def run(self) -> Exit:
        ended = asyncio.Event()
        proxy = await self._make(self._audience.tell)
        if self._settings.verdict is not None:
            self._audience.listeners.append(lambda news: self._judge_by_option(proxy, news))
        try:
            opened = await self._open(proxy)
            self._announce(opened)
            self._audience.begin()
            with interruptible(ended.set):
                await self._attend(proxy, ended)
        finally:
            if self._page is not None:
                await self._page.close()
            await proxy.close()
        return self._code

    async def _open(self, proxy: Proxy) -> dict[str, str]:
        try:
            opened = await proxy.open()
            if self._settings.web is not None:
                self._page, address = await open_page(proxy, self._settings.web)
                self._audience.listeners.append(self._page.tell)
                opened["web"] = address
        except ZrtpError as error:
            raise CommandError.from_sentences(str(error)) from error
        except OSError as error:
            raise _cannot_open(error) from error
        return opened

    def _announce(self, opened: dict[str, str]) -> None:
        for name, value in opened.items():
            self._terminal.note(f"{OPENED[name]}: {value}")
        if self._machines is not None:
            self._machines.write({"event": "listening", **opened})
        if self._settings.verdict is None and sys.stdin.isatty():
            self._terminal.note(KEYS + (WEB_KEY if self._page is not None else ""), "dim")

    async def _attend(self, proxy: Proxy, ended: asyncio.Event) -> None:
        waiting = asyncio.ensure_future(ended.wait())
        with keyboard(sys.stdin) as keys:
            dialogue = Dialogue(self._terminal, keys)
            typing = asyncio.ensure_future(self._serve_keys(proxy, dialogue))
            try:
                await asyncio.wait({waiting, typing}, return_when=asyncio.FIRST_COMPLETED)
                if typing.done():
                    typing.result()
            finally:
                for task in (waiting, typing):
                    task.cancel()
                await asyncio.gather(waiting, typing, return_exceptions=True)

    async def _serve_keys(self, proxy: Proxy, dialogue: Dialogue) -> None:
        """Until q is pressed. Without a keyboard, in the background, this never ends."""
        while (key := await dialogue.key()) != "q":
            match key:
                case "v":
                    await self._verify(proxy, dialogue)
                case "s":
                    self._lines.again(proxy.views())
                case "w":
                    self._new_web_address()
                case _ if key == END_OF_INPUT:
                    await asyncio.Event().wait()
        self._code = Exit.ENDED

    async def _verify(self, proxy: Proxy, dialogue: Dialogue) -> None:
        """Ask about the newest call whose words nobody has compared."""
        view = next((view for view in reversed(proxy.views()) if _to_be_compared(view)), None)
        if view is None or view.sas is None:
            self._terminal.note("there is no call whose words are still to be compared")
            return
        self._terminal.result(line(view, self._terminal.shows), "bold")
        verdict = await dialogue.verdict(view.sas)
        name = await dialogue.name(view.name or view.peer) if verdict is Verdict.MATCH else None
        try:
            proxy.judge(view.number, view.sas.rendered, _JUDGEMENTS[verdict], name)
        except VerdictRefused as error:
            self._terminal.error(str(error))

    def _new_web_address(self) -> None:
        if self._page is not None:
            self._terminal.note(f"web: {self._page.new_address()}")

    def _note_verdict(self, news: ProxyNews) -> None:
        if isinstance(news, CallChanged) and news.view.assurance is not Assurance.INSECURE:
            view = news.view
            given = Verdict.MISMATCH if view.mismatch else Verdict.MATCH if view.verified else Verdict.LATER
            self.verdict = given.value

    def _judge_by_option(self, proxy: Proxy, news: ProxyNews) -> None:
        verdict = self._settings.verdict
        if (
            isinstance(news, CallChanged)
            and _to_be_compared(news.view)
            and verdict in (Verdict.MATCH, Verdict.MISMATCH)
        ):
            view = news.view
            assert view.sas is not None  # noqa: S101
            with suppress(VerdictRefused):
                proxy.judge(view.number, view.sas.rendered, _JUDGEMENTS[verdict], self._settings.name)


async def open_page(switchboard: Switchboard, address: Address) -> tuple[Any, str]:
    """The page and its address. Raises CommandError without the library that it needs."""
    try:
        from zrtp.proxy.page import Page
    except ImportError as error:
        raise CommandError(
            "--web needs aiohttp, which is not installed", "python -m pip install '.[proxy]'", code=Exit.LOCAL
        ) from error
    page = Page(switchboard)
    return page, await page.open(address)


def _to_be_compared(view: View) -> bool:
    return view.sas is not None and view.phase is not Phase.ENDED and not view.verified and not view.mismatch


def _cannot_open(error: OSError) -> CommandError:
    """Why the proxy cannot begin, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CommandError(
            f"the server's certificate is not accepted: {error.verify_message}",
            "is the server's name right? --ca FILE trusts another authority",
        )
    if isinstance(error, ssl.SSLError):
        return CommandError("the server does not speak TLS there", "its port for TLS is usually 5061")
    if error.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT):
        return CommandError(
            f"the server cannot be reached: {os.strerror(error.errno)}", "is its address right, and does it run?"
        )
    if error.errno == errno.EADDRINUSE:
        return CommandError("a port cannot be opened: it is in use here", "choose another one")
    return CommandError(f"a port cannot be opened: {error.strerror or error}", "is the address one of this computer's?")
