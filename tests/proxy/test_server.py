"""The whole proxy over real sockets on loopback: UDP and TCP on both sides, TLS towards the network."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.proxy.server_stage import LOOPBACK, Server, SipPhone
from tests.proxy.stage import QUICK, sdp
from tests.support.cases import every
from tests.support.certificates import P256
from tests.support.loops import until
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.rtp import RtpPacket
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy import server as proxy_server
from zrtp.proxy import servers
from zrtp.proxy.leg import Protection
from zrtp.proxy.news import Phase, ProxyNews, ProxyNotice, Tell
from zrtp.proxy.policy import Policy
from zrtp.proxy.routing import Hop
from zrtp.proxy.server import CONNECTED, DISCONNECTED, ProxyOptions, SipProxy
from zrtp.proxy.sip import SipMessage
from zrtp.proxy.upstream import Located, Upstream


def within_time(scene: Callable[[], Awaitable[None]], seconds: float = 20.0) -> None:
    async def run() -> None:
        async with asyncio.timeout(seconds):
            await scene()

    asyncio.run(run())


def proxy_to(server: Server, tell: Tell, **more: object) -> SipProxy:
    upstream = Upstream(server.host, server.port, server.transport)
    options = ProxyOptions(listen=(server.host, 0), upstream=upstream, policy=Policy.REQUIRE, **more)  # type: ignore[arg-type]
    return SipProxy(options, Endpoint(QUICK), tell)


def nobody(news: ProxyNews) -> None:
    """Is told what happens."""


class Media(asyncio.DatagramProtocol):
    """The phone's RTP port."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        assert classify(data) is DatagramKind.RTP
        self.heard.append(data)


async def call_through(server: Server, transport: str, **more: object) -> None:
    """Alice calls Bob, each behind a proxy, and both speak."""
    news: list[ProxyNews] = []
    proxies = [proxy_to(server, news.append, **more) for _ in range(2)]
    phones = []
    loop = asyncio.get_running_loop()
    media = [await loop.create_datagram_endpoint(Media, local_addr=(server.host, 0)) for _ in range(2)]
    try:
        for user, proxy in zip(("alice", "bob"), proxies, strict=True):
            phone_side, _ = await proxy.open()
            phones.append(await SipPhone(user, phone_side).open(transport))
            phones[-1].request("REGISTER", f"sip:{user}@example.org")
            assert (await phones[-1].next()).first("contact") == f"<sip:{user}@{phones[-1].here}>"
        alice, bob = phones
        ports = [made.get_extra_info("sockname")[1] for made, _ in media]
        alice.request("INVITE", "sip:bob@example.org", described(server.host, ports[0]))
        invite = await bob.next()
        bob.answer(invite, described(server.host, ports[1]))
        answered = await alice.next()
        await until(lambda: all(p.calls.views()[-1].protection is Protection.SECURE for p in proxies))
        for number, (message, other) in enumerate(((answered, 1), (invite, 0))):
            port = int(message.body.decode().split("m=audio ")[1].split()[0])
            packet = RtpPacket(payload_type=0, sequence=1, timestamp=0, ssrc=number, payload=b"words").encode()
            media[number][0].sendto(packet, (server.host, port))
            await until(lambda other=other: bool(media[other][1].heard))  # type: ignore[misc]
            assert media[other][1].heard == [packet]
        assert len({proxy.calls.views()[-1].sas for proxy in proxies}) == 1
        await proxies[0].close()
        assert (await alice.next()).method == (await bob.next()).method == "BYE", "nobody is left in silence"
    finally:
        for made, _ in media:
            made.close()
        for phone in phones:
            await phone.close()
        for proxy in proxies:
            await proxy.close()
    assert [proxy.calls.views()[-1].phase for proxy in proxies] == [Phase.ENDED] * 2


def described(host: str, port: int) -> str:
    return sdp(host, port).replace("IP4", "IP6") if ":" in host else sdp(host, port)


@every("host", [LOOPBACK, "::1"])
@every("phone", ["UDP", "TCP"])
@every("network", ["UDP", "TCP"])
def test_a_call_over_every_pair_of_transports(phone: str, network: str, host: str) -> None:
    async def scene() -> None:
        server = await Server(host).open(network)
        try:
            await call_through(server, phone)
        finally:
            await server.close()

    within_time(scene)


