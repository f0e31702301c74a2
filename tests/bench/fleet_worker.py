"""One process of a fleet: ends ZRTP for whoever calls its one port. Told what to do by lines of JSON, answers so.

    {"video": [[host, port], [host, port]]}     signalling: who calls from the second address is a further stream of the
                                                call from the first one
    {"secure": [host, port]}                    whether every stream of the call from that address is
    {"bye": [host, port]}                       signalling: the call from that address is over
    {"report": true}                            what has happened so far: see `report`
    {"begin": true}                             report, and begin again with turns, the gap, and what was said
    {"drain": SECONDS}                          drain, report and end

The first line that it writes says which port it has.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from zrtp.media.aio import AsyncCall, Host, HostDraining
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import CallEvent
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed, SecurityWarning
from zrtp.protocol.states import State
from zrtp.stores.postgres import PostgresCache

TICK: Final = 0.01
"""Seconds between two turns of the ticker."""

BUFFER: Final = 4 << 20
"""Octets of the socket's buffer: all callers share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one process."""

    address: str
    """Of the database."""
    loss: float = 0.0
    """Share of datagrams that get lost, each way."""
    seed: int = 1
    store_deadline: float = 3.0
    go_on_without_store: bool = False
    timeout: float = 3.0
    """Seconds after which a method of the cache gives up."""


class Line:
    """The one socket as each call sees it: some datagrams do not leave."""

    def __init__(self, transport: asyncio.DatagramTransport, loses: Callable[[], bool]) -> None:
        self._transport = transport
        self._loses = loses

    def sendto(self, data: bytes, address: Any = None) -> None:
        if not self._loses():
            self._transport.sendto(data, address)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._transport.is_closing()


class Worker(asyncio.DatagramProtocol):
    """Everything that one process does."""

    def __init__(self, settings: Settings) -> None:
        config = Config(
            key_agreements=(b"X255", b"Mult"),
            store_deadline=settings.store_deadline,
            go_on_without_store=settings.go_on_without_store,
        )
        self._cache = PostgresCache(settings.address, timeout=settings.timeout)
        self._endpoint = Endpoint(config, self._cache)
        self._host = Host()
        chance = random.Random(settings.seed)
        self._loses: Callable[[], bool] = lambda: settings.loss > 0 and chance.random() < settings.loss
        self._ports: dict[Any, asyncio.DatagramProtocol] = {}
        self._calls: dict[Any, AsyncCall] = {}
        self._line: Line | None = None
        self._said: dict[str, int] = {}
        self._gap = 0.0
        self._turns = self._turns_while_waiting = 0

    def connection_made(self, transport: Any) -> None:
        self._line = Line(transport, self._loses)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self._loses():
            return
        port = self._ports.get(addr)
        if port is None:
            if classify(data) is not DatagramKind.ZRTP:
                return
            try:
                port = self._add_stream(addr, AsyncCall(self._endpoint, host=self._host, on_event=self._heard))
            except HostDraining:
                return
        port.datagram_received(data, addr)

    def video(self, audio: Any, video: Any) -> None:
        """Another stream of the call with that address."""
        self._add_stream(video, self._calls[audio])

    def secure(self, audio: Any) -> bool:
        """A phone may be secure before the host is."""
        call = self._calls.get(audio)
        return call is not None and all(layer.media.stream.state is State.SECURE for layer in call.layers)

    def hang_up(self, audio: Any) -> None:
        """The call with that address is over. What it leaves behind may still be on its way."""
        call = self._calls.get(audio)
        if call is None:
            return  # it never heard of the phone
        call.close()
        for address in [address for address, other in self._calls.items() if other is call]:
            del self._calls[address], self._ports[address]

    async def drain(self, patience: float) -> None:
        await self._host.drain(patience)
        self._cache.close()

    async def tick(self) -> None:
        """The longest that the loop was busy with something else is the longest gap."""
        last = time.perf_counter()
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            self._gap = max(self._gap, now - last - TICK)
            self._turns += 1
            self._turns_while_waiting += self._cache.metrics.waiting > 0
            last = now

    def report(self) -> dict[str, Any]:
        """Seconds of CPU, octets of memory, the metrics, and since it began: turns, those that the loop made while the
        database was waited for, the longest gap, what was said.
        """
        return {
            "cpu": time.process_time(),
            "resident": _resident(),
            "host": asdict(self._host.metrics),
            "store": asdict(self._cache.metrics),
            "gap": self._gap,
            "turns": self._turns,
            "turns while waiting": self._turns_while_waiting,
            "said": self._said,
        }

    def begin(self) -> None:
        """What went wrong before was something else."""
        self._gap, self._turns, self._turns_while_waiting, self._said = 0.0, 0, 0, {}

    def _add_stream(self, address: Any, call: AsyncCall) -> asyncio.DatagramProtocol:
        assert self._line is not None
        layer = call.add_layer()
        layer.set_remote(address)
        port = layer.wrap(asyncio.DatagramProtocol())
        port.connection_made(self._line)  # type: ignore[arg-type]
        self._ports[address], self._calls[address] = port, call
        layer.start()
        return port

    def _heard(self, event: CallEvent) -> None:
        if isinstance(event, Failed | SecurityWarning):
            self._said[event.text] = self._said.get(event.text, 0) + 1


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


async def main(settings: Settings) -> None:
    """Serve until told to drain, or until nobody speaks any more."""
    loop = asyncio.get_running_loop()
    transport, worker = await loop.create_datagram_endpoint(lambda: Worker(settings), local_addr=("127.0.0.1", 0))
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    ticking = asyncio.create_task(worker.tick())
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say({"port": transport.get_extra_info("sockname")[1]})
    while line := await reader.readline():
        told = json.loads(line)
        if "video" in told:
            worker.video(*map(tuple, told["video"]))
            _say({})
        elif "secure" in told:
            _say({"secure": worker.secure(tuple(told["secure"]))})
        elif "bye" in told:
            worker.hang_up(tuple(told["bye"]))
            _say({})
        elif "drain" in told:
            await worker.drain(told["drain"])
            _say(worker.report())
            break
        else:
            _say(worker.report())
            if "begin" in told:
                worker.begin()
    ticking.cancel()


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Settings(**json.loads(sys.argv[1]))))
