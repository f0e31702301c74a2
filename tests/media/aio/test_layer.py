"""RTP code that knows nothing of keys, with the layer under it: real sockets on loopback."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.actor import Actor
from tests.support.cases import every
from tests.support.inside import core_of
from tests.support.loops import run, until
from tests.support.rtp_program import RtpProgram
from zrtp.errors import ApiMisuse
from zrtp.events import AnotherPeer
from zrtp.media.aio import AsyncCall, MediaLayer, SessionOptions
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.sdp import parse_zrtp_hash
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Secured
from zrtp.protocol.states import State
from zrtp.wire.messages import HELLO_ACK

LOOPBACK = ("127.0.0.1", 0)
AT_LOOPBACK = {"local_addr": LOOPBACK}
AT_LOOPBACK_6 = {"local_addr": ("::1", 0)}
FAST = Config(key_agreements=(b"X255", b"Mult"))


class Phone:
    """A call, and for each of its streams a program with the layer under it."""

    def __init__(self, config: Config = FAST, **options: Any) -> None:
        given: SessionOptions = {**options}  # type: ignore[typeddict-item]
        endpoint = Endpoint(config)
        self.zid = endpoint.zid
        self.call = AsyncCall(endpoint, **given)
        self.programs: list[RtpProgram] = []
        self.reporters: list[RtpProgram] = []
        self.layers: list[MediaLayer] = []
        self._transports: list[Any] = []

    async def add(
        self, *, rtcp: bool = False, foreign: Any = None, at: dict[str, Any] = AT_LOOPBACK, **options: Any
    ) -> RtpProgram:
        layer = self.call.add_layer(**options)
        program = RtpProgram(layer.media.stream.ssrc)
        await self._open(lambda: layer.wrap(program, foreign=foreign), at)
        if rtcp:
            await self.open_rtcp(layer)
        self.programs.append(program)
        self.layers.append(layer)
        return program

    async def open_rtcp(self, layer: MediaLayer) -> None:
        reporter = RtpProgram(layer.media.stream.ssrc)
        await self._open(lambda: layer.wrap_rtcp(reporter))
        self.reporters.append(reporter)

    async def _open(self, make: Callable[[], asyncio.DatagramProtocol], at: dict[str, Any] = AT_LOOPBACK) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(make, **at)
        self._transports.append(transport)

    def address(self, stream: int = 0) -> Any:
        return self.programs[stream].transport.get_extra_info("sockname")

    def close(self) -> None:
        self.call.close()
        for transport in self._transports:
            transport.close()


@asynccontextmanager
async def two(streams: int = 1, *, rtcp: bool = False, secure: bool = True) -> AsyncIterator[tuple[Phone, Phone]]:
    """Two phones that know each other's addresses."""
    alice, bob = Phone(), Phone()
    try:
        for phone in (alice, bob):
            for _ in range(streams):
                await phone.add(rtcp=rtcp)
        for phone, other in ((alice, bob), (bob, alice)):
            for number, layer in enumerate(phone.layers):
                reports = other.reporters[number].transport.get_extra_info("sockname") if rtcp else None
                layer.set_remote(other.address(number), rtcp=reports)
        if secure:
            for layer in (*alice.layers, *bob.layers):
                layer.start()
            await asyncio.gather(*(layer.secured() for layer in (*alice.layers, *bob.layers)))
        yield alice, bob
    finally:
        alice.close()
        bob.close()


def test_a_program_that_knows_nothing_of_keys_is_heard_on_the_other_side() -> None:
    async def test() -> None:
        async with two() as (alice, bob):
            (speaker,), (listener,) = alice.programs, bob.programs
            sent = [speaker.say(b"one"), speaker.say(b"two"), speaker.report()]
            answer = listener.say(b"three")
            await until(lambda: len(listener.heard) == 3 and len(speaker.heard) == 1)
            assert listener.heard == sent
            assert speaker.heard == [answer]

    run(test())


