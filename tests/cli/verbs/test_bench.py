"""`zrtp bench`: rates of this computer, for people and for machines."""

from __future__ import annotations

import json

import pytest

from zrtp.cli.__main__ import main
from zrtp.cli.verbs import bench
from zrtp.crypto.registry import DEFAULT

BRIEFLY = ["--seconds", "1e-6"]


def test_one_suite_is_a_table_of_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "x255", *BRIEFLY]) == 0

    heading, row = capsys.readouterr().out.splitlines()
    assert heading.endswith("A SECOND")
    assert row.startswith("X25519 (X255)")
    assert int(row.split()[-1].replace(",", "")) > 0


def test_everything_is_every_key_agreement_and_every_srtp_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--json", *BRIEFLY]) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    available = [code for code in bench.AGREEMENTS if DEFAULT.key_agreements[code].available]
    assert [row["suite"].encode() for row in rows if "suite" in row] == available
    assert [row["profile"] for row in rows if "profile" in row] == [
        "AES_CM_128_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_80",
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
    ]
    assert all(row.get("handshakes_per_second", 1) > 0 and row.get("packets_per_second", 1) > 0 for row in rows)


def test_lines_fit_a_terminal_of_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *BRIEFLY]) == 0

    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["XYZ"], "XYZ is not measured"),
        (["--seconds", "0"], "not a number of seconds above 0"),
        (["--seconds", "soon"], "not a number of seconds above 0"),
    ],
)
def test_what_it_cannot_do_is_a_usage_error(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    assert complaint in capsys.readouterr().err
