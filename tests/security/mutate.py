"""Take the security checks out one at a time, and see a test fail for each.

    python -m tests.security.mutate [NAME ...]

`tests.security.checks` lists them. The change is made in a copy of the package; the tests of the named modules run
there until the first failure, which is printed. A check whose absence no test notices, or which is no longer found,
fails the run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local

from tests.security.checks import CHECKS, ROOT, Check, files_called

WORKERS = 2
SECONDS = 240
"""A change after which the tests never end counts as noticed."""


_folders = local()


def noticed_by(check: Check) -> str | None:
    """The first test that fails without the check; None if all pass."""
    found = check.found()
    folder = workspace()
    path = folder / found.path.relative_to(ROOT)
    whole = path.read_text()
    path.write_text(found.without(check.without))
    try:
        for module in (file for name in check.tests for file in files_called(name, folder)):
            failed = first_failure(folder, module.relative_to(folder).as_posix())
            if failed is not None:
                return failed
    finally:
        path.write_text(whole)
    return None


def first_failure(folder: Path, module: str) -> str | None:
    """The first test of a module or folder that fails in a copy of the project."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", module]
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"{module} (did not end)"
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
    if found is not None:
        return found[1]
    return None if run.returncode == 0 else f"{module} (exit code {run.returncode})"


def workspace() -> Path:
    """A copy of the package and its tests for this worker."""
    folder: Path | None = getattr(_folders, "path", None)
    if folder is None:
        folder = _folders.path = Path(tempfile.mkdtemp(prefix="zrtp-mutants-"))
        ignore = shutil.ignore_patterns("__pycache__", ".*_cache")
        for name in ("zrtp", "tests", "vectors"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        _made.append(folder)
    return folder


_made: list[Path] = []


def clean() -> None:
    """Remove the copies."""
    while _made:
        shutil.rmtree(_made.pop(), ignore_errors=True)
    vars(_folders).clear()


def main(names: Sequence[str]) -> int:
    chosen = [check for check in CHECKS if not names or check.name in names]
    missed = 0
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            for check, failed in zip(chosen, pool.map(noticed_by, chosen), strict=True):
                print(f"{check.name:<50} {failed or 'NOT NOTICED'}", flush=True)
                missed += failed is None
    finally:
        clean()
    print(f"{len(chosen)} checks removed one at a time, {len(chosen) - missed} noticed by a test, {missed} not.")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
