"""An address that nobody vouched for draws sixteen octets for each one that came from there."""

from __future__ import annotations

from zrtp.media.aio.allowance import ADDRESSES, AMPLIFICATION, Allowance

HERE, THERE = ("192.0.2.1", 5004), ("192.0.2.2", 5004)


def test_nothing_goes_where_nothing_came_from() -> None:
    assert not Allowance().spend(HERE, 1)


def test_each_octet_draws_sixteen_and_no_more() -> None:
    allowance = Allowance()
    allowance.note_heard(HERE, 100)
    assert allowance.spend(HERE, AMPLIFICATION * 100 - 1)
    assert not allowance.spend(HERE, 2)
    assert allowance.spend(HERE, 1)
    assert not allowance.spend(THERE, 1)


def test_what_comes_again_counts_again() -> None:
    allowance = Allowance()
    for _ in range(2):
        allowance.note_heard(HERE, 10)
    assert allowance.spend(HERE, 2 * AMPLIFICATION * 10)


def test_of_too_many_addresses_the_first_is_forgotten() -> None:
    allowance = Allowance()
    for number in range(ADDRESSES + 1):
        allowance.note_heard(number, 10)
    assert not allowance.spend(0, 1)
    assert allowance.spend(1, 1)