def test_nothing_leaves_before_the_stream_is_secure() -> None:
    async def test() -> None:
        async with two(secure=False) as (alice, bob):
            alice.programs[0].say()
            alice.programs[0].report()
            assert alice.layers[0].dropped == 2
            alice.layers[0].start()
            bob.layers[0].start()
            await alice.layers[0].secured()
            sent = alice.programs[0].say(b"at last")
            await until(lambda: bool(bob.programs[0].heard))
            assert bob.programs[0].heard == [sent]

    run(test())


def test_on_the_wire_there_is_nothing_but_srtp_and_zrtp() -> None:
    async def test() -> None:
        seen: list[bytes] = []

        class Wire(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                seen.append(data)

        phone = Phone()
        program = await phone.add()
        wire, _ = await asyncio.get_running_loop().create_datagram_endpoint(Wire, local_addr=LOOPBACK)
        phone.layers[0].set_remote(wire.get_extra_info("sockname"))
        phone.layers[0].start()
        program.say()
        program.transport.sendto(b"no packet at all")
        await until(lambda: len(seen) >= 2)
        phone.close()
        wire.close()
        assert {classify(datagram) for datagram in seen} == {DatagramKind.ZRTP}

    run(test())


def test_several_streams_of_a_call_have_their_own_sockets_and_one_sas() -> None:
    async def test() -> None:
        async with two(streams=3) as (alice, bob):
            for number in range(3):
                sent = alice.programs[number].say(b"stream %d" % number)
                await until(lambda number=number: bool(bob.programs[number].heard))  # type: ignore[misc]
                assert bob.programs[number].heard == [sent]
            assert alice.call.session.sas is not None
            assert alice.call.session.sas == bob.call.session.sas
            secured = [await layer.secured() for layer in alice.layers]
            assert len({event.ssrc for event in secured}) == 3

    run(test())


def test_a_second_source_of_a_stream_passes_as_for_retransmissions() -> None:
    async def test() -> None:
        async with two() as (alice, bob):
            first = alice.programs[0].say()
            alice.programs[0].ssrc, alice.programs[0].sequence = 0xABC, 7
            second = alice.programs[0].say()
            await until(lambda: len(bob.programs[0].heard) == 2)
            assert bob.programs[0].heard == [first, second]

    run(test())


def test_rtcp_on_a_port_of_its_own_goes_both_ways() -> None:
    async def test() -> None:
        async with two(rtcp=True) as (alice, bob):
            alice.programs[0].say()
            there, back = alice.reporters[0].report(1), bob.reporters[0].report(2)
            await until(lambda: bool(bob.reporters[0].heard and alice.reporters[0].heard))
            assert bob.reporters[0].heard == [there]
            assert alice.reporters[0].heard == [back]

    run(test())


def test_where_rtcp_goes_may_be_said_before_there_is_a_port_for_it() -> None:
    """A callee knows the caller's address first, and opens its ports then."""

    async def test() -> None:
        async with two(rtcp=True) as (alice, bob):
            layer, there = bob.layers[0], alice.reporters[0].transport.get_extra_info("sockname")
            await bob.open_rtcp(layer)
            layer.set_remote(alice.address(), rtcp=there)
            report = bob.reporters[-1].report()
            await until(lambda: bool(alice.reporters[0].heard))
            assert alice.reporters[0].heard == [report]

    run(test())


def test_without_a_port_after_the_last_one_rtcp_stays_here() -> None:
    async def test() -> None:
        alice = Phone(best_effort=True)
        await alice.add(rtcp=True)
        alice.layers[0].set_remote(("127.0.0.1", 65_535))
        alice.reporters[0].report()
        assert alice.layers[0].dropped == 1
        alice.close()

    run(test())


def test_rtcp_from_a_new_port_is_followed_once_it_verified() -> None:
    async def test() -> None:
        async with two(rtcp=True) as (alice, bob):
            sealed = bob.layers[0].media.protect_rtcp(bytes.fromhex("80c80006000000aa") + bytes(20))
            assert sealed is not None
            there = alice.reporters[0].transport.get_extra_info("sockname")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as moved:
                moved.bind(LOOPBACK)
                moved.setblocking(False)
                moved.sendto(sealed, there)
                await until(lambda: bool(alice.reporters[0].heard))
                alice.reporters[0].report()
                assert classify(await asyncio.get_running_loop().sock_recv(moved, 2048)) is DatagramKind.RTCP

    run(test())


def test_plain_rtcp_from_another_port_is_not_followed() -> None:
    """Before the call is secure anybody could have sent it."""

    async def test() -> None:
        alice = Phone(best_effort=True)
        await alice.add(rtcp=True)
        alice.layers[0].set_remote(("127.0.0.1", 5004), rtcp=("127.0.0.1", 5005))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(
                bytes.fromhex("80c80006000000aa") + bytes(20), alice.reporters[0].transport.get_extra_info("sockname")
            )
            await until(lambda: bool(alice.reporters[0].heard))
        assert alice.layers[0]._rtcp_remote == ("127.0.0.1", 5005)
        alice.close()

    run(test())


def test_rtcp_goes_to_the_next_port_unless_told_otherwise() -> None:
    async def test() -> None:
        alice = Phone()
        await alice.add(rtcp=True)
        alice.layers[0].set_remote(("127.0.0.1", 5004))
        assert alice.layers[0]._rtcp_remote == ("127.0.0.1", 5005)
        alice.close()

    run(test())


def test_the_offer_carries_our_hash_and_the_answer_brings_address_and_hash() -> None:
    """The caller's port and hash exist before anything is known of the callee."""

    async def test() -> None:
        alice, bob = Phone(Config(key_agreements=(b"X255",), signalling_protected=True)), Phone()
        await alice.add()
        offered_port, offered_hash = alice.address(), alice.layers[0].hello_hash
        parsed = parse_zrtp_hash(offered_hash)
        assert parsed is not None
        await bob.add(peer_hello_hash=parsed.hash)
        bob.layers[0].set_remote(offered_port)
        bob.layers[0].start()
        await asyncio.sleep(0.03)  # Bob's Hello overtakes his answer

        alice.layers[0].set_remote(bob.address())
        alice.layers[0].expect_hello(bob.layers[0].hello_hash)
        alice.layers[0].start()
        await asyncio.gather(alice.layers[0].secured(), bob.layers[0].secured())
        assert alice.call.session.peer.bound_to_signalling
        assert bob.call.session.peer.bound_to_signalling
        alice.close()
        bob.close()

    run(test())


def test_a_hello_that_is_not_the_one_of_the_answer_is_not_secured() -> None:
    async def test() -> None:
        async with two(secure=False) as (alice, bob):
            alice.layers[0].start()
            bob.layers[0].start()
            alice.layers[0].expect_hello(bytes(32))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await alice.layers[0].secured()

    run(test())


def test_stun_and_dtls_go_to_whoever_wants_them_and_pass_down_as_they_are() -> None:
    async def test() -> None:
        stun = bytes.fromhex("000100002112a442") + bytes(12)
        dtls = bytes.fromhex("16feff") + bytes(20)
        taken: list[bytes] = []
        alice, bob = Phone(), Phone()
        await alice.add()
        await bob.add(foreign=lambda data, address: taken.append(data))
        for datagram in (stun, dtls):
            alice.programs[0].transport.sendto(datagram, bob.address())
        await until(lambda: len(taken) == 2)
        assert taken == [stun, dtls]

        bob.programs[0].transport.sendto(stun, alice.address())
        await until(lambda: alice.layers[0].media.counters.foreign == 1)
        assert alice.programs[0].heard == []
        alice.close()
        bob.close()

    run(test())


def test_keep_alives_go_where_the_peer_is_and_nothing_in_which_sound_may_be_hidden() -> None:
    """Also before the stream is secure. What TURN wraps into ChannelData may be plain RTP."""

    async def test() -> None:
        taken: list[bytes] = []
        alice, bob = Phone(), Phone()
        await alice.add()
        await bob.add(foreign=lambda data, address: taken.append(data))
        layer, program = alice.layers[0], alice.programs[0]
        layer.set_remote(bob.address())
        bob.layers[0].set_remote(alice.address())
        channel_data = bytes.fromhex("4000000c") + bytes(12)
        for datagram in (channel_data, b"\0", b"\r\n\r\n"):
            program.transport.sendto(datagram, ("127.0.0.1", 9))
        await until(lambda: len(taken) == 2)
        assert (taken, layer.dropped) == ([b"\0", b"\r\n\r\n"], 1)
        for phone in (alice, bob):
            phone.layers[0].start()
        await asyncio.gather(layer.secured(), bob.layers[0].secured())
        for datagram in (channel_data, b"\r\n"):
            program.transport.sendto(datagram)
        await until(lambda: len(taken) == 3)
        assert (taken[2], layer.unprotectable) == (b"\r\n", 1)
        alice.close()
        bob.close()

    run(test())


def test_a_peer_that_speaks_from_a_new_port_is_followed_once_its_packet_verified() -> None:
    async def test() -> None:
        async with two() as (alice, bob):
            old = bob.address()
            sealed = bob.layers[0].media.protect(bytes.fromhex("800000630000000000000bbb") + b"from elsewhere")
            assert sealed is not None
            with (
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as moved,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
            ):
                moved.bind(LOOPBACK)
                stranger.bind(LOOPBACK)
                stranger.sendto(sealed[:-1] + bytes([sealed[-1] ^ 1]), alice.address())
                await until(lambda: alice.layers[0].media.counters.rejected == 1)
                assert alice.layers[0].remote == old
                moved.sendto(sealed, alice.address())
                await until(lambda: alice.layers[0].remote == moved.getsockname())

    run(test())


def test_a_new_address_of_a_re_invite_is_used_at_once() -> None:
    async def test() -> None:
        async with two() as (alice, _):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
                relay.bind(LOOPBACK)
                relay.setblocking(False)
                alice.layers[0].set_remote(relay.getsockname())
                alice.programs[0].say()
                datagram = await asyncio.get_running_loop().sock_recv(relay, 2048)
                assert classify(datagram) is DatagramKind.RTP

    run(test())


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
@every("host", ["::1", "0:0:0:0:0:0:0:1"])
def test_an_address_of_ipv6_is_that_of_the_peer_however_the_answer_writes_it(host: str) -> None:
    async def test() -> None:
        alice, bob = Phone(), Phone()
        for phone in (alice, bob):
            await phone.add(at=AT_LOOPBACK_6)
        alice.layers[0].only_remote = True
        for phone, other in ((alice, bob), (bob, alice)):
            phone.layers[0].set_remote((host, other.address()[1]))
            phone.layers[0].start()
        await asyncio.gather(alice.layers[0].secured(), bob.layers[0].secured())
        assert alice.layers[0].media.counters.foreign == 0
        alice.close()
        bob.close()

    run(test())


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no socket for both families here")
def test_through_a_socket_for_both_families_a_phone_of_ipv4_is_reached_and_known() -> None:
    async def test() -> None:
        both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        alice, bob = Phone(), Phone()
        await alice.add(at={"sock": both})
        await bob.add()
        alice.layers[0].only_remote = True
        alice.layers[0].set_remote(bob.address())
        bob.layers[0].set_remote(("127.0.0.1", alice.address()[1]))
        for phone in (alice, bob):
            phone.layers[0].start()
        await asyncio.gather(alice.layers[0].secured(), bob.layers[0].secured())
        sent, answer = alice.programs[0].say(), bob.programs[0].say()
        await until(lambda: bool(alice.programs[0].heard and bob.programs[0].heard))
        assert (bob.programs[0].heard, alice.programs[0].heard) == ([sent], [answer])
        assert alice.layers[0].remote == bob.address()
        alice.close()
        bob.close()

    run(test())


def test_what_a_socket_of_ipv4_cannot_reach_is_counted_and_the_socket_stays() -> None:
    async def test() -> None:
        alice = Phone(best_effort=True)
        program = await alice.add()
        alice.layers[0].set_remote(("::1", 9))
        program.say()
        await asyncio.sleep(0)
        assert alice.layers[0].dropped == 1
        assert not program.transport.is_closing()
        alice.close()

    run(test())


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
@every("loopback", [AT_LOOPBACK, AT_LOOPBACK_6], ids=["IPv4", "IPv6"])
def test_a_connected_socket_talks_to_its_peer_and_says_that_it_reaches_nobody_else(loopback: dict[str, Any]) -> None:
    async def test() -> None:
        alice, bob = Phone(), Phone()
        await bob.add(at=loopback)
        there = bob.address()[:2]
        await alice.add(at={"remote_addr": there})
        alice.layers[0].set_remote(there)
        bob.layers[0].set_remote(alice.address())
        for phone in (alice, bob):
            phone.layers[0].start()
        await asyncio.gather(alice.layers[0].secured(), bob.layers[0].secured())
        with pytest.raises(ApiMisuse, match="and sends nowhere else: make its endpoint without"):
            alice.layers[0].set_remote((there[0], 9))
        sent = alice.programs[0].say()
        await until(lambda: bool(bob.programs[0].heard))
        assert bob.programs[0].heard == [sent]
        alice.close()
        bob.close()

    run(test())


def test_in_the_middle_of_an_exchange_a_new_address_counts_more_than_where_packets_came_from() -> None:
    async def test() -> None:
        phone = Phone()
        await phone.add()
        layer = phone.layers[0]
        peer = Actor(layer.media.stream)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as old,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as new,
        ):
            for place in (old, new):
                place.bind(LOOPBACK)
                place.setblocking(False)
            layer.set_remote(old.getsockname())
            layer.start()
            for message in (peer.own_hello, HELLO_ACK):
                old.sendto(peer.packet(message.raw), phone.address())
            await until(lambda: layer.media.stream.state is State.COMMIT_SENT)
            layer.set_remote(new.getsockname())
            await asyncio.get_running_loop().sock_recv(new, 2048)
            assert layer.remote == new.getsockname()
        phone.close()

    run(test())


