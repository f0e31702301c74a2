"""The asyncio face: real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.loops import run, until
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellmanShare
from zrtp.errors import ApiMisuse
from zrtp.media.aio import NotSecured, SecureStream, connect, listen, stream
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.rtp import Packetizer
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Closed, NoPeer, PeerDetected, SasReady, Secured, Verified
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import Ping
from zrtp.wire.packet import encode_packet

LOOPBACK = ("127.0.0.1", 0)
FAST = Config(key_agreements=(b"X255",))


@contextlib.asynccontextmanager
async def call() -> AsyncIterator[tuple[SecureStream, SecureStream]]:
    """A secure call: (the one that called, the one that listened)."""
    async with (
        listen(Endpoint(FAST, MemoryCache()), LOOPBACK) as bob,
        connect(Endpoint(FAST, MemoryCache()), bob.local) as alice,
    ):
        await asyncio.gather(alice.secured(), bob.secured())
        yield alice, bob


def test_two_ends_become_secure_and_hear_each_other() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            assert alice.send(b"hello " * 10)
            assert bob.send(b"world " * 10)
            heard_by_bob, heard_by_alice = await bob.receive(), await alice.receive()
            assert heard_by_bob is not None
            assert heard_by_alice is not None
            assert heard_by_bob.payload == b"hello " * 10
            assert heard_by_alice.payload == b"world " * 10
            assert alice.session.sas is not None
            assert alice.session.sas == bob.session.sas
            assert alice.remote == bob.local
            assert bob.remote == alice.local

    run(test())


def test_events_come_in_order_and_end_with_closed() -> None:
    async def test() -> None:
        async with call() as (alice, _):
            pass
        kinds = [type(event) async for event in alice]
        assert [kind for kind in kinds if kind in (PeerDetected, SasReady, Secured, Closed)] == [
            PeerDetected,
            SasReady,
            Secured,
            Closed,
        ]

    run(test())


def test_what_is_decided_shows_up_as_an_event() -> None:
    async def test() -> None:
        async with call() as (alice, _):
            alice.session.sas_matched("bob")
            alice.settle()
            async for event in alice:
                if isinstance(event, Verified):
                    assert event.peer_name == "bob"
                    return

    run(test())


def test_receiving_ends_when_the_peer_hangs_up() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            alice.send(b"last words")
            await alice.aclose()
            packet = await bob.receive()
            assert packet is not None
            assert packet.payload == b"last words"
            assert await bob.receive() is None
            assert await bob.receive() is None
            assert bob.media.peer_left

    run(test())


def test_receiving_ends_when_the_call_is_closed_here() -> None:
    async def test() -> None:
        async with call() as (alice, _):
            waiting = asyncio.ensure_future(alice.receive())
            await asyncio.sleep(0)
            await alice.aclose()
            await alice.aclose()
            assert await waiting is None
            assert not alice.send(b"too late")

    run(test())


def test_sound_before_the_call_is_secure_is_not_sent() -> None:
    async def test() -> None:
        async with listen(Endpoint(FAST), LOOPBACK) as bob, connect(Endpoint(FAST), bob.local) as alice:
            before = alice.packetizer.packet(b"").timestamp
            assert not alice.send(bytes(160))
            assert not alice.send(b"opus", samples=960)
            assert alice.media.counters.sent == 0
            after = alice.packetizer.packet(b"").timestamp
            assert after == (before + 160 + 960) & 0xFFFFFFFF, "time passes all the same"

    run(test())


def test_without_a_zrtp_peer_the_call_is_not_secured() -> None:
    async def test() -> None:
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(LOOPBACK)
        with contextlib.closing(silent):
            impatient = Endpoint(Config(key_agreements=(b"X255",), discovery_deadline=0.05))
            async with connect(impatient, silent.getsockname()) as alice:
                with pytest.raises(NotSecured):
                    await alice.secured()
                assert not alice.unreachable
                events = [event async for event in aiter_until(alice, NoPeer)]
                assert isinstance(events[-1], NoPeer)

    run(test())


async def aiter_until(stream: SecureStream, kind: type) -> AsyncIterator[object]:
    async for event in stream:
        yield event
        if isinstance(event, kind):
            return


def test_a_port_where_nobody_listens_is_noticed() -> None:
    async def test() -> None:
        free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        free.bind(LOOPBACK)
        address = free.getsockname()
        free.close()
        async with connect(Endpoint(FAST), address) as alice:
            await until(lambda: alice.unreachable)

    run(test())


def test_a_listener_answers_nothing_that_is_not_a_call() -> None:
    async def test() -> None:
        async with listen(Endpoint(FAST), LOOPBACK) as bob:
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stranger.setblocking(False)
            with contextlib.closing(stranger):
                for datagram in (b"", b"hello", b"GET / HTTP/1.1\r\n\r\n", bytes(100)):
                    stranger.sendto(datagram, bob.local)
                await asyncio.sleep(0.05)
                assert bob.remote is None
                with pytest.raises(BlockingIOError):
                    stranger.recv(2000)

    run(test())


def test_a_stranger_is_answered_but_does_not_get_in_the_way_of_the_caller() -> None:
    async def test() -> None:
        ping = encode_packet(1, 0x5EED, Ping.make(version=b"1.10", endpoint_hash=bytes(8)).raw)
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.setblocking(False)
        async with listen(Endpoint(FAST), LOOPBACK) as bob:
            with contextlib.closing(stranger):
                stranger.sendto(ping, bob.local)
                answers = await asyncio.get_running_loop().sock_recv(stranger, 2000)
                assert classify(answers) is DatagramKind.ZRTP
                async with connect(Endpoint(FAST), bob.local) as alice:
                    stranger.sendto(ping, bob.local)
                    await asyncio.gather(alice.secured(), bob.secured())
                    stranger.sendto(ping, bob.local)
                    alice.send(b"hello")
                    packet = await bob.receive()
                    assert packet is not None
                    assert bob.remote == alice.local

    run(test())


def test_forged_sound_from_elsewhere_does_not_redirect_the_call() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with contextlib.closing(stranger):
                for _ in range(3):
                    stranger.sendto(Packetizer(1).packet(bytes(160)).encode(), bob.local)
                await until(lambda: bob.media.counters.rejected == 3)
            assert bob.remote == alice.local

    run(test())


def test_an_authenticated_packet_from_a_new_address_moves_the_call() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            datagram = alice.media.protect(Packetizer(alice.media.stream.ssrc).packet(bytes(160)).encode())
            assert datagram is not None
            moved = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with contextlib.closing(moved):
                moved.bind(LOOPBACK)
                moved.sendto(datagram, bob.local)
                await until(lambda: bob.media.counters.verified == 1)
                assert bob.remote == moved.getsockname()

    run(test())


def test_a_network_that_loses_datagrams_only_takes_longer() -> None:
    async def test() -> None:
        dice, lost = random.Random(5), 0

        def bad(deliver: Callable[[], None]) -> None:
            nonlocal lost
            if dice.random() < 0.3:
                lost += 1
            else:
                deliver()

        async with listen(Endpoint(FAST), LOOPBACK) as bob, connect(Endpoint(FAST), bob.local, path=bad) as alice:
            await asyncio.gather(alice.secured(), bob.secured())
        assert lost > 0

    run(test())


def test_sound_that_nobody_takes_does_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "RECEIVE_BACKLOG", 3)

    async def test() -> None:
        async with call() as (alice, bob):
            for number in range(10):
                alice.send(bytes([number]))
                await until(lambda wanted=number + 1: bob.media.counters.verified == wanted)  # type: ignore[misc]
            heard = [await bob.receive() for _ in range(3)]
            assert [packet.payload for packet in heard if packet] == [b"\x07", b"\x08", b"\x09"]

    run(test())


def test_a_port_in_use_is_an_operating_system_error() -> None:
    async def test() -> None:
        async with listen(Endpoint(FAST), LOOPBACK) as bob:
            with pytest.raises(OSError, match="in use"):
                async with listen(Endpoint(FAST), bob.local):
                    pass

    run(test())


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_a_name_with_both_families_reaches_a_listener_on_ipv4() -> None:
    async def test() -> None:
        async with (
            listen(Endpoint(FAST), LOOPBACK) as bob,
            connect(Endpoint(FAST), ("localhost", bob.local[1])) as alice,
        ):
            await alice.secured()

    run(test())


def test_nobody_can_be_called_at_all_addresses_of_this_computer() -> None:
    async def test() -> None:
        with pytest.raises(OSError, match=r"Nobody can be called at 0\.0\.0\.0"):
            async with connect(Endpoint(FAST), ("0.0.0.0", 9)):  # noqa: S104
                pass

    run(test())


def test_addresses_of_two_families_do_not_go_together() -> None:
    async def test() -> None:
        with pytest.raises(OSError, match="IPv6"):
            async with connect(Endpoint(FAST), ("127.0.0.1", 9), local=("::1", 0)):
                pass

    run(test())


def test_with_an_executor_the_event_loop_goes_on_while_public_keys_are_worked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    threads: set[int] = set()
    finish = DiffieHellmanShare.finish

    def slow_finish(share: DiffieHellmanShare, pv: CheckedValue) -> Secret:
        threads.add(threading.get_ident())
        assert gate.wait(5), "only the event loop opens the gate"
        return finish(share, pv)

    monkeypatch.setattr(DiffieHellmanShare, "finish", slow_finish)

    async def test() -> None:
        with ThreadPoolExecutor(2) as executor:
            async with (
                listen(Endpoint(FAST), LOOPBACK, executor=executor) as bob,
                connect(Endpoint(FAST), bob.local, executor=executor) as alice,
            ):
                await until(lambda: bool(threads))
                assert State.SECURE not in (alice.media.stream.state, bob.media.stream.state)
                gate.set()
                await asyncio.gather(alice.secured(), bob.secured())
                assert alice.session.sas == bob.session.sas
        assert threading.get_ident() not in threads

    run(test())


class Cancelling(ThreadPoolExecutor):
    """Takes on work and calls it off."""

    def submit(self, *work: Any, **arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.cancel()
        return future


class Elsewhere(ThreadPoolExecutor):
    """Cannot do it, as a pool of processes cannot: keys are not sent to another one."""

    def submit(self, *work: Any, **arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(TypeError("cannot pickle"))
        return future


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, Cancelling, Elsewhere], ids=["shut down", "cancels", "fails"])
def test_what_an_executor_does_not_carry_out_the_event_loop_does(
    kind: type[ThreadPoolExecutor], caplog: pytest.LogCaptureFixture
) -> None:
    executor = kind(1)
    if kind is ThreadPoolExecutor:
        executor.shutdown()

    async def test() -> None:
        async with (
            listen(Endpoint(FAST), LOOPBACK) as bob,
            connect(Endpoint(FAST), bob.local, executor=executor) as alice,
        ):
            await asyncio.gather(alice.secured(), bob.secured())
            assert alice.session.sas == bob.session.sas

    run(test())
    assert "The executor did not carry out its work" in caplog.text
    executor.shutdown()


def test_a_call_may_be_closed_while_an_executor_works_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    begun = threading.Event()
    finish = DiffieHellmanShare.finish

    def slow_finish(share: DiffieHellmanShare, pv: CheckedValue) -> Secret:
        begun.set()
        assert gate.wait(5)
        return finish(share, pv)

    monkeypatch.setattr(DiffieHellmanShare, "finish", slow_finish)

    async def test() -> None:
        with ThreadPoolExecutor(2) as executor:
            async with (
                listen(Endpoint(FAST), LOOPBACK, executor=executor) as bob,
                connect(Endpoint(FAST), bob.local, executor=executor) as alice,
            ):
                await until(begun.is_set)
            gate.set()
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert alice.media.stream.state is bob.media.stream.state is State.CLOSED

    run(test())


class Tube:
    """One end of a connection that is not a socket."""

    def __init__(self) -> None:
        self.other = self
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        self.other._arrived.put_nowait(data)

    async def recv(self) -> bytes:
        return await self._arrived.get()


def test_a_stream_takes_another_connection_than_a_socket_when_its_hello_is_known_already() -> None:
    """As whoever offers a call has to: the hash goes out first, the way is found later."""

    async def test() -> None:
        ends = [Tube(), Tube()]
        ends[0].other, ends[1].other = ends[1], ends[0]
        streams = [SecureStream(Endpoint(FAST, MemoryCache())) for _ in ends]
        hashes = [side.media.stream.hello_hash for side in streams]
        for side, end in zip(streams, ends, strict=True):
            side.attach(end)
        await asyncio.gather(*(side.secured() for side in streams))
        assert [side.media.stream.hello_hash for side in streams] == hashes
        assert streams[0].send(b"hello " * 10)
        heard = await streams[1].receive()
        assert heard is not None and heard.payload == b"hello " * 10
        with pytest.raises(ApiMisuse, match="has a socket already"):
            streams[0].attach(ends[0])
        for side in streams:
            await side.aclose()

    run(test())
