"""Sockets for SIP: who is heard, and who is not."""

from __future__ import annotations

import asyncio
import socket

from tests.proxy.server_stage import LOOPBACK
from tests.proxy.test_server import until, within_time
from zrtp.proxy.routing import Hop
from zrtp.proxy.sip import Message
from zrtp.proxy.transport import PhoneSide, UdpNetworkSide, own_address

REGISTER = b"\r\n".join(
    [
        b"REGISTER sip:example.org SIP/2.0",
        b"Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK1",
        b"From: <sip:a@example.org>;tag=1",
        b"To: <sip:a@example.org>",
        b"Call-ID: 1",
        b"CSeq: 1 REGISTER",
        b"Content-Length: 0",
        b"",
        b"",
    ]
)


def test_only_the_server_is_heard_on_the_network_side() -> None:
    async def scene() -> None:
        heard: list[Message | bytes] = []
        side = UdpNetworkSide([("127.0.0.2", 5060)], lambda received, source: heard.append(received))
        await side.open((LOOPBACK, 0))
        for host in (LOOPBACK, "127.0.0.2"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
                speaker.bind((host, 0))
                speaker.sendto(host.encode(), (side.hop.host, side.hop.port))
        await until(lambda: bool(heard))
        assert heard == [b"127.0.0.2"]
        assert side.strangers == 1
        await side.close()

    within_time(scene)


def test_phones_over_udp_and_tcp_are_heard_at_one_port_and_answered_where_they_are() -> None:
    async def scene() -> None:
        heard: list[tuple[Message | bytes, Hop]] = []
        gone: list[Hop] = []
        side = PhoneSide(lambda received, source: heard.append((received, source)), gone.append)
        here = await side.open(LOOPBACK, 0)
        reader, writer = await asyncio.open_connection(here.host, here.port)
        writer.write(REGISTER)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind((LOOPBACK, 0))
            phone.setblocking(False)
            phone.sendto(REGISTER, (here.host, here.port))
            await until(lambda: len(heard) == 2)
            hops = {source.transport: source for _, source in heard}
            side.send(b"over udp", hops["UDP"])
            side.send(b"over tcp", hops["TCP"])
            assert await asyncio.get_running_loop().sock_recv(phone, 99) == b"over udp"
        assert await reader.readexactly(8) == b"over tcp"
        writer.close()
        await until(lambda: bool(gone))
        assert gone == [hops["TCP"]]
        side.send(b"to nobody", hops["TCP"])
        await side.close()

    within_time(scene)


def test_our_own_address_is_the_one_from_which_the_server_is_reached() -> None:
    assert own_address((LOOPBACK, 5060)) == LOOPBACK
    assert own_address(("::1", 5060)) == "::1"
