"""What the README says is so."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tests.support import readme

TEXT = readme.README.read_text()


def test_there_are_two_commands_one_runs_the_demo_and_one_the_tests() -> None:
    demo, tests = readme.commands(TEXT)
    assert demo.endswith("zrtp demo")
    assert "pytest" in tests


@pytest.mark.parametrize("name", sorted(readme.GENERATED))
def test_generated_parts_are_up_to_date(name: str) -> None:
    """Otherwise: python -m tests.support.readme update."""
    assert readme.part(TEXT, name) == readme.GENERATED[name]()


@pytest.mark.parametrize("heading", ["## Embed it", "### Without asyncio"])
def test_the_code_runs_as_printed(heading: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "program.py"
    program.write_text(readme.code(TEXT, heading))
    runpy.run_path(str(program), run_name="__main__")
    assert "secure" in capsys.readouterr().out


def test_every_file_that_is_mentioned_exists() -> None:
    for path in re.findall(r"`((?:zrtp|tests|vectors|\.ci)/[\w./-]*)`", TEXT):
        assert (readme.README.parent / path).exists(), path
