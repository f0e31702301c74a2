"""What was measured is shown beside its target, and a missed one fails nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long


def test_a_missed_target_is_shown_and_the_test_passes(tmp_path: Path) -> None:
    (tmp_path / "test_work.py").write_text(
        "def test_work(figure):\n"
        "    figure('there', 0.5, 's', target=1)\n"
        "    figure('and back', 250.0, 'ms', target=120)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.figures", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603

    assert done.returncode == pytest.ExitCode.OK
    assert "0.500 s  (target: 1, met)  test_work: there" in done.stdout
    assert "250.000 ms (target: 120, missed)  test_work: and back" in done.stdout


def test_a_run_without_figures_has_no_section_for_them(tmp_path: Path) -> None:
    (tmp_path / "test_work.py").write_text("def test_work():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.figures", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603

    assert "figures" not in done.stdout
