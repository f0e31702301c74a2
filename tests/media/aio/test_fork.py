"""One offer, several phones: each branch is a call of its own, at one port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.media.aio.test_store import Gated
from tests.support.cases import every
from tests.support.loops import run, until
from tests.support.rtp_program import RtpProgram
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ApiMisuse
from zrtp.media.aio import AsyncCall, MediaLayer
from zrtp.media.aio.fork import EARLY, ForkedCall
from zrtp.media.sdp import parse_zrtp_hash
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint

LOOPBACK = ("127.0.0.1", 0)
FAST = Config(key_agreements=(b"X255",))


class Phone:
    """One of the phones that ring."""

    def __init__(self, cache: SecretCache | None = None) -> None:
        self.call = AsyncCall(Endpoint(FAST, cache))
        self.layer = self.call.add_layer()
        self.program = RtpProgram(self.layer.media.stream.ssrc)

    async def open(self, caller: Any, at: Any = LOOPBACK) -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self.layer.wrap(self.program), local_addr=at)
        self.layer.set_remote(caller)
        self.layer.start()

    @property
    def address(self) -> Any:
        return self.program.transport.get_extra_info("sockname")

    @property
    def hash(self) -> bytes:
        parsed = parse_zrtp_hash(self.layer.hello_hash)
        assert parsed is not None
        return parsed.hash

    def close(self) -> None:
        self.call.close()
        self.program.transport.close()


@asynccontextmanager
async def ringing(phones: int, at: Any = LOOPBACK) -> AsyncIterator[tuple[ForkedCall, RtpProgram, list[Phone]]]:
    """A caller with a port, and phones that ring and have begun already."""
    fork = ForkedCall(Endpoint(FAST))
    program = RtpProgram(7)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: fork.wrap(program), local_addr=at)
    rung = [Phone() for _ in range(phones)]
    for phone in rung:
        await phone.open(program.transport.get_extra_info("sockname"), at)
    try:
        yield fork, program, rung
    finally:
        fork.close()
        program.transport.close()
        for phone in rung:
            phone.close()


def sas(layer: MediaLayer) -> object:
    return layer.call.session.sas


def test_every_phone_that_answers_gets_keys_of_its_own_and_the_chosen_one_stays() -> None:
    async def test() -> None:
        async with ringing(2) as (fork, program, (first, second)):
            early = fork.branch("a1", first.address, peer_hello_hash=first.hash)
            await asyncio.gather(early.secured(), first.layer.secured())
            music = first.program.say(b"early media")
            await until(lambda: program.heard == [music])

            other = fork.branch("b2", second.address, peer_hello_hash=second.hash)
            await asyncio.gather(other.secured(), second.layer.secured())
            assert sas(early) == sas(first.layer)
            assert sas(other) == sas(second.layer)
            assert sas(early) != sas(other)

            chosen = fork.choose("b2")
            assert chosen is other
            sent, answer = program.say(b"hello"), second.program.say(b"who is there?")
            await until(lambda: len(program.heard) == 2 and bool(second.program.heard))
            assert second.program.heard == [sent]
            assert program.heard == [music, answer]
            first.program.say(b"nobody listens")
            await asyncio.sleep(0.02)
            assert len(program.heard) == 2
            assert first.program.heard == []

    run(test())


def test_a_phone_whose_address_is_not_the_one_of_its_answer_is_known_by_its_hello() -> None:
    async def test() -> None:
        async with ringing(2) as (fork, _, (first, second)):
            layers = [
                fork.branch("a1", ("192.0.2.1", 9), peer_hello_hash=first.hash),
                fork.branch("b2", ("192.0.2.2", 9), peer_hello_hash=second.hash),
            ]
            await asyncio.gather(*(layer.secured() for layer in layers))
            assert [layer.remote for layer in layers] == [first.address, second.address]
            assert sas(layers[0]) == sas(first.layer)

    run(test())


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
@every("host", ["::1", "0:0:0:0:0:0:0:1"])
def test_phones_of_ipv6_are_known_by_their_addresses_however_the_answers_write_them(host: str) -> None:
    async def test() -> None:
        async with ringing(2, ("::1", 0)) as (fork, _, phones):
            for number, phone in enumerate(phones):
                layer = fork.branch(f"tag {number}", (host, phone.address[1]))
                await asyncio.gather(layer.secured(), phone.layer.secured())
                assert sas(layer) == sas(phone.layer)

    run(test())


def test_what_a_phone_said_before_its_answer_came_is_heard_by_its_branch() -> None:
    async def test() -> None:
        async with ringing(1) as (fork, _, (phone,)):
            await until(lambda: bool(fork._early))
            layer = fork.branch("a1", phone.address, peer_hello_hash=phone.hash)
            assert layer.media.counters.zrtp_received >= 1

    run(test())


class Relay(asyncio.DatagramProtocol):
    """One port of a media relay; what it gets goes to one place, by way of another port."""

    def __init__(self) -> None:
        self.by: Relay = self
        self.to: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.by.transport.sendto(data, self.to)


def test_a_relay_that_lets_all_phones_come_from_the_port_of_one_keeps_them_apart() -> None:
    """As rtpengine does: what is sent to the port of an answer goes to that phone, and all come from the last one."""

    async def test() -> None:
        fork, program = ForkedCall(Endpoint(FAST)), RtpProgram(7)
        phones, outer, inner = [Phone(), Phone()], [Relay(), Relay()], [Relay(), Relay()]
        for protocol in (fork.wrap(program), *outer, *inner):
            await bound(protocol)
        for phone, outside, inside in zip(phones, outer, inner, strict=True):
            inside.to, inside.by = program.transport.get_extra_info("sockname"), outer[1]
            await phone.open(inside.address)
            outside.to, outside.by = phone.address, inside
        first, second = (
            fork.branch(name, port.address, peer_hello_hash=phone.hash)
            for name, port, phone in zip(("a1", "b2"), outer, phones, strict=True)
        )
        for layer, phone in zip((first, second), phones, strict=True):
            await asyncio.gather(layer.secured(), phone.layer.secured())
            assert sas(layer) == sas(phone.layer)

        assert fork.choose("a1") is first
        answer, sent = phones[0].program.say(b"early media"), program.say(b"hello")
        await until(lambda: bool(program.heard and phones[0].program.heard))
        assert (program.heard, phones[0].program.heard) == ([answer], [sent])
        assert (first.remote, second.remote) == (outer[0].address, outer[1].address)
        fork.close()
        for phone in phones:
            phone.close()
        for transport in (program.transport, *(port.transport for port in (*outer, *inner))):
            transport.close()

    run(test())


async def bound(protocol: asyncio.DatagramProtocol) -> None:
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: protocol, local_addr=LOOPBACK)


def test_the_phone_that_is_chosen_is_followed_to_a_new_port() -> None:
    """As behind a router that took another one."""

    async def test() -> None:
        async with ringing(1) as (fork, program, (phone,)):
            fork.branch("a1", phone.address)
            layer = fork.choose("a1")
            await asyncio.gather(layer.secured(), phone.layer.secured())
            moved = Relay()
            await bound(moved)
            sealed = phone.layer.media.protect(bytes.fromhex("800000630000000000000bbb") + b"from elsewhere")
            moved.transport.sendto(sealed, program.transport.get_extra_info("sockname"))
            await until(lambda: bool(program.heard))
            assert layer.remote == moved.address
            moved.transport.close()

    run(test())


def test_a_phone_behind_a_router_that_announced_no_hash_is_heard_once_it_is_chosen() -> None:
    """Before, whoever comes from nowhere could be one whose answer is still on its way."""

    async def test() -> None:
        async with ringing(1) as (fork, program, (phone,)):
            fork.branch("a1", ("192.0.2.1", 9))
            await until(lambda: bool(fork._early))
            layer = fork.choose("a1")
            await asyncio.gather(layer.secured(), phone.layer.secured())
            sent = program.say()
            await until(lambda: bool(phone.program.heard))
            assert (layer.remote, phone.program.heard) == (phone.address, [sent])

    run(test())


def test_what_the_others_still_send_is_no_trouble_of_the_chosen_one() -> None:
    async def test() -> None:
        async with ringing(2) as (fork, program, phones):
            for number, phone in enumerate(phones):
                layer = fork.branch(f"tag {number}", phone.address, peer_hello_hash=phone.hash)
                await asyncio.gather(layer.secured(), phone.layer.secured())
            chosen = fork.choose("tag 1")
            phones[0].program.say(b"nobody listens")
            answer = phones[1].program.say()
            await until(lambda: bool(program.heard))
            assert program.heard == [answer]
            assert chosen.media.counters.rejected == 0

    run(test())


def test_a_phone_that_answers_after_the_choice_is_a_branch_again() -> None:
    async def test() -> None:
        async with ringing(2) as (fork, program, phones):
            for number, phone in enumerate(phones):
                layer = fork.branch(f"tag {number}", phone.address)
                await asyncio.gather(layer.secured(), phone.layer.secured())
                if number == 0:
                    fork.choose("tag 0")
            sent = program.say()
            await until(lambda: all(phone.program.heard for phone in phones))
            assert [phone.program.heard for phone in phones] == [[sent], [sent]]

    run(test())


def test_rtcp_on_a_port_of_its_own_is_that_of_every_branch() -> None:
    async def test() -> None:
        fork, program, reporter = ForkedCall(Endpoint(FAST)), RtpProgram(7), RtpProgram(7)
        for protocol in (fork.wrap(program), fork.wrap_rtcp(reporter)):
            await bound(protocol)
        phones, reporters = [Phone(), Phone()], [RtpProgram(8), RtpProgram(9)]
        for phone, other in zip(phones, reporters, strict=True):
            await bound(phone.layer.wrap_rtcp(other))
            await phone.open(program.transport.get_extra_info("sockname"))
            phone.layer.set_remote(
                program.transport.get_extra_info("sockname"), rtcp=reporter.transport.get_extra_info("sockname")
            )
            there = other.transport.get_extra_info("sockname")
            layer = fork.branch(str(other.ssrc), phone.address, rtcp=there)
            await asyncio.gather(layer.secured(), phone.layer.secured())
        report = reporter.report()
        await until(lambda: all(other.heard for other in reporters))
        assert [other.heard for other in reporters] == [[report], [report]]
        answers = [other.report() for other in reporters]
        await until(lambda: len(reporter.heard) == 2)
        assert sorted(reporter.heard) == sorted(answers)

        fork.choose("9")
        late = reporters[1].report(1)
        await until(lambda: len(reporter.heard) == 3)
        assert reporter.heard[2] == late
        fork.close()
        for phone in phones:
            phone.close()
        for each in (program, reporter, *reporters):
            each.transport.close()

    run(test())


def test_stun_goes_to_whoever_wants_it_and_leaves_for_its_address_alone() -> None:
    async def test() -> None:
        stun = bytes.fromhex("000100002112a442") + bytes(12)
        taken: list[tuple[bytes, Any]] = []
        fork, program = ForkedCall(Endpoint(FAST)), RtpProgram(7)
        await bound(fork.wrap(program, foreign=lambda data, address: taken.append((data, address))))
        server = RtpProgram(0)
        await bound(server)
        program.transport.sendto(stun, server.transport.get_extra_info("sockname"))
        await until(lambda: bool(server.heard))
        server.transport.sendto(stun, program.transport.get_extra_info("sockname"))
        await until(lambda: bool(taken))
        assert taken == [(stun, server.transport.get_extra_info("sockname"))]
        assert program.heard == []
        fork.close()
        for each in (program, server):
            each.transport.close()

    run(test())


def test_a_keep_alive_goes_to_every_branch_secure_or_not() -> None:
    async def test() -> None:
        fork, program, phones = ForkedCall(Endpoint(FAST)), RtpProgram(7), [RtpProgram(8), RtpProgram(9)]
        for protocol in (fork.wrap(program), *phones):
            await bound(protocol)
        for phone in phones:
            fork.branch(str(phone.ssrc), phone.transport.get_extra_info("sockname"))
        program.transport.sendto(b"\r\n")
        await until(lambda: all(b"\r\n" in phone.heard for phone in phones))
        fork.close()
        for each in (program, *phones):
            each.transport.close()

    run(test())


def test_until_one_is_chosen_all_of_them_hear_the_caller() -> None:
    async def test() -> None:
        async with ringing(2) as (fork, program, phones):
            for number, phone in enumerate(phones):
                await fork.branch(f"tag {number}", phone.address).secured()
            sent = program.say()
            await until(lambda: all(phone.program.heard for phone in phones))
            assert [phone.program.heard for phone in phones] == [[sent], [sent]]

    run(test())


def test_the_offer_announces_the_hello_of_the_branch_that_answers_first() -> None:
    async def test() -> None:
        async with ringing(1) as (fork, _, (phone,)):
            announced = fork.hello_hash
            assert fork.branch("a1", phone.address).hello_hash == announced
            assert fork.hello_hash != announced

    run(test())


def test_what_comes_before_any_answer_is_kept_within_bounds() -> None:
    async def test() -> None:
        async with ringing(1) as (fork, _, (phone,)):
            assert fork._rtp is not None
            for number in range(100):
                fork._rtp.datagram_received(
                    b"\x10\0" + number.to_bytes(2, "big") + b"ZRTP" + bytes(20), ("192.0.2.9", number)
                )
            assert len(fork._early) == EARLY
            layer = fork.branch("a1", phone.address)
            await layer.secured()

    run(test())


def test_what_a_program_does_wrong_is_refused_with_a_sentence() -> None:
    async def test() -> None:
        fork = ForkedCall(Endpoint(FAST))
        with pytest.raises(ApiMisuse, match="no socket yet"):
            fork.branch("a1", ("192.0.2.1", 9))
        fork.close()
        async with ringing(1) as (fork, _, (phone,)):
            fork.branch("a1", phone.address)
            with pytest.raises(ApiMisuse, match="There is a branch 'a1' already"):
                fork.branch("a1", phone.address)
            with pytest.raises(ApiMisuse, match="There is no branch 'b2'"):
                fork.choose("b2")
            for wrap in (fork.wrap, fork.wrap_rtcp):
                with pytest.raises(ApiMisuse, match="wrap the sockets of the offer before the first branch"):
                    wrap(RtpProgram(8))

    run(test())


def test_the_end_waits_until_what_every_branch_leaves_behind_is_stored() -> None:
    """Those that were not chosen too."""

    async def test() -> None:
        cache = Gated()
        fork = ForkedCall(Endpoint(FAST, cache))
        program = RtpProgram(7)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: fork.wrap(program), local_addr=LOOPBACK)
        phones = [Phone(MemoryCache()) for _ in range(2)]
        for name, phone in zip("ab", phones, strict=True):
            await phone.open(program.transport.get_extra_info("sockname"))
            layer = fork.branch(name, phone.address, peer_hello_hash=phone.hash)
            await asyncio.gather(layer.secured(), phone.layer.secured())
        fork.choose("b")
        ending = asyncio.create_task(fork.aclose())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not ending.done() and cache.peers() == []
        cache.gate.set()
        await ending
        assert len(cache.peers()) == 2
        program.transport.close()
        for phone in phones:
            phone.close()

    run(test())
