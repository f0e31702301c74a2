"""The command: what it accepts, prints and returns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import main


def test_json_is_one_object_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["Mult", "--repeats", "1", "--json"]) == 0

    (row,) = json.loads(capsys.readouterr().out)["handshakes"]
    assert (row["suite"], row["packets"]) == ("Mult", 9)


def test_lines_and_a_chart(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    assert main(["EC25", "--repeats", "1", "--places", "--svg", str(chart)]) == 0

    out = capsys.readouterr().out
    assert out.startswith("complete handshakes")
    assert "EC25 dh: where the time outside OpenSSL goes" in out
    assert chart.read_text("utf-8").startswith("<svg ")


def test_loss_is_a_table_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--loss", "--runs", "1", "--json"]) == 0

    described = json.loads(capsys.readouterr().out)
    assert described["handshakes"] == []
    assert {row["loss"] for row in described["loss"]} == {0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["XYZ"], "XYZ is not measured"),
        (["--repeats", "0"], "not a whole number above 0"),
        (["--runs", "many"], "not a whole number above 0"),
    ],
)
def test_what_it_cannot_do_is_a_usage_error(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err
