"""The event loop of every system."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from zrtp.cli.calls import loops, names
from zrtp.cli.calls.names import explained


def test_windows_too_gets_a_loop_that_goes_on_after_an_icmp_error() -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(loops.run(loop()), asyncio.SelectorEventLoop)


def test_a_coroutine_runs_to_its_end() -> None:
    async def answer() -> int:
        return 42

    assert loops.run(answer()) == 42


def test_names_are_looked_up_and_unknown_ones_are_errors() -> None:
    async def look_up(name: str) -> object:
        return await asyncio.get_running_loop().getaddrinfo(name, 5004, type=socket.SOCK_DGRAM)

    assert loops.run(look_up("127.0.0.1")) == socket.getaddrinfo("127.0.0.1", 5004, type=socket.SOCK_DGRAM)
    with pytest.raises(socket.gaierror):
        loops.run(look_up("nobody.invalid"))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that answers when everything is over."""
    answered = threading.Event()

    def look_up(*_: object, **options: int) -> object:
        answered.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    answered.set()


@pytest.mark.usefixtures("slow")
def test_the_end_does_not_wait_for_a_name_server() -> None:
    async def impatient() -> None:
        async with asyncio.timeout(0):
            await asyncio.get_running_loop().getaddrinfo("slow.example.org", 5004)

    with pytest.raises(TimeoutError):
        loops.run(impatient())


@pytest.mark.usefixtures("slow")
def test_what_takes_long_is_told_and_what_does_not_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PATIENCE", 0.01)
    told: list[str] = []

    async def look_up(patience: float, host: str) -> None:
        with explained(told.append, ("127.0.0.1", 5004), (host, 5004), None):
            await asyncio.sleep(patience)

    for patience, host in ((0.0, "quick.example.org"), (0.03, "192.0.2.20"), (0.03, "slow.example.org")):
        loops.run(look_up(patience, host))
    assert told == ["looking up the name slow.example.org"]
