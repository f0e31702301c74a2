"""What an import brings along, in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from functools import cache


@cache
def loaded_by(statement: str) -> frozenset[str]:
    """The names of all modules that are there after an import; several tests may ask about the same one."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    return frozenset(run.stdout.split())
