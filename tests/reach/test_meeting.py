"""From a code or a line to a way, on loopback with a mailbox server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.reach.fake_mailbox import fake_mailbox
from zrtp.reach.code import Code
from zrtp.reach.description import Description, Side
from zrtp.reach.errors import BadLine, NoWay, WrongCode
from zrtp.reach.meeting import swap_by_code, swap_by_lines
from zrtp.reach.path import IcePath
from zrtp.reach.servers import Servers
from zrtp.reach.steps import CodeFits, CodeMade, LineMade, LineRefused, MeetingStep, SomebodyThere

HASHES = {Side.LISTENER: b"L" * 32, Side.CALLER: b"C" * 32}


class Person:
    """One side, what it was told, and what it may paste."""

    def __init__(self, path: IcePath) -> None:
        self.path = path
        self.told: list[MeetingStep] = []
        self.steps: asyncio.Queue[MeetingStep] = asyncio.Queue()
        self.clipboard: asyncio.Queue[str | None] = asyncio.Queue()

    def hear(self, step: MeetingStep) -> None:
        self.told.append(step)
        self.steps.put_nowait(step)

    @property
    def hash(self) -> bytes:
        return HASHES[self.path.side]

    async def by_code(self, url: str, code: Code | None = None) -> Description:
        return await swap_by_code(self.path, self.hash, url, self.hear, code=code)

    async def by_line(self, theirs: Description | None = None) -> Description:
        return await swap_by_lines(self.path, self.hash, self.hear, ask=self.clipboard.get, theirs=theirs)


def play(scene: Callable[[Person, Person, str], Awaitable[None]], addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), fake_mailbox() as server, AsyncExitStack() as stack:
            people = [
                Person(await stack.enter_async_context(IcePath(side, Servers(), addresses=list(addresses))))
                for side in Side
            ]
            listener, caller = people
            await scene(listener, caller, server.url)

    asyncio.run(run())


async def connected(listener: Person, caller: Person, mine: Description, theirs: Description) -> None:
    """Each has the other's hash, and a way."""
    assert (mine.hello_hash, theirs.hello_hash) == (HASHES[Side.CALLER], HASHES[Side.LISTENER])
    ways = await asyncio.gather(listener.path.connect(mine, 5), caller.path.connect(theirs, 5))
    assert {str(way) for way in ways} == {"direct"}


def test_a_code_brings_two_sides_together() -> None:
    async def scene(listener: Person, caller: Person, url: str) -> None:
        inviting = asyncio.create_task(listener.by_code(url))
        made = await listener.steps.get()
        assert isinstance(made, CodeMade)
        theirs = await caller.by_code(url, made.code)
        await connected(listener, caller, await inviting, theirs)
        assert listener.told[1:] == caller.told == [SomebodyThere(), CodeFits()]

    play(scene)


def test_other_words_find_nobody() -> None:
    async def scene(listener: Person, caller: Person, url: str) -> None:
        inviting = asyncio.create_task(listener.by_code(url))
        made = await listener.steps.get()
        assert isinstance(made, CodeMade)
        for guess in (caller.by_code(url, Code(number=made.code.number, words=("adrift", "yesteryear"))), inviting):
            with pytest.raises(WrongCode):
                await guess
        assert CodeFits() not in listener.told + caller.told

    play(scene)


def test_a_line_each_way_brings_two_sides_together() -> None:
    async def scene(listener: Person, caller: Person, _: str) -> None:
        waiting = asyncio.create_task(listener.by_line())
        first = await listener.steps.get()
        assert isinstance(first, LineMade)
        theirs = await caller.by_line(Description.of_line(first.line))
        second = await caller.steps.get()
        assert isinstance(second, LineMade)
        listener.clipboard.put_nowait(second.line)
        await connected(listener, caller, await waiting, theirs)

    play(scene)


def test_what_is_not_the_other_sides_line_is_said_and_asked_for_again() -> None:
    async def scene(listener: Person, caller: Person, _: str) -> None:
        waiting = asyncio.create_task(listener.by_line())
        first = await listener.steps.get()
        assert isinstance(first, LineMade)
        for pasted, sentence in ((first.line, "your own line"), (first.line[:-4], "damaged"), ("hello", "no line")):
            listener.clipboard.put_nowait("")
            listener.clipboard.put_nowait(pasted)
            refused = await listener.steps.get()
            assert isinstance(refused, LineRefused) and sentence in refused.why
        await caller.by_line(Description.of_line(first.line))
        second = await caller.steps.get()
        assert isinstance(second, LineMade)
        listener.clipboard.put_nowait(second.line)
        assert (await waiting).side is Side.CALLER

    play(scene)


def test_the_end_of_input_is_the_end() -> None:
    async def scene(listener: Person, _caller: Person, _url: str) -> None:
        listener.clipboard.put_nowait(None)
        with pytest.raises(BadLine, match="No line of the other side"):
            await listener.by_line()

    play(scene)


def test_a_line_of_the_same_role_is_refused_at_once() -> None:
    async def scene(_listener: Person, caller: Person, _url: str) -> None:
        await caller.path.gather()
        other = caller.path.describe(bytes(32))
        with pytest.raises(BadLine, match="your own line"):
            await caller.by_line(other)

    play(scene)


def test_no_code_is_told_by_a_side_without_an_address() -> None:
    async def scene(listener: Person, _caller: Person, url: str) -> None:
        with pytest.raises(NoWay):
            await listener.by_code(url)
        assert listener.told == []

    play(scene, addresses=())


def test_a_joiner_without_an_address_is_told_so() -> None:
    async def scene(_listener: Person, caller: Person, url: str) -> None:
        inviting = asyncio.create_task(_listener.by_code(url))
        with pytest.raises(NoWay):
            await inviting
        with pytest.raises(NoWay):
            async with asyncio.timeout(1):
                await caller.by_code(url, Code.parse("7-virus-revival"))

    play(scene, addresses=())
