"""How a call goes on when something does not work, with both ends in this process."""

from __future__ import annotations

import asyncio
import ipaddress
from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.commands import FAST, OPTIONS, Call, Listener, free_port
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls import conversation, vigil
from zrtp.cli.calls.calling import hold
from zrtp.cli.calls.conversation import Conversation
from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.calls.notices import Agreed, Media, Mismatched, Waiting
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import Exit
from zrtp.cli.options.algorithms import SAS_TYPES
from zrtp.cli.options.call import CallSettings
from zrtp.cli.screen import wording
from zrtp.media.events import MediaRecovered, MediaTrouble, PeerLeft, Trouble
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.sources import Tone
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, Failed, SecurityWarning, WarningCode
from zrtp.protocol.timers import Schedule


@pytest.fixture
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the call every tenth of a second, and nobody waits long for last words."""
    monkeypatch.setattr(vigil, "_LOOK", 0.1)
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
    def only(code: bytes) -> CallSettings:
        return replace(OPTIONS, config=Config(key_agreements=(code,), mandatory_always=False, discovery_deadline=0.3))

    async def test() -> None:
        call = Call(only(b"X255"), only(b"EC25"))
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
            monkeypatch.setattr("zrtp.media.aio.layer.MediaLayer.from_network", lambda *_: 1 // 0)
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


def fall_silent(speaker: Conversation) -> None:
    """From now on nothing of this side arrives."""
    speaker.opened.result().media.protect = lambda packet: None  # type: ignore[method-assign]


def troubles(call: Call) -> list[Trouble]:
    """What Alice was told of the sound that arrives."""
    return [news.trouble for news in call.heard["alice"].news if isinstance(news, MediaTrouble)]


@pytest.mark.usefixtures("_brisk")
def test_a_peer_that_is_gone_is_told_after_a_while_and_ends_the_call_with_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "_SILENCE", 0.1)
    monkeypatch.setattr(vigil, "_GONE", 0.4)

    async def test() -> None:
        call = Call()

        async def attend() -> None:
            await asyncio.gather(call.alice.secured, call.bob.secured)
            fall_silent(call.bob)

        assert await call.hold(attend) == Exit.GONE
        assert Trouble.SILENT in troubles(call)
        assert call.heard["alice"].end.text == "the other side is gone: nothing was heard for 0.4 seconds"
        assert [news.silent for news in call.heard["alice"].news if isinstance(news, Media)][-1]

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_a_peer_that_comes_back_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "_SILENCE", 0.1)

    async def test() -> None:
        call = Call()

        async def attend() -> None:
            await asyncio.gather(call.alice.secured, call.bob.secured)
            fall_silent(call.bob)
            while Trouble.SILENT not in troubles(call):
                await asyncio.sleep(0.01)
            del call.bob.opened.result().media.protect
            while not any(isinstance(news, MediaRecovered) for news in call.heard["alice"].news):
                await asyncio.sleep(0.01)
            call.alice.hang_up(Exit.ENDED, "done")

        assert await call.hold(attend) == Exit.ENDED

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_sound_that_is_changed_on_the_way_is_told_at_once_and_has_an_exit_code_of_its_own() -> None:
    """As a server does that converts it: every packet arrives, and none is what the other side sent."""

    async def test() -> None:
        call = Call()

        def convert(speaker: Conversation) -> None:
            media = speaker.opened.result().media
            protect = media.protect

            def changed(packet: bytes) -> bytes | None:
                sealed = protect(packet)
                return None if sealed is None else sealed[:-1] + bytes([sealed[-1] ^ 1])

            media.protect = changed  # type: ignore[method-assign, assignment]

        async def attend() -> None:
            await call.bob.opened
            convert(call.bob)
            await call.alice.secured
            while Trouble.UNVERIFIED not in troubles(call):
                await asyncio.sleep(0.01)
            call.alice.hang_up(Exit.ENDED, "done")

        assert await call.hold(attend) == Exit.NOT_THROUGH
        assert call.heard["alice"].end.text == wording.NOT_THROUGH
        assert call.heard["bob"].end.code is Exit.ENDED, "Bob heard Alice"

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
@pytest.mark.parametrize(
    ("asked", "decided", "code"),
    [(True, False, Exit.GONE), (True, True, Exit.ENDED), (False, False, Exit.ENDED)],
)
def test_a_hang_up_while_the_question_is_open_is_not_a_good_end(asked: bool, decided: bool, code: Exit) -> None:
    async def test() -> None:
        call = Call(bob=replace(OPTIONS, verdict=None) if asked else OPTIONS)

        async def attend() -> None:
            await asyncio.gather(call.alice.secured, call.bob.secured)
            if decided:
                call.bob.decisions.later()
            call.alice.hang_up(Exit.ENDED, "done")

        await call.hold(attend)
        assert call.heard["bob"].end.code is code
        assert (call.heard["bob"].end.text == wording.LEFT_UNDECIDED) is (code is Exit.GONE)

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_whoever_finds_a_difference_tells_the_other_side() -> None:
    async def test() -> None:
        call = Call()

        async def attend() -> None:
            await asyncio.gather(call.alice.secured, call.bob.secured)
            call.bob.decisions.match()
            call.alice.decisions.mismatch()

        assert await call.hold(attend) == Exit.SAS_MISMATCH
        assert call.heard["bob"].end.code is Exit.SAS_MISMATCH
        assert call.heard["bob"].end.text == wording.OTHERS_MISMATCH
        assert [news.text for news in call.heard["bob"].news if isinstance(news, Mismatched)] == [wording.OTHERS_ALARM]

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_ctrl_c_waits_for_the_other_sides_goodbye_which_is_no_trouble_there() -> None:
    async def test() -> None:
        call = Call()

        async def attend() -> None:
            await asyncio.gather(call.alice.secured, call.bob.secured)
            call.bob.hang_up(Exit.INTERRUPTED, "interrupted")

        assert await call.hold(attend) == Exit.INTERRUPTED
        assert call.heard["alice"].end.text == "the other side hung up"
        assert not [news for news in call.heard["alice"].news if isinstance(news, MediaTrouble)]
        assert [news for news in call.heard["bob"].news if isinstance(news, PeerLeft)]

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_two_ends_with_one_zid_are_told_once_what_helps() -> None:
    async def test() -> None:
        cache, config = MemoryCache(), replace(FAST, discovery_deadline=1.5)
        port = free_port()
        call = Call(
            replace(OPTIONS, config=config, wait=1.5),
            replace(OPTIONS, bind=("127.0.0.1", port), wait=1.6),
            alice_cache=cache,
            bob_cache=cache,
            remote=("127.0.0.1", port),
        )
        assert set(await asyncio.gather(call.hold(), hold([call.bob], nothing))) == {Exit.NOT_AGREED}
        for heard in call.heard.values():
            warnings = [news.code for news in heard.news if isinstance(news, SecurityWarning)]
            assert warnings == [WarningCode.EQUAL_ZIDS]
            assert "--cache other.db" in heard.end.hint

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_a_wait_is_explained_after_a_while() -> None:
    async def test() -> None:
        short = replace(OPTIONS, config=Config(key_agreements=(b"X255",), discovery_deadline=0.35), wait=0.35)
        call = Call(short, remote=("127.0.0.1", 9))
        assert await call.hold() == Exit.NO_PEER
        told = [news for news in call.heard["alice"].news if isinstance(news, Waiting)]
        assert {news.text for news in told} <= {wording.NOBODY_LISTENS, wording.WAITING_FOR_ANSWER}
        assert [news.since is None for news in told[:2]] == [True, False]
        assert told[0].patience == 0.35
        assert call.heard["alice"].end.hint == "on the other computer run: zrtp listen 0.0.0.0:9"

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_a_listener_who_comes_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long after the last Hello of the schedule."""
    monkeypatch.setattr(vigil, "_TRY_AGAIN", 0.0)
    monkeypatch.setattr("zrtp.protocol.discovery.T1", Schedule(first=0.01, cap=0.01, retransmissions=1))

    async def test() -> None:
        port = free_port()
        patient = replace(OPTIONS, config=replace(FAST, discovery_deadline=20.0), wait=20.0, seconds=0.05)
        call = Call(patient, replace(OPTIONS, bind=("127.0.0.1", port)), remote=("127.0.0.1", port))

        async def late() -> int:
            while len(call.heard["alice"].news) < 4:
                await asyncio.sleep(0.01)
            return await hold([call.bob], nothing)

        assert set(await asyncio.gather(call.hold(), late())) == {Exit.ENDED}

    asyncio.run(test())


