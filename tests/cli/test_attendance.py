"""The person during a call: what is asked, what each key does, what is remembered afterwards."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest

from tests.cli.stage import Stream, ticking
from tests.cli.test_conversation import OPTIONS, Call
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.cli.attendance import Attendance, judge
from zrtp.cli.conversation import Conversation
from zrtp.cli.dialogue import Dialogue
from zrtp.cli.errors import Exit
from zrtp.cli.keyboard import Lines
from zrtp.cli.options import Verdict
from zrtp.cli.presenter import Presenter
from zrtp.cli.sound import Sound
from zrtp.cli.terminal import Terminal
from zrtp.errors import CacheError
from zrtp.media.audio import Tone
from zrtp.protocol.endpoint import Endpoint


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
            dialogue = Dialogue(Terminal(out=self.screen, err=self.screen, width=100), Lines(io.StringIO(typed)))
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

    monkeypatch.setattr("zrtp.cli.attendance.other_devices", fail)
    alice = Person()

    assert alice.call("y\nBob\n") == Exit.ENDED


def test_no_is_the_end_and_nothing_is_remembered() -> None:
    alice = Person()

    assert alice.call("n\n") == Exit.SAS_MISMATCH
    assert alice.cache.peers() == []
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
    async def held() -> tuple[int, bool]:
        call = Call(alice=replace(OPTIONS, seconds=0.1))
        ended = await call.hold(lambda: judge(call.alice, verdict, "bob"))
        return ended, call.alice.opened.result().session.compromised

    assert asyncio.run(held()) == (code, verdict is Verdict.MISMATCH)
