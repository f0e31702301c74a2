"""The bounds against flooding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zrtp.protocol import limits
from zrtp.protocol.limits import TokenBucket


def test_the_bounds_are_those_of_the_policy() -> None:
    assert (limits.ANSWER_RATE, limits.ANSWER_BURST) == (20.0, 40.0)
    assert (limits.KEPT_FOR_HELLO_ACK, limits.KEPT_FOR_KNOWN) == (20.0, 10.0)
    assert limits.DUPLICATE_ANSWERS == 32
    assert (limits.CANDIDATES, limits.NEWCOMER_LIFETIME) == (16, 10.0)
    assert (limits.EXCHANGES, limits.ANSWERED_OF_SOURCE, limits.TIME_TO_ANSWER) == (4, 2, 0.5)
    assert limits.NONCES == 4096
    assert limits.ERROR_GRACE == 1.0


@pytest.mark.attack("DOS-06")
def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket()
    assert sum(bucket.take(0.0) for _ in range(1000)) == 40
    assert sum(bucket.take(1.0) for _ in range(1000)) == 20
    assert sum(bucket.take(1.0 + second) for second in range(1, 11) for _ in range(1000)) == 200
    assert sum(bucket.take(3600.0) for _ in range(1000)) == 40  # it does not save up for more


@pytest.mark.attack("DOS-06")
def test_what_is_kept_is_there_for_what_matters_more_however_much_the_rest_wants() -> None:
    bucket = TokenBucket()
    assert sum(bucket.take(0.0, kept=15.0) for _ in range(1000)) == 25
    assert sum(bucket.take(0.0) for _ in range(1000)) == 15
    for second in range(1, 11):
        assert sum(bucket.take(float(second), kept=15.0) for _ in range(1000)) == 5
        assert sum(bucket.take(float(second)) for _ in range(1000)) == 15


@given(st.lists(st.floats(0.0, 5.0), max_size=300))
def test_a_bucket_never_gives_more_than_burst_and_rate_allow(pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate=10.0, burst=5.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
        assert taken <= 5.0 + 10.0 * now + 1e-6
