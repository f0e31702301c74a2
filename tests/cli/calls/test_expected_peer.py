"""Whether a key and the name that the person expects belong together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cli import stage
from tests.cli.commands import CLEARABLE, Meeting, meet
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import SecurityWarning, WarningCode
from zrtp.secret import Secret


def record_of(zid: bytes, name: str) -> SecretCache:
    cache = MemoryCache()
    known = PeerRecord(first_seen=1.0, last_seen=1.0, name=name)
    cache.update(cache.own_zid(lambda: b"a" * 12), zid, lambda _: known)
    return cache


def warnings(meeting: Meeting) -> list[WarningCode]:
    return [news.code for news in meeting.heard_by_alice.news if isinstance(news, SecurityWarning)]


def acquainted(bob: Endpoint, name: str) -> SecretCache:
    """Alice's cache, after a call with Bob: both hold its secret, and she calls him so."""
    cache, theirs = record_of(bob.zid, name), bob.cache
    assert theirs is not None
    (entry,) = cache.peers()
    shared = bytes(range(32))
    cache.update(entry.own_zid, bob.zid, lambda old: None if old is None else replace(old, rs1=Secret(shared)))
    theirs.update(bob.zid, entry.own_zid, lambda _: PeerRecord(rs1=Secret(shared)))
    return cache


async def leave(meeting: Meeting) -> None:
    await meeting.typist.answer("[l] later", "l")
    await meeting.typist.answer("", "q")


def test_a_known_name_with_an_unknown_key_is_a_new_device_and_no_alarm() -> None:
    meeting = meet(leave, lambda: Meeting(cache=record_of(b"p" * 12, "Bob"), name="bob"))

    assert " SECURE BUT NOT VERIFIED - new device of bob?\n" in meeting.screen.getvalue()
    assert "warning" not in meeting.screen.getvalue()
    assert warnings(meeting) == [WarningCode.NEW_DEVICE]


def test_a_known_key_under_another_name_shows_both_names() -> None:
    bob = Endpoint(CLEARABLE.config, MemoryCache())
    meeting = meet(leave, lambda: Meeting(cache=acquainted(bob, "Bob"), bob_endpoint=bob, name="Carol"))

    assert "warning: you know this peer as Bob, and expected Carol" in meeting.screen.getvalue()
    assert warnings(meeting) == [WarningCode.DIFFERENT_NAME]


def test_words_that_differed_are_told_at_every_call_until_a_comparison_matches() -> None:
    bob = Endpoint(CLEARABLE.config, MemoryCache())
    cache = acquainted(bob, "Bob")
    (entry,) = cache.peers()
    cache.update(entry.own_zid, bob.zid, lambda old: None if old is None else old.as_different(stage.MARCH))

    async def match(meeting: Meeting) -> None:
        await meeting.typist.answer("[l] later", "y")
        await meeting.typist.answer("secure with Bob - verified", "q")

    for script in (leave, match):
        meeting = meet(script, lambda: Meeting(cache=cache, bob_endpoint=bob))
        assert warnings(meeting) == [WarningCode.SAS_MISMATCH]
        screen = " ".join(meeting.screen.getvalue().split())
        assert "the words differed in the call with Bob on 3 March 2026, and have not matched since" in screen
        assert "NOT VERIFIED - the words differed in an earlier call with Bob" in screen
    (entry,) = cache.peers()
    assert (entry.record.verified, entry.record.differed_at) == (True, None)


@pytest.mark.parametrize("name", ["bob", None, "somebody else"])
def test_names_that_fit_or_tell_nothing_are_no_reason_for_doubt(name: str | None) -> None:
    bob = Endpoint(CLEARABLE.config, MemoryCache())
    known = acquainted(bob, "Bob") if name == "bob" else MemoryCache()

    assert warnings(meet(leave, lambda: Meeting(cache=known, bob_endpoint=bob, name=name))) == []


def test_a_known_name_without_its_key_is_not_shown() -> None:
    bob = Endpoint(CLEARABLE.config, MemoryCache())
    meeting = meet(leave, lambda: Meeting(cache=record_of(bob.zid, "Bob"), bob_endpoint=bob, name="bob"))

    assert "it is the one you know as Bob, and nothing proves it" in " ".join(meeting.screen.getvalue().split())
    assert "secure with Bob" not in meeting.screen.getvalue()
    assert warnings(meeting) == [WarningCode.NAME_NOT_PROVED]
