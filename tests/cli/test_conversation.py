"""How a call goes on when something does not work, with both ends in this process."""

from __future__ import annotations

import asyncio
import errno
from array import array
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from zrtp.cache.interface import SecretCache
from zrtp.cli import conversation, wording
from zrtp.cli.calling import hold
from zrtp.cli.conversation import Conversation
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.impairment import Impairment
from zrtp.cli.notices import Ended, Media, News, Waiting
from zrtp.cli.options import SAS_TYPES, CallOptions
from zrtp.cli.sound import Sound
from zrtp.media.addresses import Address
from zrtp.media.audio import AudioError, Silence, Tone
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed

FAST = Config(key_agreements=(b"X255",), sas_types=SAS_TYPES)

OPTIONS = CallOptions(
    config=FAST,
    cache=None,
    bind=("127.0.0.1", 0),
    audio="tone",
    record=None,
    seconds=None,
    verify=None,
    name=None,
    peer_hash=None,
    aux=None,
    ssrc=None,
    impair=Impairment(),
    json=False,
    plain=False,
    verbose=False,
)


class Listener:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.news: list[News] = []

    def show(self, news: News) -> None:
        self.news.append(news)

    def texts(self) -> list[str]:
        return [news.text for news in self.news if isinstance(news, Waiting)]

    @property
    def end(self) -> Ended:
        ended = self.news[-1]
        assert isinstance(ended, Ended)
        return ended


class Call:
    """Alice calls Bob. Made within a running loop."""

    def __init__(
        self,
        alice: CallOptions = OPTIONS,
        bob: CallOptions = OPTIONS,
        *,
        remote: Address | None = None,
        sound: Sound | None = None,
        bob_cache: SecretCache | None = None,
        bob_endpoint: Endpoint | None = None,
    ) -> None:
        self.heard = {"alice": Listener(), "bob": Listener()}
        callee = bob_endpoint or Endpoint(bob.config, bob_cache)
        self.bob = Conversation(callee, bob, Sound(Silence(), []), [self.heard["bob"]])
        self.alice = Conversation(
            Endpoint(alice.config),
            alice,
            sound or Sound(Tone(), []),
            [self.heard["alice"]],
            remote=remote,
            callee=None if remote else self.bob,
        )

    async def hold(self, attend: Callable[[], Coroutine[Any, Any, None]] | None = None) -> int:
        async def nothing() -> None:
            pass

        sides = [self.alice] if self.alice._remote is not None else [self.bob, self.alice]
        async with asyncio.timeout(10):
            return await hold(sides, attend or nothing)


def test_both_ends_hear_that_the_other_has_hung_up() -> None:
    async def test() -> None:
        call = Call(alice=replace(OPTIONS, seconds=0.1))
        assert await call.hold() == Exit.ENDED
        assert call.heard["alice"].end.text == "hung up after 0.1 seconds"
        assert call.heard["bob"].end.text == "the other side hung up"
        finals = [news for news in call.heard["bob"].news if isinstance(news, Media) and news.final]
        assert finals[0].counters.verified == finals[0].counters.received > 0

    asyncio.run(test())


def test_nothing_in_common_is_exit_5() -> None:
    async def test() -> None:
        only = replace(OPTIONS, config=Config(key_agreements=(b"X255",), mandatory_always=False))
        other = replace(OPTIONS, config=Config(key_agreements=(b"EC25",), mandatory_always=False))
        call = Call(only, other)
        assert await call.hold() == Exit.NOT_AGREED
        failed = [news for heard in call.heard.values() for news in heard.news if isinstance(news, Failed)]
        assert failed

    asyncio.run(test())


class FullDisk:
    """A recording that fails at some point."""

    def __init__(self, *, at_the_end: bool = False) -> None:
        self._at_the_end = at_the_end

    def play(self, samples: array[int]) -> None:
        if not self._at_the_end:
            raise AudioError("The recording cannot be written: no space.")

    def close(self) -> None:
        if self._at_the_end:
            raise AudioError("The recording cannot be written: no space.")


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_recording_that_cannot_be_written_is_exit_6(at_the_end: bool) -> None:
    async def test() -> None:
        call = Call(alice=replace(OPTIONS, seconds=0.3), sound=Sound(Tone(), [FullDisk(at_the_end=at_the_end)]))
        assert await call.hold() == Exit.LOCAL
        assert call.heard["alice"].end.text == "The recording cannot be written: no space."

    asyncio.run(test())


@pytest.mark.parametrize("where", ["talk", "network"])
def test_a_mistake_in_the_program_ends_the_call_loudly(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Tone):
        def frame(self) -> array[int]:
            raise ZeroDivisionError

    async def test() -> None:
        call = Call(sound=Sound(Broken() if where == "talk" else Tone(), []))
        if where == "network":
            monkeypatch.setattr("zrtp.media.secure.classify", lambda datagram: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await call.hold()

    asyncio.run(test())


def test_a_mistake_of_whoever_attends_ends_the_call_too() -> None:
    async def test() -> None:
        call = Call()

        async def attend() -> None:
            await call.alice.secured
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await call.hold(attend)

    asyncio.run(test())


def test_silence_for_too_long_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "_SILENCE", 0.1)

    async def test() -> None:
        call = Call()

        async def attend() -> None:
            await asyncio.gather(call.alice.secured, call.bob.secured)
            call.bob.opened.result().media.protect = lambda packet: None  # type: ignore[method-assign]

        assert await call.hold(attend) == Exit.ENDED
        assert call.heard["alice"].end.text == "nothing was heard for 0.1 seconds"

    asyncio.run(test())


def test_a_wait_is_explained_after_a_second() -> None:
    async def test() -> None:
        short = replace(OPTIONS, config=Config(key_agreements=(b"X255",), discovery_deadline=2.1))
        call = Call(short, remote=("127.0.0.1", 9))
        assert await call.hold() == Exit.NO_PEER
        assert call.heard["alice"].texts() in ([wording.NOBODY_LISTENS], [wording.WAITING_FOR_ANSWER])
        assert call.heard["alice"].end.hint == "on the other computer run: zrtp listen 0.0.0.0:9"

    asyncio.run(test())


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EADDRINUSE, "port 5004 is in use here"),
        (errno.EADDRNOTAVAIL, "this computer has no address 192.0.2.1"),
        (errno.EACCES, "port 5004 may not be used here"),
        (errno.ENETUNREACH, "there is no way to that address"),
        (errno.EIO, "the port cannot be opened: Input/output error"),
    ],
)
def test_why_a_port_cannot_be_opened(number: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        call = Call(bob=replace(OPTIONS, bind=("192.0.2.1", 5004)))

        def refuse() -> None:
            raise OSError(number, "Input/output error")

        monkeypatch.setattr(call.bob, "_open", refuse)
        with pytest.raises(CommandError, match=text):
            await call.hold()

    asyncio.run(test())


@pytest.mark.parametrize(("bound", "advertised"), [("127.0.0.1", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")])
def test_a_bound_address_is_advertised_as_it_is(bound: str, advertised: str) -> None:
    assert conversation._own_host(bound) == advertised


def test_without_a_network_this_computer_is_advertised_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise OSError(errno.ENETUNREACH, "no network")

    monkeypatch.setattr("socket.socket", no_network)

    assert [conversation._own_host(bound) for bound in conversation.ANY] == ["127.0.0.1", "::1"]
