"""A slow way to a database: a Unix socket in front of the server's, through which everything takes its time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class SlowWay:
    """Forwards connections; `delay` is how many seconds each piece takes in each direction."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self.delay = 0.0
        self._server = server / SOCKET
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_unix_connection(str(self._server))
            for way in (self._forward(reader, far_writer), self._forward(far_reader, writer)):
                task = asyncio.create_task(way)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await asyncio.sleep(self.delay)
                writer.write(data)
        except OSError:
            pass  # that end is gone
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def slow_way(server: Path) -> AsyncIterator[SlowWay]:
    """To the server whose socket is in that folder."""
    with tempfile.TemporaryDirectory(prefix="zrtp-slow-") as folder:
        way = SlowWay(Path(folder), server)
        listening = await asyncio.start_unix_server(way.accept, str(Path(folder) / SOCKET))
        try:
            yield way
        finally:
            listening.close()
            await listening.wait_closed()
            await way.close()
