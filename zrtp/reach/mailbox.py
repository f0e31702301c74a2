"""A place where two people who are not there at the same moment leave each other two short messages.

Speaks the protocol of magic-wormhole's mailbox server: JSON over a WebSocket. One side is given a number, the other
claims the same one, and each adds a message of SPAKE2 and a sealed one (`zrtp.reach.exchange`). The server sees the
two IP addresses, the number, times and sizes; it can refuse and delay, and guess the code once, noticed.

The connection may break while nobody is there yet: sleep, another Wi-Fi, a restart of the server. It is made again
under the same name, and the server repeats what it has.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from zrtp.reach.code import Code, is_number, random_words
from zrtp.reach.errors import MailboxRefused, NobodyThere, ReachError, WrongCode
from zrtp.reach.exchange import APPLICATION, LONGEST_MESSAGE, PasswordExchange
from zrtp.reach.steps import CodeMade, MailboxBroken, SomebodyThere, Told
from zrtp.system import RandomSource, system_random

Payload = Callable[[], Awaitable[bytes]]
"""Gives our message when the other side is there."""

JOIN_PATIENCE: Final = 60.0
"""Seconds that somebody with a code waits for whoever made it."""
ANSWER_PATIENCE: Final = 30.0
"""Seconds from the other side's first message to its sealed one."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
"""Seconds before a broken connection is made again; doubled each time."""


class Rendezvous:
    """One use of one number, as an asynchronous context: leaving it waits until the server has been told.

    `told` hears of `CodeMade`, `SomebodyThere` and `MailboxBroken`.
    """

    def __init__(
        self,
        url: str,
        payload: Payload,
        told: Told,
        *,
        random: RandomSource = system_random,
    ) -> None:
        self._url = url
        self._payload = payload
        self._told = told
        self._random = random
        self._side = random(5).hex()
        self._code: Code | None = None
        self._exchange: PasswordExchange | None = None
        self._received: dict[str, bytes] = {}
        self._own_sealed: bytes | None = None
        self._peer: str | None = None
        self._deadline: float | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Rendezvous:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.wait()

    async def wait(self) -> None:
        """Wait until the server knows that its mailbox is not needed any more, which takes two round trips."""
        if self._goodbyes:
            await asyncio.wait(self._goodbyes)

    async def invite(self, words: int = 2) -> bytes:
        """Make a code, wait for whoever comes with it, and return their message.

        Raises MailboxRefused, WrongCode if somebody came with another one, NobodyThere if they came and said nothing.
        """
        return await self._until_done(words)

    async def join(self, code: Code, patience: float = JOIN_PATIENCE) -> bytes:
        """Go to where the code leads, and return the message of whoever made it.

        Raises MailboxRefused, WrongCode, NobodyThere.
        """
        self._code = code
        self._deadline = asyncio.get_running_loop().time() + patience
        return await self._until_done(len(code.words))

    async def _until_done(self, words: int) -> bytes:
        pause, now = FIRST_PAUSE, asyncio.get_running_loop().time
        while True:
            try:
                return await self._once(words)
            except (OSError, TimeoutError, WebSocketException, _Broken) as error:
                if self._code is None or (self._deadline is not None and now() + pause > self._deadline):
                    raise MailboxRefused(_unreachable(error)) from error
                self._told(MailboxBroken(_printable(error)))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _once(self, words: int) -> bytes:
        """Everything over one connection."""
        line, mood = _Line(await _connect(self._url)), "lonely"
        try:
            await line.begin(self._side)
            if self._code is None:
                self._code = Code(number=await line.allocate(), words=random_words(words, self._random))
                self._told(CodeMade(self._code))
            await line.claim(self._code.number)
            message = await self._swap(line, self._code)
            mood = "happy"
            return message
        except WrongCode:
            mood = "scary"
            raise
        except NobodyThere:
            mood = "errory"
            raise
        finally:
            goodbye = asyncio.create_task(line.leave(self._code.number if self._code else None, mood))
            self._goodbyes.add(goodbye)
            goodbye.add_done_callback(self._goodbyes.discard)

    async def _swap(self, line: _Line, code: Code) -> bytes:
        if self._exchange is None:
            self._exchange = PasswordExchange(code, self._side, self._random)
        try:
            async with asyncio.timeout_at(self._deadline) as limit, aclosing(line.messages()) as messages:
                await line.add(_PAKE, self._exchange.first)
                async for side, phase, body in messages:
                    if not self._take(side, phase, body):
                        continue
                    if phase == _PAKE:
                        self._deadline = asyncio.get_running_loop().time() + ANSWER_PATIENCE
                        limit.reschedule(self._deadline)
                        await self._answer(line)
                    if _SEALED in self._received:
                        return self._exchange.open(self._received[_SEALED])
        except TimeoutError:
            raise NobodyThere(_SILENT if self._exchange.peer_is_there else _NOBODY) from None
        raise _Broken("the server ended the connection")

    def _take(self, side: str, phase: str, body: bytes) -> bool:
        """Keep a message of the other side; False if it is an echo, a repetition, or somebody else's.

        The first one who sends SPAKE2 is the other side: the server lets no third one in.
        """
        exchange = self._exchange
        if exchange is None or side == self._side or phase not in (_PAKE, _SEALED) or self._peer not in (None, side):
            return False
        if phase in self._received:
            return phase == _PAKE  # after a break: our sealed message may not have arrived
        if phase == _SEALED and not exchange.peer_is_there:
            return False
        self._received[phase] = body
        if phase == _PAKE:
            self._peer = side
            exchange.meet(side, body)
            self._told(SomebodyThere())
        return True

    async def _answer(self, line: _Line) -> None:
        assert self._exchange is not None  # noqa: S101
        if self._own_sealed is None:
            self._own_sealed = self._exchange.seal(await self._payload())
        await line.add(_SEALED, self._own_sealed)


