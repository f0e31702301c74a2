"""The ffmpeg command line: it sends and takes plain RTP on loopback, and the layer does the rest."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import wave
from array import array
from pathlib import Path
from typing import Any

from tests.hosts.programs.common import FAST, Told
from zrtp import Endpoint
from zrtp.media import AsyncCall


class Relay(asyncio.DatagramProtocol):
    """Passes everything on to `to`, through the transport of the other relay."""

    def __init__(self, to: Any = None) -> None:
        self.to = to
        self.other: Relay | None = None
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.other is not None:
            self.other.transport.sendto(data, self.other.to)


async def main(told: Told) -> None:
    # The glue: what ffmpeg sends goes into the layer, what comes out of it goes to ffmpeg.
    loop = asyncio.get_running_loop()
    call = AsyncCall(Endpoint(FAST), on_event=told.on_event)
    layer = call.add_layer()
    layer.set_remote(told.remote)
    net, local = Relay(), Relay(("127.0.0.1", told.local + 20))
    net.other, local.other = local, net
    await loop.create_datagram_endpoint(lambda: layer.wrap(net), local_addr=("127.0.0.1", told.local))
    await loop.create_datagram_endpoint(lambda: local, local_addr=("127.0.0.1", told.local + 10))
    layer.start()
    await layer.secured()

    with tempfile.TemporaryDirectory() as folder:
        wav, sdp = Path(folder, "heard.wav"), Path(folder, "in.sdp")
        sdp.write_text(
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {told.local + 20} RTP/AVP 0\r\n"
        )
        receiving = await asyncio.create_subprocess_exec(
            *["ffmpeg", "-loglevel", "error", "-y", "-protocol_whitelist", "file,udp,rtp", "-i"],
            str(sdp),
            *["-t", "1.5", "-ar", "8000", "-f", "wav"],
            str(wav),
            stdin=subprocess.DEVNULL,
        )
        sending = await asyncio.create_subprocess_exec(
            *["ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i"],
            f"sine=frequency={told.hertz}:sample_rate=8000:duration=8",
            *["-c:a", "pcm_mulaw", "-f", "rtp"],
            f"rtp://127.0.0.1:{told.local + 10}?pkt_size=172",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        await asyncio.gather(receiving.wait(), sending.wait())
        with wave.open(os.fspath(wav)) as file:
            told.heard.extend(array("h", file.readframes(16_000)))
    told.facts["rejected"] = layer.media.counters.rejected
    call.close()
    told.tell()


asyncio.run(asyncio.wait_for(main(Told.by_command_line()), 60))
