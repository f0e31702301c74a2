"""Nobody waits for what will not come, and nothing piles up."""

from __future__ import annotations

import asyncio

import pytest

from zrtp.media.aio.mailbox import Mailbox


def test_what_is_left_is_fetched_in_order() -> None:
    async def test() -> None:
        box: Mailbox[int] = Mailbox(3)
        for number in range(3):
            box.put(number)
        assert [await box.get() for _ in range(3)] == [0, 1, 2]
        assert box.dropped == 0

    asyncio.run(test())


def test_the_oldest_makes_room_and_is_counted() -> None:
    async def test() -> None:
        box: Mailbox[int] = Mailbox(3)
        for number in range(10):
            box.put(number)
        assert (len(box), box.dropped) == (3, 7)
        assert [await box.get() for _ in range(3)] == [7, 8, 9]

    asyncio.run(test())


def test_everybody_learns_that_nothing_more_comes() -> None:
    async def test() -> None:
        box: Mailbox[int] = Mailbox(3)
        waiting = [asyncio.ensure_future(box.get()) for _ in range(3)]
        await asyncio.sleep(0)
        box.put(1)
        box.close()
        box.put(2)
        assert await asyncio.gather(*waiting) == [1, None, None]
        assert await box.get() is None

    asyncio.run(test())


def test_in_a_pause_nobody_waits_until_something_comes_after_all() -> None:
    async def test() -> None:
        box: Mailbox[int] = Mailbox(3)
        waiting = [asyncio.ensure_future(box.get()) for _ in range(3)]
        await asyncio.sleep(0)
        box.put(1)
        box.pause()
        assert await asyncio.gather(*waiting) == [1, None, None]
        assert await box.get() is None
        box.put(2)
        assert await box.get() == 2
        again = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        assert not again.done()
        box.put(3)
        assert await again == 3

    asyncio.run(test())


def test_what_was_left_before_the_end_can_still_be_fetched() -> None:
    async def test() -> None:
        box: Mailbox[int] = Mailbox(3)
        box.put(1)
        box.close()
        assert [await box.get(), await box.get()] == [1, None]

    asyncio.run(test())


@pytest.mark.parametrize("woken", [False, True])
def test_whoever_gives_up_waiting_takes_nothing_with_him(woken: bool) -> None:
    async def test() -> None:
        box: Mailbox[int] = Mailbox(3)
        impatient, patient = asyncio.ensure_future(box.get()), asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        if woken:
            box.put(1)
        impatient.cancel()
        await asyncio.sleep(0)
        if not woken:
            box.put(1)
        assert await patient == 1
        assert impatient.cancelled()

    asyncio.run(test())
