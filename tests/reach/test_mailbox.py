"""Two people and a mailbox server, all in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection

from tests.reach.fake_mailbox import FakeMailbox, fake_mailbox
from tests.support.cases import every
from tests.support.texts import texts
from zrtp.reach import mailbox
from zrtp.reach.code import Code
from zrtp.reach.errors import MailboxRefused, NobodyThere, ReachError, WrongCode
from zrtp.reach.mailbox import Rendezvous
from zrtp.reach.steps import CodeMade, MailboxBroken, MeetingStep, SomebodyThere


class Person:
    """Somebody who makes or knows a code, and has a message."""

    def __init__(self, url: str, message: bytes) -> None:
        self.news: list[MeetingStep] = []
        self.code: asyncio.Future[Code] = asyncio.get_running_loop().create_future()
        self._message = message
        self._url = url

    async def payload(self) -> bytes:
        return self._message

    def told(self, step: MeetingStep) -> None:
        self.news.append(step)
        if isinstance(step, CodeMade):
            self.code.set_result(step.code)

    async def invite(self, words: int = 2) -> bytes:
        async with Rendezvous(self._url, self.payload, self.told) as rendezvous:
            return await rendezvous.invite(words)

    async def join(self, code: Code, patience: float = 60) -> bytes:
        async with Rendezvous(self._url, self.payload, self.told) as rendezvous:
            return await rendezvous.join(code, patience)


def play(scene: Callable[[FakeMailbox], Awaitable[None]], **options: Any) -> FakeMailbox:
    """A scene with a server, within ten seconds."""

    async def run() -> FakeMailbox:
        async with asyncio.timeout(10), fake_mailbox(**options) as server:
            await scene(server)
        return server

    return asyncio.run(run())


async def outcome(work: Awaitable[bytes]) -> bytes | type[BaseException]:
    try:
        return await work
    except ReachError as error:
        return type(error)


def test_two_people_swap_a_message_by_code() -> None:
    async def scene(server: FakeMailbox) -> None:
        alice, bob = Person(server.url, b"at home"), Person(server.url, b"on a train")
        inviting = asyncio.create_task(alice.invite())
        code = await alice.code
        assert (code.number, len(code.words)) == ("7", 2)
        assert await bob.join(code) == b"at home"
        assert await inviting == b"on a train"
        assert SomebodyThere() in alice.news and SomebodyThere() in bob.news

    server = play(scene)
    assert (server.moods, server.released) == (["happy", "happy"], ["7", "7"])


def test_a_longer_code_has_more_words() -> None:
    async def scene(server: FakeMailbox) -> None:
        alice = Person(server.url, b"")
        inviting = asyncio.create_task(alice.invite(4))
        assert len((await alice.code).words) == 4
        inviting.cancel()

    play(scene)


def test_a_wrong_guess_shows_at_both_ends_and_uses_the_number_up() -> None:
    async def scene(server: FakeMailbox) -> None:
        alice, guesser, bob = (Person(server.url, name) for name in (b"a", b"g", b"b"))
        inviting = asyncio.create_task(alice.invite())
        code = await alice.code
        wrong = Code(number=code.number, words=("adrift", "yesteryear"))
        assert await outcome(guesser.join(wrong)) is WrongCode
        assert await outcome(inviting) is WrongCode
        assert await outcome(bob.join(code)) is MailboxRefused

    server = play(scene)
    assert server.moods[:2] == ["scary", "scary"]


def test_a_third_one_is_told_that_the_number_is_used_up() -> None:
    async def scene(server: FakeMailbox) -> None:
        server.refuse_claims = "crowded"
        with pytest.raises(MailboxRefused, match="This number is used up"):
            await Person(server.url, b"").join(Code.parse("7-virus-revival"))

    play(scene)


def test_who_comes_to_a_number_where_nobody_waits_is_told_so() -> None:
    async def scene(server: FakeMailbox) -> None:
        with pytest.raises(NobodyThere, match="Nobody waits under this number"):
            await Person(server.url, b"").join(Code.parse("7-virus-revival"), patience=0.1)

    assert play(scene).moods == ["errory"]


def test_who_comes_and_says_nothing_uses_the_code_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have our sealed message and can check one guess against it: there must be no second one."""
    monkeypatch.setattr(mailbox, "ANSWER_PATIENCE", 0.1)

    async def scene(server: FakeMailbox) -> None:
        async def never() -> bytes:
            await asyncio.Event().wait()
            return b""

        alice, silent = Person(server.url, b"at home"), Person(server.url, b"")
        silent.payload = never  # type: ignore[method-assign]
        inviting = asyncio.create_task(alice.invite())
        joining = asyncio.create_task(silent.join(await alice.code))
        with pytest.raises(NobodyThere, match="The code is used up"):
            await inviting
        joining.cancel()

    play(scene)


