"""Whatever the network does with their messages, two endpoints never end in a state that must not be."""

from __future__ import annotations

import pytest

from tests.security.explore import SCENARIOS, Explorer, explore, few_retransmissions
from tests.security.machine import Defect, clone, dump
from zrtp.protocol import ending, transmission
from zrtp.protocol.confirm import ConfirmVerified
from zrtp.protocol.contention import Winner
from zrtp.protocol.core import Core, Received
from zrtp.protocol.hash_chain import ChainComplete
from zrtp.protocol.states import State
from zrtp.protocol.timers import T2
from zrtp.protocol.transitions import TABLE, Go
from zrtp.wire.messages import ConfirmPlain, Error, Kind

SMALL = ("responder", "crossing", "offloaded", "on-request", "multistream", "preshared", "preshared-unequal", "hostile")
"""Scenarios of which the whole state space takes about a second, with one retransmission of each message."""


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_every_interleaving(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = explore(name, states=50_000)
    with capsys.disabled():
        print(f"\n{report}", end="")
    assert report.complete
    assert report.states > 1_000
    assert any("secure" in end for end in report.continued)


LARGE = ("two-streams", "goclear", "goclear-two-streams")


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("responder", "multistream", "goclear") else pytest.param(name, marks=pytest.mark.long)
        for name in SCENARIOS
    ],
)
def test_the_first_interleavings(name: str) -> None:
    assert explore(name, states=10).states == 10


@pytest.mark.long
@pytest.mark.parametrize("name", LARGE)
def test_more_interleavings_of_large_scenarios(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = explore(name, states=600)
    with capsys.disabled():
        print(f"\n{report}", end="")
    assert report.states == 600


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_with_the_schedules_of_the_rfc(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = explore(name, states=100_000, copies=None)
    with capsys.disabled():
        print(f"\n{report}", end="")
    assert report.states > 20_000


# An exploration that finds nothing proves nothing if it would not find what is there.


@pytest.mark.long
def test_a_contention_that_nobody_wins_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.protocol.commitment.resolve", lambda *_: Winner.OWN)
    with pytest.raises(Defect, match=r"needless end|without any loss"):
        explore("crossing", states=10_000)


@pytest.mark.long
def test_a_contention_that_nobody_loses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.protocol.commitment.resolve", lambda *_: Winner.PEER)
    with pytest.raises(Defect):
        explore("crossing", states=10_000)


@pytest.mark.long
def test_a_responder_without_a_timer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.protocol.core.Core.expect_initiator", lambda *_: None)
    with pytest.raises(Defect, match="stuck"):
        explore("responder", states=10_000)


@pytest.mark.long
def test_an_error_that_ends_a_secure_call_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(core: Core, error: Received[Error]) -> State:
        return ending.fail(core, error.message.code, "The peer gave up.", error.at, tell_peer=False)

    monkeypatch.setitem(TABLE[State.SECURE].inputs, Kind.ERROR, Go(give_up, (State.FAILED,)))
    with pytest.raises(Defect, match="given up"):
        explore("hostile", states=10_000)


@pytest.mark.long
def test_a_confirm_that_nobody_checks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MAC and hash chain a reflected Confirm is as good as the peer's, and roles get mixed up."""

    def wave_through(*_: object) -> ConfirmVerified:
        return ConfirmVerified(no_plain(), ChainComplete(bytes(32)))

    monkeypatch.setattr("zrtp.protocol.confirmation.open_confirm", wave_through)
    with pytest.raises(Defect, match="without the other one"):
        explore("hostile", states=10_000)


def no_plain() -> ConfirmPlain:
    return ConfirmPlain(
        h0=bytes(32), enrolment=False, verified=False, allow_clear=False, disclosure=False, cache_interval=0
    )


@pytest.mark.long
@pytest.mark.parametrize("name", ["offloaded", "goclear"])
def test_a_copy_of_an_endpoint_is_equal_and_shares_nothing_that_changes(name: str) -> None:
    with few_retransmissions(1):
        explorer = Explorer(name, SCENARIOS[name]())
        explorer.explore(300)
    for machine in explorer.machines:
        for party in machine._parties:
            before, copied = dump(party), clone(party)
            assert dump(copied) == before
            copied.session.close(1.0)
            assert dump(party) == before


def test_the_schedules_are_cut_down_and_restored() -> None:
    """Whatever is not cut down makes each state space ten times larger."""
    copies, along_the_path = T2.retransmissions, vars(transmission)["along_the_path"]
    with few_retransmissions(1):
        assert T2.retransmissions == 1
        assert vars(transmission)["along_the_path"](0.1, 500) is T2
    assert T2.retransmissions == copies == 10
    assert vars(transmission)["along_the_path"] is along_the_path
