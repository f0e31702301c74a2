"""One stream without signalling, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.interop.ports import free_udp_ports
from tests.proxy.server_stage import LOOPBACK
from tests.proxy.stage import QUICK
from tests.proxy.test_server import Media, within_time
from tests.support.loops import until
from zrtp.media.rtp import RtpPacket
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.bare import BareOptions, BareRtp
from zrtp.proxy.leg import Protection
from zrtp.proxy.news import CallVerdict, Phase, ProxyNews, VerdictRefused
from zrtp.proxy.policy import Policy, PolicyRefusal


def packet(sequence: int) -> bytes:
    return RtpPacket(payload_type=0, sequence=sequence, timestamp=0, ssrc=7, payload=b"words").encode()


def bare(local: int, bind: int, remote: int, news: list[ProxyNews], policy: Policy = Policy.REQUIRE) -> BareRtp:
    options = BareOptions(local=(LOOPBACK, local), remote=(LOOPBACK, remote), policy=policy, bind=(LOOPBACK, bind))
    return BareRtp(options, Endpoint(QUICK), news.append)


def test_two_tools_hear_each_other_and_whoever_sent_first_is_the_phone() -> None:
    async def scene() -> None:
        ports = free_udp_ports(8)
        news: list[ProxyNews] = []
        proxies = [bare(ports, ports + 2, ports + 6, news), bare(ports + 4, ports + 6, ports + 2, news)]
        loop = asyncio.get_running_loop()
        tools = [await loop.create_datagram_endpoint(Media, local_addr=(LOOPBACK, 0)) for _ in proxies]
        for proxy in proxies:
            proxy.open()
        await until(lambda: all(proxy.views()[0].protection is Protection.SECURE for proxy in proxies))
        tools[0][0].sendto(packet(1), (LOOPBACK, ports))
        tools[1][0].sendto(packet(2), (LOOPBACK, ports + 4))
        tools[0][0].sendto(packet(3), (LOOPBACK, ports))
        await until(lambda: bool(tools[0][1].heard) and bool(tools[1][1].heard))
        assert tools[0][1].heard == [packet(2)]
        assert tools[1][1].heard[-1] == packet(3)

        (view,) = proxies[0].views()
        assert view.sas is not None
        proxies[0].judge(1, view.sas.rendered, CallVerdict.MATCH)
        with pytest.raises(VerdictRefused):
            proxies[0].judge(2, view.sas.rendered, CallVerdict.MATCH)
        for proxy in proxies:
            await proxy.close()
        for made, _ in tools:
            made.close()
        assert proxies[0].views()[0].phase is Phase.ENDED

    within_time(scene)


@pytest.mark.parametrize("policy", Policy)
def test_without_zrtp_at_the_other_side_the_policy_decides(policy: Policy) -> None:
    async def scene() -> None:
        ports = free_udp_ports(4)
        news: list[ProxyNews] = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.bind((LOOPBACK, 0))
            plain.setblocking(False)
            proxy = bare(ports, ports + 2, plain.getsockname()[1], news, policy)
            proxy.open()
            tool, _ = await asyncio.get_running_loop().create_datagram_endpoint(Media, local_addr=(LOOPBACK, 0))
            tool.sendto(packet(1), (LOOPBACK, ports))
            await until(lambda: proxy.views()[0].sent + proxy.views()[0].withheld == 1)
            arrived = []
            while True:
                try:
                    arrived.append(plain.recv(2048))
                except BlockingIOError:
                    break
            assert (packet(1) in arrived) is (policy is Policy.BEST_EFFORT)
            await proxy.close()
            tool.close()

    within_time(scene)


def test_a_port_in_use_is_a_sentence() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind((LOOPBACK, 0))
            proxy = bare(held.getsockname()[1], 0, 9, [])
            with pytest.raises(PolicyRefusal, match="UDP ports"):
                proxy.open()

    within_time(scene)
