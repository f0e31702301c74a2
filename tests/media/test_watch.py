"""What is told of media that does not verify, or does not come at all."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from zrtp.media.events import Trouble
from zrtp.media.watch import MediaWatch


def refuse(watch: MediaWatch, packets: int, since: float, *, repeated: bool = False) -> list[tuple[int, Trouble]]:
    """Fifty packets a second, all of them refused; what was told at which of them."""
    told = [(number, watch.note_refused(repeated, since + number * 0.02)) for number in range(packets)]
    return [(number, trouble) for number, trouble in told if trouble is not None]


def test_a_stream_that_never_verified_is_told_after_a_second_and_once() -> None:
    assert refuse(MediaWatch(10.0, 0.0), 500, 7.0) == [(50, Trouble.UNVERIFIED)]


def test_a_stream_that_no_longer_verifies_has_another_reason() -> None:
    watch = MediaWatch(10.0, 0.0)
    watch.note_good()
    assert refuse(watch, 60, 7.0) == [(50, Trouble.NO_LONGER_VERIFIED)]


def test_numbers_that_come_again_have_a_reason_of_their_own() -> None:
    watch = MediaWatch(10.0, 0.0)
    watch.note_good()
    assert refuse(watch, 60, 7.0, repeated=True) == [(50, Trouble.REPEATED)]


@pytest.mark.parametrize("pause", [0.1, 0.18])
def test_slow_senders_are_told_of_within_two_seconds(pause: float) -> None:
    watch = MediaWatch(10.0, 0.0)
    told = [number * pause for number in range(100) if watch.note_refused(False, number * pause)]
    assert len(told) == 1
    assert 1.0 <= told[0] <= 2.0


def test_ten_in_a_row_are_enough_if_they_take_a_second() -> None:
    watch = MediaWatch(10.0, 0.0)
    assert [watch.note_refused(False, number / 9) for number in range(10)] == [None] * 9 + [Trouble.UNVERIFIED]


def test_the_first_packet_that_verifies_has_to_be_known_though_no_trouble_was_told() -> None:
    watch = MediaWatch(10.0, 0.0)
    assert watch.troubled and not watch.ever
    assert not watch.note_good()
    assert watch.ever and not watch.troubled


def test_a_burst_of_forgeries_is_not_worth_a_word() -> None:
    watch = MediaWatch(10.0, 0.0)
    assert [watch.note_refused(False, 0.001 * number) for number in range(900)] == [None] * 900


def test_good_packets_in_between_show_that_the_others_are_forged() -> None:
    watch = MediaWatch(10.0, 0.0)
    for second in range(30):
        assert refuse(watch, 45, float(second)) == []
        assert not watch.note_good()


def test_it_is_over_with_the_first_good_packet_and_can_be_told_again() -> None:
    watch = MediaWatch(10.0, 0.0)
    refuse(watch, 60, 1.0)
    assert watch.troubled
    assert watch.note_good()
    assert not watch.troubled
    assert not watch.note_good()
    assert refuse(watch, 60, 5.0) == [(50, Trouble.NO_LONGER_VERIFIED)]


def test_silence_is_told_once_when_it_has_lasted() -> None:
    watch = MediaWatch(10.0, now=2.0)
    assert watch.due == 12.0
    watch.heard_at = 5.0
    assert watch.look(12.0) is None
    assert watch.due == 15.0
    assert watch.look(15.0) is Trouble.SILENT
    assert watch.due is None
    assert watch.look(99.0) is None
    watch.heard_at = 100.0
    assert watch.note_good()
    assert watch.due == 110.0


def test_nobody_has_to_know_of_silence() -> None:
    watch = MediaWatch(None, 0.0)
    assert watch.due is None
    assert watch.look(1e9) is None


def test_one_trouble_is_enough() -> None:
    watch = MediaWatch(10.0, 0.0)
    assert watch.tell(Trouble.UNREACHABLE) is Trouble.UNREACHABLE
    assert watch.tell(Trouble.UNREACHABLE) is None
    assert watch.look(50.0) is None
    assert refuse(watch, 100, 0.0) == []


@every("trouble", Trouble)
def test_every_trouble_has_a_sentence(trouble: Trouble) -> None:
    assert trouble.text.endswith(".")
