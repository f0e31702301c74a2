"""A second of what can be sent blindly draws little from whoever listens, timers included.

A stranger writes somebody else's address on what it sends, so that the answers go there: at once, and from timers for
as long as the listener hopes for a peer. What a single datagram draws is more than this (docs/security.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.security.blind import TOY, Kinds, Stranger
from tests.security.blind_network import Internet, internet
from tests.support.cases import every
from tests.support.pair import seeded
from zrtp.cache.memory import MemoryCache
from zrtp.media.aio import listen
from zrtp.protocol.endpoint import Endpoint

LISTENER = ("127.0.0.1", 5004)
VICTIM = ("127.0.0.9", 999)
AMPLIFICATION = 16
"""Octets for each one that came from there."""

FORGOTTEN = 120.0
"""Seconds after which nothing of a stranger is remembered."""

RATE = 100
"""Times in the second."""


def octets_to_victim(datagrams: Sequence[bytes]) -> int:
    """How many octets a listener sends to the address that is written on these."""

    async def listener(net: Internet) -> None:
        async with listen(Endpoint(TOY, MemoryCache(), random=seeded(1)), LISTENER):
            for datagram in datagrams:
                net.send(datagram, LISTENER, VICTIM)
                await asyncio.sleep(1 / RATE)
            await asyncio.sleep(FORGOTTEN)

    with internet() as (loop, net):
        loop.run_until_complete(listener(net))
        return net.octets(LISTENER, VICTIM)


def said(kinds: Kinds, number: int) -> list[bytes]:
    stranger = Stranger(number, peer_zid=b"the peer ZID", victim_zid=Endpoint(TOY, random=seeded(1)).zid)
    return [stranger.datagram(kind) for kind in kinds]


@pytest.mark.attack("DOS-26")
@every(
    "kinds",
    [("Hello",), ("HelloACK",), ("Ping",), ("Hello", "HelloACK"), ("Hello", "Commit"), ("Error, service unavailable",)],
)
@every("strangers", [1, RATE])
def test_a_second_of_it_draws_at_most_sixteen_times_its_octets(kinds: Kinds, strangers: int) -> None:
    datagrams = [datagram for number in range(RATE) for datagram in said(kinds, number % strangers)]
    drawn = octets_to_victim(datagrams)
    assert 0 < drawn <= AMPLIFICATION * sum(map(len, datagrams))


@pytest.mark.attack("DOS-26")
@every("kind", ["Hello", "Ping", "noise", "Commit"])
def test_a_single_datagram_draws_at_most_sixteen_times_its_octets(kind: str) -> None:
    datagrams = said((kind,), 0)
    assert octets_to_victim(datagrams) <= AMPLIFICATION * sum(map(len, datagrams))
