"""Tests run against a changed module, and what they notice is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.security.laboratory import ROOT, Change, failures

PROGRAM = """
from tests.security.laboratory import ROOT, Change, failures

path = ROOT / "zrtp" / "secret.py"
source = path.read_text()
tests = (("tests/protocol/test_nonces.py",), ("tests/cache/test_record.py",))
changes = [
    Change("harmless", path, source.replace("A fixed number of secret octets", "Octets"), tests),
    Change("blind", path, source.replace("hmac.compare_digest(", "(lambda *_: False)("), tests),
    Change("broken", path, "1 / 0", tests),
]
for what, failed in failures(changes):
    print(what, failed)
"""


@pytest.mark.long
def test_a_change_is_noticed_or_not_and_no_file_is_touched() -> None:
    before = (ROOT / "zrtp" / "secret.py").read_bytes()
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    told = dict(line.split(" ", 1) for line in run.stdout.splitlines())
    assert told["harmless"] == "None"
    assert told["blind"].startswith("tests/cache/test_record.py::")
    assert told["broken"].startswith("tests/protocol/test_nonces.py (")
    assert (ROOT / "zrtp" / "secret.py").read_bytes() == before


def test_a_process_that_has_imported_the_package_cannot_change_it() -> None:
    with pytest.raises(RuntimeError, match="process of its own"):
        next(failures([Change("late", ROOT / "zrtp" / "secret.py", "", (("tests/cache/test_record.py",),))]))
