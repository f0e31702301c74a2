"""Signals that end a call in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from tests.support.cases import every
from zrtp.cli.calls.signals import forwarded, interruptible

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_within_the_block_a_signal_is_a_call(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)

    async def test() -> None:
        interrupted = asyncio.Event()
        with interruptible(interrupted.set):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(interrupted.wait(), 5)

    with asyncio.Runner() as runner:
        runner.run(test())

    assert signal.getsignal(number) is before


def test_where_event_loops_take_no_signals_the_block_runs_all_the_same() -> None:
    class Loop(asyncio.SelectorEventLoop):
        def add_signal_handler(self, *_: object) -> None:
            raise NotImplementedError

    async def test() -> str:
        with interruptible(lambda: None):
            return "done"

    loop = Loop()
    try:
        assert loop.run_until_complete(test()) == "done"
    finally:
        loop.close()


@posix
@every("name", ["SIGINT", "SIGHUP"])
def test_what_nohup_and_the_shell_of_a_script_ignore_stays_ignored(name: str) -> None:
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_IGN)

    async def test() -> None:
        with interruptible(lambda: pytest.fail("it was to be ignored")):
            os.kill(os.getpid(), number)
            await asyncio.sleep(0)

    try:
        asyncio.run(test())
        with forwarded() as forwarding:
            forwarding.begin(Program())
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


@posix
def test_a_program_of_another_user_is_waited_for_all_the_same() -> None:
    class Guarded:
        def send_signal(self, sig: int) -> None:
            raise PermissionError

    with forwarded() as forwarding:
        forwarding.begin(Guarded())
        os.kill(os.getpid(), signal.SIGTERM)


class Program:
    """Remembers what it was sent."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    def send_signal(self, sig: int) -> None:
        self.sent.append(sig)


@posix
def test_a_program_gets_the_signals_that_came_before_it_started_and_ctrl_c_by_itself() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    program = Program()
    with forwarded() as forwarding:
        os.kill(os.getpid(), signal.SIGHUP)
        forwarding.begin(program)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    assert program.sent == [signal.SIGHUP, signal.SIGTERM]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
