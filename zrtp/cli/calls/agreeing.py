"""Agreeing on keys that are for another program: no sound, and not one packet of SRTP under them from here."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Final

from zrtp.cli.calls.conversation import Audience
from zrtp.cli.calls.handing_over import Agreement
from zrtp.cli.calls.impairment import BadNetwork, Impairment
from zrtp.cli.calls.notices import Agreed, Calling, Ended, Mismatched, News, Waiting
from zrtp.cli.calls.signals import interruptible
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import logs, wording
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.jsonlines import JsonLines
from zrtp.cli.screen.keyboard import keyboard
from zrtp.cli.screen.presenter import Presenter
from zrtp.cli.screen.terminal import Terminal
from zrtp.media.addresses import Address
from zrtp.media.aio.stream import Options, SecureStream, connect, listen
from zrtp.media.errors import NotSecured
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import KeysReady, NoPeer, Secured, SrtpKeys

LINGER: Final = 1.2
"""Seconds for which the other side's last message is still answered, in case our answer got lost (T2, section 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeSettings:
    """What the command line says, beside algorithms and output."""

    remote: Address | None
    """None: wait for the other side."""
    bind: Address | None
    wait: float | None
    """Seconds; None waits without end."""
    verdict: Verdict | None
    """None: a person is asked."""
    name: str | None
    impair: Impairment
    json: bool
    plain: bool
    verbose: bool


