"""A SIP server of a few lines on loopback, over UDP, TCP or TLS: keeps registrations and passes messages on."""

from __future__ import annotations

import asyncio
import ssl

from zrtp.proxy.routing import Hop, Via, note_source
from zrtp.proxy.sip import Framer, SipMessage, Uri, bare_uri, host_port, parse

LOOPBACK = "127.0.0.1"
COPIED = ("via", "from", "to", "call-id", "cseq")
"""Headers of a request that its answer has too."""


class Server(asyncio.DatagramProtocol):
    """The registrar and proxy of one domain."""

    def __init__(self, host: str = LOOPBACK) -> None:
        self.host = host
        self.contacts: dict[str, tuple[str, Hop]] = {}
        self.seen: list[SipMessage] = []
        self.port = 0
        self.transport = "UDP"
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._writers: dict[Hop, asyncio.StreamWriter] = {}

    async def open(self, transport: str = "UDP", tls: ssl.SSLContext | None = None) -> Server:
        loop = asyncio.get_running_loop()
        self.transport = transport
        if transport == "UDP":
            made, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, 0))
            self._udp = made
            self.port = made.get_extra_info("sockname")[1]
        else:
            self._tcp = await asyncio.start_server(self._serve, self.host, 0, ssl=tls)
            self.port = self._tcp.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
        await self.drop_connections()
        if self._tcp is not None:
            self._tcp.close()

    async def drop_connections(self) -> None:
        for writer in list(self._writers.values()):
            writer.close()
        await asyncio.sleep(0)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip():
            self.received(parse(data), Hop("UDP", *addr[:2]))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hop = Hop(self.transport, *writer.get_extra_info("peername")[:2])
        self._writers[hop] = writer
        framer = Framer()
        try:
            while octets := await reader.read(65536):
                for item in framer.feed(octets):
                    if isinstance(item, SipMessage):
                        self.received(item, hop)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            del self._writers[hop]
            writer.close()

    def received(self, message: SipMessage, source: Hop) -> None:
        self.seen.append(message)
        if not message.is_request:
            message.drop_first("via")
            below = Via.parse(message.values("via")[0])
            assert below is not None
            self.send(message, Hop(self.transport, *below.answer_to))
            return
        note_source(message, source)
        if message.method == "REGISTER":
            self.contacts[bare_uri(message.first("to"))] = bare_uri(message.first("contact")), source
            kept = [h for h in message.headers if h.name in (*COPIED, "contact")]
            self.send(SipMessage("SIP/2.0 200 OK", kept), source)
            return
        to = bare_uri(message.first("to"))
        if to not in self.contacts:
            kept = [h for h in message.headers if h.name in COPIED]
            self.send(SipMessage("SIP/2.0 404 Not Found", kept), source)
            return
        contact, hop = self.contacts[to]
        uri = Uri.parse(contact)
        assert uri is not None
        message.target = contact
        message.prepend(
            "via", f"SIP/2.0/{self.transport} {host_port(self.host, self.port)};branch=z9hG4bK{len(self.seen)};rport"
        )
        self.send(message, hop if self.transport != "UDP" else Hop("UDP", uri.host, uri.port or 5060))

    def send(self, message: SipMessage, to: Hop) -> None:
        if self._udp is not None:
            self._udp.sendto(message.encode(), (to.host, to.port))
        else:
            self._writers[to].write(message.encode(stream=True))


class SipPhone(asyncio.DatagramProtocol):
    """Registers, calls, answers at once: as little of a phone as is needed."""

    def __init__(self, user: str, proxy: Hop) -> None:
        self.user = user
        self.proxy = proxy
        self.received: asyncio.Queue[SipMessage] = asyncio.Queue()
        self._udp: asyncio.DatagramTransport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.here = ""

    async def open(self, transport: str = "UDP") -> SipPhone:
        if transport == "UDP":
            made, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, local_addr=(self.proxy.host, 0)
            )
            self._udp = made
            self.here = host_port(self.proxy.host, made.get_extra_info("sockname")[1])
        else:
            reader, self._writer = await asyncio.open_connection(self.proxy.host, self.proxy.port)
            self.here = host_port(self.proxy.host, self._writer.get_extra_info("sockname")[1])
            self._reading = asyncio.ensure_future(self._read(reader))
        return self

    async def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._reading is not None and self._writer is not None:
            self._reading.cancel()
            self._writer.close()
            await asyncio.gather(self._reading, return_exceptions=True)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received.put_nowait(parse(data))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = Framer()
        while octets := await reader.read(65536):
            for item in framer.feed(octets):
                if isinstance(item, SipMessage):
                    self.received.put_nowait(item)

    async def next(self) -> SipMessage:
        async with asyncio.timeout(5):
            return await self.received.get()

    def request(self, method: str, to: str, body: str = "", *, call: str = "", tag: str = "", cseq: int = 1) -> None:
        """`call` is the method that began the call it belongs to, if that was another one, `tag` that of the other."""
        transport = "UDP" if self._udp is not None else "TCP"
        head = [
            f"{method} {to} SIP/2.0",
            f"Via: SIP/2.0/{transport} {self.here};branch=z9hG4bK{self.user}{method}{cseq};rport",
            f"From: <sip:{self.user}@example.org>;tag={self.user}",
            f"To: <{to}>{f';tag={tag}' if tag else ''}",
            f"Call-ID: {self.user}-{call or method}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@{self.here}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._send("\r\n".join(head).encode() + b"\r\n\r\n" + body.encode())

    def answer(self, request: SipMessage, body: str) -> None:
        kept = ("via", "record-route", "from", "to", "call-id", "cseq")
        response = SipMessage("SIP/2.0 200 OK", [header for header in request.headers if header.name in kept])
        response.replace("to", [f"{request.first('to')};tag={self.user}"])
        response.replace("contact", [f"<sip:{self.user}@{self.here}>"])
        response.replace("content-type", ["application/sdp"])
        response.with_body(body.encode())
        self._send(response.encode(stream=True))

    def _send(self, octets: bytes) -> None:
        if self._udp is not None:
            self._udp.sendto(octets, (self.proxy.host, self.proxy.port))
        elif self._writer is not None:
            self._writer.write(octets)
