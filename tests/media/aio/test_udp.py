"""Sockets of our own: what asyncio's transport cannot do."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.loops import run, until
from tests.support.rtp_program import RtpProgram
from zrtp.media.aio.udp import UdpTransport, open_udp
from zrtp.media.unreachable import is_refusal

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs what only Linux tells of datagrams")


def test_datagrams_go_and_come_to_several_addresses() -> None:
    async def test() -> None:
        ends = [RtpProgram(number) for number in range(3)]
        transports = [await open_udp(end, ("127.0.0.1", 0), socket.AF_INET) for end in ends]
        middle, *others = transports
        for number, other in enumerate(others):
            middle.sendto(b"to %d" % number, other.get_extra_info("sockname"))
            other.sendto(b"from %d" % number, middle.get_extra_info("sockname"))
        await until(lambda: len(ends[0].heard) == 2 and bool(ends[1].heard and ends[2].heard))
        assert sorted(ends[0].heard) == [b"from 0", b"from 1"]
        assert ends[1].heard + ends[2].heard == [b"to 0", b"to 1"]
        for transport in transports:
            transport.close()
            transport.close()
            assert transport.is_closing()
        await until(lambda: all(end.lost for end in ends))

    run(test())


@needs_linux
@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.0.0.77"])
def test_a_listener_on_all_addresses_answers_from_the_one_that_was_asked(asked: str) -> None:
    async def test() -> None:
        program = RtpProgram(1)
        transport = await open_udp(program, ("0.0.0.0", 0), socket.AF_INET, listening=True)  # noqa: S104
        port = transport.get_extra_info("sockname")[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.bind(("127.0.0.1", 0))
            caller.setblocking(False)
            caller.sendto(b"hello", (asked, port))
            await until(lambda: bool(program.heard))
            transport.sendto(b"answer", caller.getsockname())
            _, source = await asyncio.get_running_loop().sock_recvfrom(caller, 100)
            assert source == (asked, port)
        transport.close()

    run(test())


@needs_linux
def test_a_listener_for_both_families_answers_from_the_address_that_was_asked() -> None:
    async def test() -> None:
        program = RtpProgram(1)
        transport = await open_udp(program, ("::", 0), socket.AF_INET6, dual_stack=True, listening=True)
        port = transport.get_extra_info("sockname")[1]
        for family, asked in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.9")):
            with socket.socket(family, socket.SOCK_DGRAM) as caller:
                caller.setblocking(False)
                program.heard.clear()
                caller.sendto(b"hello", (asked, port))
                await until(lambda: bool(program.heard))
                mapped = ("127.0.0.1" if family == socket.AF_INET else "::1", caller.getsockname()[1])
                to = (f"::ffff:{mapped[0]}", mapped[1], 0, 0) if family == socket.AF_INET else (*mapped, 0, 0)
                transport.sendto(b"answer", to)
                _, source = await asyncio.get_running_loop().sock_recvfrom(caller, 100)
                assert source[:2] == (asked, port)
        transport.close()

    if not socket.has_ipv6:
        pytest.skip("this computer has no IPv6")
    run(test())


@needs_linux
def test_a_refusal_by_the_network_is_told_although_the_socket_is_not_connected() -> None:
    async def test() -> None:
        program = RtpProgram(1)
        transport = await open_udp(program, ("127.0.0.1", 0), socket.AF_INET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            nowhere = gone.getsockname()
        for _ in range(3):
            transport.sendto(b"anybody there?", nowhere)
        await until(lambda: bool(program.errors))
        assert all(is_refusal(error) for error in program.errors)

        transport.sendto(b"anybody there?", nowhere)
        await asyncio.sleep(0.01)
        transport.sendto(b"first", transport.get_extra_info("sockname"))  # an error of the other is pending
        await until(lambda: bool(program.heard))
        assert program.heard == [b"first"]
        program.heard.clear()

        # What the network said has been read: nothing wakes the loop any more, and other peers are heard.
        told = len(program.errors)
        await asyncio.sleep(0.02)
        transport.sendto(b"myself", transport.get_extra_info("sockname"))
        await until(lambda: bool(program.heard))
        assert program.heard == [b"myself"]
        assert len(program.errors) <= told + 3
        transport.close()

    run(test())


def test_a_datagram_that_is_too_large_is_an_error_and_not_an_exception() -> None:
    async def test() -> None:
        program = RtpProgram(1)
        transport = await open_udp(program, ("127.0.0.1", 0), socket.AF_INET)
        transport.sendto(bytes(70_000), transport.get_extra_info("sockname"))
        assert [error.errno for error in program.errors if isinstance(error, OSError)] == [errno.EMSGSIZE]
        transport.close()

    run(test())


def test_what_the_system_does_not_take_at_once_is_dropped_and_counted() -> None:
    class Full:
        family = socket.AF_INET

        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", 1

        def setsockopt(self, *option: object) -> None:
            pass

        def sendto(self, data: bytes, address: object) -> None:
            raise BlockingIOError

    async def test() -> None:
        full: Any = Full()
        transport = UdpTransport(asyncio.get_running_loop(), full, RtpProgram(1), False)
        transport.sendto(b"sound", ("127.0.0.1", 2))
        assert transport.dropped == 1
        assert transport.get_write_buffer_size() == 0

    run(test())


def test_a_port_that_is_in_use_is_an_os_error_and_leaves_nothing_open() -> None:
    async def test() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            with pytest.raises(OSError, match="in use"):
                await open_udp(RtpProgram(1), other.getsockname(), socket.AF_INET)

    run(test())


def test_a_loop_that_cannot_watch_a_socket_gets_asyncios_own_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        add_reader = loop.add_reader

        def unable(fd: Any, callback: Callable[..., Any], *args: Any) -> None:
            if isinstance(getattr(callback, "__self__", None), UdpTransport):
                raise NotImplementedError
            add_reader(fd, callback, *args)

        monkeypatch.setattr(loop, "add_reader", unable)
        program = RtpProgram(1)
        transport = await open_udp(program, ("127.0.0.1", 0), socket.AF_INET)
        assert not isinstance(transport, UdpTransport)
        transport.sendto(b"myself", transport.get_extra_info("sockname"))
        await until(lambda: bool(program.heard))
        transport.close()

    run(test())


def test_to_abort_is_to_close() -> None:
    async def test() -> None:
        program = RtpProgram(1)
        transport = await open_udp(program, ("127.0.0.1", 0), socket.AF_INET)
        transport.abort()
        assert transport.is_closing()
        await until(lambda: program.lost)

    run(test())


@pytest.mark.parametrize("both", [True, False])
def test_a_socket_of_ipv6_takes_ipv4_only_if_it_is_for_both(both: bool) -> None:
    async def test() -> None:
        transport = await open_udp(RtpProgram(1), ("::", 0), socket.AF_INET6, dual_stack=both)
        sock = transport.get_extra_info("socket")
        assert bool(sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)) is not both
        transport.close()

    if not socket.has_dualstack_ipv6():
        pytest.skip("this computer has no IPv6")
    run(test())


@needs_linux
def test_what_the_network_says_of_a_peer_in_ipv6_is_heard_too() -> None:
    async def test() -> None:
        program = RtpProgram(1)
        transport = await open_udp(program, ("::1", 0), socket.AF_INET6)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as gone:
            gone.bind(("::1", 0))
            nowhere = gone.getsockname()
        transport.sendto(b"anybody there?", nowhere)
        await until(lambda: bool(program.errors))
        assert is_refusal(program.errors[0])
        transport.close()

    if not socket.has_ipv6:
        pytest.skip("this computer has no IPv6")
    run(test())
