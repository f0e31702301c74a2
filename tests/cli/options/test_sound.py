"""What is sent, and recordings that take nobody's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.options.settings import complaint, parse
from zrtp.cli.errors import Exit
from zrtp.cli.options.sound import Accept


def test_devices_are_named_and_the_microphone_waits_for_a_key_unless_told_otherwise() -> None:
    given = parse("--input", "headset", "--output", "2", answers=True)

    assert (given.input, given.output, given.accept) == ("headset", "2", Accept.KEY)
    assert parse("--accept", "known", answers=True).accept is Accept.KNOWN
    assert "did you mean known" in str(complaint("--accept", "knwon"))


def test_whoever_calls_talks_at_once_and_cannot_wait_for_a_key() -> None:
    assert parse().accept is parse("--accept", "all").accept is Accept.ALL
    assert str(complaint("--accept", "known")) == "--accept known is for zrtp listen"


@pytest.mark.parametrize("record", ["said.wav", "./said.wav", "folder/../said.wav"])
def test_what_is_sent_is_not_recorded_over(record: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    error = complaint("--audio", "said.wav", "--record", record)

    assert str(error) == "--record and --audio name the same file"
    assert error.code is Exit.USAGE


def test_a_link_to_itself_is_a_name_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")

    assert str(complaint("--audio", "loop", "--record", "loop")) == "--record and --audio name the same file"
    assert parse("--audio", "loop", "--record", "heard.wav").audio == "loop"