def test_a_server_that_is_restarted_while_somebody_waits_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "FIRST_PAUSE", 0.02)

    async def scene(server: FakeMailbox) -> None:
        alice, bob = Person(server.url, b"at home"), Person(server.url, b"on a train")
        inviting = asyncio.create_task(alice.invite())
        code = await alice.code
        while server.phases != ["pake"]:
            await asyncio.sleep(0)
        await server.stop()
        await server.start()
        assert await bob.join(code) == b"at home"
        assert await inviting == b"on a train"
        assert any(isinstance(step, MailboxBroken) for step in alice.news)

    assert play(scene).connections >= 3


def test_a_break_between_the_two_messages_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one of both has been read, the second one is lost with the connection."""
    monkeypatch.setattr(mailbox, "FIRST_PAUSE", 0.02)

    async def scene(server: FakeMailbox) -> None:
        alice, bob = Person(server.url, b"at home"), Person(server.url, b"on a train")
        broken = asyncio.Event()

        async def break_first() -> bytes:
            if not broken.is_set():
                broken.set()
                await server.stop()
                await server.start()
            return b"at home"

        alice.payload = break_first  # type: ignore[method-assign]
        inviting = asyncio.create_task(alice.invite())
        assert await bob.join(await alice.code) == b"at home"
        assert await inviting == b"on a train"

    play(scene)


def test_who_gives_up_waiting_closes_the_mailbox_and_gives_the_number_back() -> None:
    async def scene(server: FakeMailbox) -> None:
        alice = Person(server.url, b"")
        inviting = asyncio.create_task(alice.invite())
        await alice.code
        while not server.phases:
            await asyncio.sleep(0)
        inviting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await inviting
        assert (server.moods, server.released) == (["lonely"], ["7"])

    play(scene)


def test_nobody_listens_at_the_servers_address() -> None:
    async def run() -> None:
        person = Person("ws://127.0.0.1:9/v1", b"")
        with pytest.raises(MailboxRefused, match=r"cannot be reached.*--mailbox") as refused:
            await person.invite()
        assert "Errno" not in str(refused.value)

    asyncio.run(run())


def test_a_joiner_does_not_try_longer_than_its_patience() -> None:
    async def run() -> None:
        with pytest.raises(MailboxRefused, match="cannot be reached"):
            await Person("ws://127.0.0.1:9/v1", b"").join(Code.parse("7-virus-revival"), patience=0.1)

    asyncio.run(run())


@every(
    ("welcome", "sentence"),
    [
        ({"error": "closed\x1b[2J for today"}, r"The mailbox server says: \"closed \[2J for today\""),
        ({"permission-required": {"hashcash": {"bits": 20}}}, "wants a proof of work"),
    ],
)
def test_a_server_that_does_not_want_us_is_quoted(welcome: dict[str, Any], sentence: str) -> None:
    async def scene(server: FakeMailbox) -> None:
        with pytest.raises(MailboxRefused, match=sentence):
            await Person(server.url, b"").invite()

    play(scene, welcome=welcome)


def test_a_server_that_asks_for_no_permission_in_so_many_words_is_used() -> None:
    async def scene(server: FakeMailbox) -> None:
        alice = Person(server.url, b"")
        inviting = asyncio.create_task(alice.invite())
        assert await alice.code
        inviting.cancel()

    play(scene, welcome={"permission-required": {"none": {}, "hashcash": {}}, "motd": "hello"})


@every("number", ["", "x", "1234567890", "\x1b[31m", "7-virus"])
def test_a_number_that_could_not_be_said_is_not_taken(number: str) -> None:
    async def scene(server: FakeMailbox) -> None:
        server.number = number
        with pytest.raises(MailboxRefused, match="gave no number"):
            await Person(server.url, b"").invite()

    play(scene)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.one_of(
    texts(max_size=100),
    st.binary(max_size=100),
    ODD.map(json.dumps),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["message", "message", "welcome", "claimed", "allocated", "ack", "closed"])},
        optional={
            "side": ODD | st.just("mallory"),
            "phase": ODD | st.sampled_from(["pake", "description"]),
            "body": ODD | st.binary(max_size=40).map(bytes.hex),
            "mailbox": ODD,
            "nameplate": ODD,
            "welcome": ODD,
        },
    ).map(json.dumps),
)


@given(st.lists(MESSAGES, max_size=20))
def test_whatever_a_server_says_it_ends_in_a_sentence_or_in_waiting(messages: list[str | bytes]) -> None:
    async def scene(server: FakeMailbox) -> None:
        async def disturb(connection: ServerConnection) -> None:
            for message in messages:
                await connection.send(message)

        server.disturb = disturb
        try:
            await Person(server.url, b"").join(Code.parse("7-virus-revival"), patience=0.05)
        except ReachError as error:
            assert str(error).endswith((".", "?"))

    play(scene)


@given(texts(max_size=200) | ODD.map(json.dumps))
def test_what_is_no_message_is_none(text: str) -> None:
    message = mailbox._parse(text)
    assert message is None or isinstance(message["type"], str)
    if message is not None:
        mailbox._read_message(message)


def test_json_that_is_too_deep_is_no_message() -> None:
    assert mailbox._parse("[" * 60000) is None
