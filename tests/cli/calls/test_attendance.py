"""The person during a call: what is asked, what each key does, what is remembered afterwards."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import CLEARABLE, OPTIONS, Call, Meeting, meet
from tests.cli.stage import Stream, ticking
from tests.support.inside import call_of, relay_sas
from tests.support.loops import until
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.calls import calling, conversation, vigil
from zrtp.cli.calls.attendance import Attendance, judge
from zrtp.cli.calls.conversation import Conversation
from zrtp.cli.calls.notices import Agreed, Standing
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import Exit
from zrtp.cli.options.algorithms import SAS_TYPES
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import wording
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.keyboard import TypedLines
from zrtp.cli.screen.presenter import Presenter
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.sas import Sas
from zrtp.errors import CacheError
from zrtp.media.sound.sources import Tone
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, Sending
from zrtp.protocol.session import Session
from zrtp.protocol.states import State


class Person:
    """Alice, who types prepared lines; Bob says nothing and hears all."""

    def __init__(self, *, cache: SecretCache | None = None, name: str | None = None) -> None:
        self.cache = cache if cache is not None else MemoryCache()
        self.name = name
        self.screen = Stream()

    def call(self, typed: str, *, seconds: float = 0.15, cacheless: bool = False, bob_forgets: bool = False) -> int:
        """Hold a call and type these lines as they are asked for; returns the exit code."""

        async def held() -> int:
            call = Call(bob_cache=None if bob_forgets else MemoryCache())
            presenter = Presenter(Terminal(out=self.screen, err=self.screen, width=100), ticking())
            endpoint = Endpoint(OPTIONS.config, None if cacheless else self.cache)
            self.conversation = call.alice = Conversation(
                endpoint, replace(OPTIONS, seconds=seconds), Sound(Tone(), []), [presenter], callee=call.bob
            )
            dialogue = Dialogue(Terminal(out=self.screen, err=self.screen, width=100), TypedLines(io.StringIO(typed)))
            attendance = Attendance(
                self.conversation, dialogue, presenter, name=self.name, address=("bob.example", 5004)
            )
            return await call.hold(attendance.attend)

        return asyncio.run(held())

    @property
    def record(self) -> PeerRecord:
        (entry,) = [entry for entry in self.cache.peers()]
        return entry.record


def test_yes_and_a_name_are_remembered() -> None:
    alice = Person()

    assert alice.call("y\nBob\n") == Exit.ENDED
    assert (alice.record.verified, alice.record.name) == (True, "Bob")
    assert "what should this peer be called? [bob.example]" in alice.screen.getvalue()
    assert " secure with Bob - verified\n" in alice.screen.getvalue()


def test_enter_takes_the_name_that_was_dialled() -> None:
    alice = Person()
    alice.call("y\n\n")

    assert alice.record.name == "bob.example"


def test_yes_counts_even_if_no_name_is_given() -> None:
    alice = Person()
    alice.call("y\n")

    assert (alice.record.verified, alice.record.name) == (True, "")
    assert " secure with this peer - verified\n" in alice.screen.getvalue()


def test_a_name_from_the_command_line_is_not_asked_for() -> None:
    alice = Person(name="Robert")
    alice.call("y\n")

    assert alice.record.name == "Robert"
    assert "what should" not in alice.screen.getvalue()


def test_without_a_cache_no_name_is_asked_for() -> None:
    alice = Person()
    alice.call("y\nBob\n", cacheless=True)

    assert "what should" not in alice.screen.getvalue()


def test_a_name_for_somebody_who_keeps_nothing_is_known_to_be_in_vain() -> None:
    alice = Person()
    alice.call("y\nBob\n", bob_forgets=True)

    assert alice.cache.peers() == []
    assert "zrtp: the other side keeps no secrets, so the next call is a first call again\n" in alice.screen.getvalue()


def test_another_device_of_somebody_known_is_no_alarm() -> None:
    alice = Person()
    known = PeerRecord(first_seen=1.0, last_seen=1.0, name="Bob")
    alice.cache.update(alice.cache.own_zid(lambda: b"a" * 12), b"p" * 12, lambda _: known)
    alice.call("y\nBob\n")

    assert "zrtp: you know another device of Bob already; both are kept\n" in alice.screen.getvalue()


def test_a_cache_that_fails_in_between_does_not_end_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise CacheError("The cache is locked.")

    monkeypatch.setattr("zrtp.cli.calls.attendance.other_devices", fail)
    alice = Person()

    assert alice.call("y\nBob\n") == Exit.ENDED


def test_no_is_the_end_and_nothing_but_that_is_remembered() -> None:
    alice = Person()

    assert alice.call("n\n") == Exit.SAS_MISMATCH
    (entry,) = alice.cache.peers()
    assert entry.record.differed_at is not None
    assert (entry.record.rs1, entry.record.rs2, entry.record.name) == (None, None, "")
    assert "somebody is listening in between" in alice.screen.getvalue()


def test_later_remembers_the_secret_but_not_a_verification() -> None:
    alice = Person()

    assert alice.call("l\n") == Exit.ENDED
    assert not alice.record.verified
    assert alice.record.rs1 is not None


def test_keys_during_the_call() -> None:
    alice = Person()

    assert alice.call("l\ns\nv\ny\nBob\nu\nq\n", seconds=5) == Exit.ENDED
    screen = alice.screen.getvalue()
    assert screen.count("(letters") == 3, "shown at first, with s, and with v"
    assert "secure with Bob - verified" in screen
    assert "you took the verification back" in screen
    assert "you hung up" in screen
    assert (alice.record.name, alice.record.verified) == ("Bob", False)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.MATCH, Exit.ENDED), (Verdict.LATER, Exit.ENDED), (Verdict.MISMATCH, Exit.SAS_MISMATCH)],
)
def test_a_verdict_from_the_command_line_is_given_at_once(verdict: Verdict, code: Exit) -> None:
    screen = Stream()
    presenter = Presenter(Terminal(out=screen, err=screen), ticking())

    async def held() -> tuple[int, bool]:
        call = Call(alice=replace(OPTIONS, seconds=0.1))
        ended = await call.hold(lambda: judge(call.alice, presenter, verdict, "bob"))
        return ended, call_of(call.alice.opened.result().session).compromised

    assert asyncio.run(held()) == (code, verdict is Verdict.MISMATCH)
    assert (screen.getvalue() == " secure with this peer - verified\n") is (verdict is Verdict.MATCH), (
        "and that is told"
    )


async def verify_both(meeting: Meeting) -> None:
    """They match, say both, and give each other names."""
    await meeting.typist.answer("[l] later", "y")
    await meeting.call.bob.secured
    meeting.call.bob.decisions.match("alice")
    await meeting.typist.answer("what should this peer be called?", "bob")
    await meeting.typist.answer("secure with bob - verified", "q")


@pytest.mark.rfc("R-4.3.2-04", "R-4.3.2-08", "R-4.3.2-10", "R-15-03")
def test_a_peer_without_the_old_key_is_not_trusted_until_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(vigil, "_LOOK", 0.05)
    cache, of_bob = MemoryCache(), MemoryCache()
    meet(verify_both, lambda: Meeting(cache=cache, bob_cache=of_bob))
    (forgotten,) = of_bob.peers()
    of_bob.update(forgotten.own_zid, forgotten.peer_zid, lambda _: None)

    async def not_now(meeting: Meeting) -> None:
        await meeting.typist.see(
            "INSECURE UNTIL COMPARED - this peer's phone no longer has the key from your last call"
        )
        await meeting.typist.see("Compare the words before you talk.")
        await meeting.typist.answer("[l] later", "l")
        await meeting.typist.see("insecure until compared  0:0")
        await meeting.typist.answer("", "q")

    async def now(meeting: Meeting) -> None:
        await meeting.typist.see("INSECURE UNTIL COMPARED")
        await meeting.typist.answer("[l] later", "y")
        await meeting.typist.see("secure with bob - verified")
        await meeting.typist.see("secure and verified  0:0")
        await meeting.typist.answer("", "q")

    for script in (not_now, not_now, now):  # in every call until they compare
        meeting = meet(script, lambda: Meeting(cache=cache, bob_cache=of_bob, plain=False))
    (entry,) = cache.peers()

    assert (entry.record.name, entry.record.verified) == ("bob", True)
    assert "what should this peer be called?" not in meeting.screen.getvalue(), "the name stays"


def test_later_leaves_the_call_unverified_and_it_can_be_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(vigil, "_LOOK", 0.05)

    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "l")
        await meeting.typist.answer("secure but not verified  0:0", "v")
        await meeting.typist.answer("[l] later", "y")
        await meeting.typist.answer("what should this peer be called? [Enter: no name]", "")
        await meeting.typist.see("secure with this peer - verified")
        await meeting.typist.answer("secure and verified  0:0", "u")
        await meeting.typist.see("SECURE BUT NOT VERIFIED - you took the verification back")
        await meeting.typist.answer("secure but not verified  0:0", "q")

    meet(script, lambda: Meeting(plain=False))


def test_both_ends_may_belong_to_one_person_on_one_computer(tmp_path: Path) -> None:
    shared = replace(OPTIONS, cache=tmp_path / "shared.db")

    async def make() -> tuple[SecretCache | None, SecretCache | None]:
        calling_side = await calling.cache_for(shared, ("127.0.0.1", 5004), [])
        return calling_side, await calling.cache_for(shared, None, [])

    for verified in (False, True):
        caller, listener = asyncio.run(make())

        async def script(meeting: Meeting, verified: bool = verified) -> None:
            if not verified:
                await verify_both(meeting)
            await meeting.typist.answer("VERIFIED - bob, verified ", "q")

        meet(script, lambda caller=caller, listener=listener: Meeting(cache=caller, bob_cache=listener))  # type: ignore[misc]
    assert sorted(entry.record.name for entry in SqliteCache(tmp_path / "shared.db").peers()) == ["alice", "bob"]


@pytest.fixture
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A side without keys cannot say goodbye; nobody waits for one here."""
    monkeypatch.setattr(conversation, "_GOODBYE", 0.02)


