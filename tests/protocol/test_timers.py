"""The retransmission schedules of RFC 6189 section 6, to the hundredth of a second."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from zrtp.protocol.timers import RESPONDER_TIMEOUT, T1, T1_EXTENDED, T2, Retransmission, Schedule, along_the_path
from zrtp.wire.messages import HELLO_ACK

HUNDREDTH = 0.005


def copies(schedule: Schedule, scale: float = 1.0) -> tuple[list[float], float]:
    """When the copies go out, the first one at 0, and when the schedule counts as exhausted."""
    retransmission = Retransmission(HELLO_ACK, schedule, 0.0, scale)
    moments = [0.0]
    while not retransmission.exhausted:
        now = retransmission.due
        moments.append(now)
        retransmission.next_copy(now)
    return moments, retransmission.due


@pytest.mark.rfc("R-6-05", "R-6-06")
def test_t1_is_50_ms_doubling_to_200_ms_20_times_in_3_75_s() -> None:
    moments, end = copies(T1)
    assert len(moments) == 1 + 20
    assert moments[:6] == pytest.approx([0.0, 0.05, 0.15, 0.35, 0.55, 0.75], abs=HUNDREDTH)
    assert [moments[-1], T1.total] == pytest.approx([3.75, 3.75])
    assert end == pytest.approx(3.95, abs=HUNDREDTH)  # the last copy may still be answered


@pytest.mark.rfc("R-6-14")
@pytest.mark.attack("NET-19")
def test_the_extended_schedule_of_hello_lasts_at_least_12_s() -> None:
    moments, _ = copies(T1_EXTENDED)
    assert 12.0 <= moments[-1] <= 12.5
    assert moments[:21] == pytest.approx(copies(T1)[0])
    assert max(b - a for a, b in pairwise(moments)) == pytest.approx(0.2)


@pytest.mark.rfc("R-6-11")
def test_t2_is_150_ms_doubling_to_1200_ms_10_times_in_9_45_s() -> None:
    moments, end = copies(T2)
    assert len(moments) == 1 + 10
    expected = [0.0, 0.15, 0.45, 1.05, 2.25, 3.45, 4.65, 5.85, 7.05, 8.25, 9.45]
    assert moments == pytest.approx(expected, abs=HUNDREDTH)
    assert T2.total == pytest.approx(9.45, abs=HUNDREDTH)
    assert end == pytest.approx(10.65, abs=HUNDREDTH)


def test_the_responder_waits_ten_seconds() -> None:
    assert RESPONDER_TIMEOUT == 10.0


@pytest.mark.rfc("R-6-16")
@pytest.mark.attack("NET-13")
def test_a_scale_stretches_every_interval() -> None:
    moments, end = copies(T2, scale=4.0)
    assert moments == pytest.approx([4.0 * moment for moment in copies(T2)[0]])
    assert end == pytest.approx(4.0 * copies(T2)[1])


def test_a_schedule_goes_on_where_it_stands_when_it_is_extended() -> None:
    retransmission = Retransmission(HELLO_ACK, T1, 0.0)
    for _ in range(20):
        retransmission.next_copy(retransmission.due)
    assert retransmission.exhausted
    retransmission.extend(T1_EXTENDED)
    assert not retransmission.exhausted
    assert retransmission.copies == 21


@pytest.mark.rfc("R-6-11")
@every("octets", [60, 132, 1348, 3000])
@every("round_trip", [None, 0.0, 0.01, 0.1, 0.3, 0.6, 4.0])
def test_in_an_exchange_copies_follow_the_path_and_spare_a_narrow_call(round_trip: float | None, octets: int) -> None:
    """More copies than T2 has, over no less time, 400 ms or a round trip apart, and in the end 12 kbit/s at most."""
    schedule = along_the_path(round_trip, octets)
    moments, end = copies(schedule)
    assert len(moments) > 1 + T2.retransmissions and moments[-1] >= T2.total
    assert moments[1] == pytest.approx(0.15 if round_trip is None else max(0.05, round_trip + 0.04))
    apart = moments[-1] - moments[-2]
    assert apart == pytest.approx(max(0.4, moments[1], octets / 1500))
    assert 8 * octets / apart <= 12_000 + HUNDREDTH
    assert end - moments[-1] >= 1.2 - HUNDREDTH


def test_a_copy_comes_sooner_when_the_path_turns_out_to_be_shorter_and_never_later() -> None:
    retransmission = Retransmission(HELLO_ACK, along_the_path(0.4, 100), 1.0, 2.0)
    retransmission.hasten(along_the_path(0.5, 100))
    assert retransmission.due == pytest.approx(1.0 + 2 * 0.44)
    retransmission.hasten(along_the_path(0.1, 100))
    assert retransmission.due == pytest.approx(1.0 + 2 * 0.14)
    retransmission.next_copy(retransmission.due)
    assert retransmission.due == pytest.approx(1.0 + 2 * (0.14 + 0.28))
    retransmission.hasten(along_the_path(0.01, 100))
    assert retransmission.due == pytest.approx(1.0 + 2 * (0.14 + 0.28)), "a copy has gone out meanwhile"


@pytest.mark.attack("NET-20")
def test_a_call_that_is_hours_late_accounts_for_one_copy() -> None:
    retransmission = Retransmission(HELLO_ACK, T2, 0.0)
    retransmission.next_copy(7200.0)
    assert retransmission.copies == 2
    assert retransmission.due == pytest.approx(7200.3)


@given(st.floats(0.001, 10.0), st.floats(1.0, 64.0), st.integers(0, 40))
def test_intervals_double_up_to_the_cap_and_never_shrink(first: float, factor: float, retransmissions: int) -> None:
    schedule = Schedule(first, first * factor, retransmissions)
    intervals = [schedule.interval(copy) for copy in range(1, 60)]
    assert intervals == sorted(intervals)
    assert intervals[0] == first
    assert max(intervals) <= schedule.cap
    for one, following in pairwise(intervals):
        assert following == min(2 * one, schedule.cap) or following == schedule.cap
