"""Calls of the command line with both ends in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tests.cli.stage import Stream, ticking, visible
from tests.interop.ports import free_udp_ports
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls.attendance import Attendance
from zrtp.cli.calls.calling import hold
from zrtp.cli.calls.conversation import Conversation
from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.calls.notices import Ended, News, Waiting
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import Exit
from zrtp.cli.options.algorithms import SAS_TYPES
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.sound import Accept
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.presenter import Presenter
from zrtp.cli.screen.terminal import Terminal
from zrtp.media.addresses import Address
from zrtp.media.sound.sources import Silence, Tone
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.session import Session

FAST = Config(key_agreements=(b"X255",), sas_types=SAS_TYPES)

OPTIONS = CallSettings(
    config=FAST,
    cache_keys=None,
    cache=None,
    bind=("127.0.0.1", 0),
    wait=None,
    audio="tone",
    input=None,
    output=None,
    accept=Accept.KEY,
    record=None,
    seconds=None,
    verdict=Verdict.LATER,
    name=None,
    peer_hash=None,
    aux=None,
    ssrc=None,
    impair=Impairment(),
    json=False,
    plain=False,
    verbose=False,
)


def free_port() -> int:
    """A UDP port of loopback that nobody uses now."""
    return free_udp_ports()


class Listener:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.news: list[News] = []

    def show(self, news: News) -> None:
        self.news.append(news)

    def texts(self) -> list[str]:
        return [news.text for news in self.news if isinstance(news, Waiting)]

    @property
    def end(self) -> Ended:
        ended = self.news[-1]
        assert isinstance(ended, Ended)
        return ended


class Call:
    """Alice calls Bob. Made within a running loop."""

    def __init__(
        self,
        alice: CallSettings = OPTIONS,
        bob: CallSettings = OPTIONS,
        *,
        remote: Address | None = None,
        sound: Sound | None = None,
        alice_cache: SecretCache | None = None,
        bob_cache: SecretCache | None = None,
        bob_endpoint: Endpoint | None = None,
    ) -> None:
        self.heard = {"alice": Listener(), "bob": Listener()}
        callee = bob_endpoint or Endpoint(bob.config, bob_cache)
        self.bob = Conversation(callee, bob, Sound(Silence(), []), [self.heard["bob"]])
        self.alice = Conversation(
            Endpoint(alice.config, alice_cache),
            alice,
            sound or Sound(Tone(), []),
            [self.heard["alice"]],
            remote=remote,
            callee=None if remote else self.bob,
        )

    async def hold(self, attend: Callable[[], Coroutine[Any, Any, None]] | None = None) -> int:
        async def nothing() -> None:
            pass

        sides = [self.alice] if self.alice._remote is not None else [self.bob, self.alice]
        async with asyncio.timeout(10):
            return await hold(sides, attend or nothing)


class Typist:
    """A keyboard, and somebody who reads a question before answering it."""

    single_keys = True

    def __init__(self, screen: Stream) -> None:
        self._screen = screen
        self._read = 0
        self._typed: asyncio.Queue[str] = asyncio.Queue()

    async def key(self) -> str:
        return await self._typed.get()

    async def line(self) -> str | None:
        return await self._typed.get()

    def forget_typed(self) -> None:
        while not self._typed.empty():
            self._typed.get_nowait()

    async def answer(self, question: str, answer: str) -> None:
        """Wait until the question is on the screen, further down than the last one."""
        await self.see(question)
        self._typed.put_nowait(answer)

    async def see(self, text: str) -> None:
        while (found := visible(self._screen.getvalue()).find(text, self._read)) < 0:
            await asyncio.sleep(0.002)
        self._read = found + len(text)


CLEARABLE = replace(OPTIONS, config=Config(key_agreements=(b"X255", b"Mult"), sas_types=SAS_TYPES, allow_clear=True))


class Meeting:
    """Alice reads and types as the script says; the call ends when the script does, or before."""

    def __init__(
        self,
        options: CallSettings = CLEARABLE,
        *,
        cache: SecretCache | None = None,
        bob_cache: SecretCache | None = None,
        bob_endpoint: Endpoint | None = None,
        name: str | None = None,
        plain: bool = True,
        sound: Sound | None = None,
    ) -> None:
        self.screen = Stream(terminal=True)
        self.heard_by_alice = Listener()
        self.call = Call(bob=CLEARABLE, bob_cache=bob_cache or MemoryCache(), bob_endpoint=bob_endpoint)
        terminal = Terminal(out=self.screen, err=self.screen, plain=plain, width=100)
        self.presenter = Presenter(terminal, ticking(), keys=True)
        self.call.alice = Conversation(
            Endpoint(options.config, cache if cache is not None else MemoryCache()),
            replace(options, name=name, verdict=None),
            sound or Sound(Tone(), []),
            [self.presenter, self.heard_by_alice],
            callee=self.call.bob,
        )
        self.typist = Typist(self.screen)
        dialogue = Dialogue(terminal, self.typist)
        self._attendance = Attendance(
            self.call.alice, dialogue, self.presenter, name=name, address=("192.0.2.20", 5004)
        )

    async def hold(self, script: Coroutine[Any, Any, None]) -> int:
        async def attend() -> None:
            reading = asyncio.ensure_future(script)
            try:
                await self._attendance.attend()
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading

        return await self.call.hold(attend)

    @property
    def alice(self) -> Session:
        return self.call.alice.opened.result().session

    def plain_packets(self) -> int:
        """What Bob has received beyond what he could verify."""
        counters = self.call.bob.opened.result().media.counters
        return counters.received - counters.verified


def meet(script: Callable[[Meeting], Coroutine[Any, Any, None]], make: Callable[[], Meeting] = Meeting) -> Meeting:
    """A call by script; the exit code is that of a call that ended."""

    async def held() -> Meeting:
        meeting = make()
        assert await meeting.hold(script(meeting)) == Exit.ENDED
        return meeting

    return asyncio.run(held())