def test_of_several_addresses_only_that_of_the_peer_gets_zrtp_once_the_stream_is_secure() -> None:
    async def test() -> None:
        async with two(secure=False) as (alice, bob):
            layer, now = alice.layers[0], asyncio.get_running_loop().time
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(LOOPBACK)
                other.setblocking(False)
                layer.set_remote(bob.address(), other.getsockname())
                for each in (layer, bob.layers[0]):
                    each.start()
                await asyncio.gather(layer.secured(), bob.layers[0].secured())
                while select.select([other], [], [], 0)[0]:
                    other.recv(2048)
                layer.media.stream.ping(now())
                layer.flush()
                await until(lambda: core_of(layer.media.stream).pings == 0)
                assert not select.select([other], [], [], 0)[0]

    run(test())


def test_an_address_that_is_said_again_does_not_undo_what_packets_showed() -> None:
    async def test() -> None:
        async with two() as (alice, bob):
            said = bob.address()
            sealed = bob.layers[0].media.protect(bytes.fromhex("800000630000000000000bbb") + b"from elsewhere")
            assert sealed is not None
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as moved:
                moved.bind(LOOPBACK)
                moved.sendto(sealed, alice.address())
                await until(lambda: alice.layers[0].remote == moved.getsockname())
                alice.layers[0].set_remote(said)
                assert alice.layers[0].remote == moved.getsockname()

    run(test())


