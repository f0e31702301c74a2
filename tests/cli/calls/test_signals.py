"""Signals that end a call in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from zrtp.cli.calls.signals import interruptible


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
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
