"""Calls by code and by line with both ends in this process: loopback, and a mailbox server of the test's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.commands import OPTIONS, Listener
from tests.reach.fake_mailbox import FakeMailbox, fake_mailbox
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls import failure
from zrtp.cli.calls.conversation import Conversation
from zrtp.cli.calls.ending import Outcome
from zrtp.cli.calls.meeting import Meeting, RouterPort
from zrtp.cli.calls.notices import Agreed, Listening, Reaching
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.reach import ReachSettings
from zrtp.errors import ApiMisuse
from zrtp.media.sound.sources import Silence, Tone
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, Continuity, Mode, SasReady, SecurityWarning, WarningCode
from zrtp.reach import mapping
from zrtp.reach.code import Code
from zrtp.reach.description import Description
from zrtp.reach.notice import RefusalReason

BOB = b"BOBBOBBOBBOB"
SETTINGS = replace(OPTIONS, seconds=0.1)
HERE = ("127.0.0.1",)


def bobs_cache() -> MemoryCache:
    """A new installation that uses Bob's ZID, by right or not."""
    cache = MemoryCache()
    cache.own_zid(lambda: BOB)
    return cache


class Clipboard:
    """Lines that somebody is going to paste."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def line(self) -> str | None:
        return await self.lines.get()


class Person:
    """One end of a call, and what it is told."""

    def __init__(
        self,
        reach: ReachSettings,
        *,
        cache: MemoryCache | None = None,
        config: Config = OPTIONS.config,
        **settings: Any,
    ) -> None:
        self.heard = Listener()
        self.clipboard = Clipboard()
        self.meeting = Meeting(replace(reach, addresses=HERE), self.heard.show, self.clipboard, patience=5)
        self.conversation = Conversation(
            Endpoint(config, cache or MemoryCache()),
            replace(SETTINGS, **settings),
            Sound(Tone() if self.meeting.calling else Silence(), []),
            [self.heard],
            found=self.meeting,
        )
        self.running = asyncio.ensure_future(self.conversation.run())

    async def stage(self, name: str) -> Reaching:
        """The step of that name, when it has come."""
        while True:
            for news in self.heard.news:
                if isinstance(news, Reaching) and news.stage == name:
                    return news
            assert not self.running.done() or self.running.exception() is None, self.running.exception()
            await asyncio.sleep(0.002)

    async def code(self) -> Code:
        return Code.parse((await self.stage("code")).give.removeprefix("zrtp call "))

    def agreed(self) -> Agreed:
        (found,) = (news for news in self.heard.news if isinstance(news, Agreed))
        return found

    def continuity(self) -> Continuity:
        (found,) = (news for news in self.heard.news if isinstance(news, SasReady))
        return found.continuity


def play(scene: Callable[[FakeMailbox], Awaitable[None]]) -> FakeMailbox:
    async def run() -> FakeMailbox:
        async with asyncio.timeout(20), fake_mailbox() as server:
            await scene(server)
        return server

    return asyncio.run(run())


async def by_code(
    server: FakeMailbox, *, alice: MemoryCache | None = None, bob: MemoryCache | None = None
) -> tuple[Person, Person]:
    """Alice makes a code, Bob calls with it; both when the call is over."""
    listener = Person(ReachSettings(mailbox=server.url), cache=alice)
    caller = Person(ReachSettings(mailbox=server.url, code=await listener.code()), cache=bob)
    for outcome in await asyncio.gather(listener.running, caller.running):
        assert outcome.code is Exit.ENDED
    return listener, caller


def test_a_call_by_code_is_bound_to_it_at_both_ends_and_not_verified() -> None:
    async def scene(server: FakeMailbox) -> None:
        for person in await by_code(server):
            agreed = person.agreed()
            assert agreed.by_code and agreed.assurance is Assurance.SIGNALLING
            assert not agreed.secured.verified

    play(scene)


def test_the_servers_are_named_before_anything_else_happens() -> None:
    async def scene(server: FakeMailbox) -> None:
        for person in await by_code(server):
            first = person.heard.news[0]
            assert isinstance(first, Reaching) and first.stage == "servers"
            assert "127.0.0.1" in first.text and "your IP address" in first.text

    play(scene)


@pytest.mark.attack("ZID-03", "CCH-01")
def test_a_code_is_no_evidence_when_a_known_peer_has_lost_its_secret() -> None:
    """Alice verified Bob. Whoever overheard the code calls with Bob's ZID: the alarm, and nothing is overwritten."""

    async def scene(server: FakeMailbox) -> None:
        alice = MemoryCache()
        (own,) = {alice.own_zid(lambda: b"ALICEALICE12")}
        listener = Person(ReachSettings(mailbox=server.url), cache=alice)
        caller = Person(ReachSettings(mailbox=server.url, code=await listener.code()), cache=bobs_cache())
        await listener.conversation.secured
        listener.conversation.decisions.match("bob")
        await asyncio.gather(listener.running, caller.running)
        before = alice.load(own, BOB)
        assert before is not None and before.verified and before.name == "bob"

        await server.forget()
        stranger, _ = await by_code(server, alice=alice, bob=bobs_cache())

        assert stranger.continuity() is Continuity.MISMATCH
        assert stranger.agreed().assurance is Assurance.MISMATCH
        after = alice.load(own, BOB)
        assert after is not None and (after.rs1, after.name, after.verified) == (before.rs1, "bob", True)
        assert after.trusted_lineage == before.trusted_lineage

    play(scene)