def test_after_a_transfer_another_call_goes_on_at_the_same_socket() -> None:
    """Bob passes the call on: Carol introduces herself at Alice's port, and Alice's RTP code does not notice."""

    async def test() -> None:
        async with two() as (alice, bob):
            (program,), (old,) = alice.programs, alice.layers
            carol = Phone()
            heard = await carol.add()
            carol.layers[0].set_remote(alice.address())
            carol.layers[0].start()
            told = (event.zid async for event in alice.call if isinstance(event, AnotherPeer))
            assert await anext(told) == carol.zid

            call = AsyncCall(Endpoint(FAST))
            new = call.add_layer()
            new.take_over(old)
            alice.call.close()
            new.start()
            await asyncio.gather(new.secured(), carol.layers[0].secured())
            assert call.session.sas == carol.call.session.sas != bob.call.session.sas
            sent, answer = program.say(b"who is there?"), heard.say(b"Carol")
            await until(lambda: bool(heard.heard and program.heard))
            assert (heard.heard, program.heard) == ([sent], [answer])
            bob.programs[0].say(b"nobody listens")
            await asyncio.sleep(0.02)
            assert program.heard == [answer]
            call.close()
            carol.close()

    run(test())


@every("said", ["before", "after"])
def test_rtcp_on_a_port_of_its_own_is_taken_over_too(said: str) -> None:
    async def test() -> None:
        async with two(rtcp=True) as (alice, _):
            carol = Phone()
            heard = await carol.add(rtcp=True)
            new = AsyncCall(Endpoint(FAST)).add_layer()
            if said == "after":
                new.take_over(alice.layers[0])
            for layer, there in ((new, carol), (carol.layers[0], alice)):
                layer.set_remote(there.address(), rtcp=there.reporters[0].transport.get_extra_info("sockname"))
            if said == "before":
                new.take_over(alice.layers[0])
            alice.call.close()
            for layer in (new, carol.layers[0]):
                layer.start()
            await asyncio.gather(new.secured(), carol.layers[0].secured())
            sent, report = alice.programs[0].say(), alice.reporters[0].report()
            await until(lambda: bool(heard.heard and carol.reporters[0].heard))
            assert (heard.heard, carol.reporters[0].heard) == ([sent], [report])
            new.call.close()
            carol.close()

    run(test())


