"""libbzrtp, the C library in Debian, doing the same handshakes in the same run: for ratios instead of bare times.

`libbzrtp.c` beside this module uses its public header alone (package libbzrtp-dev); it is compiled here, into a
temporary folder, whenever it is needed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.bench.measure import Timing

SUITES: Final = ("DH3k", "DH2k", "X255", "X448", "Mult")
"""What version 5.1 can do of what we measure."""

_SOURCE: Final = Path(__file__).with_name("libbzrtp.c")
_HEADER: Final = Path("/usr/include/bzrtp/bzrtp.h")
_SECONDS: Final = 120


class NotMeasurable(Exception):
    """libbzrtp cannot be measured here; the text says what to install."""


class Libbzrtp:
    """The compiled program; to be closed, best by `with`. Raises NotMeasurable."""

    def __init__(self) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None or not _HEADER.exists():
            missing = "a C compiler" if compiler is None else "the header of libbzrtp"
            raise NotMeasurable(f"{missing} is missing: apt install gcc libbzrtp-dev")
        self._folder = tempfile.TemporaryDirectory(prefix="zrtp-bench-")
        self._program = Path(self._folder.name, "libbzrtp")
        built = subprocess.run(  # noqa: S603 - the compiler that the search path names, on our own source
            [compiler, "-O2", "-o", self._program, _SOURCE, "-lbzrtp"], capture_output=True, text=True, check=False
        )
        if built.returncode:
            self.close()
            raise NotMeasurable(f"the program for libbzrtp does not compile: {built.stderr.strip()}")

    def measure(self, suite: str, times: int, *, warm_up: int = 2) -> Timing:
        """CPU time of complete handshakes; `suite` is one of SUITES."""
        done = subprocess.run(  # noqa: S603 - the program that was compiled above
            [self._program, suite, str(warm_up + times)], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        if done.returncode:
            raise NotMeasurable(f"libbzrtp failed with {suite}: {done.stderr.strip()}")
        return Timing(tuple(int(nanoseconds) / 1e9 for nanoseconds in done.stdout.split()[warm_up:]))

    def close(self) -> None:
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
