"""`python -m tests.bench.proxy`: what `zrtp proxy` adds to a call, at 1, 10 and 50 calls at the same time.

Two proxies run in processes of their own, as on the computers of two people, with real sockets on loopback. Between
them and at both ends this process sends packets of 20 ms, 50 a second each way, and takes the time from a plain
packet that one phone sends to the plain packet that the other gets: protected once, opened once. The same without
proxies, over the same sockets, is subtracted by showing it beside. CPU is that of one proxy, for one call.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Final

from tests.interop.ports import LOOPBACK
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.bare import BareOptions, BareRtp
from zrtp.proxy.leg import Protection
from zrtp.proxy.policy import Policy

CALLS: Final = (1, 10, 50)
HOSTS: Final = ("127.0.61.1", "127.0.61.2")
"""Of the two proxies towards each other; nobody else uses these addresses, so the ports are free."""
FIRST_PORT: Final = 20000
FRAME: Final = 0.02
PAYLOAD: Final = 160
_HEADER: Final = struct.Struct("!BBHII")
_STAMP: Final = struct.Struct("!Q")
_TIMESPEC: Final = struct.Struct("ll")
_SO_TIMESTAMPNS: Final = 35  # of Linux; Python has no name for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of so many calls at the same time."""

    calls: int
    sent: int
    """Packets, both directions of all calls."""
    lost: int
    direct: tuple[float, float]
    """Milliseconds without proxies: half of the packets are faster, and 99 of 100."""
    through: tuple[float, float]
    """The same through both proxies."""
    cpu: float
    """Share of one processor that one proxy takes for one call."""

    @property
    def added(self) -> float:
        """Milliseconds that two proxies add to half of the packets."""
        return self.through[0] - self.direct[0]


def measure(calls: int, seconds: float) -> Cost:
    """Hold so many calls for so long."""
    with ExitStack() as stack:
        sides = [stack.enter_context(_proxy(calls, *hosts)) for hosts in (HOSTS, HOSTS[::-1])]
        phones = [[stack.enter_context(_socket()) for _ in range(calls)] for _ in sides]
        direct = _talk(phones, [[p.getsockname() for p in phones[1 - side]] for side in range(2)], seconds)[0]
        for side in sides:
            side.secure()
        towards = [[(LOOPBACK, port) for port in side.phone_ports] for side in sides]
        _talk(phones, towards, 0.2)  # each proxy learns where its phones are
        for side in sides:
            side.begin()
        through, sent = _talk(phones, towards, seconds)
        cpu = sum(side.end() for side in sides) / len(sides) / calls / seconds
    return Cost(
        calls=calls,
        sent=sent,
        lost=sent - len(through),
        direct=_percentiles(direct),
        through=_percentiles(through),
        cpu=cpu,
    )


class _Side:
    """One proxy in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._ask: IO[str] = process.stdin
        self._hear: IO[str] = process.stdout
        self.phone_ports: list[int] = json.loads(self._hear.readline())

    def secure(self) -> None:
        """Wait until all calls are."""
        assert self._hear.readline() == "secure\n"

    def begin(self) -> None:
        self._ask.write("begin\n")
        self._ask.flush()

    def end(self) -> float:
        """Seconds of CPU since `begin`."""
        self._ask.write("end\n")
        self._ask.flush()
        return float(self._hear.readline())


@contextmanager
def _proxy(calls: int, own: str, other: str) -> Iterator[_Side]:
    command = [sys.executable, "-m", "tests.bench.proxy", "--side", json.dumps([calls, own, other])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield _Side(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _talk(
    phones: Sequence[Sequence[socket.socket]], towards: Sequence[Sequence[tuple[str, int]]], seconds: float
) -> tuple[list[float], int]:
    """Both sides speak; returns how long packets were under way, in milliseconds, and how many were sent."""
    pairs = [(phone, to) for side in range(2) for phone, to in zip(phones[side], towards[side], strict=True)]
    poll = select.poll()
    by_number = {phone.fileno(): phone for phone, _ in pairs}
    for number in by_number:
        poll.register(number, select.POLLIN)
    took: list[float] = []
    start = time.perf_counter()
    count = round(seconds / FRAME)
    plan = (
        (start + (frame + place / len(pairs)) * FRAME, frame, place)
        for frame in range(count)
        for place in range(len(pairs))
    )
    for due, frame, place in plan:
        while (wait := due - time.perf_counter()) > 0:
            _receive(poll, by_number, took, wait)
        phone, to = pairs[place]
        number = (frame + int(start * 1000)) & 0xFFFF
        header = _HEADER.pack(0x80, 0, number, 160 * frame & 0xFFFFFFFF, 1000 + place)
        phone.sendto(header + _STAMP.pack(time.time_ns()) + bytes(PAYLOAD - _STAMP.size), to)
    end = time.perf_counter() + 0.5
    while (wait := end - time.perf_counter()) > 0:
        _receive(poll, by_number, took, wait)
    return took, count * len(pairs)


def _receive(poll: select.poll, by_number: dict[int, socket.socket], took: list[float], wait: float) -> None:
    """Take what has arrived; when it did is what the kernel noted, however late this process looks."""
    for number, _ in poll.poll(wait * 1000):
        with contextlib.suppress(BlockingIOError):
            packet, notes, _, _ = by_number[number].recvmsg(2048, 64)
            seconds, nanoseconds = _TIMESPEC.unpack_from(notes[0][2])
            sent = _STAMP.unpack_from(packet, _HEADER.size)[0]
            took.append((seconds * 1_000_000_000 + nanoseconds - sent) / 1e6)


@contextmanager
def _socket() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((LOOPBACK, 0))
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        yield opened


def _percentiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]


async def _serve(calls: int, own: str, other: str) -> None:
    """One side: a proxy for each call, in one event loop."""
    endpoint = Endpoint(Config(key_agreements=(b"X255",)))
    proxies = [
        BareRtp(
            BareOptions(local=(LOOPBACK, 0), remote=(other, port), policy=Policy.REQUIRE, bind=(own, port)),
            endpoint,
            lambda news: None,
        )
        for port in range(FIRST_PORT, FIRST_PORT + 2 * calls, 2)
    ]
    print(json.dumps([proxy.open()[0][1] for proxy in proxies]), flush=True)
    while not all(proxy.views()[0].protection is Protection.SECURE for proxy in proxies):
        await asyncio.sleep(0.05)
    print("secure", flush=True)
    loop = asyncio.get_running_loop()
    begun = 0.0
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line == "begin\n":
            begun = time.process_time()
        else:
            print(time.process_time() - begun, flush=True)


def main(given: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.proxy", description=__doc__.partition(": ")[2])
    parser.add_argument("--calls", type=int, nargs="*", default=CALLS, metavar="N", help="(default: 1 10 50)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="how long to talk (default: 5)")
    parser.add_argument("--side", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    if arguments.side is not None:
        asyncio.run(_serve(*arguments.side))
        return
    print(
        "calls  packets  lost  direct p50/p99 ms  through two proxies p50/p99 ms  added p50 ms  CPU of a proxy per call"
    )
    for calls in arguments.calls:
        cost = measure(calls, arguments.seconds)
        direct, through = (f"{p50:.3f} / {p99:.3f}" for p50, p99 in (cost.direct, cost.through))
        counted = f"{cost.calls:5}  {cost.sent:7}  {cost.lost:4}"
        print(f"{counted}  {direct:>17}  {through:>30}  {cost.added:12.3f}  {cost.cpu:23.2%}")


if __name__ == "__main__":
    main()
