"""trio: the media path without asyncio, in somebody else's loop."""

from __future__ import annotations

import math

import trio

from tests.hosts.programs.common import FAST, Told, frames
from zrtp import Endpoint
from zrtp.media import Packetizer, RtpPacket, SecureCall
from zrtp.media.sound import g711
from zrtp.protocol.events import Sending


async def main(told: Told) -> None:
    sock = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    await sock.bind(("127.0.0.1", told.local))
    call = SecureCall(Endpoint(FAST).session())
    media = call.add_stream(0x70000 + told.local)
    changed = trio.Event()

    async def settle() -> None:
        nonlocal changed
        while (event := call.next_event()) is not None:
            told.on_event(event)
        for datagram in media.datagrams_to_send():
            await sock.sendto(datagram, told.remote)
        changed.set()
        changed = trio.Event()

    async def keep_time() -> None:
        while True:
            due, woken = call.next_timer(), changed
            with trio.move_on_at(math.inf if due is None else due):
                await woken.wait()
                continue
            call.handle_timer(trio.current_time())
            await settle()

    async def receive() -> None:
        while True:
            try:
                data, _ = await sock.recvfrom(2048)
            except ConnectionError:
                continue
            for packet in media.datagram_received(data, trio.current_time()):
                told.heard.extend(g711.decode(RtpPacket.decode(packet).payload))
            if call.has_news:
                await settle()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_time)
        nursery.start_soon(receive)
        media.start(trio.current_time())
        await settle()
        with trio.fail_after(30):
            while media.stream.sending is not Sending.SRTP:
                await changed.wait()
        packetizer = Packetizer(media.stream.ssrc)
        for frame in frames(told.tone(1.5)):
            sealed = media.protect(packetizer.packet(g711.encode(frame)).encode())
            if sealed is not None:
                await sock.sendto(sealed, told.remote)
            await trio.sleep(0.02)
        await trio.sleep(0.3)
        nursery.cancel_scope.cancel()
    call.close(trio.current_time())
    told.facts["rejected"] = media.counters.rejected
    told.tell()


trio.run(main, Told.by_command_line())
