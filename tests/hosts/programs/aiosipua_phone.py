"""A whole SIP call by aiosipua and aiortp as they are: each side announces the hash of its Hello in its description.

The program with the higher port calls, the other one answers. SIP is on the port ten above that of the media.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiosipua
from aiosipua.rtp_bridge import CallSession
from aiosipua.transport import UdpSipTransport

from tests.hosts.programs.common import Told, frames
from zrtp import Config, Endpoint
from zrtp.media import AsyncCall

HOST = "127.0.0.1"
CONFIG = Config(key_agreements=(b"X255",), signalling_protected=True)


class Secured:
    """The glue: the sockets that the library opens next lie over a layer, and SDP carries the hash of its Hello."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.call = AsyncCall(Endpoint(CONFIG), on_event=told.on_event)
        self.layer = self.call.add_layer()
        loop = asyncio.get_running_loop()
        self._wraps, self._plain = iter((self.layer.wrap, self.layer.wrap_rtcp)), loop.create_datagram_endpoint
        self._loop: Any = loop

    def announce(self, sdp: Any) -> Any:
        sdp.audio.attributes["zrtp-hash"] = [self.layer.hello_hash]
        return sdp

    async def start(self, session: CallSession, theirs: Any) -> None:
        """Open the library's media over the layer, towards what the other side's description says."""
        self._loop.create_datagram_endpoint = self._through_layer
        await session.start()
        self._loop.create_datagram_endpoint = self._plain
        self.layer.set_remote(theirs.rtp_address)
        self.layer.expect_hello(theirs.audio.attributes["zrtp-hash"][0])
        self.layer.start()

    def _through_layer(self, factory: Any, **options: Any) -> Any:
        return self._plain(lambda: next(self._wraps)(factory()), **options)


async def talk(secured: Secured, session: CallSession) -> None:
    told = secured.told
    session.on_audio = lambda pcm, timestamp: told.heard.frombytes(pcm)
    await secured.layer.secured()
    told.facts["assurance"] = secured.call.session.assurance.value
    for number, frame in enumerate(frames(told.tone(1.5))):
        session.send_audio_pcm(frame.tobytes(), number * 160)
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    told.facts["rejected"] = secured.layer.media.counters.rejected


async def answer(told: Told, transport: UdpSipTransport) -> None:
    secured, ended = Secured(told), asyncio.Event()
    talking: list[asyncio.Task[None]] = []

    async def take(call: Any) -> None:
        session = CallSession(local_ip=HOST, rtp_port=told.local, offer=call.sdp_offer)
        call.ringing()
        await secured.start(session, call.sdp_offer)
        call.accept(secured.announce(session.sdp_answer))
        await talk(secured, session)
        await asyncio.wait_for(ended.wait(), 5)
        told.facts["ended"] = "by the caller"
        await session.close()

    uas = aiosipua.SipUAS(transport)
    uas.on_invite = lambda call: talking.append(asyncio.ensure_future(take(call)))
    uas.on_bye = lambda call, request: ended.set()
    await uas.start()
    told.ready()
    while not talking:
        await asyncio.sleep(0.02)
    await talking[0]
    secured.call.close()


async def call(told: Told, transport: UdpSipTransport) -> None:
    secured = Secured(told)
    uac = aiosipua.SipUAC(transport)
    transport.on_message = lambda message, address: uac.handle_response(message, address)
    await transport.start()
    while not told.other_is_ready:  # the library sends its INVITE once
        await asyncio.sleep(0.02)
    offer = secured.announce(aiosipua.build_sdp(local_ip=HOST, rtp_port=told.local, payload_type=0, codec_name="PCMU"))
    outgoing = uac.send_invite(
        from_uri=f"sip:alice@{HOST}",
        to_uri=f"sip:bob@{HOST}",
        remote_addr=(HOST, told.remote[1] + 10),
        sdp_offer=offer,
    )
    await outgoing.wait_answered(15)
    theirs = outgoing.sdp_answer
    session = CallSession(local_ip=HOST, rtp_port=told.local, offer=theirs)
    await secured.start(session, theirs)
    await talk(secured, session)
    outgoing.hangup(uac)
    await asyncio.sleep(0.2)
    await session.close()
    secured.call.close()


async def main(told: Told) -> None:
    transport = UdpSipTransport(local_addr=(HOST, told.local + 10))
    await (call if told.local > told.remote[1] else answer)(told, transport)
    told.tell()


asyncio.run(asyncio.wait_for(main(Told.by_command_line()), 40))
