"""The event loop of every system."""

from __future__ import annotations

import asyncio

import pytest

from zrtp.cli.calls import loops


@pytest.mark.parametrize(
    ("platform", "loop"), [("win32", asyncio.SelectorEventLoop), ("linux", None), ("darwin", None)]
)
def test_windows_gets_a_loop_that_goes_on_after_an_icmp_error(
    platform: str, loop: type[asyncio.AbstractEventLoop] | None
) -> None:
    assert loops.loop_factory(platform) is loop


def test_a_coroutine_runs_to_its_end() -> None:
    async def answer() -> int:
        return 42

    assert loops.run(answer()) == 42