def test_two_who_call_each_other_meet() -> None:
    async def test() -> None:
        one, other = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        alice = Call(replace(OPTIONS, bind=one, seconds=0.05), remote=other)
        bob = Call(replace(OPTIONS, bind=other), remote=one)
        assert set(await asyncio.gather(alice.hold(), bob.hold())) == {Exit.ENDED}

    asyncio.run(test())


@pytest.mark.usefixtures("_brisk")
def test_a_busy_listener_is_said_to_be_busy() -> None:
    async def test() -> None:
        call = Call()

        async def attend() -> None:
            await asyncio.gather(call.alice.secured, call.bob.secured)
            port = call.bob.opened.result().local
            config = Config(key_agreements=(b"X255",), discovery_deadline=0.4)
            carol = Call(replace(OPTIONS, config=config, wait=0.4), remote=port)
            assert await hold([carol.alice], nothing) == Exit.NO_PEER
            assert carol.heard["alice"].end.text == wording.STILL_BUSY
            assert wording.BUSY in carol.heard["alice"].texts()
            call.alice.hang_up(Exit.ENDED, "done")

        assert await call.hold(attend) == Exit.ENDED
        assert call.bob.opened.result().media.counters.verified > 0

    asyncio.run(test())


def link_local() -> str:
    """An address of this computer on one of its links. Skips the test without one."""
    interfaces = Path("/proc/net/if_inet6")
    for line in interfaces.read_text().splitlines() if interfaces.exists() else []:
        number, _, _, scope, flags, name = line.split()
        if scope == "20" and not int(flags, 16) & 0x40:  # of a link, and usable
            return f"{ipaddress.IPv6Address(bytes.fromhex(number))}%{name}"
    pytest.skip("this computer has no link-local IPv6 address")


def test_an_address_of_a_link_is_called_and_bound_with_its_interface() -> None:
    async def test() -> None:
        here = (link_local(), free_port())
        call = Call(replace(OPTIONS, bind=None, seconds=0.05), replace(OPTIONS, bind=here), remote=here)
        assert set(await asyncio.gather(hold([call.bob], nothing), call.hold())) == {Exit.ENDED}

    asyncio.run(test())


def test_a_listener_waits_only_as_long_as_it_was_told() -> None:
    async def test() -> None:
        call = Call(bob=replace(OPTIONS, wait=0.05))
        assert await hold([call.bob], nothing) == Exit.NO_PEER
        assert call.heard["bob"].end.text == "nobody called within 0.05 seconds"

    asyncio.run(test())


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
