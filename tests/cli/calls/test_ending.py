"""How a call ends: once, and with what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from zrtp.cli.calls.ending import Ending, Outcome
from zrtp.cli.errors import CommandError, Exit
from zrtp.media.sound.errors import AudioError


def end(work: Callable[[Ending], None]) -> Outcome:
    async def call() -> Outcome:
        ending = Ending()
        assert not ending.reached
        work(ending)
        assert ending.reached
        return await ending.outcome

    return asyncio.run(call())


def test_whoever_is_first_says_how_it_ended() -> None:
    def work(ending: Ending) -> None:
        ending.hang_up(Exit.GONE, "the other side is gone", "call again")
        ending.hang_up(Exit.ENDED, "you hung up")
        ending.crash(RuntimeError("too late"))

    assert end(work) == Outcome(code=Exit.GONE, text="the other side is gone", hint="call again")


def test_a_mistake_in_the_program_comes_out_of_the_call() -> None:
    with pytest.raises(ZeroDivisionError):
        end(lambda ending: ending.crash(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (AudioError("No sound."), Outcome(code=Exit.LOCAL, text="No sound.")),
        (
            CommandError("No way.", code=Exit.NO_PEER, hint="walk"),
            Outcome(code=Exit.NO_PEER, text="No way.", hint="walk"),
        ),
    ],
    ids=["sound", "command"],
)
def test_what_fails_in_a_task_ends_the_call(failure: Exception, outcome: Outcome) -> None:
    async def call() -> Outcome:
        async def work() -> None:
            raise failure

        ending = Ending()
        await ending.guard(work)
        return await ending.outcome

    assert asyncio.run(call()) == outcome


def test_what_fails_for_no_known_reason_is_a_mistake_in_the_program() -> None:
    async def call() -> None:
        async def work() -> None:
            raise KeyError("what")

        ending = Ending()
        await ending.guard(work)
        await ending.outcome

    with pytest.raises(KeyError, match="what"):
        asyncio.run(call())