class _Broken(ReachError):
    """The connection is gone, and may be made again."""


class _Line:
    """The messages of the server's protocol, one method each. Raises _Broken when the connection has ended."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._early: list[dict[str, Any]] = []

    async def begin(self, side: str) -> None:
        welcome = (await self._answer_to("welcome")).get("welcome")
        if not isinstance(welcome, dict):
            raise MailboxRefused("That server is no mailbox server. Name another one with --mailbox.")
        if "error" in welcome:
            raise MailboxRefused(f'The mailbox server says: "{_printable(welcome["error"])}".')
        wanted = welcome.get("permission-required", {"none": {}})
        if not isinstance(wanted, dict) or "none" not in wanted:
            raise MailboxRefused("The mailbox server wants a proof of work. Name another one with --mailbox.")
        await self._send(type="bind", appid=APPLICATION, side=side)

    async def allocate(self) -> str:
        number = (await self._answer_to("allocated", type="allocate")).get("nameplate")
        if not isinstance(number, str) or not is_number(number):
            raise MailboxRefused("The mailbox server gave no number. Name another one with --mailbox.")
        return number

    async def claim(self, number: str) -> None:
        mailbox = (await self._answer_to("claimed", type="claim", nameplate=number)).get("mailbox")
        if not isinstance(mailbox, str):
            raise MailboxRefused("The mailbox server gave no place. Name another one with --mailbox.")
        await self._send(type="open", mailbox=mailbox)

    async def add(self, phase: str, body: bytes) -> None:
        await self._send(type="add", phase=phase, body=body.hex())

    async def messages(self) -> AsyncGenerator[tuple[str, str, bytes], None]:
        """Side, phase and body of what is in the mailbox and comes into it; what makes no sense is left out."""
        while True:
            message = _read_message(await self._next("message"))
            if message is not None:
                yield message

    async def leave(self, number: str | None, mood: str) -> None:
        """Give the number back, close the mailbox, and end the connection."""
        with suppress(Exception):  # whatever keeps us from saying goodbye, the server clears up by itself
            async with asyncio.timeout(_GOODBYE):
                if number is not None:
                    await self._send(type="release", nameplate=number)
                    await self._send(type="close", mood=mood)
                    await self._next("closed")
        await self._socket.close()

    async def _send(self, **message: object) -> None:
        await self._socket.send(json.dumps(message))

    async def _answer_to(self, kind: str, **question: object) -> dict[str, Any]:
        async with asyncio.timeout(_SERVER_PATIENCE):
            if question:
                await self._send(**question)
            return await self._next(kind)

    async def _next(self, kind: str) -> dict[str, Any]:
        for number, early in enumerate(self._early):
            if early["type"] == kind:
                return self._early.pop(number)
        while True:
            try:
                message = _parse(await self._socket.recv())
            except ConnectionClosed:
                raise _Broken("the server ended the connection") from None
            if message is None:
                continue
            if message["type"] == kind:
                return message
            if message["type"] == "error":
                raise MailboxRefused(_refusal(message.get("error")))
            if message["type"] == "message" and len(self._early) < _MOST_EARLY:
                self._early.append(message)


async def _connect(url: str) -> ClientConnection:
    return await connect(
        url,
        compression=None,
        open_timeout=10,
        close_timeout=1,
        ping_interval=20,
        ping_timeout=20,
        max_size=65536,
        user_agent_header=None,
    )


def _parse(text: str | bytes) -> dict[str, Any] | None:
    """A message of the server, or None if it is none."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None


def _read_message(message: dict[str, Any]) -> tuple[str, str, bytes] | None:
    side, phase, body = message.get("side"), message.get("phase"), message.get("body")
    if not (isinstance(side, str) and isinstance(phase, str) and isinstance(body, str)):
        return None
    if len(side) > _LONGEST_NAME or len(body) > 2 * LONGEST_MESSAGE:
        return None
    try:
        return side, phase, binascii.unhexlify(body)
    except ValueError:
        return None


def _refusal(reason: object) -> str:
    if reason in ("crowded", "reclaimed"):
        return "This number is used up: two people have been there already. Make a new code."
    return f'The mailbox server refuses: "{_printable(reason)}".'


def _unreachable(error: Exception) -> str:
    why = _NUMBER.sub("", _printable(error))
    return f"The mailbox server cannot be reached ({why}). Is there a network? --mailbox names another one."


def _printable(text: object) -> str:
    """What a server said, fit for a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))[:200]


_PAKE: Final = "pake"
_NUMBER: Final = re.compile(r"\[Errno -?\d+\] ")
_SEALED: Final = "description"
_SERVER_PATIENCE: Final = 10.0
_GOODBYE: Final = 2.0
_MOST_EARLY: Final = 16
_LONGEST_NAME: Final = 64
_NOBODY: Final = (
    "Nobody waits under this number. Is it right, and is the other program still running? Then make a new code."
)
_SILENT: Final = (
    "Somebody came with this number and then said nothing: gone, or a guess. The code is used up, make a new one."
)
