"""aiortp as it is: its sockets for RTP and RTCP are made through the layer."""

from __future__ import annotations

import asyncio
from typing import Any

import aiortp

from tests.hosts.programs.common import FAST, Told, frames
from zrtp import Endpoint
from zrtp.media import AsyncCall


async def main(told: Told) -> None:
    # The glue: a layer for the library's sockets, which it opens in this order.
    loop = asyncio.get_running_loop()
    call = AsyncCall(Endpoint(FAST), on_event=told.on_event)
    layer = call.add_layer()
    layer.set_remote(told.remote)
    wraps, plain = iter((layer.wrap, layer.wrap_rtcp)), loop.create_datagram_endpoint

    def through_layer(factory: Any, **options: Any) -> Any:
        return plain(lambda: next(wraps)(factory()), **options)

    loop.create_datagram_endpoint = through_layer  # type: ignore[method-assign, assignment]

    session = await aiortp.RTPSession.create(
        ("127.0.0.1", told.local),
        told.remote,
        payload_type=0,
        codec=aiortp.get_codec(0),
        ssrc=layer.media.stream.ssrc,
        rtcp_interval=0.3,
    )
    layer.set_remote(told.remote, rtcp=(told.remote[0], told.remote[1] + 1))
    session.on_audio = lambda data, timestamp: told.heard.frombytes(data)
    layer.start()
    await layer.secured()
    for number, frame in enumerate(frames(told.tone(2.0))):
        session.send_audio_pcm_auto(frame.tobytes())
        if number == 50:
            session.send_dtmf("5")
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.4)
    told.facts["rejected"] = layer.media.counters.rejected
    told.facts["lost"] = layer.statistics.lost
    await session.close()
    call.close()
    told.tell()


asyncio.run(main(Told.by_command_line()))
