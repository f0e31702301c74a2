"""`zrtp inspect`: a file in, sentences out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.pcap import CAPTURES
from tests.support.vectors import transcripts
from zrtp.cli.__main__ import main

CALL = str(CAPTURES / "lp_default.pcap")


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", CALL]) == 0
    out = capsys.readouterr().out
    assert "ZRTP: Nobody but the two ends could hear this, if they compared their words" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", CALL, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [stream["keying"] for stream in report["streams"]] == ["ZRTP"]


def test_keys_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (transcript,) = [each for each in transcripts() if each.name == "linphone_default"]
    keys = tmp_path / "keys"
    keys.write_text(f"s0 {transcript.expect.s0.hex()}\n")
    assert main(["inspect", CALL, "--keys", str(keys)]) == 0
    assert "keys open 152 of 155" in capsys.readouterr().out


def test_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "ladder.svg"
    assert main(["inspect", CALL, "--svg", str(picture)]) == 0
    assert picture.read_text(encoding="utf-8").startswith("<svg ")

    assert main(["inspect", CALL, "--svg", str(tmp_path / "no" / "folder.svg")]) == 6
    assert "the picture cannot be written" in capsys.readouterr().err


def test_a_picture_takes_nobodys_place_least_of_all_that_of_the_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "call.pcap"
    capture.write_bytes(Path(CALL).read_bytes())
    assert main(["inspect", str(capture), "--svg", str(capture)]) == 6

    assert "call.pcap is there already and is not overwritten\n" in capsys.readouterr().err
    assert capture.read_bytes() == Path(CALL).read_bytes()

    (tmp_path / "link.svg").symlink_to(tmp_path / "nothing")
    assert main(["inspect", str(capture), "--svg", str(tmp_path / "link.svg")]) == 6
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.pcap"], "nowhere.pcap cannot be read: No such file or directory"),
        ([__file__], "is no capture: it begins neither as a pcap nor as a pcapng file does"),
        ([CALL, "--keys", "nowhere"], "nowhere cannot be read"),
        ([CALL, "--keys", __file__], "is no key"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *arguments]) == 6
    assert told in capsys.readouterr().err.replace("\n      ", " ")


def test_a_missing_file_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect"]) == 2
