"""Reaching SECURE, keeping a secret and switching to clear demand the evidence of every check: mypy refuses the rest.

Each check is taken out of a copy of the package twice: the statement is gone, and the unchecked value stands where
the evidence stood. The type checker, kept running between the copies, has to refuse both.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.security.checks import PACKAGE, ROOT
from tests.security.structure import Found, find

pytestmark = pytest.mark.long


@dataclass(frozen=True, slots=True)
class Evidence:
    """A check whose result the rest of a function cannot do without."""

    name: str
    within: str
    check: str
    """Its shape: a call that makes the evidence."""
    unchecked: str
    """What could stand there instead, if nobody asked for evidence."""


EVIDENCE = (
    # DH and KEM mode
    Evidence("MAC of the responder's Hello", "on_dhpart1", "verify_hello(_HELLO, _)", "_HELLO"),
    Evidence("MAC of the Commit", "on_dhpart2", "verify_commit(_COMMIT, _)", "_COMMIT"),
    Evidence("public value pvr", "on_dhpart1", "_.check_dhpart1(_DHPART.pv)", "_DHPART.pv"),
    Evidence("public value pvi", "on_dhpart2", "_.check_dhpart2(_DHPART.pv)", "_DHPART.pv"),
    Evidence("public key in the Commit", "_respond_dh", "_.check_commit(_COMMIT.public_key)", "_COMMIT.public_key"),
    Evidence("hvi", "on_dhpart2", "verify_hvi(_, _, _DHPART, _)", "_DHPART"),
    # Who sent the Commit
    Evidence("source and Hello of the Commit", "_answer_commit", "_select_candidate(_, _R)", "_R"),
    Evidence("the same of a crossing Commit", "_answer_crossing_commit", "_select_candidate(_, _R)", "_R"),
    Evidence("Hello that the Commit continues", "select_candidate", "verify_hello(_HELLO, _)", "_HELLO"),
    Evidence("algorithms of the Commit", "respond", "check_commit(...)", "None"),
    # Multistream and Preshared mode
    Evidence("a first stream with the same peer", "respond_multistream", "_CALL.check_multistream(...)", "_CALL"),
    Evidence("nonce of a Multistream Commit", "respond_multistream", "_.nonces.check(_COMMIT)", "_COMMIT.nonce"),
    Evidence("nonce of a Preshared Commit", "respond_preshared", "_.nonces.check(_COMMIT)", "_COMMIT.nonce"),
    # Confirm, in all modes
    Evidence("Confirm1", "on_confirm1", "_check(_, _, _CONFIRM, _)", "_CONFIRM"),
    Evidence("Confirm2", "on_confirm2", "_check(_, _, _CONFIRM, _)", "_CONFIRM"),
    Evidence("Confirm1 before Conf2ACK", "on_conf2ack", "present(_E.confirmed)", "_E.confirmed"),
    Evidence("MAC of a Confirm", "_check", "open_confirm(_, _, _CONFIRM, _)", "_CONFIRM"),
    Evidence("signature in a Confirm", "_check", "signing.check_confirm(...)", "None"),
    Evidence("hash chain in a Confirm", "open_confirm", "verify_chain(_HO)", "_HO"),
    Evidence("our own signature sent back in Confirm1", "on_confirm1", "signing.refuse_our_own(...)", "None"),
    Evidence("our own signature sent back in Confirm2", "on_confirm2", "signing.refuse_our_own(...)", "None"),
    # Going clear
    Evidence("MAC of a GoClear", "on_goclear", "_verify(_, _, _MESSAGE)", "_MESSAGE"),
    Evidence("MAC of a late GoClear", "on_late_goclear", "_verify_late(_, _MESSAGE)", "_MESSAGE"),
    Evidence("both allow a GoClear", "on_goclear", "_allowed(_, _VERIFIED)", "_VERIFIED"),
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the package, and a type checker that has read it."""

    package: Path

    def complaints(self, changed: Found | None = None, replacement: str = "") -> str:
        """What mypy says about the copy with one place changed; "" if nothing. The change is undone."""
        if changed is None:
            return self._mypy()
        whole = changed.path.read_text()
        changed.path.write_text(changed.without(replacement))
        try:
            return self._mypy()
        finally:
            changed.path.write_text(whole)

    def stop(self) -> None:
        """End the type checker."""
        self._daemon("stop")

    def _mypy(self) -> str:
        run = self._daemon(
            "run", "--", "--strict", "--config-file", str(ROOT / "pyproject.toml"), "-p", "zrtp.protocol"
        )
        return "" if run.returncode == 0 else run.stdout + run.stderr

    def _daemon(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        folder = self.package.parent
        command = [sys.executable, "-m", "mypy.dmypy", "--status-file", str(folder / "mypy.json"), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    package = tmp_path_factory.mktemp("evidence") / "zrtp"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    copied = Copy(package)
    try:
        assert copied.complaints() == ""
        yield copied
    finally:
        copied.stop()


def the_place(evidence: Evidence, package: Path) -> Found:
    (found,) = find(evidence.check, package, evidence.within)
    return found


def test_there_are_checks_of_every_mode_and_each_has_a_name() -> None:
    assert len({evidence.name for evidence in EVIDENCE}) == len(EVIDENCE) >= 15


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda evidence: evidence.name)
def test_what_was_not_checked_is_refused(copy: Copy, evidence: Evidence) -> None:
    found = the_place(evidence, copy.package)
    complaints = copy.complaints(found, evidence.unchecked)
    assert "error:" in complaints, f"{evidence.name} can be left out at {found}, and mypy says nothing"
    assert evidence.within.lstrip("_") in complaints or found.path.name in complaints


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda evidence: evidence.name)
def test_the_statement_cannot_go(copy: Copy, evidence: Evidence) -> None:
    assert "error:" in copy.complaints(the_place(evidence, copy.package).statement(), "pass")


@pytest.mark.parametrize(
    ("handler", "of_another"),
    [
        ("agreement.on_dhpart1", "agreement.on_dhpart2"),
        ("clearing.on_go_clear", "clearing.on_goclear"),
        ("clearing.on_goclear", "clearing.on_go_clear"),
    ],
)
def test_the_transition_table_takes_no_handler_of_another_input(copy: Copy, handler: str, of_another: str) -> None:
    (*_, found) = find(handler, copy.package)
    complaints = copy.complaints(found, of_another)
    assert "transitions.py" in complaints and 'Argument 2 to "on" has incompatible type' in complaints


def test_the_copy_is_as_it_was(copy: Copy) -> None:
    assert copy.complaints() == ""
