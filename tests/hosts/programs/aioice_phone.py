"""aioice finds the path; the stream runs over it. Signalling is one line each way through a pipe of files."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aioice
import aioice.ice

from tests.hosts.programs.common import FAST, Told, frames
from zrtp import Endpoint
from zrtp.media import SecureStream
from zrtp.media.sound import g711


def loopback_only(use_ipv4: bool = True, use_ipv6: bool = True) -> list[str]:
    return ["127.0.0.1"]


aioice.ice.get_host_addresses = loopback_only


async def exchange(folder: Path, local: int, remote: int, ours: str) -> str:
    """Leave our line for the other side, and fetch its line."""
    draft = folder / f"{local}.draft"
    draft.write_text(ours)
    draft.rename(folder / str(local))
    while not (folder / str(remote)).exists():
        await asyncio.sleep(0.02)
    return (folder / str(remote)).read_text()


async def main(told: Told, folder: Path) -> None:
    ice = aioice.Connection(ice_controlling=told.local > told.remote[1], components=1)
    await ice.gather_candidates()
    ours = [ice.local_username, ice.local_password, [candidate.to_sdp() for candidate in ice.local_candidates]]
    theirs = json.loads(await exchange(folder, told.local, told.remote[1], json.dumps(ours)))
    ice.remote_username, ice.remote_password = theirs[:2]
    for candidate in theirs[2]:
        await ice.add_remote_candidate(aioice.Candidate.from_sdp(candidate))
    await ice.add_remote_candidate(None)
    await ice.connect()

    call = await SecureStream.over(ice, Endpoint(FAST), on_event=told.on_event)  # the glue
    await call.secured()

    async def hear() -> None:
        while (packet := await call.receive()) is not None:
            told.heard.extend(g711.decode(packet.payload))

    hearing = asyncio.ensure_future(hear())
    for frame in frames(told.tone(1.5)):
        call.send(g711.encode(frame))
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    told.facts["rejected"] = call.media.counters.rejected
    await call.aclose()
    await hearing
    await ice.close()
    told.tell()


asyncio.run(main(Told.by_command_line(), Path(sys.argv[4])))
