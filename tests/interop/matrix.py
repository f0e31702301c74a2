"""The table of what agreed with whom, made by a run of the tests and by nothing else.

Tests note each stream that turned secure at both ends with a real peer (fixture `note`). This pytest plugin collects
the notes of the tests that passed into a file, and the program below makes the table of it, one row for each peer,
mode and key agreement, with the versions of the peers on that machine.

    pytest -m "" tests/interop --interop-results=results.json
    python -m tests.interop.matrix results.json [more.json]             print the table
    python -m tests.interop.matrix --update docs/protocol.md results.json  and put it between the markers there
    python -m tests.interop.matrix                                      run the tests of this folder first
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from tests.interop.requirements import Peer
from zrtp.crypto import codes
from zrtp.protocol.events import Secured

PROPERTY = "interop"
BEGIN, END = "<!-- interop matrix -->\n", "<!-- /interop matrix -->"
MODES = {"dh": "DH", "kem": "KEM", "multistream": "Multistream", "preshared": "Preshared"}
HEADINGS = ("peer", "mode", "key agreement", "hash", "cipher", "SRTP tag", "SAS", "our role", "streams")


@dataclass(frozen=True, slots=True, order=True)
class Agreed:
    """One stream that turned secure at both ends, with equal keys."""

    peer: str
    """Name and package version."""
    mode: str
    key_agreement: str
    hash: str
    cipher: str
    auth_tag: str
    sas: str
    role: str
    """Ours."""

    @classmethod
    def of(cls, peer: Peer, secured: Secured, mode: str = "") -> Agreed:
        """`mode` says what the peer had to do with it, where it is not the other end of the key agreement."""
        suite = secured.suite
        return cls(
            peer=f"{peer.name} {peer.version}".strip(),
            mode=mode or MODES[secured.mode.value],
            key_agreement=codes.name(suite.key_agreement),
            hash=codes.name(suite.hash),
            cipher=codes.name(suite.cipher),
            auth_tag=codes.name(suite.auth_tag),
            sas=codes.name(suite.sas),
            role=secured.role.value,
        )


class Note(Protocol):
    """Writes down that a stream with this peer turned secure, and both ends agreed."""

    def __call__(self, peer: Peer, secured: Secured, mode: str = "") -> None: ...


# The plugin.


@dataclass(slots=True, eq=False)
class Collector:
    """Picks the notes out of the reports of passed tests."""

    target: Path
    agreed: list[Agreed] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.agreed += [value for _, value in report.user_properties if isinstance(value, Agreed)]

    def pytest_sessionfinish(self) -> None:
        self.target.write_text(json.dumps([asdict(entry) for entry in sorted(self.agreed)], indent=1) + "\n", "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interop-results", metavar="FILE", help="write what agreed with real peers to FILE (JSON)")


def pytest_configure(config: pytest.Config) -> None:
    if target := config.getoption("--interop-results"):
        config.pluginmanager.register(Collector(Path(str(target))), "interop-results")


# The table.


def read(path: Path) -> list[Agreed]:
    """What a run wrote."""
    return [Agreed(**entry) for entry in json.loads(path.read_text("utf-8"))]


def table(agreed: Iterable[Agreed]) -> str:
    """The matrix in Markdown. Where a row lists several algorithms of each kind, `streams` tells how many combinations
    of them, and of both roles, there were.
    """
    rows: dict[tuple[str, str, str], set[Agreed]] = defaultdict(set)
    for entry in agreed:
        rows[entry.peer, entry.mode, entry.key_agreement].add(entry)
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    for key in sorted(rows):
        entries = sorted(rows[key])
        choices = [(entry.hash, entry.cipher, entry.auth_tag, entry.sas, entry.role) for entry in entries]
        cells = [", ".join(sorted(set(choice))) for choice in zip(*choices, strict=True)]
        lines.append((*key, *cells, str(len(entries))))
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def updated(text: str, matrix: str) -> str:
    """A text with the table between its markers. Raises ValueError if they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"There are no lines {BEGIN.strip()} and {END} to put the table between.")
    return before + begin + matrix + end + after


def run(target: Path) -> int:
    """All tests with real peers, quick and long; pytest's exit status."""
    folder = str(Path(__file__).parent)
    return int(pytest.main(["-q", "-m", "", f"--interop-results={target}", folder]))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Which suites agreed with which real peer.")
    parser.add_argument("results", nargs="*", type=Path, help="files of --interop-results; without any, tests are run")
    parser.add_argument("--update", type=Path, metavar="FILE", help="put the table between the markers of FILE")
    chosen = parser.parse_args(arguments)
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        if not chosen.results:
            chosen.results = [Path(folder) / "results.json"]
            status = run(chosen.results[0])
        matrix = table(entry for path in chosen.results for entry in read(path))
    if chosen.update:
        chosen.update.write_text(updated(chosen.update.read_text("utf-8"), matrix), "utf-8")
    print(matrix, end="")
    return status


if __name__ == "__main__":
    sys.exit(main())
