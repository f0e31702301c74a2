"""The engine and its media path without asyncio: a plain loop around a socket, as an application may have it."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator

from zrtp.media.rtp import Packetizer, RtpPacket
from zrtp.media.secure import SecureCall
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed, NoPeer, Secured


def talk(endpoint: Endpoint, port: socket.socket, peer: tuple[str, int], frames: Iterator[bytes]) -> Iterator[bytes]:
    """A call over a UDP socket: sends a frame every 20 ms until there are no more, yields the frames it hears."""
    call = SecureCall(endpoint.session())
    media = call.add_stream(ssrc=0x1000_0000 + port.getsockname()[1])
    packetizer = Packetizer(media.stream.ssrc)
    media.start(time.monotonic())
    next_frame = None
    while True:
        for datagram in media.datagrams_to_send():
            port.sendto(datagram, peer)
        while (event := call.next_event()) is not None:
            if isinstance(event, Secured):
                next_frame = time.monotonic()
            if isinstance(event, Failed | NoPeer):
                raise ConnectionError(event.text)
        due = min(moment for moment in (call.next_timer(), next_frame) if moment is not None)
        readable, _, _ = select.select([port], [], [], max(0.0, due - time.monotonic()))
        if readable:
            for packet in media.datagram_received(port.recv(2048), time.monotonic()):
                yield RtpPacket.decode(packet).payload
        call.handle_timer(time.monotonic())
        if next_frame is not None and time.monotonic() >= next_frame:
            next_frame += 0.02
            frame = next(frames, None)
            if frame is None:
                return
            if (protected := media.protect(packetizer.packet(frame).encode())) is not None:
                port.sendto(protected, peer)


def test_two_plain_loops_talk_to_each_other() -> None:
    ports = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for port in ports:
        port.bind(("127.0.0.1", 0))
    heard: dict[int, list[bytes]] = {0: [], 1: []}

    def side(index: int) -> None:
        frames = (bytes([index, count]) * 80 for count in range(12))
        peer = ports[1 - index].getsockname()
        for frame in talk(Endpoint(Config(key_agreements=(b"X255",))), ports[index], peer, frames):
            heard[index].append(frame)

    other = threading.Thread(target=side, args=(1,))
    other.start()
    side(0)
    other.join(timeout=5)
    for port in ports:
        port.close()

    for index, frames in heard.items():
        assert frames[:8] == [bytes([1 - index, count]) * 80 for count in range(8)]