def test_no_preshared_call_comes_of_a_code() -> None:
    async def scene(server: FakeMailbox) -> None:
        alice, bob = MemoryCache(), bobs_cache()
        await by_code(server, alice=alice, bob=bob)
        own = alice.own_zid(lambda: b"ALICEALICE12")
        record = alice.load(own, BOB)
        assert record is not None and not record.trusted_lineage and not record.verified
        await server.forget()
        for person in await by_code(server, alice=alice, bob=bob):
            assert person.continuity() is Continuity.CONTINUED
            assert person.agreed().secured.mode is not Mode.PRESHARED

    play(scene)


def test_a_line_each_way_is_a_call_as_trustworthy_as_the_messenger() -> None:
    async def scene(_: FakeMailbox) -> None:
        listener = Person(ReachSettings(line=True))
        line = (await listener.stage("line")).give.removeprefix("zrtp call ")
        caller = Person(ReachSettings(line=True, theirs=Description.of_line(line)))
        listener.clipboard.lines.put_nowait("not a line")
        assert "no line of this program" in (await listener.stage("refused")).text
        listener.clipboard.lines.put_nowait((await caller.stage("line")).give)
        await asyncio.gather(listener.running, caller.running)
        for person in (listener, caller):
            agreed = person.agreed()
            assert agreed.assurance is Assurance.ENCRYPTED and not agreed.by_code
            assert person.conversation.opened.result().session.peer.bound_to_signalling

    play(scene)


async def refusal(person: Person) -> CommandError:
    with pytest.raises(CommandError) as refused:
        await person.running
    return refused.value


def test_a_wrong_code_ends_both_with_the_sentence_and_its_exit_code() -> None:
    async def scene(server: FakeMailbox) -> None:
        listener = Person(ReachSettings(mailbox=server.url))
        wrong = Code(number=(await listener.code()).number, words=("adrift", "yesteryear"))
        guesser = Person(ReachSettings(mailbox=server.url, code=wrong))
        for person in (listener, guesser):
            error = await refusal(person)
            assert error.code is Exit.NO_WAY
            assert "mistyped, or a guess" in str(error) and "make a new one" in error.hint

    play(scene)


def test_nobody_under_this_number_is_told_so() -> None:
    async def scene(server: FakeMailbox) -> None:
        caller = Person(ReachSettings(mailbox=server.url, code=Code.parse("7-virus-revival")))
        caller.meeting._patience = 0.1
        assert "Nobody waits under this number" in str(await refusal(caller))

    play(scene)


def hang_up(person: Person) -> None:
    person.conversation.hang_up(Exit.INTERRUPTED, "interrupted")


def test_who_hangs_up_while_waiting_leaves_nothing_behind() -> None:
    async def scene(server: FakeMailbox) -> None:
        listener = Person(ReachSettings(mailbox=server.url))
        await listener.code()
        while not server.phases:
            await asyncio.sleep(0.002)
        hang_up(listener)
        assert (await listener.running).code is Exit.INTERRUPTED

    server = play(scene)
    assert (server.moods, server.released) == (["lonely"], ["7"])


def test_who_hangs_up_while_a_line_is_awaited_leaves_nothing_behind() -> None:
    async def scene(_: FakeMailbox) -> None:
        listener = Person(ReachSettings(line=True))
        line = (await listener.stage("line")).give.removeprefix("zrtp call ")
        caller = Person(ReachSettings(line=True, theirs=Description.of_line(line)))
        await caller.stage("finding")
        for person in (listener, caller):
            hang_up(person)
            assert (await person.running).code is Exit.INTERRUPTED

    play(scene)


