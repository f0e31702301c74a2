"""When a phone is missed, when a call is in vain, and that nothing is said twice."""

from __future__ import annotations

import pytest

from zrtp.proxy.watch import IN_VAIN, MOST_SAID, SILENT_PHONE, PhoneWatch


@pytest.fixture
def watch() -> PhoneWatch:
    return PhoneWatch(since=0.0)


def test_a_phone_that_wants_to_speak_is_missed_after_a_while_and_welcomed_back(watch: PhoneWatch) -> None:
    assert watch.silence([0], SILENT_PHONE - 0.1) is None
    assert watch.silence([0], SILENT_PHONE + 0.1) is False
    assert watch.silence([0], SILENT_PHONE + 1) is None, "told once"
    watch.note_phone(0, 7.0)
    assert watch.silence([0], 7.1) is True
    assert watch.silence([0], 8.0) is None


def test_nobody_is_missed_on_hold_and_afterwards_the_phone_gets_its_time_again(watch: PhoneWatch) -> None:
    assert watch.silence([], 100.0) is None
    assert watch.silence([0], 100.0 + SILENT_PHONE - 0.1) is None
    assert watch.silence([0], 100.0 + SILENT_PHONE + 0.1) is False


def test_a_call_is_in_vain_if_nothing_passed_for_a_while_and_nothing_will(watch: PhoneWatch) -> None:
    watch.note_answer(10.0)
    assert not watch.check_in_vain(passes=False, hopeless=True, now=10.0 + IN_VAIN - 0.1)
    assert not watch.check_in_vain(passes=False, hopeless=False, now=10.0 + IN_VAIN)
    assert watch.check_in_vain(passes=False, hopeless=True, now=10.0 + IN_VAIN)


def test_what_passed_meanwhile_begins_the_time_anew(watch: PhoneWatch) -> None:
    watch.note_answer(0.0)
    assert not watch.check_in_vain(passes=True, hopeless=False, now=1.0)
    assert not watch.check_in_vain(passes=False, hopeless=True, now=20.0)
    assert not watch.check_in_vain(passes=False, hopeless=True, now=20.0 + IN_VAIN - 0.1)
    assert watch.check_in_vain(passes=False, hopeless=True, now=20.0 + IN_VAIN)


def test_sentences_are_said_once_and_what_is_remembered_is_bounded(watch: PhoneWatch) -> None:
    assert [watch.note_said("a"), watch.note_said("a"), watch.note_said("b")] == [True, False, True]
    for number in range(200):
        watch.note_said(str(number))
    assert len(watch.said) == MOST_SAID