async def agreed(
    endpoint: Endpoint, settings: AgreeSettings, terminal: Terminal, audience: list[Audience]
) -> Agreement:
    """Agree, have the words compared, and give the port back. Raises CommandError."""
    interrupted = asyncio.get_running_loop().create_future()
    with interruptible(lambda: None if interrupted.done() else interrupted.set_result(None)):
        agreeing = asyncio.ensure_future(_Agreeing(endpoint, settings, terminal, audience).run())
        await asyncio.wait({agreeing, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        if agreeing.done():
            return agreeing.result()
        agreeing.cancel()
        await asyncio.gather(agreeing, return_exceptions=True)
        raise CommandError("interrupted", code=Exit.INTERRUPTED)


class _Agreeing:
    def __init__(
        self, endpoint: Endpoint, settings: AgreeSettings, terminal: Terminal, audience: list[Audience]
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._terminal = terminal
        self._audience = audience
        self._keys: tuple[SrtpKeys, SrtpKeys] | None = None
        self._nobody = self._announced = False

    async def run(self) -> Agreement:
        """Until it is done or the time is up; whoever calls goes on looking as long as nobody answers."""
        wait = self._settings.wait
        try:
            async with asyncio.timeout(wait):
                while True:
                    agreement = await self._attempt()
                    if agreement is not None:
                        return agreement
        except TimeoutError as error:
            raise CommandError(
                f"nobody agreed on keys within {wait:g} seconds",
                "on the other computer run: zrtp agree --listen",
                code=Exit.NO_PEER,
            ) from error

    async def _attempt(self) -> Agreement | None:
        """None: nobody answers."""
        self._nobody = False
        try:
            async with self._open() as stream:
                self._announce(stream)
                following = asyncio.ensure_future(self._follow(stream))
                try:
                    return await self._finish(stream, await stream.secured())
                finally:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)
        except NotSecured as error:
            if not self._nobody:
                raise CommandError.from_sentences(str(error), code=Exit.NOT_AGREED) from error
            return None
        except OSError as error:
            raise CommandError(f"the port cannot be opened: {error.strerror or error}") from error

    def _open(self) -> AbstractAsyncContextManager[SecureStream]:
        options: Options = {}
        if self._settings.impair != Impairment():
            options["path"] = BadNetwork(self._settings.impair)
        if self._settings.remote is not None:
            return connect(self._endpoint, self._settings.remote, local=self._settings.bind, **options)
        assert self._settings.bind is not None, "whoever waits knows where"  # noqa: S101
        return listen(self._endpoint, self._settings.bind, **options)

    def _announce(self, stream: SecureStream) -> None:
        hello_hash, remote = stream.media.stream.hello_hash, self._settings.remote
        zid = self._endpoint.zid
        if self._announced:
            return
        self._announced = True
        if remote is not None:
            self._show(Calling(remote=remote, bind=stream.local, zid=zid, hello_hash=hello_hash))
        else:
            self._show(Waiting(text=f"waiting on {stream.local[0]}:{stream.local[1]}"))

    async def _follow(self, stream: SecureStream) -> None:
        async for event in stream:
            if isinstance(event, KeysReady):  # wiped when the stream is closed, so these are ours
                self._keys = _copy(event.send), _copy(event.receive)
            elif isinstance(event, Secured):
                counters = stream.media.counters
                self._show(
                    Agreed(
                        secured=event,
                        packets=counters.zrtp_packets,
                        octets=counters.zrtp_octets,
                        assurance=stream.session.assurance,
                    )
                )
            elif isinstance(event, NoPeer) and self._settings.remote is None:
                self._show(Waiting(text="that was no ZRTP call, still waiting"))
            elif isinstance(event, NoPeer):
                self._nobody = True
            else:
                self._show(event)

    async def _finish(self, stream: SecureStream, secured: Secured) -> Agreement:
        """The verdict; meanwhile, and a little longer, the other side's last message is answered if it comes again."""
        lingering = asyncio.ensure_future(asyncio.sleep(LINGER))
        await self._judge(stream, secured)
        await lingering
        assert self._keys is not None and stream.remote is not None, "a secure stream has both"  # noqa: S101
        send, receive = self._keys
        sas = stream.session.sas
        return Agreement(
            send=send,
            receive=receive,
            local=stream.local,
            remote=(stream.remote[0], stream.remote[1]),
            ssrc=stream.media.stream.ssrc,
            sas=sas.rendered if sas is not None else "",
            verified=stream.session.peer.verified,
        )

    async def _judge(self, stream: SecureStream, secured: Secured) -> None:
        session, sas = stream.session, stream.session.sas
        verdict, name = self._settings.verdict, self._settings.name
        if sas is None or (secured.verified and verdict is None):
            return
        if verdict is None:
            with keyboard(sys.stdin) as keys:
                dialogue = Dialogue(self._terminal, keys)
                verdict = await dialogue.verdict(sas)
                if verdict is Verdict.MATCH:
                    name = await dialogue.name(name or session.peer.name or "peer")
        if verdict is Verdict.MATCH:
            session.sas_matched(name)
        elif verdict is Verdict.MISMATCH:
            session.sas_mismatched()
            stream.settle()
            self._show(Mismatched(text=wording.alarm(sas)))
            raise CommandError(wording.alarm_exit(sas), wording.ALARM_HINT, code=Exit.SAS_MISMATCH)
        stream.settle()

    def _show(self, news: News) -> None:
        for listener in self._audience:
            listener.show(news)


def run_agree(make_endpoint: Callable[[], Endpoint], settings: AgreeSettings, use: Callable[[Agreement], int]) -> int:
    """Agree, and let `use` do with the keys what the person wants; returns the exit code.

    Standard output is for the keys, or for machines: what is for people goes to standard error.
    """
    terminal = Terminal.of_process(json=True, plain=settings.plain)
    logs.to_terminal(terminal, verbose=settings.verbose)
    begun = time.monotonic()
    audience: list[Audience] = [Presenter(terminal, lambda: time.monotonic() - begun, keys=False)]
    if settings.json:
        audience.append(JsonLines(sys.stdout, lambda: time.monotonic() - begun))
    try:
        agreement = asyncio.run(agreed(make_endpoint(), settings, terminal, audience))
        if not agreement.verified:
            terminal.note("warning: these keys are NOT VERIFIED: nobody has compared the words yet", "yellow")
        code = use(agreement)
        ended = Ended(code=Exit.ENDED, text="the keys were handed over")
    except CommandError as error:
        ended, code = Ended(code=error.code, text=str(error), hint=error.hint), int(error.code)
    for listener in audience:
        listener.show(ended)
    return code


def _copy(keys: SrtpKeys) -> SrtpKeys:
    return replace(keys, key=keys.key.copy(), salt=keys.salt.copy())
