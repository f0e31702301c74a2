"""The attacker on real sockets of this computer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.cases import every
from tests.support.loops import until
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ApiMisuse
from zrtp.media.aio import SecureStream, connect, listen
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy import wiretap
from zrtp.proxy.mitm import InterceptedSide
from zrtp.proxy.wiretap import Began, KeysAgreed, Over, Wiretap, WiretapNews, is_for_teaching

LOOPBACK = ("127.0.0.1", 0)
QUICK = Config(key_agreements=(b"X255",))


def within_time(scene: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await scene()

    asyncio.run(run())


def installation() -> Endpoint:
    return Endpoint(QUICK, MemoryCache())


async def words(stream: SecureStream) -> str:
    await stream.secured()
    assert stream.session.sas is not None
    return stream.session.sas.rendered


def test_a_call_through_it_is_secure_heard_and_has_two_different_words() -> None:
    notices: list[WiretapNews] = []

    async def scene() -> None:
        async with listen(installation(), LOOPBACK) as bob:
            tap = Wiretap(bob.local, notices.append, config=QUICK)
            async with connect(installation(), await tap.open(LOOPBACK)) as alice:
                seen = await asyncio.gather(words(alice), words(bob))
                assert seen[0] != seen[1]
                alice.send(b"hello bob")
                packet = await bob.receive()
                assert packet is not None and packet.payload == b"hello bob"
                caller = alice.local
            await until(lambda: isinstance(notices[-1], Over))
            tap.close()
        by_side = {each.side: each.sas.rendered for each in notices if isinstance(each, KeysAgreed)}
        assert by_side == {InterceptedSide.CALLER: seen[0], InterceptedSide.TARGET: seen[1]}
        assert notices[0] == Began(1, caller)
        assert notices[-1] == Over(1, (1, 0))

    within_time(scene)


def test_the_next_call_begins_when_the_one_before_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiretap, "QUIET", 0.0)
    notices: list[WiretapNews] = []

    async def scene() -> None:
        async with listen(installation(), LOOPBACK) as first:
            tap = Wiretap(first.local, notices.append, config=QUICK)
            door = await tap.open(LOOPBACK)
            async with connect(installation(), door) as alice:
                await alice.secured()
            async with connect(installation(), door):
                await until(lambda: any(isinstance(each, Began) and each.number == 2 for each in notices))
            tap.close()
        assert [each.number for each in notices if isinstance(each, Over)] == [1, 2]

    within_time(scene)


def test_noise_and_strangers_begin_no_call() -> None:
    notices: list[WiretapNews] = []

    async def scene() -> None:
        tap = Wiretap(("127.0.0.1", 9), notices.append, config=QUICK)
        door = await tap.open(LOOPBACK)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=door)
        for noise in (b"", b"\x80" * 50, b"hello", bytes(500)):
            transport.sendto(noise)
        await asyncio.sleep(0.05)
        transport.close()
        tap.close()
        assert notices == []

    within_time(scene)


def test_a_target_that_does_not_answer_is_no_reason_to_stop() -> None:
    notices: list[WiretapNews] = []

    async def scene() -> None:
        tap = Wiretap(("127.0.0.1", 9), notices.append, config=QUICK)
        async with connect(installation(), await tap.open(LOOPBACK)):
            await until(lambda: bool(notices))
            await asyncio.sleep(0.1)
        tap.close()
        tap.close()
        assert [type(each) for each in notices] == [Began, Over]

    within_time(scene)


@every("host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.7", "fe80::1%eth0", "fd00::5"])
def test_a_room_may_be_listened_to(host: str) -> None:
    assert is_for_teaching(host)


@pytest.mark.parametrize("host", ["9.9.9.9", "2620:fe::9", "example.org", ""])
def test_the_internet_may_not_unless_that_is_asked_for(host: str) -> None:
    assert not is_for_teaching(host)

    async def scene() -> None:
        with pytest.raises(ApiMisuse, match="is neither a loopback nor a private address"):
            Wiretap((host, 5004), print)
        Wiretap((host, 5004), print, anywhere=True)

    within_time(scene)
