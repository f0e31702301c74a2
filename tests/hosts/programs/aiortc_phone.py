"""aiortc's RTCPeerConnection: only its DTLS transport is replaced, and what it asks of one is what SecureCall gives."""

from __future__ import annotations

import asyncio
import fractions
import json
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import aioice.ice
import aiortc.rtcpeerconnection
import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, clock
from aiortc import rtcdtlstransport as dtls

from tests.hosts.programs.common import FAST, Told
from zrtp import Endpoint
from zrtp.media import DatagramKind, SecureCall, classify
from zrtp.protocol.events import Sending
from zrtp.system import system_random


def loopback_only(use_ipv4: bool = True, use_ipv6: bool = True) -> list[str]:
    return ["127.0.0.1"]


aioice.ice.get_host_addresses = loopback_only


class ZrtpTransport(dtls.RTCDtlsTransport):
    """The glue: plain RTP above, SRTP with keys by ZRTP below, over the path that ICE found."""

    told: Told

    def __init__(self, ice: Any, certificates: Any) -> None:
        super().__init__(ice, certificates)
        self.call = SecureCall(Endpoint(FAST).session())
        self.media = self.call.add_stream(int.from_bytes(system_random(4), "big"))
        self.timer: asyncio.TimerHandle | None = None
        self.secure = asyncio.Event()

    async def start(self, remoteParameters: Any = None) -> None:
        self._set_state(dtls.State.CONNECTING)
        self._task = asyncio.ensure_future(self.receive())
        self.media.start(time.monotonic())
        await self.settle()
        await self.secure.wait()
        self._set_state(dtls.State.CONNECTED)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self.timer is not None:
            self.timer.cancel()
        self.call.close(time.monotonic())
        self._set_state(dtls.State.CLOSED)

    async def _send_rtp(self, data: bytes) -> None:
        protect = self.media.protect_rtcp if classify(data) is DatagramKind.RTCP else self.media.protect
        if (sealed := protect(data)) is not None:
            await self.transport._send(sealed)

    async def receive(self) -> None:
        try:
            while True:
                data = await self.transport._recv()
                for packet in self.media.datagram_received(data, time.monotonic()):
                    await self._handle_rtp_data(packet, arrival_time_ms=clock.current_ms())
                for compound in self.media.take_rtcp():
                    await self._handle_rtcp_data(compound)
                if self.call.has_news:
                    await self.settle()
        except ConnectionError:
            self._set_state(dtls.State.CLOSED)

    async def settle(self) -> None:
        loop = asyncio.get_running_loop()
        while (event := self.call.next_event()) is not None:
            self.told.on_event(event)
        for datagram in self.media.datagrams_to_send():
            await self.transport._send(datagram)
        if self.media.stream.sending is Sending.SRTP:
            self.secure.set()
        if self.timer is not None:
            self.timer.cancel()
        if (due := self.call.next_timer()) is not None:
            self.timer = loop.call_later(max(0.0, due - time.monotonic()), self.on_timer)

    def on_timer(self) -> None:
        self.call.handle_timer(time.monotonic())
        self.again = asyncio.ensure_future(self.settle())


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, samples: array[int]) -> None:
        super().__init__()
        self.samples, self.at = samples, 0

    async def recv(self) -> Any:
        await asyncio.sleep(0.02)
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(self.samples[self.at % 48_000 : self.at % 48_000 + 960].tobytes())
        frame.pts, frame.sample_rate, frame.time_base = self.at, 48_000, fractions.Fraction(1, 48_000)
        self.at += 960
        return frame


async def exchange(told: Told, folder: Path, ours: Any) -> None:
    """Leave our session description for the other side."""
    draft = folder / f"{told.local}.draft"
    draft.write_text(json.dumps({"sdp": ours.sdp, "type": ours.type}))
    draft.rename(folder / str(told.local))


async def theirs(told: Told, folder: Path) -> Any:
    while not (folder / str(told.remote[1])).exists():
        await asyncio.sleep(0.02)
    return RTCSessionDescription(**json.loads((folder / str(told.remote[1])).read_text()))


async def main(told: Told, folder: Path) -> None:
    told.rate = 48_000
    ZrtpTransport.told = told
    aiortc.rtcpeerconnection.RTCDtlsTransport = ZrtpTransport
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTrack(Tone(told.tone(1.0)))
    tracks: asyncio.Queue[Any] = asyncio.Queue()
    connection.on("track", tracks.put_nowait)
    if told.local > told.remote[1]:
        await connection.setLocalDescription(await connection.createOffer())
        await exchange(told, folder, connection.localDescription)
        await connection.setRemoteDescription(await theirs(told, folder))
    else:
        await connection.setRemoteDescription(await theirs(told, folder))
        await connection.setLocalDescription(await connection.createAnswer())
        await exchange(told, folder, connection.localDescription)
    track = await tracks.get()
    while len(told.heard) < 72_000:
        frame = await track.recv()
        told.heard.extend(array("h", bytes(frame.planes[0])[: frame.samples * 4])[::2])
    del told.heard[:24_000]
    await asyncio.sleep(0.5)
    await connection.close()
    told.tell()


asyncio.run(asyncio.wait_for(main(Told.by_command_line(), Path(sys.argv[4])), 40))