def test_statistics_tell_how_the_packets_arrive() -> None:
    async def test() -> None:
        async with two() as (alice, bob):
            for number in (1, 2, 5, 4):
                alice.programs[0].sequence = number - 1
                alice.programs[0].say()
            await until(lambda: len(bob.programs[0].heard) == 4)
            statistics = bob.layers[0].statistics
            assert (statistics.received, statistics.lost, statistics.late) == (4, 1, 1)
            assert statistics.ssrc == alice.programs[0].ssrc

    run(test())


def test_a_congested_transport_drops_counts_and_says_so_above() -> None:
    async def test() -> None:
        async with two() as (alice, _):
            port = alice.layers[0]._rtp
            assert port is not None
            port.pause_writing()
            alice.programs[0].say()
            alice.programs[0].say()
            assert alice.layers[0].dropped == 2
            port.resume_writing()
            alice.programs[0].say()
            assert alice.layers[0].dropped == 2
            assert alice.programs[0].paused == [True, False]

    run(test())


def test_a_packet_with_a_used_number_is_counted_and_nothing_breaks() -> None:
    async def test() -> None:
        async with two() as (alice, bob):
            alice.programs[0].say(b"one")
            alice.programs[0].sequence = 0
            alice.programs[0].say(b"other")
            assert alice.layers[0].unprotectable == 1
            await until(lambda: bool(bob.programs[0].heard))

    run(test())


