"""Fuzzing in small: the same targets as `python -m tests.security.fuzz`, with a fixed number of mutated inputs."""

from __future__ import annotations

import pytest

from tests.security import corpora, fuzz
from tests.security.fuzz_engine import all_stages
from tests.support.cases import every
from zrtp.protocol.states import State
from zrtp.wire.messages import Kind
from zrtp.wire.packet import decode_packet, is_zrtp

EXECUTIONS = {"codec": 20_000, "fragments": 15_000, "engine": 1_500, "inspection": 1_500, "reach": 5_000}


pytestmark = pytest.mark.usefixtures("quiet_log")


@pytest.mark.attack("PAR-26")
@pytest.mark.parametrize("share", [100, pytest.param(1, marks=pytest.mark.long)], ids=["a part", "all"])
@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_mutations_find_nothing(target: str, share: int, capsys: pytest.CaptureFixture[str]) -> None:
    result = fuzz.mutate(target, executions=EXECUTIONS[target] // share, seed=20)
    if share == 1:  # the default run has dots only
        with capsys.disabled():
            print(f"\n{result}", end="")
    assert result.finding is None, result.text


@pytest.mark.long
@pytest.mark.skipif(not fuzz.atheris_is_installed(), reason="atheris is not installed; the mutations run everywhere")
@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_atheris_finds_nothing(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = fuzz.guided(target, seconds=25)
    with capsys.disabled():
        print(f"\n{result}", end="")
    assert result.executions > 1_000, result.text
    assert result.finding is None, result.text


@every("target", fuzz.TARGETS)
def test_corpus_is_what_its_sources_say(target: str) -> None:
    assert corpora.read(target) == corpora.build(target)
    assert corpora.path(target).stat().st_size < 200_000


def test_corpus_of_the_codec_has_every_message_that_was_recorded() -> None:
    inputs = corpora.read("codec")
    kinds = {item[4:12] for item in inputs if item[:2] == b"\x50\x5a"}
    kinds |= {item[16:24] for item in inputs if is_zrtp(item) and item[0] == 0x10}
    assert kinds >= {kind.value for kind in (Kind.HELLO, Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1)}
    assert any(item[0] == 0x11 and decode_packet(item) for item in inputs if is_zrtp(item))


def test_scripts_begin_at_every_stage_of_a_call() -> None:
    stages = all_stages()
    states = {stream.state for world in stages for party in world.parties for stream in party.streams}
    assert states >= set(State) - {State.IDLE, State.DISCOVERED, State.HELLO_ACKED, State.QUIET, State.CLOSED} - {
        State.FAILED
    }


@pytest.mark.long
def test_a_broken_target_is_reported_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_on_zero(data: bytes) -> None:
        if b"\0\0\0\0\0" in data:
            raise ValueError("five zeros")

    monkeypatch.setattr(fuzz, "target_of", lambda name: fails_on_zero)
    result = fuzz.mutate("fragments", executions=10_000, seed=1)
    assert result.finding is not None and b"\0\0\0\0\0" in result.finding
    assert "five zeros" in result.text
    assert "FOUND" in str(result)
