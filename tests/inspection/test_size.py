"""A large capture needs no more memory than a small one; the rate is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.inspection.recordings import lp_default

MEGABYTE = 1 << 20
ALLOWED = 48 * MEGABYTE
"""Octets by which the process may grow for a file of any size; what is kept of packets is bounded by 64 MB."""

PROGRAM = """
import resource, sys, time
from pathlib import Path
from zrtp.inspection.report import inspect
report = inspect(Path(sys.argv[1]))
print(report.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, time.process_time())
"""


def inspected(path: Path) -> tuple[int, int, float]:
    """Packets, the most memory that was needed, and seconds of CPU time, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)  # noqa: S603
    frames, memory, seconds = done.stdout.split()
    return int(frames), int(memory), float(seconds)


def repeated(path: Path, times: int) -> Path:
    """The recorded call so many times, one after the other."""
    octets = lp_default().read_bytes()
    with path.open("wb") as out:
        out.write(octets[:24])
        for _ in range(times):
            out.write(octets[24:])
    return path


@pytest.mark.long
def test_memory_does_not_grow_with_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames, memory, seconds = inspected(repeated(tmp_path / "small.pcap", 10))
    large = repeated(tmp_path / "large.pcap", 2000)
    many, more, longer = inspected(large)
    with capsys.disabled():
        rate = large.stat().st_size / (longer - seconds) / 1e6
        print(f"\n{large.stat().st_size / 1e6:.0f} MB at {rate:.0f} MB/s of CPU time, {more / MEGABYTE:.0f} MB", end="")
    assert many == 200 * frames
    assert more - memory < ALLOWED