def certificate_for(folder: Path, host: str) -> Path:
    """A file with key and certificate for a host, signed by itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test server")])
    today = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(P256.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(P256, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    key = P256.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{host}.pem"
    path.write_bytes(key + made.public_bytes(encoding))
    return path


@pytest.mark.parametrize("host", [LOOPBACK, "192.0.2.1"])
def test_over_tls_the_certificate_has_to_be_the_servers(tmp_path: Path, host: str) -> None:
    async def scene() -> None:
        path = certificate_for(tmp_path, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        server = await Server().open("TLS", context)
        try:
            if host == LOOPBACK:
                await call_through(server, "UDP", ca=path)
            for wrong in ({}, {"ca": path} if host != LOOPBACK else {}):
                with pytest.raises(ssl.SSLCertVerificationError):
                    await proxy_to(server, nobody, **wrong).open()
        finally:
            await server.close()

    within_time(scene)


def test_a_connection_that_breaks_is_made_again_and_meanwhile_requests_are_refused() -> None:
    async def scene() -> None:
        server = await Server().open("TCP")
        news: list[ProxyNews] = []
        proxy = proxy_to(server, news.append)
        try:
            phone_side, before = await proxy.open()
            phone = await SipPhone("alice", phone_side).open("TCP")
            await server.drop_connections()
            await until(lambda: ProxyNotice(text=DISCONNECTED, loud=True) in news)
            phone.request("REGISTER", "sip:alice@example.org")
            assert (await phone.next()).status == 503

            await until(lambda: ProxyNotice(text=CONNECTED) in news)
            phone.request("REGISTER", "sip:alice@example.org", cseq=2)
            assert (await phone.next()).status == 200
            assert before.port != 0
            await phone.close()
        finally:
            await proxy.close()
            await server.close()

    within_time(scene)


def test_a_phone_reaches_the_second_server_where_the_first_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        server = await Server().open()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
            dead.bind(("127.0.0.2", 0))

            async def both(upstream: Upstream, **_: object) -> Located:
                return Located([dead.getsockname(), (server.host, server.port)])

            monkeypatch.setattr(proxy_server, "locate", both)
            monkeypatch.setattr(servers, "UNANSWERED", 0.01)
            proxy = proxy_to(server, nobody)
            phone_side, _ = await proxy.open()
            phone = await SipPhone("alice", phone_side).open()
            phone.request("REGISTER", "sip:alice@example.org")
            await asyncio.sleep(0.02)
            assert server.seen == []
            phone.request("REGISTER", "sip:alice@example.org")
            assert (await phone.next()).status == 200
            await phone.close()
            await proxy.close()
        await server.close()

    within_time(scene)


def test_what_a_phone_sends_over_tcp_is_repeated_towards_a_server_on_udp_that_missed_it() -> None:
    class HardOfHearing(Server):
        def received(self, message: SipMessage, source: Hop) -> None:
            if message in self.seen:
                super().received(message, source)
            else:
                self.seen.append(message)

    async def scene() -> None:
        server = await HardOfHearing().open()
        proxy = proxy_to(server, nobody)
        try:
            phone_side, _ = await proxy.open()
            phone = await SipPhone("alice", phone_side).open("TCP")
            phone.request("REGISTER", "sip:alice@example.org")
            assert (await phone.next()).status == 200
            await phone.close()
        finally:
            await proxy.close()
            await server.close()

    within_time(scene)


def test_a_port_in_use_leaves_nothing_open() -> None:
    async def scene() -> None:
        server = await Server().open()
        with socket.socket() as held:
            held.bind((LOOPBACK, 0))
            held.listen()
            options = ProxyOptions(
                listen=(LOOPBACK, held.getsockname()[1]),
                upstream=Upstream(LOOPBACK, server.port, "UDP"),
                policy=Policy.REQUIRE,
            )
            with pytest.raises(OSError, match="in use"):
                await SipProxy(options, Endpoint(QUICK), nobody).open()
        await server.close()

    within_time(scene)


def test_a_phone_that_sends_no_sip_over_tcp_loses_its_connection() -> None:
    async def scene() -> None:
        server = await Server().open()
        proxy = proxy_to(server, nobody)
        try:
            phone_side, _ = await proxy.open()
            assert isinstance(phone_side, Hop)
            reader, writer = await asyncio.open_connection(phone_side.host, phone_side.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.read() == b""
            writer.close()
        finally:
            await proxy.close()
            await server.close()

    within_time(scene)
