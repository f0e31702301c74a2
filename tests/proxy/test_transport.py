"""Sockets for SIP: who is heard, and who is not."""

from __future__ import annotations

import asyncio
import math
import socket

import pytest

from tests.proxy.server_stage import LOOPBACK
from tests.proxy.test_server import within_time
from tests.support.cases import every
from tests.support.loops import until
from zrtp.proxy import transport
from zrtp.proxy.routing import Hop
from zrtp.proxy.sip import SipMessage, answer, parse
from zrtp.proxy.transport import PhoneSide, UdpNetworkSide, own_address
from zrtp.proxy.upstream import Located, NoSuchServer

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


async def in_vain() -> Located:
    raise NoSuchServer("No name server answers.")


def test_only_the_server_is_heard_on_the_network_side() -> None:
    async def scene() -> None:
        heard: list[SipMessage | bytes] = []
        server = Located([("127.0.0.2", 5060)])
        side = UdpNetworkSide(server, in_vain, lambda received, source: heard.append(received))
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


@every("seconds", [0.0, math.inf])
def test_the_server_is_looked_up_again_when_that_is_due_or_when_it_fails(seconds: float) -> None:
    async def scene() -> None:
        moved = asyncio.Event()

        async def find() -> Located:
            moved.set()
            return Located([("::1", 5060), ("127.0.0.3", 5060)])

        heard: list[SipMessage | bytes] = []
        located = Located([("127.0.0.2", 5060)], seconds)
        side = UdpNetworkSide(located, find, lambda received, source: heard.append(received))
        await side.open((LOOPBACK, 0))
        if math.isinf(seconds):
            unavailable = parse(REGISTER)
            side.send(unavailable, None)
            side.note_answer(answer(unavailable, 503, "Service Unavailable"))
        await moved.wait()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.3", 0))
            server.sendto(b"from there", (side.hop.host, side.hop.port))
        await until(lambda: bool(heard))
        await side.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "LOOK_AGAIN_AFTER", 0.0)
        within_time(scene)


def test_a_server_of_another_family_than_our_own_address_is_a_sentence() -> None:
    async def scene() -> None:
        side = UdpNetworkSide(Located([("::1", 5060)]), in_vain, lambda received, source: None)
        with pytest.raises(NoSuchServer, match="no address that can be reached from 127"):
            await side.open((LOOPBACK, 0))

    within_time(scene)


def test_phones_over_udp_and_tcp_are_heard_at_one_port_and_answered_where_they_are() -> None:
    async def scene() -> None:
        heard: list[tuple[SipMessage | bytes, Hop]] = []
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