@pytest.mark.attack("CLR-05")
@pytest.mark.rfc("R-4.7.2-10", "R-4.7.2-11", "R-4.7.2-13", "R-4.7.2-17")
def test_unprotected_sound_leaves_only_after_the_person_agreed() -> None:
    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "l")
        await meeting.call.bob.secured
        meeting.call.bob.decisions.go_clear()
        await meeting.typist.see("INSECURE - encryption is switched off, and nothing is sent now")
        await meeting.typist.see("The other side switched encryption off. Continue unprotected?")
        sent = meeting.call.alice.opened.result().media.counters.sent
        await asyncio.sleep(0.05)
        assert meeting.call.alice.opened.result().media.counters.sent == sent
        await meeting.typist.answer("[y] yes   [n] no, hang up", "y")
        await until(lambda: meeting.plain_packets() > 0)
        assert meeting.alice.assurance is Assurance.INSECURE
        await meeting.typist.answer("sound is sent unprotected now", "e")
        await meeting.typist.answer("SECURE BUT NOT VERIFIED - encryption is on again", "q")

    meeting = meet(script)
    levels = [news.assurance for news in meeting.heard_by_alice.news if isinstance(news, Standing)]

    assert levels == [Assurance.INSECURE, Assurance.ENCRYPTED]
    first, again = [news for news in meeting.heard_by_alice.news if isinstance(news, Agreed)]
    counted = meeting.call.alice.opened.result().media.counters
    assert again.packets >= 4
    assert first.packets + again.packets <= counted.zrtp_packets
    assert first.octets + again.octets <= counted.zrtp_octets


