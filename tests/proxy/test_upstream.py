"""Where the server is: what the person wrote, and what the domain name system says."""

from __future__ import annotations

import asyncio
import math
import random
import socket
from collections import Counter
from collections.abc import Sequence
from typing import cast

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest

from tests.support.cases import every
from zrtp.proxy.upstream import HOST_HOLDS, NoSuchServer, Srv, Upstream, by_priority, dns_records, locate


@every(
    ("text", "meant"),
    [
        ("sip.example.org", Upstream("sip.example.org", None, "UDP")),
        ("192.0.2.1:5080", Upstream("192.0.2.1", 5080, "UDP")),
        ("[2001:db8::1]:5080;transport=tcp", Upstream("2001:db8::1", 5080, "TCP")),
        ("sip:example.org;transport=TLS", Upstream("example.org", None, "TLS")),
        ("sips:example.org", Upstream("example.org", None, "TLS")),
    ],
)
def test_what_a_person_writes(text: str, meant: Upstream) -> None:
    assert Upstream.parse(text) == meant


@every("text", ["", "http://x", "x:99999", "x:0", "x;transport=sctp", "sips:x;transport=udp", "a b"])
def test_what_names_no_server(text: str) -> None:
    with pytest.raises(NoSuchServer):
        Upstream.parse(text)


def located(text: str, records: Sequence[Srv] = ()) -> tuple[list[tuple[str, int]], list[str]]:
    asked: list[str] = []

    async def look_up(name: str) -> Sequence[Srv]:
        asked.append(name)
        return records

    found = asyncio.run(locate(Upstream.parse(text), look_up=look_up, random=random.Random(1).randbytes))
    return found.addresses, asked


def test_numbers_and_ports_need_no_records() -> None:
    assert located("192.0.2.1") == ([("192.0.2.1", 5060)], [])
    assert located("192.0.2.1;transport=tls") == ([("192.0.2.1", 5061)], [])
    assert located("localhost:5080")[1] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.test", "_sip._udp.a.test"),
        ("a.test;transport=tcp", "_sip._tcp.a.test"),
        ("sips:a.test", "_sips._tcp.a.test"),
    ],
)
def test_a_domain_is_asked_for_the_service_of_its_transport(text: str, name: str) -> None:
    found, asked = located(text, [Srv(20, 0, "192.0.2.2.", 5062), Srv(10, 0, "192.0.2.1.", 5061)])

    assert asked == [name]
    assert found == [("192.0.2.1", 5061), ("192.0.2.2", 5062)], "in the order of their priorities"


def test_a_name_without_records_is_a_host() -> None:
    assert ("127.0.0.1", 5060) in located("localhost")[0]


def test_what_is_known_holds_as_long_as_the_shortest_of_what_it_rests_on() -> None:
    async def look_up(name: str) -> Sequence[Srv]:
        return [Srv(10, 0, host, 5060, seconds) for host, seconds in services]

    async def run(text: str) -> float:
        return (await locate(Upstream.parse(text), look_up=look_up)).seconds

    services = [("192.0.2.1", 60.0), ("192.0.2.2", 40.0)]
    assert asyncio.run(run("a.test")) == 40
    services = [("localhost", 3600.0)]
    assert asyncio.run(run("a.test")) == HOST_HOLDS
    assert asyncio.run(run("localhost:5080")) == HOST_HOLDS
    assert asyncio.run(run("192.0.2.1")) == math.inf


def test_a_domain_that_offers_no_sip_says_so() -> None:
    with pytest.raises(NoSuchServer, match="offers no SIP over UDP"):
        located("a.test", [Srv(0, 0, ".", 0)])


def test_weights_are_shares() -> None:
    dice = random.Random(5).randbytes
    records = [Srv(1, 90, "heavy", 1), Srv(1, 10, "light", 1), Srv(0, 0, "first", 1)]
    second = Counter(by_priority(records, dice)[1].host for _ in range(1000))

    assert {by_priority(records, dice)[0].host for _ in range(20)} == {"first"}
    assert 850 < second["heavy"] < 950


class NameServer(asyncio.DatagramProtocol):
    """Knows one service."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        name = question.question[0].name
        response = dns.message.make_response(question)
        if str(name) == "_sip._udp.example.test.":
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "SRV", "10 5 5062 edge.example.test."))
        elif str(name) == "_sip._udp.none.test.":
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "SRV", "0 0 0 ."))
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(response.to_wire(), addr)


def test_records_of_a_real_name_server() -> None:
    async def run() -> list[list[Srv]]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = transport.get_extra_info("sockname")[1]
        names = ("_sip._udp.example.test", "_sip._udp.none.test", "_sip._udp.nobody.test")
        try:
            return [await dns_records(name, resolver) for name in names]
        finally:
            transport.close()

    assert asyncio.run(run()) == [[Srv(10, 5, "edge.example.test", 5062, 60)], [Srv(0, 0, ".", 0, 60)], []]


def test_a_name_server_that_does_not_answer_is_a_sentence() -> None:
    async def run() -> None:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind(("127.0.0.1", 0))
            resolver.port = held.getsockname()[1]
            resolver.lifetime = 0.1
            await dns_records("_sip._udp.example.test", resolver)

    with pytest.raises(NoSuchServer, match=r"do not say where _sip\._udp\.example\.test is"):
        asyncio.run(run())
