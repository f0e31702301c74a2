"""Four UDP ports of a media line."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from tests.proxy.server_stage import LOOPBACK
from tests.proxy.test_server import within_time
from tests.support.loops import until
from zrtp.media.addresses import Address
from zrtp.proxy.leg import Task
from zrtp.proxy.relay import Threads, UdpLine


def test_each_port_knows_which_side_it_is_on_and_whether_it_is_for_rtcp() -> None:
    async def scene() -> None:
        heard: list[tuple[str, bytes, bool]] = []
        line = UdpLine(
            LOOPBACK,
            LOOPBACK,
            from_phone=lambda data, source, rtcp: heard.append(("phone", data, rtcp)),
            from_network=lambda data, source, rtcp: heard.append(("network", data, rtcp)),
        )
        assert line.phone_port % 2 == line.network_port % 2 == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
            for port in (line.phone_port, line.phone_port + 1, line.network_port, line.network_port + 1):
                speaker.sendto(b"%d" % port, (LOOPBACK, port))
        await until(lambda: len(heard) == 4)
        assert sorted(heard) == sorted(
            [
                ("phone", b"%d" % line.phone_port, False),
                ("phone", b"%d" % (line.phone_port + 1), True),
                ("network", b"%d" % line.network_port, False),
                ("network", b"%d" % (line.network_port + 1), True),
            ]
        )
        line.close()
        line.close()
        line.to_phone(b"into nothing", (LOOPBACK, 9), rtcp=False)

    within_time(scene)


def test_what_is_sent_comes_from_the_port_that_was_announced() -> None:
    async def scene() -> None:
        line = UdpLine(LOOPBACK, LOOPBACK, from_phone=_nobody, from_network=_nobody)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind((LOOPBACK, 0))
            listener.settimeout(5)
            where = listener.getsockname()
            line.to_phone(b"a", where, rtcp=False)
            line.to_phone(b"b", where, rtcp=True)
            line.to_network(b"c", where, rtcp=False)
            line.to_network(b"d", where, rtcp=True)
            seen = {data: source[1] for data, source in (listener.recvfrom(9) for _ in range(4))}
        assert seen == {
            b"a": line.phone_port,
            b"b": line.phone_port + 1,
            b"c": line.network_port,
            b"d": line.network_port + 1,
        }
        line.close()

    within_time(scene)


def test_a_bad_network_is_between_us_and_the_network_and_not_before_the_phone() -> None:
    async def scene() -> None:
        lost: list[object] = []
        line = UdpLine(LOOPBACK, LOOPBACK, from_phone=_nobody, from_network=_nobody, path=lost.append)
        line.to_network(b"lost", (LOOPBACK, 9), rtcp=False)
        assert len(lost) == 1
        line.to_phone(b"not lost", (LOOPBACK, 9), rtcp=False)
        assert len(lost) == 1
        line.close()

    within_time(scene)


def test_a_port_that_is_taken_leaves_nothing_open() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind((LOOPBACK, 0))
            port = held.getsockname()[1]
            with pytest.raises(OSError, match="in use"):
                UdpLine(LOOPBACK, LOOPBACK, from_phone=_nobody, from_network=_nobody, network_port=port)

    within_time(scene)


def test_a_task_that_takes_long_does_not_hold_up_the_loop_and_is_waited_for_at_the_end() -> None:
    async def scene() -> None:
        threads, order = Threads(), []
        free = threading.Event()
        slow = Task(lambda: order.append("ran") if free.wait(5) else None, lambda now: None)
        threads(slow, lambda: order.append("done"))
        order.append("loop")
        threads(Task(lambda: order.append("quick"), lambda now: None, quick=True), lambda: order.append("done at once"))
        assert order == ["loop", "quick", "done at once"]
        free.set()
        await threads.finish()
        assert order[3:] == ["ran", "done"]

    within_time(scene)


def test_a_task_that_can_be_awaited_takes_no_thread() -> None:
    async def scene() -> None:
        threads, order, free = Threads(), [], asyncio.Event()

        async def awaited() -> None:
            await free.wait()
            order.append("ran")

        threads(
            Task(lambda: order.append("in a thread"), lambda now: None, awaited=awaited), lambda: order.append("done")
        )
        order.append("loop")
        free.set()
        await threads.finish()
        assert order == ["loop", "ran", "done"]

    within_time(scene)


def _nobody(data: bytes, source: Address, rtcp: bool) -> None:
    raise AssertionError("nothing was sent here")
