"""The bad network of `--impair`."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.cases import every
from zrtp.cli.calls.impairment import OVERTAKEN, BadNetwork, Impairment


def test_everything_can_be_said_at_once() -> None:
    assert Impairment.parse("loss=20%,dup=5%, reorder=0.05,delay=80ms,seed=7") == Impairment(
        loss=0.2, dup=0.05, reorder=0.05, delay=0.08, seed=7
    )


def test_a_share_without_a_number_is_five_percent() -> None:
    assert Impairment.parse("reorder,dup,seed=7") == Impairment(reorder=0.05, dup=0.05, seed=7)


def test_seconds_are_fine_too() -> None:
    assert Impairment.parse("delay=1.5s").delay == 1.5


@every(
    ("text", "sentence"),
    [
        ("los=20%", "'los' is not one of loss, dup, reorder, delay, seed"),
        ("loss=200%", "loss is a share such as 20% or 0.2, not '200%'"),
        ("loss=80ms", "loss is a share"),
        ("dup=many", "dup is a share"),
        ("delay=80", "delay is a time such as 80ms, not '80'"),
        ("delay=20%", "delay is a time"),
        ("seed=pi", "seed is a whole number, not 'pi'"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        Impairment.parse(text)


def fates(impairment: Impairment, count: int = 4000) -> list[list[float]]:
    network = BadNetwork(impairment)
    return [network.delays() for _ in range(count)]


def test_shares_are_kept() -> None:
    seen = fates(Impairment(loss=0.2, dup=0.1, reorder=0.05, delay=0.08, seed=1))

    assert sum(not fate for fate in seen) / len(seen) == pytest.approx(0.2, abs=0.02)
    arrived = [fate for fate in seen if fate]
    assert sum(len(fate) == 2 for fate in arrived) / len(arrived) == pytest.approx(0.1, abs=0.02)
    assert sum(fate[0] > 0.08 for fate in arrived) / len(arrived) == pytest.approx(0.05, abs=0.02)
    assert {fate[0] for fate in arrived} == {0.08, 0.08 + OVERTAKEN}


def test_the_same_seed_is_the_same_network() -> None:
    bad = Impairment(loss=0.3, dup=0.1, seed=7)

    assert fates(bad) == fates(bad)
    assert fates(bad) != fates(Impairment(loss=0.3, dup=0.1, seed=8))


def test_datagrams_are_delivered_now_later_twice_or_never() -> None:
    async def deliver(impairment: Impairment, wait: float = 0.0) -> int:
        arrived: list[None] = []
        BadNetwork(impairment)(lambda: arrived.append(None))
        before = len(arrived)
        await asyncio.sleep(wait)
        assert wait or before == len(arrived)
        return len(arrived)

    assert asyncio.run(deliver(Impairment())) == 1
    assert asyncio.run(deliver(Impairment(loss=1.0))) == 0
    assert asyncio.run(deliver(Impairment(dup=1.0))) == 2
    assert asyncio.run(deliver(Impairment(delay=0.01))) == 0
    assert asyncio.run(deliver(Impairment(delay=0.01), wait=0.03)) == 1
