"""What real networks and real peers do to a call over sockets; each test is a call."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import pytest

from tests.support.loops import run, until
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media import rtcp, secure
from zrtp.media.aio import NotSecured, Options, SecureStream, connect, listen, stream
from zrtp.media.aio.paths import DatagramPath, PathTransport
from zrtp.media.dtmf import DtmfEvent
from zrtp.media.events import MediaRecovered, MediaTrouble, PeerLeft, Trouble
from zrtp.media.rtp import RtpPacket
from zrtp.media.secure import SecureCall
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.states import State

LOOPBACK = ("127.0.0.1", 0)
FAST = Config(key_agreements=(b"X255",))
FRAME = bytes(160)


@asynccontextmanager
async def call(**options: Unpack[Options]) -> AsyncIterator[tuple[SecureStream, SecureStream]]:
    """A secure call: (the one that called, the one that listened)."""
    async with (
        listen(Endpoint(FAST), LOOPBACK, **options) as bob,
        connect(Endpoint(FAST), bob.local, **options) as alice,
    ):
        await asyncio.gather(alice.secured(), bob.secured())
        yield alice, bob


def packet(source: int, sequence: int, payload: bytes = FRAME) -> bytes:
    return RtpPacket(payload_type=0, sequence=sequence, timestamp=160 * sequence, ssrc=source, payload=payload).encode()


async def heard(stream: SecureStream, count: int) -> list[RtpPacket]:
    packets = [await stream.receive() for _ in range(count)]
    return [each for each in packets if each is not None]


# A source that leaves is not the call that ends.


@pytest.mark.parametrize("leaving", [0x11111111, 0xDEADBEEF], ids=["music on hold", "a source nobody heard"])
def test_the_goodbye_of_another_source_ends_nothing(leaving: int) -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            bob.send_rtp(packet(0x11111111, 1))
            bob.send_rtp(packet(0xB0B, 1))
            await heard(alice, 2)
            bob.send_rtcp(rtcp.goodbye(leaving))
            for sequence in range(2, 22):
                bob.send_rtp(packet(0xB0B, sequence))
            assert [each.sequence for each in await heard(alice, 20)] == list(range(2, 22))

    run(test())


def test_a_peer_that_changes_its_source_goes_on_until_that_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LEAVING", 0.05)

    async def test() -> None:
        async with call() as (alice, bob):
            bob.send_rtp(packet(1, 1))
            bob.send_rtcp(rtcp.goodbye(1))
            bob.send_rtp(packet(2, 1))
            await heard(alice, 2)
            await asyncio.sleep(0.1)
            bob.send_rtp(packet(2, 2))
            assert [each.sequence for each in await heard(alice, 1)] == [2]
            bob.send_rtcp(rtcp.goodbye(2))
            assert await alice.receive() is None

    run(test())


def test_the_goodbye_of_the_one_that_is_heard_ends_the_sound_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LEAVING", 0.01)

    async def test() -> None:
        async with call() as (alice, bob):
            bob.send(FRAME)
            await heard(alice, 1)
            bob.say_goodbye()
            assert await alice.receive() is None
            assert await alice.receive() is None
        assert [event.source async for event in alice if isinstance(event, PeerLeft)] == [bob.media.stream.ssrc]

    run(test())


@pytest.mark.parametrize("source", [1, 2], ids=["the same source", "another source"])
def test_a_peer_that_says_goodbye_for_a_hold_is_heard_again(source: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LEAVING", 0.01)
    monkeypatch.setattr(secure, "STRAGGLING", 0.01)

    async def test() -> None:
        async with call() as (alice, bob):
            bob.send_rtp(packet(1, 1))
            bob.send_rtcp(rtcp.goodbye(1))
            await heard(alice, 1)
            assert await alice.receive() is None
            assert await alice.receive() is None, "nothing has come since"
            for sequence in (2, 3, 4):
                bob.send_rtp(packet(source, sequence))
            async for event in alice:
                if isinstance(event, MediaRecovered):
                    break
            assert [each.sequence for each in await heard(alice, 3)] == [2, 3, 4]
            bob.send_rtp(packet(source, 5))
            assert [each.sequence for each in await heard(alice, 1)] == [5]
            bob.send_rtcp(rtcp.goodbye(source))
            assert await alice.receive() is None

    run(test())


def test_a_peer_that_talks_on_after_its_goodbye_has_not_fallen_silent() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            bob.send_rtcp(rtcp.goodbye(1))
            await until(lambda: alice.media.peer_left)
            ending = alice._leaving
            bob.send_rtp(packet(1, 1))
            await heard(alice, 1)
            assert ending is not None and ending.cancelled()
            assert alice._leaving is not None, "the packet may have been on its way"

    run(test())


# The peer's port changes.


class Router:
    """Between a caller and a callee; `rebind` gives one side a new port without notice."""

    def __init__(self, inside: Any) -> None:
        self.inside = inside
        self.outside: Any = None
        self.ends: list[asyncio.DatagramTransport] = []

    async def open(self) -> Any:
        for side in (0, 1):
            self.ends.append(await self._end(side))
        return self.ends[0].get_extra_info("sockname")

    async def rebind(self, side: int) -> None:
        self.ends[side].close()
        self.ends[side] = await self._end(side)

    def close(self) -> None:
        for end in self.ends:
            end.close()

    async def _end(self, side: int) -> asyncio.DatagramTransport:
        router = self

        class End(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                if side == 0:
                    router.outside = addr
                    router.ends[1].sendto(data, router.inside)
                elif router.outside is not None:
                    router.ends[0].sendto(data, router.outside)

        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(End, local_addr=LOOPBACK)
        return transport


@pytest.mark.parametrize("side", [0, 1], ids=["the caller hears it move", "the callee hears it move"])
def test_a_router_that_takes_another_port_is_followed(side: int) -> None:
    async def test() -> None:
        async with listen(Endpoint(FAST), LOOPBACK) as bob:
            router = Router(bob.local)
            async with connect(Endpoint(FAST), await router.open()) as alice:
                await asyncio.gather(alice.secured(), bob.secured())
                alice.send(FRAME)
                bob.send(FRAME)
                await asyncio.gather(alice.receive(), bob.receive())
                await router.rebind(side)
                talking, listening = (bob, alice) if side == 0 else (alice, bob)
                talking.send(FRAME)
                await listening.receive()
                listening.send(FRAME)
                assert await talking.receive() is not None
            router.close()

    run(test())


def test_the_address_can_be_said_as_after_a_re_invite() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
                relay.bind(LOOPBACK)
                relay.setblocking(False)
                alice.set_remote(relay.getsockname())
                assert alice.remote == relay.getsockname()
                alice.send(FRAME)
                sealed = await asyncio.get_running_loop().sock_recv(relay, 2048)
                relay.sendto(sealed, bob.local)
                assert await bob.receive() is not None

    run(test())


# Waiting for what is true now.


def test_secured_tells_the_present_and_not_the_first_failure() -> None:
    async def test() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(LOOPBACK)
            where = probe.getsockname()
        late = Config(key_agreements=(b"X255",), discovery_deadline=0.1)
        async with connect(Endpoint(late), where) as alice:
            with pytest.raises(NotSecured):
                await alice.secured()
            with pytest.raises(NotSecured):
                await alice.secured()
            async with connect(Endpoint(FAST), alice.local, local=where) as bob:
                await bob.secured()
                await until(lambda: alice.media.stream.state is State.SECURE)
                assert await alice.secured() == await alice.secured()
        with pytest.raises(NotSecured):
            await alice.secured()

    run(test())


@pytest.mark.parametrize("readers", [1, 3])
def test_everybody_who_reads_learns_of_the_end(readers: int) -> None:
    async def test() -> None:
        async with call() as (alice, _):
            receiving = [asyncio.ensure_future(alice.receive()) for _ in range(readers)]

            async def events() -> None:
                async for _ in alice:
                    pass

            reading = [asyncio.ensure_future(events()) for _ in range(readers)]
            await asyncio.sleep(0)
        assert await asyncio.gather(*receiving) == [None] * readers
        await asyncio.gather(*reading)
        assert await alice.receive() is None

    run(test())


def test_a_peer_that_seems_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with call(silence=0.1) as (alice, bob):
            bob.send(FRAME)
            async for event in alice:
                if isinstance(event, MediaTrouble):
                    assert event.trouble is Trouble.SILENT
                    break
            bob.send(FRAME)
            await heard(alice, 2)

    run(test())


def test_a_refusal_by_the_network_is_told_and_the_call_goes_on() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            bob.send(FRAME)
            await heard(alice, 1)
            back = alice.remote
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
                gone.bind(LOOPBACK)
                nowhere = gone.getsockname()
            alice.set_remote(nowhere)
            alice.send(FRAME)
            async for event in alice:
                if isinstance(event, MediaTrouble):
                    assert event.trouble is Trouble.UNREACHABLE
                    break
            assert alice.unreachable
            alice.set_remote(back)
            alice.send(FRAME)
            assert len(await heard(bob, 1)) == 1

    run(test())


# Payloads of all kinds.


def test_opus_has_its_own_payload_type_and_clock() -> None:
    async def test() -> None:
        async with call(payload_type=96, clock_rate=48_000) as (alice, bob):
            for octets in (71, 83, 64):
                alice.send(bytes(octets), samples=960)
            packets = await heard(bob, 3)
            assert {each.payload_type for each in packets} == {96}
            assert [len(each.payload) for each in packets] == [71, 83, 64]
            steps = [packets[1].timestamp - packets[0].timestamp, packets[2].timestamp - packets[1].timestamp]
            assert [step & 0xFFFFFFFF for step in steps] == [960, 960]

    run(test())


def test_a_key_of_the_telephone_is_one_event_with_one_timestamp() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            alice.send(FRAME)
            assert await alice.send_dtmf("5", seconds=0.06)
            alice.send(FRAME)
            before, *event, after = await heard(bob, 7)
            assert {each.payload_type for each in event} == {101}
            assert {each.timestamp for each in event} == {before.timestamp + 160 & 0xFFFFFFFF}
            assert [each.marker for each in event] == [True, False, False, False, False]
            decoded = [DtmfEvent.decode(each.payload) for each in event]
            assert [(key.digit, key.duration, key.end) for key in decoded if key is not None] == [
                ("5", 160, False),
                ("5", 320, False),
                ("5", 480, True),
                ("5", 480, True),
                ("5", 480, True),
            ]
            assert after.timestamp == before.timestamp + 160 + 480 + 320 & 0xFFFFFFFF, "the copies took time too"

    run(test())


def test_a_key_is_one_event_though_the_program_goes_on_talking() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            began = alice.packetizer.timestamp
            press = asyncio.ensure_future(alice.send_dtmf("5", seconds=0.02))
            await asyncio.sleep(0)
            for _ in range(50):
                assert not alice.send(FRAME), "a phone mutes itself"
            assert await press
            assert alice.send(FRAME)
            *event, after = await heard(bob, 4)
            assert {each.timestamp for each in event} == {began}
            assert after.timestamp == began + 50 * 160 & 0xFFFFFFFF, "time passed once"

    run(test())


def test_keys_that_are_pressed_at_once_follow_each_other() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            assert await asyncio.gather(*(alice.send_dtmf(digit, seconds=0.02) for digit in "12#"))
            packets = await heard(bob, 9)
            events = [DtmfEvent.decode(each.payload) for each in packets]
            assert "".join(event.digit for event in events if event is not None) == "111222###"
            assert len({each.timestamp for each in packets}) == 3

    run(test())


def test_a_press_that_is_cancelled_ends_on_the_wire_too() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            press = asyncio.ensure_future(alice.send_dtmf("5", seconds=5.0))
            waiting = asyncio.ensure_future(alice.send_dtmf("6"))
            (first,) = await heard(bob, 1)
            waiting.cancel()
            press.cancel()
            await asyncio.wait([press, waiting])
            assert alice.send(FRAME), "the key is up"
            events = [first]
            while (following := (await heard(bob, 1))[0]).payload_type == 101:
                events.append(following)
            decoded = [DtmfEvent.decode(each.payload) for each in events]
            assert {(each.timestamp, event.digit) for each, event in zip(events, decoded, strict=True) if event} == {
                (first.timestamp, "5")
            }
            assert [event.end for event in decoded if event is not None][-4:] == [False, True, True, True]
            assert following.timestamp != first.timestamp

    run(test())


def test_packets_of_ones_own_making_and_keys_share_one_numbering() -> None:
    """A phone whose packets have a header extension dials."""

    async def test() -> None:
        async with call() as (alice, bob):

            def own() -> bytes:
                made = alice.packetizer.packet(bytes(80), samples=160, payload_type=111)
                return replace(made, extension_profile=0xBEDE, extension=bytes(4)).encode()

            assert alice.send_rtp(own())
            assert await alice.send_dtmf("5", seconds=0.02)
            alice.packetizer.skip(1600)  # nothing to send for ten frames
            assert alice.send_rtp(own()) and alice.send(FRAME)
            packets = await heard(bob, 6)
            assert [each.payload_type for each in packets] == [111, 101, 101, 101, 111, 0]
            first = packets[0]
            assert [each.sequence - first.sequence & 0xFFFF for each in packets] == [0, 1, 2, 3, 4, 5]
            passed = [each.timestamp - first.timestamp & 0xFFFFFFFF for each in packets]
            assert passed == [0, 160, 160, 160, 160 + 480 + 1600, 160 + 480 + 1600 + 160]

    run(test())


def test_packets_of_ones_own_making_pass_and_a_used_number_is_an_error() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            assert alice.send_rtp(packet(7, 65_530))
            assert alice.send_rtp(packet(7, 65_530)), "the same packet once more"
            with pytest.raises(SrtpError, match="do not fit into one datagram"):
                alice.send_rtp(b"\x80" + bytes(65_500))
            with pytest.raises(SrtpError, match="already used"):
                alice.send_rtp(packet(7, 65_530, b"another"))
            assert alice.send_rtcp(rtcp.goodbye(9))
            assert (await heard(bob, 1))[0].sequence == 65_530
            await until(lambda: len(bob.media._rtcp) == 1)
            assert len(bob.take_rtcp()) == 1
        assert not alice.send_rtp(packet(7, 65_531))
        assert not alice.send_rtcp(rtcp.goodbye(9))
        assert not alice.send(FRAME)

    run(test())


def test_a_burst_of_a_key_frame_waits_for_a_slow_program() -> None:
    async def test() -> None:
        async with call(backlog=1000) as (alice, bob):
            for sequence in range(600):
                alice.send_rtp(packet(7, sequence, bytes(1100)))
                if sequence % 20 == 19:
                    await until(lambda sent=sequence + 1: bob.media.counters.verified == sent)  # type: ignore[misc]
            assert [each.sequence for each in await heard(bob, 600)] == list(range(600))
            assert bob.dropped == 0

    run(test())


def test_what_nobody_fetches_in_time_is_counted() -> None:
    async def test() -> None:
        async with call(backlog=10) as (alice, bob):
            for sequence in range(25):
                alice.send_rtp(packet(7, sequence))
            await until(lambda: bob.media.counters.verified == 25)
            assert bob.dropped == 15
            assert [each.sequence for each in await heard(bob, 10)] == list(range(15, 25))

    run(test())


def test_statistics_of_a_call() -> None:
    async def test() -> None:
        async with call() as (alice, bob):
            for sequence in (1, 2, 4):
                alice.send_rtp(packet(7, sequence))
            await heard(bob, 3)
            assert (bob.statistics.received, bob.statistics.lost, bob.statistics.ssrc) == (3, 1, 7)

    run(test())


# Who calls whom.


@pytest.mark.parametrize("who", ["a stranger", "the caller itself, interrupted"])
def test_a_hello_from_elsewhere_does_not_keep_the_real_caller_out(who: str) -> None:
    async def test() -> None:
        caller = Endpoint(FAST, MemoryCache())
        async with listen(Endpoint(FAST, MemoryCache()), LOOPBACK) as bob:
            first = SecureCall((caller if "itself" in who else Endpoint(FAST)).session()).add_stream(7)
            first.start(0.0)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
                elsewhere.bind(LOOPBACK)
                for hello in first.datagrams_to_send():
                    elsewhere.sendto(hello, bob.local)
                await until(lambda: bob.media.counters.zrtp_received == 1)
                async with connect(caller, bob.local) as alice:
                    await asyncio.gather(alice.secured(), bob.secured())
                    assert bob.remote == alice.local

    run(test())


def test_zrtp_from_elsewhere_than_the_address_that_was_called_is_not_taken() -> None:
    async def test() -> None:
        async with listen(Endpoint(FAST), LOOPBACK) as bob, connect(Endpoint(FAST), bob.local) as alice:
            hello = SecureCall(Endpoint(FAST).session()).add_stream(7)
            hello.start(0.0)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
                elsewhere.bind(LOOPBACK)
                elsewhere.sendto(hello.datagrams_to_send()[0], alice.local)
                await until(lambda: alice.media.counters.foreign == 1)
            await asyncio.gather(alice.secured(), bob.secured())

    run(test())


def test_a_name_with_both_families_is_tried_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener has IPv4 only; the resolver puts IPv6 in front."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this computer has no IPv6")
    monkeypatch.setattr(stream, "OTHER_FAMILY_AFTER", 0.02)

    async def test() -> None:
        async with listen(Endpoint(FAST), LOOPBACK) as bob:
            port = bob.local[1]

            async def both(*_: object, **__: object) -> list[Any]:
                return [
                    (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("::1", port, 0, 0)),
                    (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port)),
                ]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
            async with connect(Endpoint(FAST), ("phone.example", port)) as alice:
                await asyncio.gather(alice.secured(), bob.secured())
                assert alice.remote == bob.local

    run(test())


@pytest.mark.parametrize("both", [True, False])
def test_the_other_address_of_a_name_is_tried_only_if_the_first_is_silent(
    both: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "OTHER_FAMILY_AFTER", 0.0)
    tried: list[Any] = []

    async def plan(*_: object) -> Any:
        return socket.AF_INET, None, [("127.0.0.1", 9), ("127.0.0.2", 9)][: 1 + both]

    async def test() -> None:
        monkeypatch.setattr(stream, "_plan", plan)
        async with connect(Endpoint(FAST), ("phone.example", 9)) as alice:
            monkeypatch.setattr(alice.layer, "set_remote", lambda *to: tried.append(to))
            for _ in range(5):
                await asyncio.sleep(0)
            assert tried == ([(("127.0.0.1", 9), ("127.0.0.2", 9))] if both else [])
            alice.media.counters.zrtp_received += 1
            alice._try_others([("127.0.0.3", 9)])
            assert len(tried) == both

    run(test())


def test_after_the_end_nothing_can_be_sent() -> None:
    async def test() -> None:
        async with call() as (alice, _):
            assert alice.send_rtcp(rtcp.goodbye(2))
            await alice.aclose()
            assert not alice.send_rtcp(rtcp.goodbye(1))
            assert not alice.send_rtp(packet(1, 1))

    run(test())


def test_a_call_over_ipv6() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this computer has no IPv6")

    async def test() -> None:
        async with listen(Endpoint(FAST), ("::1", 0)) as bob, connect(Endpoint(FAST), bob.local) as alice:
            await asyncio.gather(alice.secured(), bob.secured())
            alice.send(FRAME)
            assert (await heard(bob, 1))[0].payload == FRAME

    run(test())


def link_local() -> str | None:
    """An address of this computer that has a scope, with it."""
    try:
        lines = Path("/proc/net/if_inet6").read_text("ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        octets, _, _, scope, _, interface = line.split()
        if scope == "20":
            return f"{ipaddress.IPv6Address(int(octets, 16))}%{interface}"
    return None


@pytest.mark.parametrize("bound", [False, True])
def test_a_link_local_address_keeps_its_scope(bound: bool) -> None:
    address = link_local()
    if address is None:
        pytest.skip("this computer has no link-local address of IPv6")

    async def test() -> None:
        async with (
            listen(Endpoint(FAST), (address, 0)) as bob,
            connect(Endpoint(FAST), (address, bob.local[1]), local=(address, 0) if bound else None) as alice,
        ):
            await asyncio.gather(alice.secured(), bob.secured())
            assert alice.remote == bob.local == (address, bob.local[1])
            alice.send(FRAME)
            assert len(await heard(bob, 1)) == 1

    run(test())


def test_a_listener_on_all_addresses_takes_the_call() -> None:
    async def test() -> None:
        async with (
            listen(Endpoint(FAST), ("0.0.0.0", 0)) as bob,  # noqa: S104
            connect(Endpoint(FAST), ("127.0.0.5", bob.local[1])) as alice,
        ):
            await asyncio.gather(alice.secured(), bob.secured())
            alice.send(FRAME)
            assert len(await heard(bob, 1)) == 1

    run(test())


# Over something else than a socket.


class Wire:
    """One end of a connection such as that of an ICE library."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.other: Wire | None = None
        self.trouble: int | None = None

    async def send(self, data: bytes) -> None:
        if self.trouble is not None:
            raise OSError(self.trouble, "for a moment")
        if self.other is None:
            raise ConnectionError("closed")
        self.other.queue.put_nowait(data)

    async def recv(self) -> bytes:
        data = await self.queue.get()
        if data is None:
            raise ConnectionError("closed")
        return data


