"""How a call goes on when something does not work, with both ends in this process."""

from __future__ import annotations

import asyncio
import errno
from array import array
from dataclasses import replace

import pytest

from tests.cli.commands import OPTIONS, Call, Listener
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls import conversation
from zrtp.cli.calls.calling import hold
from zrtp.cli.calls.conversation import Conversation
from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.calls.notices import Agreed, Media
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.algorithms import SAS_TYPES
from zrtp.cli.screen import wording
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.sources import Tone
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, Failed, SecurityWarning, WarningCode


@pytest.fixture
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the call every tenth of a second, and nobody waits long for last words."""
    monkeypatch.setattr(conversation, "_LOOK", 0.1)
    monkeypatch.setattr(conversation, "_ERROR_COPIES", 0.02)
    monkeypatch.setattr(conversation, "_GOODBYE", 0.1)


def test_both_ends_hear_that_the_other_has_hung_up() -> None:
    async def test() -> None:
        call = Call(alice=replace(OPTIONS, seconds=0.1))
        assert await call.hold() == Exit.ENDED
        assert call.heard["alice"].end.text == "hung up after 0.1 seconds"
        assert call.heard["bob"].end.text == "the other side hung up"
        finals = [news for news in call.heard["bob"].news if isinstance(news, Media) and news.final]
        assert finals[0].counters.verified == finals[0].counters.received > 0

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
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
        call = Call(alice=replace(OPTIONS, seconds=0.2), sound=Sound(Tone(), [FullDisk(at_the_end=at_the_end)]))
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


@pytest.mark.usefixtures("_brisk")
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


@pytest.mark.usefixtures("_brisk")
def test_a_wait_is_explained_after_a_while() -> None:
    async def test() -> None:
        short = replace(OPTIONS, config=Config(key_agreements=(b"X255",), discovery_deadline=0.35))
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


@pytest.mark.usefixtures("_brisk")
def test_a_bad_network_only_takes_longer() -> None:
    async def test() -> None:
        bad = Impairment.parse("loss=20%,dup=5%,reorder=5%,delay=20ms,seed=7")
        call = Call(alice=replace(OPTIONS, seconds=0.3, impair=bad))
        assert await call.hold() == Exit.ENDED
        finals = [news for news in call.heard["bob"].news if isinstance(news, Media) and news.final]
        assert finals[0].counters.verified > 5

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_two_sides_without_an_initiator_are_exit_4() -> None:
    async def test() -> None:
        config = Config(key_agreements=(b"X255",), passive=True, discovery_deadline_extended=0.3)
        passive = replace(OPTIONS, config=config)
        call = Call(passive, passive)
        assert await call.hold() == Exit.NO_PEER
        assert "initiator" in call.heard["alice"].end.text
        assert "that was no ZRTP call, still waiting" in call.heard["bob"].texts()

    asyncio.run(test())


@pytest.mark.rfc("R-4.3.2-12")
def test_a_secret_known_to_one_side_only_is_a_warning_there() -> None:
    async def test() -> None:
        call = Call(alice=replace(OPTIONS, seconds=0.02, aux=bytes(32)))
        assert await call.hold() == Exit.ENDED
        warned = {
            side: [news.code for news in heard.news if isinstance(news, SecurityWarning)]
            for side, heard in call.heard.items()
        }
        assert warned == {"alice": [WarningCode.AUX_MISMATCH], "bob": []}

    asyncio.run(test())


@pytest.mark.parametrize(("protected", "assurance"), [(False, Assurance.ENCRYPTED), (True, Assurance.SIGNALLING)])
def test_the_zrtp_hash_of_signalling_binds_the_call_if_somebody_vouches_for_it(
    protected: bool, assurance: Assurance
) -> None:
    async def test() -> None:
        call = Call()
        config = Config(key_agreements=(b"X255",), sas_types=SAS_TYPES, signalling_protected=protected)
        heard = Listener()

        async def bob() -> int:
            return await hold([call.bob], nothing)

        async def alice() -> int:
            stream = await call.bob.opened
            announced = bytes.fromhex(stream.media.stream.hello_hash.removeprefix("1.10 "))
            options = replace(OPTIONS, config=config, peer_hash=announced, seconds=0.02)
            caller = Conversation(
                Endpoint(config, MemoryCache()), options, Sound(Tone(), []), [heard], remote=stream.local
            )
            return await hold([caller], nothing)

        codes = await asyncio.gather(bob(), alice())
        assert set(codes) == {Exit.ENDED}
        (agreed,) = [news for news in heard.news if isinstance(news, Agreed)]
        assert agreed.assurance is assurance

    asyncio.run(test())


async def nothing() -> None:
    """Nobody attends."""
