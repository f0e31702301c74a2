"""What `zrtp call` and `zrtp listen` have in common: everything but who begins."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from typing import Any

from zrtp.cache.interface import SecretCache
from zrtp.cli.calls import attendance, loops
from zrtp.cli.calls.attendance import Attendance
from zrtp.cli.calls.bulletin import Audience
from zrtp.cli.calls.conversation import Conversation
from zrtp.cli.calls.labelled import CALLER_HERE, Labelled, is_this_computer
from zrtp.cli.calls.meeting import Meeting, RouterPort
from zrtp.cli.calls.names import explained
from zrtp.cli.calls.notices import Ended, Reaching, Waiting
from zrtp.cli.calls.opening import cannot_open
from zrtp.cli.calls.signals import interruptible
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import cache as cache_option
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.reach import ReachSettings, RouterSettings
from zrtp.cli.options.sound import MICROPHONE, Accept
from zrtp.cli.screen import logs
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.jsonlines import JsonLines
from zrtp.cli.screen.keyboard import Keyboard, TypedLines, keyboard
from zrtp.cli.screen.presenter import Presenter
from zrtp.cli.screen.terminal import Terminal
from zrtp.errors import CacheError, ZrtpError
from zrtp.media.addresses import Address, resolve
from zrtp.media.sound.portaudio import quiet_libraries
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.stores.address import Place


def hold_call(
    settings: CallSettings, remote: Address | None, reach: ReachSettings | RouterSettings | None = None
) -> int:
    """One call from beginning to end; returns the exit code. `reach` says how the other side is found."""
    with quiet_libraries() if settings.audio in (None, MICROPHONE) else nullcontext():
        return _hold_call(settings, remote, reach)


def _hold_call(settings: CallSettings, remote: Address | None, reach: ReachSettings | RouterSettings | None) -> int:
    terminal = Terminal.of_process(json=settings.json, plain=settings.plain)
    logs.to_terminal(terminal, verbose=settings.verbose)
    begun = time.monotonic()

    def clock() -> float:
        return time.monotonic() - begun

    asked = settings.verdict is None
    presenter = Presenter(terminal, clock, keys=asked and sys.stdin.isatty(), verbose=settings.verbose)
    audience: list[Audience] = [presenter]
    if settings.json:
        audience.append(JsonLines(sys.stdout, clock))

    async def main() -> int:
        sound = open_sound(settings, rings=settings.accept is not Accept.ALL)
        endpoint = open_endpoint(settings.config, await cache_for(settings, remote, audience), settings.cache)
        if (verdict := settings.verdict) is not None:
            lines = TypedLines(sys.stdin)  # nobody is asked for anything but a line to paste
            conversation = Conversation(
                endpoint, settings, sound, audience, remote=remote, found=_find(settings, reach, audience, lines)
            )
            return await hold([conversation], lambda: attendance.judge(conversation, presenter, verdict, settings.name))
        with keyboard(sys.stdin) as keys:
            conversation = Conversation(
                endpoint, settings, sound, audience, remote=remote, found=_find(settings, reach, audience, keys)
            )
            dialogue = Dialogue(terminal, keys, lambda: conversation.hang_up(Exit.ENDED, "you hung up"))
            attending = Attendance(
                conversation,
                dialogue,
                presenter,
                name=settings.name,
                address=remote,
            )
            return await hold([conversation], attending.attend)

    return run(main, audience)


def _find(
    settings: CallSettings,
    reach: ReachSettings | RouterSettings | None,
    audience: Sequence[Audience],
    keys: Keyboard,
) -> Meeting | RouterPort | None:
    """How the other side is found, if not at an address."""

    def show(news: Reaching) -> None:
        for listener in audience:
            listener.show(news)

    if isinstance(reach, ReachSettings):
        return Meeting(reach, show, keys, patience=settings.wait)
    if isinstance(reach, RouterSettings):
        assert settings.bind is not None, "whoever listens knows where"  # noqa: S101
        return RouterPort(settings.bind, reach.router)
    return None


async def cache_for(settings: CallSettings, remote: Address | None, audience: Sequence[Audience]) -> SecretCache | None:
    """The cache; a caller who reaches this very computer is another installation than the one who listens.

    Raises CommandError for a cache that cannot be used, and for a name that cannot be found.
    """

    def tell(text: str) -> None:
        for listener in audience:
            listener.show(Waiting(text=text))

    cache = cache_option.opened(settings.cache, settings.cache_keys)
    if cache is None or remote is None:
        return cache
    try:
        with explained(tell, remote):
            _, _, number = await resolve(None, remote)
    except OSError as error:
        raise cannot_open(error, None, remote) from error
    return Labelled(cache, CALLER_HERE) if number is not None and is_this_computer(number[0]) else cache


def open_sound(settings: CallSettings, *, rings: bool = False) -> Sound:
    """Source and sinks; with `rings` a microphone stays closed until it is answered. Raises CommandError."""
    try:
        return Sound.of(settings, rings=rings)
    except ZrtpError as error:
        raise CommandError.from_sentences(str(error), whole=(settings.audio, settings.record)) from error


def open_endpoint(config: Config, cache: SecretCache | None, path: Place | None) -> Endpoint:
    """An installation. Raises CommandError if its cache cannot be used."""
    try:
        return Endpoint(config, cache)
    except CacheError as error:
        raise cache_option.unusable(error, path) from error


def run(main: Callable[[], Coroutine[Any, Any, int]], audience: Sequence[Audience]) -> int:
    """Run the coroutine; what it raises is told to the audience as the end of the call."""

    try:
        return loops.run(main())
    except CommandError as error:
        ended = Ended(code=error.code, text=str(error), hint=error.hint)
    except KeyboardInterrupt:
        ended = Ended(code=Exit.INTERRUPTED, text="interrupted")
    for listener in audience:
        listener.show(ended)
    return int(ended.code)


async def hold(conversations: Sequence[Conversation], attend: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Hold the conversations until all have ended, with somebody attending; the exit code of the worst."""

    def interrupt() -> None:
        for conversation in conversations:
            conversation.hang_up(Exit.INTERRUPTED, "interrupted")

    def crashed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        for conversation in conversations:
            conversation.crash(context.get("exception") or RuntimeError(context["message"]))

    asyncio.get_running_loop().set_exception_handler(crashed)
    with interruptible(interrupt):
        attending = asyncio.ensure_future(attend())
        calls = asyncio.gather(*(conversation.run() for conversation in conversations))
        try:
            waiting: set[asyncio.Future[Any]] = {attending, calls}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not calls.done():
                attending.result()  # whoever attends may have nothing more to say, but must not have failed
            outcomes = await calls
        finally:
            attending.cancel()
            calls.cancel()
            await asyncio.gather(attending, calls, return_exceptions=True)
    return max(int(outcome.code) for outcome in outcomes)
