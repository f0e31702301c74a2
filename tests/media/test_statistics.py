"""Loss, lateness and jitter as RFC 3550 counts them."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.support.srtp import SSRC, rtp_packet
from zrtp.media.statistics import SOURCES, Reception, Statistics


def received(numbers: list[int], delays: list[float] | None = None) -> Statistics:
    """Packets sent each 20 ms, arriving in this order, each so much later than it could."""
    reception = Reception()
    for place, number in enumerate(numbers):
        delay = 0.0 if delays is None else delays[place]
        reception.packet(rtp_packet(number), 100.0 + 0.02 * number + delay)
    return reception.so_far


def test_before_the_first_packet_there_is_nothing() -> None:
    assert Reception().so_far == Statistics(ssrc=0, received=0, lost=0, late=0, jitter=0.0)


def test_packets_at_their_time_have_no_jitter() -> None:
    statistics = received(list(range(100)))
    assert (statistics.ssrc, statistics.received, statistics.lost, statistics.late) == (SSRC, 100, 0, 0)
    assert statistics.jitter < 1e-9


@pytest.mark.parametrize("first", [0, 65500])
def test_what_is_missing_is_lost_across_the_wrap_too(first: int) -> None:
    numbers = [number for number in range(first, first + 100) if number % 10 != 5]
    assert (received(numbers).received, received(numbers).lost) == (90, 10)


def test_what_comes_after_its_turn_is_late_and_not_lost() -> None:
    assert received([0, 1, 3, 2, 4]) == Statistics(
        ssrc=SSRC, received=5, lost=0, late=1, jitter=received([0, 1, 3, 2, 4]).jitter
    )


def test_packets_that_come_twice_do_not_make_the_loss_negative() -> None:
    assert received([0, 0, 1, 1]).lost == 0


def test_jitter_is_the_formula_of_the_standard() -> None:
    dice = random.Random(7)
    delays = [dice.uniform(0, 0.03) for _ in range(500)]
    expected = 0.0
    for before, after in itertools.pairwise(delays):
        expected += (abs(after - before) - expected) / 16
    assert received(list(range(500)), delays).jitter == pytest.approx(expected, rel=1e-6)


def test_another_source_starts_anew() -> None:
    reception = Reception()
    for number in (0, 5):
        reception.packet(rtp_packet(number), 0.02 * number)
    reception.packet(rtp_packet(900, ssrc=7), 1.0)
    assert reception.so_far == Statistics(ssrc=7, received=1, lost=0, late=0, jitter=0.0)


def test_sources_in_turns_are_counted_each_by_itself() -> None:
    """Sound, and now and then a packet of the source that repeats what was lost (RFC 4588)."""
    reception, sound = Reception(), Reception()
    for number in range(40):
        if number % 4:
            for each in (reception, sound):
                each.packet(rtp_packet(number), 0.02 * number)
        if number % 8 == 0:
            reception.packet(rtp_packet(number // 8, ssrc=7), 0.02 * number)
    assert reception.so_far == sound.so_far
    assert (reception.so_far.received, reception.so_far.lost) == (30, 9)

    reception.packet(rtp_packet(5, ssrc=7), 1.0)
    assert (reception.so_far.ssrc, reception.so_far.received, reception.so_far.lost) == (7, 6, 0)


def test_the_source_that_was_silent_longest_is_forgotten() -> None:
    reception = Reception()
    for number, ssrc in enumerate([*range(SOURCES), 0, SOURCES]):
        reception.packet(rtp_packet(number, ssrc=ssrc), 0.02 * number)
    for ssrc, received in ((0, 3), (2, 2), (1, 1)):
        reception.packet(rtp_packet(100, ssrc=ssrc), 2.0)
        assert (reception.so_far.ssrc, reception.so_far.received) == (ssrc, received)


def test_the_clock_of_the_timestamps_can_be_another() -> None:
    reception = Reception(48_000)
    for number in range(50):
        packet = rtp_packet(number)[:4] + (960 * number).to_bytes(4, "big") + rtp_packet(number)[8:]
        reception.packet(packet, 0.02 * number)
    assert reception.so_far.jitter < 1e-9