@pytest.mark.usefixtures("_brief")
def test_whoever_does_not_agree_hangs_up() -> None:
    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "y")
        await meeting.typist.answer("what should this peer be called?", "Bob")
        await meeting.typist.see("secure with Bob - verified")
        meeting.call.bob.decisions.go_clear()
        await meeting.typist.answer("Bob switched encryption off. Continue unprotected?", "n")

    meeting = meet(script)

    assert meeting.heard_by_alice.end.text == "you hung up rather than go on unprotected"
    assert meeting.plain_packets() == 0


@pytest.mark.usefixtures("_brief")
def test_an_open_question_is_overtaken_by_the_end_of_encryption() -> None:
    async def script(meeting: Meeting) -> None:
        await meeting.typist.see("[l] later")
        await meeting.call.bob.secured
        meeting.call.bob.decisions.go_clear()
        await meeting.typist.answer("Continue unprotected?", "n")

    assert not meet(script).alice.peer.verified


def test_encryption_that_comes_back_overtakes_the_question_whether_to_go_on_without() -> None:
    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "l")
        await meeting.call.bob.secured
        meeting.call.bob.decisions.go_clear()
        await meeting.typist.see("Continue unprotected?")
        bob = meeting.call.bob
        await until(lambda: bob.opened.result().media.stream.state is State.CLEAR)  # Alice's answer has arrived
        bob.decisions.go_secure()
        await meeting.typist.see("encryption is on again")
        await until(lambda: not meeting.presenter._asking)
        await meeting.typist.answer("", "q")

    assert meet(script).heard_by_alice.end.text == "you hung up"


