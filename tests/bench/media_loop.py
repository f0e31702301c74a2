"""`python -m tests.bench.media_loop`: what a media packet costs in a program with sockets, beside pylibsrtp.

Three questions, each answered in one run with process time, alternately for both, the best of some rounds:

* `SecureMedia` alone: protect and unprotect, in units of pylibsrtp's
* an asyncio protocol with the layer under it, in units of the same protocol that calls pylibsrtp; asyncio and uvloop
* with `--calls`: how many calls of 50 packets a second, both ways, one process carries before one packet in a hundred
  comes back more than 20 ms late
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import resource
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any, Final

import pylibsrtp

from zrtp.media.aio import AsyncCall
from zrtp.media.aio.udp import open_udp
from zrtp.media.handover import libsrtp_policy
from zrtp.media.secure import SecureCall, SecureMedia
from zrtp.media.threads import SecureSocket
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import KeysReady, SrtpKeys
from zrtp.secret import Secret

SUITES: Final = {"AES-128 HMAC-SHA1-80": (b"AES1", b"HS80"), "AES-256-GCM": (b"AES3", b"GCM ")}
PACKETS: Final = 20_000
ROUNDS: Final = 5
FRAME: Final = 0.02
LATE: Final = 0.02
PAYLOAD: Final = bytes(160)

_SO_TIMESTAMPNS: Final = 35  # of Linux, for which Python has no name


def config(codes: tuple[bytes, bytes]) -> Config:
    return Config(ciphers=codes[:1], auth_tags=codes[1:], key_agreements=(b"X255",))


def rtp(number: int, ssrc: int = 7) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc) + PAYLOAD


# SecureMedia alone.


def secure_pair(codes: tuple[bytes, bytes]) -> tuple[SecureMedia, SecureMedia, KeysReady]:
    """Two media paths that are secure, and the keys of the first one."""
    calls = [SecureCall(Endpoint(config(codes)).session()) for _ in range(2)]
    ends = [call.add_stream(ssrc) for ssrc, call in enumerate(calls, 1)]
    for end in ends:
        end.start(0.0)
    keys = None
    while not all(end.may_send for end in ends):
        for end, other in (ends, reversed(ends)):
            for datagram in end.datagrams_to_send():
                other.datagram_received(datagram, 0.0)
        while (event := calls[0].next_event()) is not None:
            if isinstance(event, KeysReady):
                keys = KeysReady(ssrc=event.ssrc, send=_copy(event.send), receive=_copy(event.receive))
    assert keys is not None
    return ends[0], ends[1], keys


def _copy(keys: SrtpKeys) -> SrtpKeys:
    return SrtpKeys(cipher=keys.cipher, auth_tag=keys.auth_tag, key=keys.key.copy(), salt=keys.salt.copy())


def cost(work: Callable[[bytes], object], packets: list[bytes]) -> float:
    """Process time for each packet, in microseconds."""
    gc.collect()
    begun = time.process_time()
    for packet in packets:
        work(packet)
    return (time.process_time() - begun) / len(packets) * 1e6


def packet_costs(codes: tuple[bytes, bytes], rounds: int = ROUNDS, count: int = PACKETS) -> dict[str, float]:
    """Microseconds of each, the best of some alternating rounds."""
    best: dict[str, float] = {}
    packets = [rtp(number) for number in range(count)]
    for _ in range(rounds):
        sending, receiving, keys = secure_pair(codes)
        there = pylibsrtp.Session(libsrtp_policy(keys.send, sending=True))
        back = pylibsrtp.Session(libsrtp_policy(keys.send, sending=False))
        sealed = [packet for packet in map(sending.protect, packets) if packet is not None]
        fresh, _, _ = secure_pair(codes)

        def unprotect(packet: bytes, media: SecureMedia = receiving) -> object:
            return media.unprotect(packet, 1.0)

        for name, work, given in (
            ("SecureMedia.protect", fresh.protect, packets),
            ("pylibsrtp.protect", there.protect, packets),
            ("SecureMedia.unprotect", unprotect, sealed),
            ("pylibsrtp.unprotect", back.unprotect, sealed),
        ):
            best[name] = min(best.get(name, 1e9), cost(work, given))
    return best


# The same protocol over the layer, and with pylibsrtp.


class Phone(asyncio.DatagramProtocol):
    """RTP code as a program may have it: takes packets apart, counts, sends when it is told to."""

    def __init__(self) -> None:
        self.received = 0
        self.begun = 0.0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.received:
            self.begun = time.process_time()
        struct.unpack_from("!HII", data, 2)
        self.received += 1


class WithLibsrtp(Phone):
    """The same with pylibsrtp in it."""

    def __init__(self, keys: SrtpKeys) -> None:
        super().__init__()
        self.unprotect = pylibsrtp.Session(libsrtp_policy(keys, sending=False)).unprotect
        self.protect = pylibsrtp.Session(libsrtp_policy(keys, sending=True)).protect

    def datagram_received(self, data: bytes, addr: Any) -> None:
        super().datagram_received(self.unprotect(data), addr)


def fixed_keys(codes: tuple[bytes, bytes]) -> SrtpKeys:
    length, salt = (32 if codes[0] == b"AES3" else 16), (12 if codes[1] == b"GCM " else 14)
    return SrtpKeys(cipher=codes[0], auth_tag=codes[1], key=Secret(bytes(range(length))), salt=Secret(bytes(salt)))


async def _server(kind: str, codes: tuple[bytes, bytes], pipe: Connection) -> None:
    """Receive packets until they stop coming, then send as many; tell what each took."""
    loop = asyncio.get_running_loop()
    call = None
    if kind == "layer":
        call = AsyncCall(Endpoint(config(codes)))
        layer = call.add_layer()
        phone = Phone()
        await loop.create_datagram_endpoint(lambda: layer.wrap(phone), local_addr=("127.0.0.1", 0))
        layer.starts_when_called = True
    else:
        phone = WithLibsrtp(fixed_keys(codes))
        await loop.create_datagram_endpoint(lambda: phone, local_addr=("127.0.0.1", 0))
    phone.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    pipe.send(phone.transport.get_extra_info("sockname"))
    last = -1
    while (phone.received < PACKETS and phone.received != last) or not phone.received:
        last = phone.received
        await asyncio.sleep(0.25)
    receiving = (time.process_time() - phone.begun) / phone.received * 1e6
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    address, send = sink.getsockname(), phone.transport.sendto
    if call is not None:
        layer.set_remote(address)
    packets = [rtp(number, 99) for number in range(PACKETS)]
    begun = time.process_time()
    if isinstance(phone, WithLibsrtp):
        for packet in packets:
            send(phone.protect(packet), address)
    else:
        for packet in packets:
            send(packet, address)
    pipe.send((receiving, (time.process_time() - begun) / PACKETS * 1e6, phone.received))
    sink.close()


def _run(uvloop: bool, main: Any) -> None:
    if uvloop:
        import uvloop as loops

        loops.run(main)
    else:
        asyncio.run(main)


def _serve(uvloop: bool, kind: str, codes: tuple[bytes, bytes], pipe: Connection) -> None:
    _run(uvloop, _server(kind, codes, pipe))


def loop_cost(kind: str, codes: tuple[bytes, bytes], *, uvloop: bool = False) -> tuple[float, float]:
    """Microseconds of process time for a packet received, and for one sent."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(uvloop, kind, codes, theirs))
    server.start()
    theirs.close()  # the server's alone: if that ends, whoever waits here learns of it
    address = ours.recv()
    packets = [rtp(number) for number in range(PACKETS)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        if kind == "layer":
            secure = SecureSocket(Endpoint(config(codes)))
            secure.bind(("127.0.0.1", 0))
            secure.settimeout(0.05)
            secure.start(address)
            while not secure.media.may_send:
                with suppress(TimeoutError):
                    secure.recv()
            protect: Any = secure.media.protect
        else:
            protect = pylibsrtp.Session(libsrtp_policy(fixed_keys(codes), sending=True)).protect
        sealed = [protect(packet) for packet in packets]
        for number, packet in enumerate(sealed):
            plain.sendto(packet, address)
            if number % 20 == 19:
                time.sleep(0.0012)
        receiving, sending, received = ours.recv()
        if kind == "layer":
            secure.close()
    server.join(20)
    assert received > PACKETS // 2, f"only {received} packets arrived"
    return receiving, sending


# How many calls one process carries.


class _Echo(asyncio.DatagramProtocol):
    """Sends every packet back, under a source of its own."""

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc.to_bytes(4, "big")
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data[:8] + self.ssrc + data[12:])


