"""Calls over `connect` and `listen` that a stranger disturbs who knows both addresses and sees nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.security.blind import GIVEN_UP, HELD_UP, TOY, Kinds, Stranger
from tests.security.blind_network import Internet, internet
from tests.support.pair import seeded
from zrtp.cache.memory import MemoryCache
from zrtp.media.aio import NotSecured, SecureStream, connect, listen
from zrtp.protocol.endpoint import Endpoint

CALLER = ("127.0.0.1", 5002)
CALLED = ("127.0.0.1", 5004)
ELSEWHERE = ("127.0.0.9", 999)

CALLED_AT = 8.0
"""The second at which the call begins; whoever is called waits since the first one."""

MOMENTS = (-6.0, -1.0, -0.01, 0.01, 0.03, 0.05, 0.07, 0.09, 0.11, 0.13, 0.2)
"""Seconds after the beginning of the call: before it, and between any two of its messages."""

UNDISTURBED = 0.2
"""Seconds within which such a call is secure if nobody disturbs it."""


@dataclass(frozen=True)
class Stray:
    """What a stranger sends to one end or both."""

    kinds: Kinds
    moment: float
    to: Sequence[tuple[str, int]] = (CALLED,)
    forged: bool = False
    """Whether it says that it is at the address of the other end."""

    def __str__(self) -> str:
        ends = " and ".join("caller" if address == CALLER else "called" for address in self.to)
        source = " under the address of the other end" if self.forged else ""
        return f"{' + '.join(self.kinds)} to {ends}{source}, {self.moment} s after the call began"

    def send(self, net: Internet, zids: dict[tuple[str, int], bytes]) -> None:
        for address in self.to:
            other = CALLER if address == CALLED else CALLED
            stranger = Stranger(0, peer_zid=zids[other], victim_zid=zids[address])
            for kind in self.kinds:
                net.send(stranger.datagram(kind), address, other if self.forged else ELSEWHERE)


def held_up(stray: Stray | None, *, both_call: bool = False) -> float | None:
    """Seconds from the beginning of the call until both ends are secure; None if they never are.

    With `both_call` each end calls the other one's address, as two `zrtp call` with `--bind` do; otherwise one listens.
    """
    with internet() as (loop, net):
        return loop.run_until_complete(_call(net, stray, both_call))


async def _call(net: Internet, stray: Stray | None, both_call: bool) -> float | None:
    time = asyncio.get_running_loop().time
    alice, bob = (Endpoint(TOY, MemoryCache(), random=seeded(seed)) for seed in (1, 2))
    async with AsyncExitStack() as stack:
        waiting = connect(bob, CALLER, local=CALLED) if both_call else listen(bob, CALLED)
        ends = [await stack.enter_async_context(waiting)]
        strays = asyncio.ensure_future(_stray(net, stray, {CALLER: alice.zid, CALLED: bob.zid}))
        stack.callback(strays.cancel)
        await asyncio.sleep(CALLED_AT)
        ends.append(await stack.enter_async_context(connect(alice, CALLED, local=CALLER)))
        try:
            async with asyncio.timeout(GIVEN_UP):
                await asyncio.gather(*(_secured(end) for end in ends))
        except TimeoutError:
            return None
        same = ends[0].session.sas == ends[1].session.sas
        return time() - CALLED_AT if same else None


async def _stray(net: Internet, stray: Stray | None, zids: dict[tuple[str, int], bytes]) -> None:
    if stray is not None:
        await asyncio.sleep(CALLED_AT + stray.moment)
        stray.send(net, zids)


async def _secured(end: SecureStream) -> None:
    """Whoever listens goes on after a failure: somebody else may have caused it."""
    while True:
        try:
            await end.secured()
            return
        except NotSecured:
            await asyncio.sleep(0.1)


def is_right(seconds: float | None) -> bool:
    return seconds is not None and seconds <= UNDISTURBED + HELD_UP