def wires() -> tuple[Wire, Wire]:
    one, two = Wire(), Wire()
    one.other, two.other = two, one
    return one, two


def test_a_call_over_a_connection_that_has_no_addresses() -> None:
    async def test() -> None:
        ends: tuple[DatagramPath, DatagramPath] = wires()
        alice = await SecureStream.over(ends[0], Endpoint(FAST))
        bob = await SecureStream.over(ends[1], Endpoint(FAST))
        async with contextlib.aclosing(alice), contextlib.aclosing(bob):
            await asyncio.gather(alice.secured(), bob.secured())
            assert alice.send(b"hello" * 20)
            assert (await heard(bob, 1))[0].payload == b"hello" * 20
            assert alice.remote is None

    run(test())


def test_what_a_connection_cannot_send_for_a_moment_is_counted_and_the_next_passes() -> None:
    """As between Wi-Fi and a mobile network."""

    async def test() -> None:
        near, far = wires()
        alice, bob = await SecureStream.over(near, Endpoint(FAST)), await SecureStream.over(far, Endpoint(FAST))
        async with contextlib.aclosing(alice), contextlib.aclosing(bob):
            await asyncio.gather(alice.secured(), bob.secured())
            transport = alice._transport
            assert isinstance(transport, PathTransport)
            for trouble in (errno.ENETUNREACH, errno.ENOBUFS, None):
                near.trouble = trouble
                alice.send(b"hello" * 20)
                await until(lambda: len(transport._outgoing) == 0)
            assert (await heard(bob, 1))[0].payload == b"hello" * 20
            assert transport.dropped == 2
            assert alice.unreachable

    run(test())


def test_a_connection_that_breaks_does_not_break_the_program() -> None:
    async def test() -> None:
        near, _ = wires()
        alice = await SecureStream.over(near, Endpoint(FAST))
        near.queue.put_nowait(None)
        near.other = None
        await asyncio.sleep(0.01)
        await alice.aclose()
        with pytest.raises(NotSecured):
            await alice.secured()

    run(test())


def test_a_caller_that_is_bound_to_an_address_says_that_one() -> None:
    async def test() -> None:
        async with (
            listen(Endpoint(FAST), LOOPBACK) as bob,
            connect(Endpoint(FAST), bob.local, local=("127.0.0.9", 0)) as alice,
        ):
            assert alice.local[0] == "127.0.0.9"
            await bob.secured()
            assert bob.remote == alice.local

    run(test())


def test_a_call_has_one_socket() -> None:
    async def test() -> None:
        async with listen(Endpoint(FAST), LOOPBACK) as bob:
            with pytest.raises(ApiMisuse, match="has a socket already"):
                await bob.open(LOOPBACK, None)

    run(test())