async def _carry(calls: int, codes: tuple[bytes, bytes], pipe: Connection) -> None:
    endpoint = Endpoint(config(codes))
    held = []
    for _ in range(calls):
        call = AsyncCall(endpoint)
        layer = call.add_layer()
        layer.starts_when_called = True
        echo = _Echo(layer.media.stream.ssrc)
        transport = await open_udp(layer.wrap(echo), ("127.0.0.1", 0), socket.AF_INET)
        held.append((call, layer))
        pipe.send(transport.get_extra_info("sockname"))
        await layer.secured()
    loop = asyncio.get_running_loop()
    begun, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall = time.monotonic()
    await loop.run_in_executor(None, pipe.recv)
    share = (time.process_time() - begun) / (time.monotonic() - wall)
    pipe.send((share, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / calls))


def _carrier(uvloop: bool, calls: int, codes: tuple[bytes, bytes], pipe: Connection) -> None:
    _run(uvloop, _carry(calls, codes, pipe))


def lateness(calls: int, codes: tuple[bytes, bytes], seconds: float = 4.0, *, uvloop: bool = False) -> dict[str, float]:
    """The share of packets that came back late or not at all, of calls that one process holds."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=_carrier, args=(uvloop, calls, codes, theirs))
    server.start()
    theirs.close()  # the server's alone: if that ends, whoever waits here learns of it
    count = int(seconds / FRAME)
    sockets, plans = [], []
    for _ in range(calls):
        address = ours.recv()
        secure = SecureSocket(Endpoint(config(codes)))
        secure.bind(("127.0.0.1", 0))
        secure.settimeout(0.05)
        secure.start(address)
        while not secure.media.may_send:
            with suppress(TimeoutError):
                secure.recv()
        sockets.append((secure, address))
        plans.append([secure.media.protect(rtp(number)) for number in range(count)])
    sent, back = _drive(sockets, plans, count)
    ours.send("enough")
    share, growth = ours.recv()
    for secure, _ in sockets:
        secure.close()
    server.join(20)
    late = sum(1 for key, at in sent.items() if back.get(key, 1e9) - at > LATE)
    return {"late": late / len(sent), "busy": share, "kilobytes": growth}


def _drive(sockets: Any, plans: Any, count: int) -> tuple[dict[Any, float], dict[Any, float]]:
    """Send each call's packets at their times, spread over the frame; note when each came back: the system says when,
    so that it does not count how long they lie here."""
    import select

    poll = select.epoll()
    by_fd = {}
    for number, (secure, _) in enumerate(sockets):
        secure.setblocking(False)
        secure.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        poll.register(secure.fileno(), select.EPOLLIN)
        by_fd[secure.fileno()] = (number, secure._socket)
    sent: dict[Any, float] = {}
    back: dict[Any, float] = {}

    def receive(wait: float) -> None:
        for fd, _ in poll.poll(max(0.0, wait)):
            number, sock = by_fd[fd]
            try:
                while True:
                    data, [(_, _, stamp)], _, _ = sock.recvmsg(2048, 64)
                    back[number, int.from_bytes(data[2:4], "big")] = _seconds(stamp)
            except BlockingIOError:
                pass

    begun = time.monotonic()
    step = FRAME / len(sockets)
    for frame in range(count):
        for number, (secure, address) in enumerate(sockets):
            due = begun + frame * FRAME + number * step
            while (wait := due - time.monotonic()) > 0:
                receive(wait)
            sent[number, frame] = time.time()
            secure._socket.sendto(plans[number][frame], address)
    end = time.monotonic() + 0.3
    while (wait := end - time.monotonic()) > 0:
        receive(wait)
    return sent, back


def _seconds(timespec: bytes) -> float:
    seconds, nanoseconds = struct.unpack("@ll", timespec)
    return float(seconds + nanoseconds / 1e9)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.media_loop", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="*", help="how many calls at once, for example 100 200 400")
    parser.add_argument("--uvloop", action="store_true", help="also with uvloop")
    arguments = parser.parse_args()
    if arguments.uvloop and find_spec("uvloop") is None:
        parser.error("uvloop is not installed: pip install uvloop")
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    for name, codes in SUITES.items():
        if arguments.calls:
            for calls in arguments.calls:
                told = lateness(calls, codes, uvloop=arguments.uvloop)
                print(
                    f"{name}: {calls} calls: {told['late']:.2%} late, {told['busy']:.0%} of a processor, "
                    f"{told['kilobytes']:.1f} kB more for each call"
                )
            continue
        costs = packet_costs(codes)
        for verb in ("protect", "unprotect"):
            ours, theirs = costs[f"SecureMedia.{verb}"], costs[f"pylibsrtp.{verb}"]
            print(f"{name}: SecureMedia.{verb} {ours:.2f} us, pylibsrtp {theirs:.2f} us, ratio {ours / theirs:.2f}")
        for uvloop in (False, True) if arguments.uvloop else (False,):
            rounds = [
                (loop_cost("layer", codes, uvloop=uvloop), loop_cost("pylibsrtp", codes, uvloop=uvloop))
                for _ in range(ROUNDS)
            ]
            for place, what in ((0, "received"), (1, "sent")):
                ours = min(layer[place] for layer, _ in rounds)
                theirs = min(lib[place] for _, lib in rounds)
                loop = "uvloop" if uvloop else "asyncio"
                print(
                    f"{name}: {loop}, {what}: layer {ours:.1f} us, pylibsrtp {theirs:.1f} us, ratio {ours / theirs:.2f}"
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