def test_who_hangs_up_before_the_call_is_secure_tells_the_other_side(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: FakeMailbox) -> None:
        listener = Person(ReachSettings(mailbox=server.url))
        code = await listener.code()
        listener.conversation._follow = _never  # type: ignore[method-assign, assignment]
        caller = Person(ReachSettings(mailbox=server.url, code=code))
        caller.conversation._follow = _never  # type: ignore[method-assign, assignment]
        await asyncio.gather(listener.conversation.opened, caller.conversation.opened)
        hang_up(listener)
        assert (await listener.running).code is Exit.INTERRUPTED
        outcome: Outcome = await caller.running
        assert outcome.code is Exit.NO_PEER
        assert outcome.text == "the other side hung up before the call was secure"

    play(scene)


async def _never(*_: object) -> None:
    await asyncio.Event().wait()


def test_a_hello_that_was_not_announced_is_refused_and_both_ends_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody changes the Hello on the path: the sealed hash is another one."""
    described = Description.octets

    def lying(self: Description) -> bytes:
        return described(replace(self, hello_hash=bytes(32)) if self.side == 1 else self)

    monkeypatch.setattr(Description, "octets", lying)
    monkeypatch.setattr(failure, "_RIGHT_HELLO", 0.2)
    soon = replace(OPTIONS.config, discovery_deadline_extended=0.5)

    async def scene(server: FakeMailbox) -> None:
        listener = Person(ReachSettings(mailbox=server.url), config=soon)
        caller = Person(ReachSettings(mailbox=server.url, code=await listener.code()), config=soon)
        outcomes = await asyncio.gather(listener.running, caller.running)
        assert [outcome.code for outcome in outcomes] == [Exit.NOT_AGREED, Exit.NOT_AGREED]
        assert "announced" in outcomes[0].text
        assert outcomes[1].text.startswith("the other side refused the call")

    play(scene)


def test_two_ends_with_one_cache_are_told_once_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries it in two terminals of one computer."""
    monkeypatch.setattr(failure, "_RIGHT_HELLO", 0.2)

    async def scene(server: FakeMailbox) -> None:
        cache = bobs_cache()
        listener = Person(ReachSettings(mailbox=server.url), cache=cache)
        caller = Person(ReachSettings(mailbox=server.url, code=await listener.code()), cache=cache)
        for outcome in await asyncio.gather(listener.running, caller.running):
            assert outcome.code is Exit.NOT_AGREED
            assert "--cache other.db" in outcome.hint
        for person in (listener, caller):
            warnings = [news for news in person.heard.news if isinstance(news, SecurityWarning)]
            assert [warning.code for warning in warnings] == [WarningCode.EQUAL_ZIDS]

    play(scene)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spake2", None)

    async def scene(server: FakeMailbox) -> None:
        error = await refusal(Person(ReachSettings(mailbox=server.url)))
        assert "needs the package spake2" in str(error)
        assert error.hint == "pip install '.[reach]'"

    play(scene)


# A port at the router


def test_the_routers_address_is_advertised(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def given(port: int, router: str | None) -> Any:
        assert router == "192.168.1.1"
        yield mapping.Mapping(protocol=mapping.Protocol.PCP, host="45.67.89.10", port=40000, lifetime=7200)

    monkeypatch.setattr("zrtp.cli.calls.meeting.mapped", given)

    async def scene(_: FakeMailbox) -> None:
        heard = Listener()
        port = RouterPort(("127.0.0.1", 0), "192.168.1.1")
        call = Conversation(Endpoint(OPTIONS.config), OPTIONS, Sound(Silence(), []), [heard], found=port)
        running = asyncio.ensure_future(call.run())
        await call.opened
        call.hang_up(Exit.INTERRUPTED, "interrupted")
        await running
        (listening,) = (news for news in heard.news if isinstance(news, Listening))
        assert listening.advertised == ("45.67.89.10", 40000)

    play(scene)


def test_a_router_that_gives_no_port_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object) -> Any:
        raise ApiMisuse("The router says nothing. A code needs no port: zrtp listen --code.")

    monkeypatch.setattr("zrtp.cli.calls.meeting.mapped", refusing)

    async def scene(_: FakeMailbox) -> None:
        port = RouterPort(("127.0.0.1", 0), None)
        call = Conversation(Endpoint(OPTIONS.config), OPTIONS, Sound(Silence(), []), [], found=port)
        with pytest.raises(CommandError, match="The router says nothing") as refused:
            await call.run()
        assert refused.value.code is Exit.NO_WAY
        assert refused.value.hint == "A code needs no port: zrtp listen --code."

    play(scene)


def test_reasons_have_their_sentences() -> None:
    from zrtp.cli.screen import finding

    assert set(finding.ENDS) == set(RefusalReason)
