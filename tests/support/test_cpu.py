"""What a run costs, and that too much fails it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long


def run(folder: Path, bound: float, *options: str) -> tuple[int, str]:
    """A run of one test, whose lane may take so many units."""
    (folder / "conftest.py").write_text(f"from tests.support import cpu\n\ncpu.BOUNDS['not long'] = {bound}\n")
    (folder / "test_work.py").write_text("def test_work() -> None:\n    assert sum(range(1_000_000))\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.cpu", "-m", "not long", *options, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    return done.returncode, done.stdout


def test_a_run_within_its_bound_says_what_it_costs(tmp_path: Path) -> None:
    code, said = run(tmp_path, 1_000.0, "--cpu")
    assert code == pytest.ExitCode.OK
    assert "s  test_work.py" in said or "/test_work.py" in said
    assert "(bound: 1000)" in said


def test_a_run_beyond_its_bound_fails(tmp_path: Path) -> None:
    code, said = run(tmp_path, 0.01, "--cpu")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "1 passed" in said and "too much" in said


def test_without_the_option_nothing_is_measured(tmp_path: Path) -> None:
    code, said = run(tmp_path, 0.01)
    assert code == pytest.ExitCode.OK
    assert "CPU" not in said
