"""The table of what agreed with whom, made by a run of the tests and by nothing else.

Tests note each stream that turned secure with a real peer (fixture `note`); this pytest plugin collects the notes of
the tests that passed, and prints one row for each peer, mode and key agreement, with the versions of the peers.

    python -m tests.interop.matrix                       run all tests with real peers, print the table
    python -m tests.interop.matrix --update README.md    and put it between the markers there
    pytest -p tests.interop.matrix --interop-matrix README.md ...      the same within another run
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.interop.requirements import ALL_PEERS, Peer
from zrtp.crypto import codes
from zrtp.protocol.events import Secured

PROPERTY = "interop"
BEGIN, END = "<!-- interop matrix -->", "<!-- /interop matrix -->"
MODES = {"dh": "DH", "kem": "KEM", "multistream": "Multistream", "preshared": "Preshared"}


@dataclass(frozen=True, slots=True, order=True)
class Agreed:
    """One stream that turned secure at both ends, with equal keys."""

    peer: str
    mode: str
    key_agreement: str
    hash: str
    cipher: str
    auth_tag: str
    sas: str
    role: str

    @classmethod
    def of(cls, peer: Peer, secured: Secured) -> Agreed:
        suite = secured.suite
        return cls(
            peer=peer.name,
            mode=MODES[secured.mode.value],
            key_agreement=codes.name(suite.key_agreement),
            hash=codes.name(suite.hash),
            cipher=codes.name(suite.cipher),
            auth_tag=codes.name(suite.auth_tag),
            sas=codes.name(suite.sas),
            role=secured.role.value,
        )


Note: TypeAlias = Callable[[Peer, Secured], None]
"""Writes down that a stream with this peer turned secure, and both ends agreed."""


@dataclass(slots=True)
class Collector:
    """Picks the notes out of the reports of passed tests."""

    agreed: list[Agreed] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.agreed += [value for name, value in report.user_properties if name == PROPERTY]  # type: ignore[misc]


def table(agreed: Iterable[Agreed], versions: dict[str, str]) -> str:
    """The matrix in Markdown. Of each kind of algorithm a row lists all that occurred, in any combination."""
    rows: dict[tuple[str, str, str], list[Agreed]] = defaultdict(list)
    for entry in sorted(agreed):
        rows[entry.peer, entry.mode, entry.key_agreement].append(entry)
    lines = [
        "| peer | mode | key agreement | hash | cipher | SRTP tag | SAS | we were | agreed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (peer, mode, key_agreement), entries in rows.items():
        cells = [f"{peer} {versions.get(peer, '')}".strip(), mode, key_agreement]
        cells += [
            ", ".join(dict.fromkeys(getattr(entry, kind.name) for entry in entries)) for kind in fields(Agreed)[3:]
        ]
        lines.append("| " + " | ".join([*cells, f"{len(entries)} streams"]) + " |")
    return "\n".join(lines) + "\n"


def installed_versions() -> dict[str, str]:
    """Package versions of the real peers on this machine."""
    return {peer.name: peer.version for peer in ALL_PEERS}


def update(path: Path, text: str) -> None:
    """Put the table between the markers of a file. Raises ValueError if they are not there."""
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no lines {BEGIN} and {END} to put the table between.")
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}", "utf-8")


# As a plugin of a run that somebody else starts.


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interop-matrix", metavar="FILE", help="put the table of agreements with real peers into FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Collector(), "interop-matrix")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    collector = config.pluginmanager.get_plugin("interop-matrix")
    assert isinstance(collector, Collector)
    text = table(collector.agreed, installed_versions())
    if target := config.getoption("--interop-matrix"):
        update(Path(str(target)), text)
    terminalreporter.write("\n" + text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every test with real peers, quick and long, and print or write the table."""
    parser = argparse.ArgumentParser(description="Which suites agreed with which real peer: runs the tests and tells.")
    parser.add_argument("--update", metavar="FILE", help="put the table between the markers of FILE")
    chosen = parser.parse_args(arguments)
    options = ["--interop-matrix", chosen.update] if chosen.update else []
    folder = str(Path(__file__).parent)
    return int(pytest.main(["-q", "-m", "", "-p", "tests.interop.matrix", *options, folder]))


if __name__ == "__main__":
    sys.exit(main())
