"""What is measured are complete handshakes of the kind that is named."""

from __future__ import annotations

import cProfile

import pytest

from tests.bench.handshakes import Scenario, Traffic, memory_per_session, scenarios
from tests.bench.openssl import profile
from tests.bench.targets import CALLS
from zrtp.protocol.events import Mode
from zrtp.protocol.states import State

MODES = {
    "dh": Mode.DH,
    "kem": Mode.KEM,
    "known peer": Mode.DH,
    "multistream": Mode.MULTISTREAM,
    "preshared": Mode.PRESHARED,
}


def only(name: str, mode: str) -> Scenario:
    (scenario,) = [scenario for scenario in scenarios([name]) if scenario.mode == mode]
    return scenario


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: f"{scenario.name} {scenario.mode}")
def test_every_run_ends_with_one_more_secure_stream(scenario: Scenario) -> None:
    run = scenario.prepare()

    for _ in range(2):
        call = run()
        for session in (call.alice, call.bob):
            assert session.streams[-1].state is State.SECURE
            assert session.streams[-1].mode is MODES[scenario.mode]
            assert session.next_event() is None
        call.close()


def test_a_full_exchange_takes_eleven_packets_because_the_commits_cross() -> None:
    assert only("X255", "dh").prepare()().traffic == Traffic(packets=11, octets=1076)


def test_further_streams_belong_to_one_call_until_that_has_enough() -> None:
    run = only("Mult", "multistream").prepare()
    calls = [run() for _ in range(3)]

    assert calls[0].alice is calls[2].alice
    assert len(calls[0].alice.streams) == 4


def test_a_further_stream_takes_no_more_calls_however_many_there_are() -> None:
    """Nothing walks all streams of a session for each."""
    run = only("Mult", "multistream").prepare()
    counts = []
    for _ in range(15):
        profiler = cProfile.Profile()
        profiler.runcall(run)
        profiler.create_stats()
        counts.append(sum(calls for _, calls, *_ in profiler.stats.values()))

    assert len(set(counts[2:])) == 1


@pytest.mark.parametrize(("name", "mode"), [("X255", "dh"), ("Mult", "multistream")])
def test_both_ends_together_call_no_more_python_functions_than_they_may(name: str, mode: str) -> None:
    calls = profile(only(name, mode).prepare(), handshakes=5).operations.calls

    assert 0.9 * CALLS[name] < calls <= CALLS[name]


def test_only_the_named_scenarios() -> None:
    assert {scenario.name for scenario in scenarios(["DH3k", "Mult"])} == {"DH3k", "Mult"}


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: f"{scenario.name} {scenario.mode}")
def test_one_end_of_a_secure_call_fits_into_16_kib(scenario: Scenario) -> None:
    assert 1000 < memory_per_session(scenario, sessions=20) < 16 * 1024
