"""`zrtp listen` waits for a caller, and strangers come first: the call is held, and nobody sees an alarm."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from itertools import product

import pytest

from tests.cli.commands import OPTIONS, Listener
from tests.security.blind import HELD_UP, SINGLES, TOY
from tests.security.blind_calls import CALLED, CALLED_AT, CALLER, MOMENTS, UNDISTURBED, Stray
from tests.security.blind_network import Internet, internet
from tests.support.pair import seeded
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls.calling import hold
from zrtp.cli.calls.conversation import Conversation
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import Exit
from zrtp.media.addresses import Address
from zrtp.media.sound.sources import Silence
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed

pytestmark = pytest.mark.usefixtures("quiet_log")


class Command:
    """`zrtp listen` and, some seconds later, `zrtp call`; whoever called hangs up when both are secure."""

    def __init__(self, net: Internet) -> None:
        self.net = net
        self.heard = {"bob": Listener(), "alice": Listener()}
        endpoints = [Endpoint(TOY, MemoryCache(), random=seeded(seed)) for seed in (1, 2)]
        self.zids = {CALLED: endpoints[0].zid, CALLER: endpoints[1].zid}
        self.bob = Conversation(endpoints[0], replace(OPTIONS, bind=CALLED), Sound(Silence(), []), [self.heard["bob"]])
        self.alice = Conversation(
            endpoints[1],
            replace(OPTIONS, bind=CALLER),
            Sound(Silence(), []),
            [self.heard["alice"]],
            callee=self.bob,
            through=self._in_time,
        )
        self.secure_at: float | None = None

    async def _in_time(self, address: Address) -> Address:
        await asyncio.sleep(CALLED_AT)
        return address

    async def hold(self, stray: Stray | None) -> None:
        async def attend() -> None:
            if stray is not None:
                await asyncio.sleep(CALLED_AT + stray.moment)
                stray.send(self.net, self.zids)
            await asyncio.gather(self.alice.secured, self.bob.secured)
            self.secure_at = asyncio.get_running_loop().time()
            self.alice.hang_up(Exit.ENDED, "done")

        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await hold([self.bob, self.alice], attend)


def wrong_with(stray: Stray | None) -> str:
    """What is not as it should be; empty if nothing."""

    async def call() -> Command:
        command = Command(net)
        await command.hold(stray)
        return command

    with internet() as (loop, net):
        command = loop.run_until_complete(call())
    if command.secure_at is None:
        return "never secure"
    if command.secure_at > CALLED_AT + UNDISTURBED + HELD_UP:
        return f"secure after {command.secure_at - CALLED_AT:.1f} s"
    alarms = [news.text for heard in command.heard.values() for news in heard.news if isinstance(news, Failed)]
    return " ".join(alarms)


def test_nobody_disturbs() -> None:
    assert wrong_with(None) == ""


STRAYS = [Stray(said, moment, forged=forged) for said, moment, forged in product(SINGLES, MOMENTS, (False, True))]


def right(strays: list[Stray]) -> None:
    outcomes = {str(stray): wrong_with(stray) for stray in strays}
    wrong = [f"{stray}: {why}" for stray, why in outcomes.items() if why]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(strays)} calls:", *wrong[:20]])


@pytest.mark.attack("DOS-23")
def test_a_sample_of_strays_at_the_command() -> None:
    right(random.Random(7).sample(STRAYS, 20))


@pytest.mark.attack("DOS-23")
@pytest.mark.long
def test_strays_at_the_command() -> None:
    right(STRAYS)
