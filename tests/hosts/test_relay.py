"""Calls of ours through a media relay as providers run it: rtpengine learns ports, moves them, and may convert."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.hosts.relay import RTPENGINE, Engine, Relay
from tests.support.loops import run
from tests.support.rtp_program import RtpProgram
from zrtp.media.aio import AsyncCall, MediaLayer
from zrtp.media.events import CallEvent, MediaTrouble, Trouble
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint

pytestmark = pytest.mark.long

LOOPBACK = ("127.0.0.1", 0)
FAST = Config(key_agreements=(b"X255",))
FRAME = bytes(range(160))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if reason := RTPENGINE.missing():
        pytest.skip(f"{reason} apt-get install {RTPENGINE.package}")
    with Engine(tmp_path_factory.mktemp("rtpengine")) as running:
        yield running


class Phone:
    """RTP code with the layer under it."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.call = AsyncCall(Endpoint(FAST), on_event=self.events.append)
        self.layer: MediaLayer = self.call.add_layer()
        self.program = RtpProgram(self.layer.media.stream.ssrc)

    async def open(self) -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self.layer.wrap(self.program), local_addr=LOOPBACK
        )

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.program.transport.get_extra_info("sockname")
        return host, port

    def close(self) -> None:
        self.call.close()
        self.program.transport.close()


@asynccontextmanager
async def through(engine: Engine, flags: list[str], answers: str = "PCMU") -> AsyncIterator[tuple[Phone, Phone, Relay]]:
    """Two phones that are secure, through the relay."""
    alice, bob = Phone(), Phone()
    await alice.open()
    await bob.open()
    relay = Relay(engine, alice.address, bob.address, answers=answers, flags=flags)
    alice.layer.set_remote(relay.for_a)
    bob.layer.set_remote(relay.for_b)
    alice.layer.start()
    bob.layer.start()
    try:
        await asyncio.gather(alice.layer.secured(), bob.layer.secured())
        assert alice.call.session.sas == bob.call.session.sas
        yield alice, bob, relay
    finally:
        alice.close()
        bob.close()


async def talk(*phones: Phone, frames: int = 50) -> None:
    """Everybody sends a frame every 20 ms."""
    for _ in range(frames):
        for phone in phones:
            phone.program.say(FRAME)
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("flags", [[], ["strict-source"], ["asymmetric"], ["media-handover"]], ids=str)
def test_a_relay_that_only_relays_is_no_matter(engine: Engine, flags: list[str]) -> None:
    async def test() -> None:
        async with through(engine, flags) as (alice, bob, _):
            await talk(alice, bob)
            await asyncio.sleep(0.1)
            assert len(alice.program.heard) >= 49
            assert len(bob.program.heard) >= 49
            assert alice.layer.media.counters.rejected == bob.layer.media.counters.rejected == 0

    run(test())


def test_a_relay_that_converts_the_sound_is_told_within_two_seconds(engine: Engine) -> None:
    """Secure, with equal words, over a dead line: nobody must be left to read them aloud without a hint."""

    async def test() -> None:
        flags = ["codec-mask-PCMU", "codec-transcode-PCMA"]
        async with through(engine, flags, answers="PCMA") as (alice, bob, _):
            await talk(alice, bob, frames=100)
            told = [event for event in (*alice.events, *bob.events) if isinstance(event, MediaTrouble)]
            assert {event.trouble for event in told} == {Trouble.UNVERIFIED}
            assert "codec" in told[0].text

    run(test())


def test_a_re_invite_with_a_new_port_goes_on_without_a_gap(engine: Engine) -> None:
    async def test() -> None:
        async with through(engine, []) as (alice, bob, relay):
            await talk(alice, bob, frames=10)
            relay.say(alice.address, bob.address)
            alice.layer.set_remote(relay.for_a)
            bob.layer.set_remote(relay.for_b)
            heard = len(alice.program.heard), len(bob.program.heard)
            await talk(alice, bob)
            await asyncio.sleep(0.1)
            assert len(alice.program.heard) - heard[0] >= 48
            assert len(bob.program.heard) - heard[1] >= 48

    run(test())


def test_a_router_that_takes_another_port_is_followed_by_the_relay_and_by_us(engine: Engine) -> None:
    async def test() -> None:
        async with through(engine, ["media-handover"]) as (alice, bob, relay):
            await talk(alice, bob, frames=170)  # the relay learns for three seconds
            heard = len(bob.program.heard)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rebound:
                rebound.bind(LOOPBACK)
                for number in range(20):
                    header = struct.pack("!BBHII", 0x80, 0, 500 + number, 0, alice.program.ssrc)
                    packet = alice.layer.media.protect(header + FRAME)
                    assert packet is not None
                    rebound.sendto(packet, relay.for_a)
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert len(bob.program.heard) - heard >= 19

    run(test())