def test_every_waiter_learns_of_the_end() -> None:
    async def test() -> None:
        async with two(secure=False) as (alice, _):
            alice.layers[0].start()

            async def events() -> int:
                return len([event async for event in alice.call])

            waiting = [asyncio.ensure_future(alice.layers[0].secured()) for _ in range(3)]
            reading = [asyncio.ensure_future(events()) for _ in range(2)]
            await asyncio.sleep(0)
            alice.call.close()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert [str(outcome) for outcome in outcomes] == ["The stream is closed."] * 3
            assert sum(await asyncio.gather(*reading)) >= 1

    run(test())


def test_after_the_end_nothing_passes_and_the_sockets_are_their_owners() -> None:
    async def test() -> None:
        async with two() as (alice, bob):
            alice.call.close()
            alice.programs[0].say()
            bob.programs[0].say()
            await asyncio.sleep(0.02)
            assert alice.programs[0].heard == []
            assert not alice.programs[0].transport.is_closing()
            alice.programs[0].transport.close()
            await until(lambda: alice.programs[0].lost)

    run(test())


def test_after_the_end_not_even_what_is_no_media_passes() -> None:
    async def test() -> None:
        taken: list[bytes] = []
        alice = Phone()
        await alice.add(foreign=lambda data, address: taken.append(data))
        alice.call.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(bytes.fromhex("000100002112a442") + bytes(12), alice.address())
        await asyncio.sleep(0.02)
        assert taken == []
        alice.close()

    run(test())