@pytest.mark.usefixtures("_brief")
def test_the_person_may_switch_encryption_off_if_the_other_side_allows_it() -> None:
    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "l")
        await meeting.typist.answer("later", "c")
        await meeting.typist.answer("Switch encryption off? Everybody on the way can hear the call then.", "n")
        assert meeting.alice.streams[0].sending is Sending.SRTP
        await meeting.typist.answer("no", "c")
        await meeting.typist.answer("Switch encryption off?", "y")
        await meeting.typist.see("INSECURE - you switched encryption off; sound is sent unprotected now")
        await until(lambda: meeting.plain_packets() > 0)
        await meeting.typist.answer("", "q")

    meet(script)


def test_nobody_is_asked_to_switch_encryption_off_where_the_other_side_forbids_it() -> None:
    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "l")
        await meeting.typist.answer("later", "c")
        await meeting.typist.answer("", "q")

    strict = replace(OPTIONS, config=replace(CLEARABLE.config, allow_clear=False))
    meeting = meet(script, lambda: Meeting(bob_endpoint=Endpoint(strict.config, MemoryCache())))

    assert "Switch encryption off?" not in meeting.screen.getvalue()


@pytest.mark.usefixtures("_brief")
def test_without_anybody_to_ask_nothing_goes_on_unprotected() -> None:
    async def held() -> Call:
        call = Call(alice=CLEARABLE, bob=CLEARABLE)

        async def attend() -> None:
            screen = Stream()
            presenter = Presenter(Terminal(out=screen, err=screen), ticking())
            judging = asyncio.ensure_future(judge(call.alice, presenter, Verdict.LATER, None))
            await asyncio.gather(call.alice.secured, call.bob.secured)
            call.bob.decisions.go_clear()
            await judging

        assert await call.hold(attend) == Exit.ENDED
        return call

    assert asyncio.run(held()).heard["alice"].end.text == wording.NOBODY_AGREES


class Pbx(Endpoint):
    """A server that asks everybody to enrol."""

    def session(self, **options: Any) -> Session:
        return super().session(**options | {"enrol": True})


PBX = Config(key_agreements=(b"X255",), sas_types=SAS_TYPES, trusted_mitm=True)


def enrolled() -> tuple[Meeting, SecretCache, SecretCache]:
    """A first call in which the person compares the words and trusts the server; Alice's cache and the server's."""
    cache, of_server = MemoryCache(), MemoryCache()

    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "y")
        await meeting.typist.answer("what should this peer be called?", "the office")
        await meeting.typist.answer("This server asks for your trust", "y")
        await meeting.typist.answer("you trust this server from now on", "q")

    return meet(script, lambda: Meeting(cache=cache, bob_endpoint=Pbx(PBX, of_server))), cache, of_server


@pytest.mark.rfc("R-7.3.1-04", "R-7.3.1-07")
def test_a_server_is_trusted_if_the_person_says_so() -> None:
    meeting, cache, _ = enrolled()
    (entry,) = cache.peers()

    assert entry.record.pbxsecret is not None
    assert "warning: the other side is a server: it can hear what it passes on" in meeting.screen.getvalue()


@pytest.mark.rfc("R-7.3.1-09")
def test_a_server_is_not_trusted_before_the_words_are_compared() -> None:
    cache = MemoryCache()

    async def script(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "l")
        await meeting.typist.answer("compare the words with [v] before you decide", "v")
        await meeting.typist.answer("[l] later", "y")
        await meeting.typist.answer("what should this peer be called?", "the office")
        await meeting.typist.answer("This server asks for your trust", "n")
        await meeting.typist.answer("you do not trust this server", "q")

    meet(script, lambda: Meeting(cache=cache, bob_endpoint=Pbx(PBX, MemoryCache())))
    (entry,) = cache.peers()

    assert entry.record.pbxsecret is None


def test_words_relayed_by_a_trusted_server_are_compared_in_place_of_its_own() -> None:
    _, cache, of_server = enrolled()
    far = Sas(sashash=bytes.fromhex("3f19abcd") + bytes(28), code=b"B256")

    async def script(meeting: Meeting) -> None:
        await meeting.typist.see("[l] later")
        await meeting.call.bob.secured
        leg = meeting.call.bob.opened.result()
        relay_sas(leg.session, far, asyncio.get_running_loop().time())
        leg.settle()
        await meeting.typist.see("through your trusted server the office: compare what it relays from the far end")
        await meeting.typist.see("cowbell   bottomless        (letters 8hc4, relayed)")
        await meeting.typist.answer("[l] later", "y")
        await meeting.typist.answer("secure with the office - verified", "s")
        await meeting.typist.see("(letters 8hc4, relayed)")
        await meeting.typist.answer("", "q")

    meeting = meet(script, lambda: Meeting(cache=cache, bob_endpoint=Endpoint(PBX, of_server)))

    assert " through your trusted server the office\n" in meeting.screen.getvalue()