def test_events_may_go_to_a_function_instead() -> None:
    async def test() -> None:
        told: list[object] = []
        alice, bob = Phone(on_event=told.append), Phone()
        for phone in (alice, bob):
            await phone.add()
        alice.layers[0].set_remote(bob.address())
        bob.layers[0].set_remote(alice.address())
        alice.layers[0].start()
        bob.layers[0].start()
        await asyncio.gather(alice.call.secured(), bob.call.secured())
        await asyncio.sleep(0)
        assert any(isinstance(event, Secured) for event in told)
        alice.close()
        bob.close()

    run(test())


def test_a_caller_that_knows_only_its_own_port_finds_the_peer_that_introduces_itself() -> None:
    """The address in the answer was that of a private network: what counts is where the packets come from."""

    async def test() -> None:
        alice, bob = Phone(), Phone()
        for phone in (alice, bob):
            await phone.add()
        alice.layers[0].set_remote(("192.0.2.1", 9))
        bob.layers[0].set_remote(alice.address())
        alice.layers[0].start()
        bob.layers[0].start()
        await asyncio.gather(alice.layers[0].secured(), bob.layers[0].secured())
        assert alice.layers[0].remote == bob.address()
        sent = alice.programs[0].say()
        await until(lambda: bool(bob.programs[0].heard))
        assert bob.programs[0].heard == [sent]
        alice.close()
        bob.close()

    run(test())


@every(
    "address",
    ["192.0.2.1:5004", ("192.0.2.1",), ("phone.example", 5004), ("192.0.2.1", "5004"), ("192.0.2.1", 0), None],
)
def test_what_is_no_address_is_refused_with_a_sentence(address: Any) -> None:
    async def test() -> None:
        phone = Phone()
        await phone.add()
        with pytest.raises(ApiMisuse, match="is no address: give host and port in numbers"):
            phone.layers[0].set_remote(address)
        phone.close()

    run(test())


def test_a_call_on_hold_is_no_address_of_this_computer() -> None:
    """An old phone puts a call on hold by such an address (RFC 3264 section 8.4); where it was before stays known."""

    async def test() -> None:
        async with two() as (alice, bob):
            for host in ("0.0.0.0", "::"):  # noqa: S104
                with pytest.raises(ApiMisuse, match="leads to nobody"):
                    alice.layers[0].set_remote((host, bob.address()[1]))
            assert alice.layers[0].remote == bob.address()

    run(test())


def test_what_a_program_does_too_early_or_too_late_is_refused_with_a_sentence() -> None:
    async def test() -> None:
        endpoint: Any = Config()
        with pytest.raises(ApiMisuse, match="made of an Endpoint, not of Config"):
            AsyncCall(endpoint)
        call = AsyncCall(Endpoint(FAST))
        with pytest.raises(ApiMisuse, match="add a layer first"):
            await call.secured()
        layer = call.add_layer()
        with pytest.raises(ApiMisuse, match="no socket yet"):
            layer.start()
        with pytest.raises(ApiMisuse, match="no socket yet"):
            layer.send(b"")
        with pytest.raises(ApiMisuse, match="at least one address"):
            layer.set_remote()
        with pytest.raises(ApiMisuse, match="take_over wants"):
            layer.take_over(call.add_layer())
        call.close()
        with pytest.raises(ApiMisuse, match="make a new one"):
            call.add_layer()

    run(test())


def test_without_an_address_a_packet_stays_here() -> None:
    async def test() -> None:
        phone = Phone(best_effort=True)
        program = await phone.add()
        program.say()
        assert phone.layers[0].dropped == 1
        phone.close()

    run(test())
